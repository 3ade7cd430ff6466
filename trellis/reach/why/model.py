"""What became of a route, step by step, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trellis.plan.filter_model import Action

Kind = Literal[
    "speaker",
    "session",
    "update",
    "AS path",
    "filter in",
    "VRF",
    "main table",
    "type-5",
    "edge session",
    "to edge",
    "edge",
]
"""At which door a step is; ``update`` and ``edge session`` are told of only where they stop it."""

Verdict = Literal["passes", "warns", "stops"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What decided.

    Attributes:
        text: As FRR prints it, or whoever else has the entry.
        name: Of the route-map or list; None where no filter decides.
        seq: Its entry's number; None where no entry matches, which denies.
        prefix_list: The prefix-list that the entry matches by.
        prefix_list_seq: That list's entry.
    """

    text: str
    name: str | None = None
    seq: int | None = None
    action: Action | None = None
    prefix_list: str | None = None
    prefix_list_seq: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One filter or table on the way.

    Attributes:
        node: The guest, host or edge where it is.
        entry: What decided.
        why: What that means for this route.
        tried: The entries before it that the route is not meant by, and why.
        rule: The design's rule that it is stopped by, R1 to R14.
        remedy: What to change.
        edge: The edge that this is on the way to, where there is a way to each.
        communities: The route's marks behind it.
    """

    kind: Kind
    node: str
    verdict: Verdict
    entry: Entry
    why: str
    tried: tuple[str, ...] = ()
    rule: str | None = None
    remedy: str | None = None
    edge: str | None = None
    communities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Why:
    """A route and what becomes of it.

    Attributes:
        guest: A declared guest's name, else an address.
        host: The host that the guest is on.
        path: The whole AS path, the guest's own ASN first.
        communities: As the guest gives them, of every kind.
        edges: Those that it arrives at.
        all_edges: Every edge of the site.
        marks: The communities that it has there.
    """

    guest: str
    address: str
    vnet: str
    vrf: str
    host: str
    prefix: str
    asn: int
    path: tuple[int, ...]
    communities: tuple[str, ...]
    steps: tuple[Step, ...]
    edges: tuple[str, ...]
    all_edges: tuple[str, ...]
    marks: tuple[str, ...]

    @property
    def arrives(self) -> bool:
        """Whether it arrives, at each edge."""
        return bool(self.edges) and self.stop is None

    @property
    def stop(self) -> Step | None:
        """Where it stops first."""
        return next((step for step in self.steps if step.verdict == "stops"), None)

    def at(self, kind: Kind, edge: str | None = None) -> Step | None:
        """Return the step at a door, None if it was not reached."""
        return next((step for step in self.steps if step.kind == kind and edge in (None, step.edge)), None)
