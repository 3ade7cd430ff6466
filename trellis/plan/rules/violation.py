"""What a rule says of a plan that breaks it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Violation:
    """One place where a plan breaks a rule.

    Attributes:
        rule: ``R2`` and so on, as the design names them.
        host: The host on which it would happen.
        what: What the plan says there.
        why: What would go wrong.
    """

    rule: str
    host: str
    what: str
    why: str

    def __str__(self) -> str:
        """Return the violation as one line."""
        return f"{self.rule} on {self.host}: {self.what}; {self.why}"
