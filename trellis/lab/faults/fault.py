"""A fault as data: what is deployed, what breaks and when, what proves it, and the state that it has to leave.

The words of `what` and `must` are those of the list of deploy faults that the project answers to.  How a fault is
carried out is `trellis.lab.faults.trial`'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from trellis.lab.faults.change import Edit

if TYPE_CHECKING:
    from trellis.lab.faults.trial import Trial

Action = Callable[["Trial"], None]
"""Does something to the lab, and hands `Trial.afterwards` what undoes it."""
Finding = Callable[["Trial"], "str | None"]
"""Looks for the proof that the fault happened: a line of a log, or a fact; nothing if there is none."""
Check = Callable[["Trial"], Sequence[str]]
"""Looks at what was left, and names what is not as it must be."""

AT_RELOAD: Final = "at reload"
"""Strike when FRR is about to be reloaded: the new files are in place, FRR still runs what it ran."""


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault that happens in the middle of a deployment.

    Args:
        at: `AT_RELOAD`, where the reload is held until it has struck, or a pattern of a line that the agent says.
        action: What happens.
        let_go: Whether the reload goes on afterwards.
    """

    at: str
    action: Action
    let_go: bool = True


@dataclass(frozen=True, slots=True)
class End:
    """The state that a fault has to leave.

    Args:
        text: It, for people.
        check: What tells whether it is there.
    """

    text: str
    check: Check


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Args:
        number: As in the list of deploy faults, 1-32.
        what: What happens, in the list's words.
        must: How it has to end, in the list's words.
        proof: What proves that it happened.
        end: The state that it has to leave, looked at while its cause still lasts.
        edits: What is wrong in the change that is deployed; the second run deploys it without.
        good_edits: What else is deployed, by the second run too.
        fields: Fields of its manifest that get another value, likewise.
        cause: What is broken before the deployment, until it is over.
        strike: What breaks in the middle of it.
        attempt: The deployment; by default one to `host`, by the agent over SSH.
        again: The run after it that has to converge; by default the same without the fault.
        fails: Whether the deployment has to say that it failed.
        host: The host that it happens to.
        everyone: Whether the deployment is to all hosts, so that the others may change.
        settles: Whether the host ends the change by itself while the cause still lasts.
        variant: What tells this one from others of its number; empty for the only one.
        quick: Whether it is worth a place in `make test`.
    """

    number: int
    what: str
    must: str
    proof: Finding
    end: End
    edits: tuple[Edit, ...] = ()
    good_edits: tuple[Edit, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    cause: Action | None = None
    strike: Strike | None = None
    attempt: Action | None = None
    again: Check | None = None
    fails: bool | None = True
    host: str = "pve01"
    everyone: bool = False
    settles: bool = True
    variant: str = ""
    quick: bool = False

    @property
    def name(self) -> str:
        """Its number, and its variant where it has several."""
        return f"{self.number}{f' ({self.variant})' if self.variant else ''}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a fault.

    Args:
        fault: The fault.
        happened: What the deployment said of it.
        proof: The line or fact that proves it; empty if there was none.
        problems: What is not as it must be; empty if it ended as written.
        recovered_s: Seconds from the strike until the host was whole again; None if nothing had to recover.
        seconds: Wall time of all of it, with the second run.
    """

    fault: Fault
    happened: str
    proof: str
    problems: tuple[str, ...]
    recovered_s: float | None
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether it happened, ended as written, and the second run converged."""
        return not self.problems and bool(self.proof)
