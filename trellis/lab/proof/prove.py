"""The proof as a whole: what to ask, in three rounds, and the rows that follow from the answers."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING

from trellis.lab.evidence import AT_ONCE, WAITING_AT_ONCE, Answer, Evidence, Question, gather
from trellis.lab.processes import Say
from trellis.lab.proof import attempts, filters, hosts, peering, reach, routing
from trellis.lab.proof.fabric import Fabric
from trellis.lab.proof.row import Chapter, Group, Row

if TYPE_CHECKING:
    from trellis.lab.twin import Twin

STATE: Sequence[Chapter] = (
    peering.underlay,
    peering.mesh,
    peering.edges,
    peering.guests,
    peering.bfd,
    routing.exports,
    routing.at_edges,
    routing.defaults,
    reach.global_sources,
    routing.isolation,
    hosts.gateways,
    hosts.config,
)
TRAFFIC: Sequence[Chapter] = (
    reach.pings,
    reach.global_pings,
    attempts.permitted,
    attempts.managed,
    attempts.zones,
    attempts.infrastructure,
    attempts.own_host,
)
"""Asked in a round of its own: beside vtysh, a ping would measure how busy the host's one CPU is."""
FILTERS: Sequence[Chapter] = (filters.crossings, filters.advertised)
"""Asked after the pings: who watches the wire must not be kept waiting."""
Round = tuple[str, Sequence[Chapter], int]
"""What is asked together: its name, the chapters, and how many commands a node may run at the same time."""
TRAFFIC_ROUNDS: Sequence[Round] = (
    ("pings and connections, those that must pass and those that must not", TRAFFIC, WAITING_AT_ONCE),
    ("each filter by itself", FILTERS, WAITING_AT_ONCE),
)
ROUNDS: Sequence[Round] = (("sessions, routes and configuration", STATE, AT_ONCE), *TRAFFIC_ROUNDS)
CHAPTERS: Sequence[Chapter] = (*STATE, *TRAFFIC, *FILTERS)


def prove(twin: Twin, say: Say, rounds: Sequence[Round] = ROUNDS) -> tuple[Row, ...]:
    """Prove a twin.

    Args:
        twin: The twin, converged (`wait_until_converged`).
        say: Takes progress.
        rounds: What to look at; by default all.

    Returns:
        A row per claim, in the order of `Group`.
    """
    fabric, evidence = fabric_of(twin), Evidence(())
    for what, chapters, at_once in rounds:
        asked = questions(fabric, chapters)
        say(f"{what}: {len(asked)} commands on {len({question.node for question in asked})} nodes")
        began = time.monotonic()
        evidence |= ask_twin(twin, asked, at_once=at_once)
        say(f"  answered after {time.monotonic() - began:.1f} s")
    return judge(fabric, evidence, [chapter for _, chapters, _ in rounds for chapter in chapters])


def judge(
    fabric: Fabric, evidence: Mapping[Question, Answer], chapters: Sequence[Chapter] = CHAPTERS
) -> tuple[Row, ...]:
    """The rows that follow from the answers; nothing is asked here."""
    rows = [row for chapter in chapters for row in chapter(fabric, evidence)]
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


def ask_twin(twin: Twin, asked: Sequence[Question], *, at_once: int = AT_ONCE) -> Evidence:
    """Ask a twin's hosts and edges."""
    return gather(twin.lab.access, {name: twin.edge(name) for name in twin.site.edges}, asked, at_once=at_once)


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
