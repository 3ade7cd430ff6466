"""What the product costs, measured beside the least that the same bytes or resources can cost.

Nothing here is part of the program: the sites are made up, each measured process is a cold one, and both sides of a
comparison run in turn in one call.  ``trellis bench`` (``trellis.cli.bench``) prints the result.
"""
