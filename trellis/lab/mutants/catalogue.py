"""The defects, as data: which rules of a filter are taken away, and which rows of the proof have to notice.

Rules are found by the name that the product gives them in their comment, and by the chain that they stand in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trellis.lab.proof import Group


@dataclass(frozen=True, slots=True)
class Removal:
    """Rules taken away.

    Args:
        where: On all hosts, or on all edges.
        comment: A regular expression that the whole comment of a rule matches.
        chain: One that the whole name of its chain matches.
    """

    where: Literal["hosts", "edges"]
    comment: str
    chain: str = ".*"


@dataclass(frozen=True, slots=True)
class Mutant:
    """A defect.

    Args:
        name: Unique.
        what: What is wrong, for people.
        removals: How it is made.
        red: The groups of rows in which rows turn red; none in any other group does.
    """

    name: str
    what: str
    removals: tuple[Removal, ...]
    red: frozenset[Group]


_HOST_ZONES = Removal("hosts", "R12 other zone")
_HOST_INFRASTRUCTURE = Removal("hosts", "R12 infrastructure", "zone_.*")
_BACK = Removal("hosts", "R12 infrastructure", "from_outside")
_EDGE_ZONES = Removal("edges", "R12 other zone")
_EDGE_INFRASTRUCTURE = Removal("edges", "R12 infrastructure")

MUTANTS: tuple[Mutant, ...] = (
    Mutant("host-zones", "hosts let guests into other zones", (_HOST_ZONES,), frozenset({Group.ZONES_HOST})),
    Mutant("edge-zones", "the edge hands packets from zone to zone", (_EDGE_ZONES,), frozenset({Group.ZONES_EDGE})),
    Mutant(
        "both-zones",
        "neither hosts nor edge keep zones apart",
        (_HOST_ZONES, _EDGE_ZONES),
        frozenset({Group.ZONES, Group.ZONES_HOST, Group.ZONES_EDGE}),
    ),
    Mutant(
        "host-infrastructure",
        "hosts let guests out to the infrastructure",
        (_HOST_INFRASTRUCTURE,),
        frozenset({Group.INFRASTRUCTURE_HOST}),
    ),
    Mutant(
        "edge-infrastructure",
        "the edge hands guests on to the infrastructure",
        (_EDGE_INFRASTRUCTURE,),
        frozenset({Group.INFRASTRUCTURE_EDGE}),
    ),
    Mutant(
        "back-to-host",
        "hosts take what guests send them by way of the edge",
        (_BACK,),
        frozenset({Group.INFRASTRUCTURE_BACK}),
    ),
    Mutant(
        "all-infrastructure",
        "nobody keeps guests from the infrastructure",
        (_HOST_INFRASTRUCTURE, _EDGE_INFRASTRUCTURE, _BACK),
        frozenset(
            {
                Group.INFRASTRUCTURE,
                Group.INFRASTRUCTURE_HOST,
                Group.INFRASTRUCTURE_EDGE,
                Group.INFRASTRUCTURE_BACK,
            }
        ),
    ),
    Mutant(
        "host-ports",
        "hosts show guests every port by the gateway's addresses",
        (Removal("hosts", "R12 host", "to_host"),),
        frozenset({Group.HOST_PORTS}),
    ),
    Mutant(
        "forged-sources",
        "hosts let guests send from addresses of others",
        (Removal("hosts", "R12 forged source"),),
        frozenset({Group.FORGED}),
    ),
    Mutant(
        "advertisements",
        "hosts listen to router advertisements of guests",
        (Removal("hosts", "R13 advertisement"),),
        frozenset({Group.ADVERTISEMENTS}),
    ),
)
