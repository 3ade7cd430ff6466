"""Which IPv6 prefixes a RouterOS edge was delegated, and what follows for the prefix file.

``reading`` asks; ``merging`` says, from an answer and a moment, what the file then holds.  Files and the clock are the
command's (``trellis.cli.prefixes``); the program and its core know nothing of this package.
"""

from trellis.routeros.client import Patience, Router
from trellis.routeros.delegations import Found
from trellis.routeros.problem import RouterosProblem
from trellis.routeros.reading import read

__all__ = ["Found", "Patience", "Router", "RouterosProblem", "read"]
