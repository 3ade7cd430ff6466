"""Each filter by itself: crafted packets are put in front of it, and somebody watches what is behind it.

A ping that fails does not tell which of the filters on its way stopped it, nor whether the second one is there at
all.  So a guest's packets are looked for at the edge (the host's filter), packets with a guest's source are handed
to the edge as a host's mistake would (the edge's filter), and from the edge to a host (the host's own).  With each go
packets that must arrive on the same way, at the same time: without them nothing is proven.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from trellis.lab.evidence import Answer, Question
from trellis.lab.proof import ask
from trellis.lab.proof.declared import (
    BGP,
    SSH,
    may_reach,
    neighbour_of,
    own_address,
    routers,
    served,
    speakers,
)
from trellis.lab.proof.fabric import VERSIONS, Address, Fabric
from trellis.lab.proof.row import Group, Row, judged
from trellis.lab.proof.spoken import advertisements, heard, rules_that_counted
from trellis.site import AttachedGuest

Evidence = Mapping[Question, Answer]

# Marks of crafted packets: who sent them; the number of the guest or edge is added.  They are ports above all that is
# asked (`onwire.read`), below 65536.
_BY_GUEST, _BY_HOST, _BY_EDGE = 41000, 42000, 43000
_NOBODYS = {4: ip_address("192.0.2.77"), 6: ip_address("2001:db8:77::77")}
"""Addresses of nobody (RFC 5737, RFC 3849)."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """A crafted packet on its way past a filter.

    Args:
        sender: Where it is sent: a node, and a guest on it or None.
        next_hop: The neighbour that it is handed to.
        source: Its source address.
        target: Its destination.
        port: The TCP port of its destination.
        mark: What it is known by.
        watchers: Where it is looked for behind the filter: nodes, each with a guest on it or None.
        answered: Whether its answer is looked for there instead of itself.
    """

    sender: tuple[str, str | None]
    next_hop: Address
    source: Address
    target: Address
    port: int
    mark: int
    watchers: tuple[tuple[str, str | None], ...]
    answered: bool = False

    @property
    def packet(self) -> str:
        """As `onwire send` takes it."""
        return f"{self.next_hop},{self.source},{self.target},{self.port},{self.mark}"

    @property
    def seen_as(self) -> str:
        """As `onwire watch` takes it."""
        ends = (self.target, self.source) if self.answered else (self.source, self.target)
        return f"{ends[0]},{ends[1]},{self.mark}"


@dataclass(frozen=True, slots=True)
class Trial:
    """A filter tried: what must not come through, and what must, on the same way.

    Args:
        name: Of the row.
        group: Of the row.
        host: The host whose named rules are shown with it; an edge's too.
        forbidden: What must not be seen.
        control: What must.
    """

    name: str
    group: Group
    host: str
    forbidden: tuple[Crossing, ...]
    control: Crossing


def crossings(fabric: Fabric, evidence: Evidence) -> Iterator[Row]:
    """Every filter that stands between zones, and before the infrastructure."""
    trials = tuple(trials_of(fabric))
    watched, sent = _questions(trials)
    for trial in trials:
        answers = [evidence[sent[sender]] for sender in _senders(trial)]
        answers += [evidence[watched[watcher]] for watcher in _watchers(trial)]
        before, after = evidence[ask.drops(trial.host, "before")], evidence[ask.drops(trial.host, "after")]
        control = _count(evidence, watched, trial.control)
        arrived = {crossing: _count(evidence, watched, crossing) for crossing in trial.forbidden}
        through = [
            f"{c.source} to {c.target} ({icmp} pings, {tcp} SYNs)" for c, (icmp, tcp) in arrived.items() if icmp + tcp
        ]
        seen = f"came through: {', '.join(through)}" if through else f"none of {len(trial.forbidden)} came through"
        seen += f"; of what may pass {control[0]} pings and {control[1]} SYNs did"
        if counted := rules_that_counted(before.output, after.output):
            seen += f"; counted on {trial.host}: {counted}"
        if not (tried := all(answer.status == 0 for answer in answers)):
            seen = "not tried: not everybody sent and watched"
        expected = "nothing comes through, and what may pass does"
        ok = tried and not through and min(control) > 0
        yield judged(trial.name, trial.group, expected, seen, ok, *answers, before, after)


def advertised(fabric: Fabric, evidence: Evidence) -> Iterator[Row]:
    """A guest that pretends to be a router: its host takes no notice (R13)."""
    for guest in speakers(fabric):
        host = fabric.place(guest)
        sent = evidence[ask.advertise(host, guest.name)]
        before = evidence[ask.advertisements_heard(host, guest.vnet, "before")]
        after = evidence[ask.advertisements_heard(host, guest.vnet, "after")]
        earlier, later = advertisements(before.output), advertisements(after.output)
        known = earlier is not None and later is not None and sent.status == 0
        seen = f"{(later or 0) - (earlier or 0)} heard" if known else "not tried"
        ok = known and earlier == later
        yield judged(
            f"{guest.name} on {guest.vnet} of {host}", Group.ADVERTISEMENTS, "0 heard", seen, ok, sent, before, after
        )


def trials_of(fabric: Fabric) -> Iterator[Trial]:
    """What is tried on a site: by the first guest of each zone, both families."""
    if not fabric.site.edges or not fabric.upstream:
        return
    for guest in speakers(fabric):
        for version in VERSIONS:
            if own_address(guest, version) is not None:
                yield from _out_of_the_guest(fabric, guest, version)
                for number, edge in enumerate(sorted(fabric.site.edges)):
                    yield from _by_way_of(fabric, guest, version, edge, number)


def _out_of_the_guest(fabric: Fabric, guest: AttachedGuest, version: int) -> Iterator[Trial]:
    """What leaves the guest's host for an edge."""
    host, beyond, edges = fabric.place(guest), _beyond(fabric, version), sorted(fabric.site.edges)
    own = _own(guest, version)
    gateway = next(address for address in fabric.gateways(guest.vnet) if address.version == version)
    mark = _BY_GUEST + speakers(fabric).index(guest)  # or what the other sends as itself would look forged

    def crossing(source: Address, target: Address, port: int) -> Crossing:
        watchers = tuple((edge, None) for edge in edges)
        return Crossing((host, guest.name), gateway, source, target, port, mark, watchers)

    control = crossing(own, beyond, BGP)
    for other in _strangers(fabric, guest, version):
        name = f"{guest.name} to {other.name}, IPv{version}"
        yield Trial(name, Group.ZONES_HOST, host, (crossing(own, _own(other, version), BGP),), control)
    for other in _reached_on_the_host(fabric, guest, version):
        name = f"{guest.name} to {other.name} without {' or '.join(edges)}, IPv{version}"
        yield Trial(name, Group.LEAKS, host, (crossing(own, _own(other, version), BGP),), control)
    closed = ((to, port) for _, to, port in routers(fabric) if not served(fabric, guest, port, to))
    infrastructure = tuple(crossing(own, to, port) for to, port in closed if to.version == version)
    yield Trial(f"{guest.name}, IPv{version}", Group.INFRASTRUCTURE_HOST, host, infrastructure, control)
    sources = [_NOBODYS[version], fabric.loopback(host, version)]
    sources += [_own(other, version) for other in _strangers(fabric, guest, version)]
    forged = tuple(crossing(source, beyond, BGP) for source in sources)
    yield Trial(f"{guest.name}, IPv{version}", Group.FORGED, host, forged, control)


