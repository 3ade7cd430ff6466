"""The one error of this package: no engine can be had, and what to install."""

from __future__ import annotations


class EngineMissingError(Exception):
    """No engine was found, and none could be installed or built.

    Args:
        what: What is missing, as a short clause ("the Pulumi engine can't be built").
        why: What was tried and what stood in the way.
        remedy: What the user installs or changes.
    """

    def __init__(self, what: str, why: str, remedy: str) -> None:
        super().__init__(f"{what}: {why}; {remedy}")
        self.what = what
        self.why = why
        self.remedy = remedy
