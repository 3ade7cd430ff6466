"""The ``trellis`` command: thin, one module per group of commands; what they do is done elsewhere."""

from trellis.cli.app import main

__all__ = ["main"]
