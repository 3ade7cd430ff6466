"""What attackers run in their namespaces: a BGP speaker that says anything, a scanner, a sender of any frame.

Copied to a host as it is, where it needs Python's standard library alone; so nothing here imports more of the lab.
"""
