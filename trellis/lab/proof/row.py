"""A row of the proof: one claim, what was seen of it, and the raw evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from trellis.lab.evidence import Answer, Question
from trellis.lab.proof.fabric import Fabric


class Group(StrEnum):
    """What a row is about; the table has a line for each, in this order."""

    UNDERLAY = "OSPF neighbours on every link"
    MESH = "iBGP between the hosts"
    EDGE_SESSIONS = "sessions with the edges, both sides"
    GUEST_SESSIONS = "guest sessions on the host of the guest"
    BFD = "BFD: links, hosts, edges and guests"
    GUEST_ELSEWHERE = "no guest session on any other host"
    EXPORTS = "each host exports its own guests' routes only"
    EDGE_GUESTS = "guest loopbacks and pods at the edge"
    EDGE_SUBNETS = "VNet subnets at the edge"
    EDGE_NOTHING_ELSE = "nothing else at the edge"
    DEFAULTS = "default routes in the guests"
    PING_HOST = "ping, guests of one host"
    PING_FABRIC = "ping, guests of different hosts"
    PING_UPSTREAM = "ping, guests to behind the edge"
    GLOBAL_SOURCE = "guests on the internet: their global address is the source"
    PING_GLOBAL = "ping, guests' global addresses to the internet"
    PING_GATEWAY = "ping, guests to their gateway"
    MANAGED = "ping and TCP, hosts and edges to guests"
    TCP_UPSTREAM = "TCP, guests to behind the edge"
    ISOLATION = "no route of a zone in another zone"
    LEAKS = "between zones, as far as a leak says: ping and TCP pass"
    ZONES = "between zones: ping and TCP fail"
    ZONES_HOST = "between zones: the guest's host lets nothing out"
    ZONES_EDGE = "between zones: the edge hands nothing on"
    SERVICES = "declared services answer"
    INFRASTRUCTURE = "guests to loopbacks and management: ping and TCP fail"
    INFRASTRUCTURE_HOST = "guests to infrastructure: the guest's host lets nothing out"
    INFRASTRUCTURE_EDGE = "guests to infrastructure: the edge hands nothing on"
    INFRASTRUCTURE_BACK = "guests to infrastructure: a host takes nothing that comes back"
    HOST_PORTS = "guests to their host's sshd: no connection"
    FORGED = "forged sources: the guest's host lets nothing out"
    ADVERTISEMENTS = "router advertisements of guests: the host hears none"
    GATEWAY = "anycast gateways"
    CONFIG = "frr-reload finds nothing to change"


@dataclass(frozen=True, slots=True)
class Row:
    """One claim about the twin.

    Args:
        name: What is looked at, unique in its group.
        group: What it belongs to.
        host: The node that the evidence was taken on; several are joined by a comma.
        expected: What has to be true.
        seen: What was seen.
        ok: Whether it is.
        evidence: The commands and what they printed.
    """

    name: str
    group: Group
    host: str
    expected: str
    seen: str
    ok: bool
    evidence: tuple[Answer, ...]

    @property
    def seconds(self) -> float:
        """How long its commands took."""
        return round(sum(answer.seconds for answer in self.evidence), 3)

    @property
    def fails(self) -> bool:
        """Whether the proof fails by it."""
        return not self.ok


Chapter = Callable[[Fabric, Mapping[Question, Answer]], Iterator[Row]]
"""Judges a part of the twin; asks for the same evidence whatever the answers are."""


def judged(name: str, group: Group, expected: str, seen: str, ok: bool, *evidence: Answer) -> Row:
    """A row about the nodes that `evidence` was taken on; what nodes could not say is told in the row."""
    hosts = ",".join(dict.fromkeys(answer.question.node for answer in evidence))
    unheard = next((answer for answer in evidence if _unheard(answer)), None)
    if unheard is not None and not ok:
        seen = f"no answer: {unheard.errors.strip() or f'exit status {unheard.status}'}"
    return Row(name, group, hosts, expected, seen, ok, evidence)


def _unheard(answer: Answer) -> bool:
    """Whether a question was not answered at all; a command's own `timeout` ends it with 124, and without a word."""
    return answer.status in {127, 255} or (answer.status == 124 and bool(answer.errors))