def _by_way_of(fabric: Fabric, guest: AttachedGuest, version: int, edge: str, number: int) -> Iterator[Trial]:
    """What an edge hands on of a guest's packets, and what a host takes of them when they come from an edge."""
    host, own, beyond = fabric.place(guest), _own(guest, version), _beyond(fabric, version)
    there, back = neighbour_of(fabric, host, edge), neighbour_of(fabric, edge, host)
    if there is None or back is None:
        return

    def from_host(source: Address, target: Address, port: int, watcher: tuple[str, str | None]) -> Crossing:
        return Crossing((host, None), there, source, target, port, _BY_HOST + number, (watcher,))

    for other in _strangers(fabric, guest, version):
        to, watcher = _own(other, version), (fabric.place(other), other.name)
        name = f"{guest.name} to {other.name} by {edge}, IPv{version}"
        control = from_host(beyond, to, BGP, watcher)
        yield Trial(name, Group.ZONES_EDGE, edge, (from_host(own, to, BGP, watcher),), control)
    others = [name for name in fabric.hosts if name != host]
    closed = [name for name in others if not served(fabric, guest, SSH, fabric.loopback(name, version))]
    for elsewhere in closed[:1]:
        to = fabric.loopback(elsewhere, version)
        control = from_host(fabric.loopback(host, version), to, SSH, (elsewhere, None))
        name = f"{guest.name} to {to} of {elsewhere} by {edge}"
        yield Trial(name, Group.INFRASTRUCTURE_EDGE, edge, (from_host(own, to, SSH, (elsewhere, None)),), control)
    here = (host, guest.name)

    def answered(sender: str, hop: Address, target: Address, port: int, mark: int) -> tuple[Crossing, Crossing]:
        """What the guest must get no answer to, and what it must get."""
        forbidden = Crossing((sender, None), hop, own, target, port, mark, (here,), answered=True)
        return forbidden, Crossing((sender, None), hop, beyond, own, BGP, mark, (here,))

    if not served(fabric, guest, BGP, to := fabric.loopback(edge, version)):
        forbidden, control = answered(host, there, to, BGP, _BY_HOST + number)
        name = f"{guest.name} to {to} of {edge} itself"
        yield Trial(name, Group.INFRASTRUCTURE_EDGE, edge, (forbidden,), control)
    if not served(fabric, guest, SSH, to := fabric.loopback(host, version)):
        forbidden, control = answered(edge, back, to, SSH, _BY_EDGE + number)
        name = f"{guest.name} to {to} of {host}, back from {edge}"
        yield Trial(name, Group.INFRASTRUCTURE_BACK, host, (forbidden,), control)


