"""Two plans -> what changes for whom: sessions, prefixes, filters, numbers, hosts and the order of their change.

Everything here compares values of the plan, and texts that are rendered from it; nothing is asked of anybody.  Where
plans come from (git revisions, folders, files) is ``trellis.cli.revisions``'s.
"""

from trellis.diff.compare import diff, nothing
from trellis.diff.model import Diff

__all__ = ["Diff", "diff", "nothing"]
