"""What the lab says when it can't go on: one exception, always with a remedy.

The rule for users of `trellis lab`: no traceback for a missing tool or a host that does not boot.
Exceptions of other kinds that leave this package are defects of the lab itself.
"""

from __future__ import annotations


class LabError(Exception):
    """The lab can't do what was asked; the text is meant for a person at a terminal.

    Args:
        what: What failed, with the name of the machine, network or file it concerns.
        why: The reason, as far as it is known: a command's own words, the end of a log.
        remedy: What the user can do about it.
    """

    def __init__(self, what: str, *, why: str, remedy: str) -> None:
        super().__init__(f"{what}: {why}\n  to mend it: {remedy}")
        self.what = what
        self.why = why
        self.remedy = remedy
