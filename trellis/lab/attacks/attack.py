"""An attack as data: who tries what with which speaker, what proves that it was tried, and what must be seen of it.

How one is carried out is `trellis.lab.attacks.trial`'s business; the files of `tests/lab/attacks` are made of these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from trellis.lab.mutants.catalogue import Removal

if TYPE_CHECKING:
    from trellis.lab.attacks.trial import Trial

Action = Callable[["Trial"], None]
"""Does the attack, and notes what was seen."""
Finding = Callable[["Trial"], "str | None"]
"""Looks for the proof that it was really tried, while it lasts; nothing if there is none."""
Check = Callable[["Trial"], Sequence[str]]
"""Looks at what came of it, and names what is not as it must be."""


@dataclass(frozen=True, slots=True)
class Said:
    """A route that a speaker announces.

    Args:
        prefix: Of either family.
        path: ASNs after the speaker's own.
        communities: Standard ones, as `65000:1`.
        large: Large ones, as `4200001000:0:200`.
        targets: Route targets, as `4200001000:1`.
    """

    prefix: str
    path: tuple[int, ...] = ()
    communities: tuple[str, ...] = ()
    large: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Speech:
    """What a guest's speaker says once it has its session.

    Args:
        guest: The guest, or a stranger of the lab.
        speaker: Which program speaks.
        refused: Routes that its host must refuse.
        accepted: Routes that it may announce: they prove that the session is sound, and that no more is refused than
            has to be.
        asn: The ASN that it says to have; by default its own.
    """

    guest: str
    speaker: Literal["frr", "bird", "exabgp"]
    refused: tuple[Said, ...] = ()
    accepted: tuple[Said, ...] = ()
    asn: int | None = None


@dataclass(frozen=True, slots=True)
class Defect:
    """What keeps an attack from succeeding, taken away.

    Args:
        what: It, for people.
        frr: Lines of FRR's configuration that take it out of every host.
        rules: Rules taken out of the hosts' filters.
    """

    what: str
    frr: tuple[str, ...] = ()
    rules: tuple[Removal, ...] = ()


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack.

    Args:
        number: Its place in the list.
        what: What is tried.
        must: What keeps it from succeeding.
        act: Does it.
        proof: What proves that it was tried.
        end: What must be seen of it.
        defects: What is taken away in turn to see it succeed.
        speeches: What speakers say in it, if it is one of routes.
        attackers: Guests and strangers whose own sessions and routes may come and go.
        shaken: Guests whose sessions the attack itself ends and wants back: they may reset, and nothing else.
        event: The kind of event that the store of guests' sessions must have of it; empty where no session of BGP is
            part of it, and the hosts' rules count instead.
        variant: What tells it from others of its number; empty for the only one.
        quick: Whether it is worth a place in `make test`.
    """

    number: int
    what: str
    must: str
    act: Action
    proof: Finding
    end: Check
    defects: tuple[Defect, ...]
    speeches: tuple[Speech, ...] = ()
    attackers: tuple[str, ...] = ("mallory",)
    shaken: tuple[str, ...] = ()
    event: str = ""
    variant: str = ""
    quick: bool = False

    @property
    def name(self) -> str:
        """Its number, and its variant where it has several."""
        return f"{self.number}{f' ({self.variant})' if self.variant else ''}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an attack.

    Args:
        attack: The attack.
        proof: What proves that it was tried; empty if nothing does.
        edge: What was seen at the edge.
        guests: What was seen at the other guests.
        host: What was seen on the hosts.
        store: What the store of guests' routes says of it; empty where none was asked.
        problems: What is not as it must be; empty if the attack was refused or contained.
        seconds: Wall time of all of it.
    """

    attack: Attack
    proof: str
    edge: str
    guests: str
    host: str
    store: str
    problems: tuple[str, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether it was tried, and refused or contained."""
        return bool(self.proof) and not self.problems
