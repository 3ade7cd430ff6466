"""The defects, as data: which rules of a filter are taken away, and which rows of the proof have to notice.

Rules are found by the chain that they stand in, and by the name that the product gives them in their comment or by
the chain that they go on to.
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
        chain: A regular expression that the whole name of a rule's chain matches.
        comment: One that its whole comment matches; a rule without has an empty one.
        goes_to: One that the whole name of the chain matches that it goes on to; empty if it goes nowhere.
        table: Family and name of the table.
    """

    where: Literal["hosts", "edges"]
    chain: str = ".*"
    comment: str = ".*"
    goes_to: str = ".*"
    table: str = "inet trellis"


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


_HOST_ZONES = Removal("hosts", comment="R12 other zone")
_HOST_INFRASTRUCTURE = Removal("hosts", "zone_.*", goes_to="to_infrastructure")
_BACK = Removal("hosts", "input", goes_to="from_outside")
_EDGE_ZONES = Removal("edges", comment="R12 other zone")
_EDGE_INFRASTRUCTURE = Removal("edges", comment="R12 infrastructure")
_HOST_GROUPS = frozenset(
    {
        Group.ZONES_HOST,
        Group.INFRASTRUCTURE_HOST,
        Group.INFRASTRUCTURE_BACK,
        Group.HOST_PORTS,
        Group.FORGED,
        Group.ADVERTISEMENTS,
    }
)

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
        (Removal("hosts", "to_host", "R12 host"),),
        frozenset({Group.HOST_PORTS}),
    ),
    Mutant(
        "forged-sources",
        "hosts let guests send from addresses of others",
        (Removal("hosts", comment="R12 forged source"),),
        frozenset({Group.FORGED}),
    ),
    Mutant(
        "advertisements",
        "hosts listen to router advertisements of guests",
        (
            Removal("hosts", comment="R13 advertisement"),
            Removal("hosts", comment="R13 advertisement", table="bridge trellis"),
        ),
        frozenset({Group.ADVERTISEMENTS}),
    ),
    Mutant(
        "no-answers",
        "guests can't answer what hosts and edges ask of them",
        (Removal("hosts", "to_infrastructure", "answers"), Removal("edges", "to_infrastructure", "answers")),
        frozenset({Group.MANAGED}),
    ),
    Mutant("no-host-filter", "hosts have no filter at all", (Removal("hosts", "ingress|input"),), _HOST_GROUPS),
    Mutant(
        "no-edge-filter",
        "the edge has no filter at all",
        (Removal("edges", "ingress"),),
        frozenset({Group.ZONES_EDGE, Group.INFRASTRUCTURE_EDGE}),
    ),
)
