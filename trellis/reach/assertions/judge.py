"""What hosts say, held against what is expected of them: each assertion that fails is a finding, once.

What cannot be known is not judged: nothing is asserted of a host that did not answer or is left alone, nor by others
about it; it is named once.  The same goes for a daemon that is away and for an edge that nobody has a session with.
What fails on a host because something named before fails there (a link without an adjacency) is not told again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from trellis.plan import Plan
from trellis.reach.assertions.between import Between, between
from trellis.reach.assertions.guests import guests
from trellis.reach.assertions.model import KINDS, Expected, Finding
from trellis.reach.assertions.seen import MAIN, Seen
from trellis.reach.fabric import Down, Fabric
from trellis.reach.underlay import Underlay

Answers = Mapping[str, Seen | str]
"""By host: what it says, or why it can't be asked."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of the assertions.

    Attributes:
        asserted: How many were judged.
        findings: Those that do not hold: by host in the plan's order, then what brings about the next first.
        left_alone: Hosts that were not asked although the plan has them, and why.
    """

    asserted: int
    findings: tuple[Finding, ...]
    left_alone: Mapping[str, str]

    @property
    def holds(self) -> bool:
        """Whether every assertion holds, and there was one."""
        return self.asserted > 0 and not self.findings


def judge(plan: Plan, wanted: Expected, answers: Answers, left_alone: Mapping[str, str]) -> Judgement:
    """Return which assertions hold.

    Args:
        plan: The plan.
        wanted: What follows from it.
        answers: What hosts say; a host that is in neither of the two is taken for one that nobody wanted to ask.
        left_alone: Hosts that are not to be judged, and why.
    """
    heard = {name: found for name, found in answers.items() if isinstance(found, Seen) and name not in left_alone}
    unheard = {name: found for name, found in answers.items() if isinstance(found, str) and name not in left_alone}
    silent = _silent_edges(wanted, heard)
    gone = frozenset((*unheard, *left_alone, *silent))
    without = {daemon: gone | _without(daemon, heard) for daemon in ("host", "bgpd", "zebra", "ospfd", "ospf6d")}
    down = Down(nodes=gone | without["ospfd"] | without["ospf6d"])
    fabric = Fabric(plan)
    known = Between(fabric, Underlay(Fabric(plan, down)), without)
    verdicts: list[Finding | None] = [_unanswered(host, why) for host, why in unheard.items()]
    verdicts += [_away(found) if found.away else None for found in heard.values()]
    verdicts += [_silent(edge, tuple(heard)) if edge in silent else None for edge in wanted.edges if heard]
    for name, found in heard.items():
        verdicts += between(known, wanted.hosts[name], found)
    verdicts += guests(wanted.guests, {name: found for name, found in heard.items() if "bgpd" not in found.away})
    order = {name: place for place, name in enumerate((*wanted.hosts, *wanted.edges))}
    failed = [verdict for verdict in verdicts if verdict is not None]
    failed.sort(key=lambda one: (order[one.host], KINDS.index(one.kind)))
    return Judgement(len(verdicts), tuple(failed), dict(left_alone))


def _without(daemon: str, heard: Mapping[str, Seen]) -> frozenset[str]:
    return frozenset(name for name, found in heard.items() if daemon in found.away)


def _silent_edges(wanted: Expected, heard: Mapping[str, Seen]) -> frozenset[str]:
    """Return the edges that no host has anything of: no session, no adjacency."""
    asking = {name: found for name, found in heard.items() if not {"bgpd", "ospfd", "ospf6d"} <= found.away.keys()}
    if not asking:
        return frozenset()
    spoken_with = {edge for name, found in asking.items() for edge in _edges_of(wanted, name, found)}
    return frozenset(wanted.edges) - spoken_with


def _edges_of(wanted: Expected, host: str, found: Seen) -> Iterator[str]:
    for session in wanted.hosts[host].sessions:
        there = found.sessions.get((MAIN, session.address))
        if session.is_edge and there is not None and there.established:
            yield session.node
    for adjacency in wanted.hosts[host].adjacencies:
        for router_id, node in adjacency.others:
            if (adjacency.version, adjacency.interface, router_id) in found.adjacencies:
                yield node


def _unanswered(host: str, why: str) -> Finding:
    return Finding(
        host, "host", "its agent", "an answer", why, "",
        "nobody knows what it does; what others say of it is not judged either",
        f"see that it is up and reached, then `trellis check {host} --live`; if it is out of service, "
        f"set hosts.{host}.maintenance",
    )  # fmt: skip


def _away(found: Seen) -> Finding:
    return Finding(
        found.host, "daemon", ", ".join(sorted(found.away)), "an answer",
        "; ".join(found.away[daemon] for daemon in sorted(found.away)), "R1",
        "what it does for this host is not done, or nobody can say",
        "`systemctl status frr` and `journalctl -u frr` there",
    )  # fmt: skip


def _silent(edge: str, hosts: tuple[str, ...]) -> Finding:
    return Finding(
        edge, "edge", "its sessions", f"a session or an adjacency with one of {', '.join(hosts)}", "none", "R10",
        "no guest of these hosts reaches anything beyond the fabric by it; what hosts say of it is not judged",
        f"see that {edge} is up, its link and its BGP; `trellis what-if --down {edge}` says who is affected",
    )  # fmt: skip