def _strangers(fabric: Fabric, guest: AttachedGuest, version: int) -> list[AttachedGuest]:
    """The first guests of the zones that a guest must not reach."""
    return [other for other, reached in _of_other_zones(fabric, guest, version) if not reached]


def _reached_on_the_host(fabric: Fabric, guest: AttachedGuest, version: int) -> list[AttachedGuest]:
    """The first guests of the zones that a leak lets a guest reach, and that its own host carries too."""
    host = fabric.place(guest)
    found = _of_other_zones(fabric, guest, version)
    return [other for other, reached in found if reached and host in fabric.nodes_of(other.zone)]


def _of_other_zones(fabric: Fabric, guest: AttachedGuest, version: int) -> Iterator[tuple[AttachedGuest, bool]]:
    for other in speakers(fabric):
        if other.zone != guest.zone and own_address(other, version) is not None:
            own, to = _own(guest, version), _own(other, version)
            yield other, may_reach(fabric, own, guest.zone, to, other.zone)


def _own(guest: AttachedGuest, version: int) -> Address:
    address = own_address(guest, version)
    assert address is not None
    return address


def _beyond(fabric: Fabric, version: int) -> Address:
    return next(address for address in fabric.upstream if address.version == version)


def _questions(
    trials: Sequence[Trial],
) -> tuple[dict[tuple[str, str | None], Question], dict[tuple[str, str | None], Question]]:
    """One question to each watcher and each sender, about all that it watches for or sends."""
    wanted: dict[tuple[str, str | None], dict[str, None]] = {}
    packets: dict[tuple[str, str | None], dict[str, None]] = {}
    for trial in trials:
        for crossing in (trial.control, *trial.forbidden):
            packets.setdefault(crossing.sender, {})[crossing.packet] = None
            awaited = "+" if crossing is trial.control else ""
            for watcher in crossing.watchers:
                wanted.setdefault(watcher, {})[f"{awaited}{crossing.seen_as}"] = None
    return (
        {watcher: ask.watch(*watcher, list(entries)) for watcher, entries in wanted.items()},
        {sender: ask.send(*sender, list(entries)) for sender, entries in packets.items()},
    )


def _senders(trial: Trial) -> dict[tuple[str, str | None], None]:
    return dict.fromkeys(crossing.sender for crossing in (*trial.forbidden, trial.control))


def _watchers(trial: Trial) -> dict[tuple[str, str | None], None]:
    return dict.fromkeys(w for crossing in (*trial.forbidden, trial.control) for w in crossing.watchers)


def _count(
    evidence: Evidence, watched: Mapping[tuple[str, str | None], Question], crossing: Crossing
) -> tuple[int, int]:
    """Echo requests (or answers) and TCP segments of a crossing, at all of its watchers together."""
    found = [heard(evidence[watched[watcher]].json()).get(crossing.seen_as) for watcher in crossing.watchers]
    return sum(one.icmp for one in found if one is not None), sum(one.tcp for one in found if one is not None)
