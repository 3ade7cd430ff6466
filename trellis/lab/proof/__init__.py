"""Proving a twin: sessions, routes and pings, each judged from what the nodes themselves say.

What has to be true is worked out here from the site alone; nothing of what the product planned or rendered is
looked at.  Every row keeps the commands that it rests on and their raw output.
"""

from trellis.lab.proof.continuity import Comparison, SessionState, compare, program_logins, sessions
from trellis.lab.proof.converge import NotConvergedError, wait_until_converged
from trellis.lab.proof.prove import prove
from trellis.lab.proof.report import as_json, as_table, holds, row_as_json
from trellis.lab.proof.row import Group, Row

__all__ = [
    "Comparison",
    "Group",
    "NotConvergedError",
    "Row",
    "SessionState",
    "as_json",
    "as_table",
    "compare",
    "holds",
    "program_logins",
    "prove",
    "row_as_json",
    "sessions",
    "wait_until_converged",
]
