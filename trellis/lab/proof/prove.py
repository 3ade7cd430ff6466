"""The proof as a whole: what to ask, in two rounds, and the rows that follow from the answers."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING

from trellis.lab.evidence import Answer, Evidence, Question, gather
from trellis.lab.processes import Say
from trellis.lab.proof import hosts, peering, reach, routing
from trellis.lab.proof.fabric import Fabric
from trellis.lab.proof.row import Chapter, Group, Row

if TYPE_CHECKING:
    from trellis.lab.twin import Twin

STATE: Sequence[Chapter] = (
    peering.underlay,
    peering.mesh,
    peering.edges,
    peering.guests,
    routing.own_tables,
    routing.at_edges,
    routing.defaults,
    routing.isolation,
    hosts.gateways,
    hosts.config,
)
TRAFFIC: Sequence[Chapter] = (reach.pings,)
"""Asked in a round of its own: beside vtysh, a ping would measure how busy the host's one CPU is."""


def prove(twin: Twin, say: Say) -> tuple[Row, ...]:
    """Prove a twin.

    Args:
        twin: The twin, converged (`wait_until_converged`).
        say: Takes progress.

    Returns:
        A row per claim, in the order of `Group`.
    """
    fabric, evidence = fabric_of(twin), Evidence(())
    for what, chapters in (("sessions, routes and configuration", STATE), ("pings", TRAFFIC)):
        asked = questions(fabric, chapters)
        say(f"{what}: {len(asked)} commands on {len({question.node for question in asked})} nodes")
        began = time.monotonic()
        evidence |= ask_twin(twin, asked)
        say(f"  answered after {time.monotonic() - began:.1f} s")
    return judge(fabric, evidence)


def judge(fabric: Fabric, evidence: Mapping[Question, Answer]) -> tuple[Row, ...]:
    """The rows that follow from the answers; nothing is asked here."""
    rows = [row for chapter in (*STATE, *TRAFFIC) for row in chapter(fabric, evidence)]
    order = list(Group)
    return tuple(sorted(rows, key=lambda row: order.index(row.group)))


def questions(fabric: Fabric, chapters: Sequence[Chapter]) -> tuple[Question, ...]:
    """What chapters want to know: found by letting them judge without any evidence, so that nothing is left out."""
    wanted = _Wanted()
    for chapter in chapters:
        for _ in chapter(fabric, wanted):
            pass
    return tuple(wanted)


def fabric_of(twin: Twin) -> Fabric:
    """What has to be there, with the guests where they are now."""
    places = {guest.name: twin.host_of(guest.name) for guest in twin.guests}
    return Fabric(twin.site, places, tuple(ip_address(address) for address in twin.upstream))


def ask_twin(twin: Twin, asked: Sequence[Question]) -> Evidence:
    """Ask a twin's hosts and edges."""
    return gather(twin.lab.access, {name: twin.edge(name) for name in twin.site.edges}, asked)


class _Wanted(Mapping[Question, Answer]):
    """Answers nothing and remembers what it was asked."""

    def __init__(self) -> None:
        self._asked: dict[Question, None] = {}

    def __getitem__(self, question: Question) -> Answer:
        self._asked[question] = None
        return Answer(question, 127, "", "was not asked")

    def __iter__(self) -> Iterator[Question]:
        return iter(self._asked)

    def __len__(self) -> int:
        return len(self._asked)
