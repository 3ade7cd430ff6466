"""What hosts say of a route beside what the plan says of it, door by door, and where the two differ.

Values in, values out: hosts were asked by somebody else (``trellis.cli.why``), and are known by their answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from trellis.reach.fabric import Fabric, Version
from trellis.reach.why.model import Kind, Why
from trellis.reach.why.question import Said
from trellis.reach.why.seen import Seen, SeenPath, SeenSession

Answers = Mapping[str, Seen | str]
"""By host: what it says, or why it can't be asked."""


@dataclass(frozen=True, slots=True)
class Beside:
    """A door, by the plan and by a host.

    Attributes:
        planned: Whether the plan lets the route through; None where it says nothing of that.
        seen: Whether the host does; None where nobody knows.
        says: What the host says, in words.
    """

    door: str
    node: str
    planned: bool | None
    seen: bool | None
    says: str

    @property
    def differs(self) -> bool:
        """Whether plan and host are both known, and not the same."""
        return self.planned is not None and self.seen is not None and self.planned != self.seen


@dataclass(frozen=True, slots=True)
class Live:
    """A route on the plan and on the hosts."""

    why: Why
    beside: tuple[Beside, ...]

    @property
    def differences(self) -> tuple[Beside, ...]:
        """Where the two differ."""
        return tuple(found for found in self.beside if found.differs)

    @property
    def arrives(self) -> bool:
        """Whether the plan lets it through and every host does."""
        return self.why.arrives and all(found.seen for found in self.beside)


def as_announced(said: Said, answers: Answers) -> Said:
    """Return what is known of a route, with what nobody said taken from where its guest is: host, ASN and path.

    Args:
        said: What a person said.
        answers: What hosts say.
    """
    found = next((host for host in answers.values() if isinstance(host, Seen) and _is_up(host)), None)
    if found is None or found.session is None or said.host not in (None, found.host):
        return said
    asn = said.asn if said.asn is not None else found.session.remote_as
    path = said.path
    # A set or a confederation in it is no list of ASNs: the plan is asked about the guest's own path then.
    if not path and found.received is not None and re.fullmatch(r"\d+( \d+)*", found.received):
        first, *rest = map(int, found.received.split())
        path = tuple(rest) if first == asn else ()
    return Said(path, said.communities, asn, found.host, said.announced)


def beside(fabric: Fabric, why: Why, answers: Answers) -> Live:
    """Return what hosts say of a route beside what the plan says.

    Args:
        fabric: The fabric.
        why: The route on the plan.
        answers: What the hosts of its zone say.
    """
    answer = answers.get(why.host, "it was not asked")
    if isinstance(answer, str) or answer.away is not None:
        reason = answer if isinstance(answer, str) else f"its bgpd does not answer: {answer.away}"
        return Live(why, (Beside("session", why.host, None, None, reason),))
    return Live(why, (*_session(why, answer), *_tables(fabric, why, answer), *_others(fabric, why, answer, answers)))


def _session(why: Why, answer: Seen) -> Iterator[Beside]:
    yield Beside("session", why.host, _passes(why, "session"), _is_up(answer), _of_session(answer))
    if not _is_up(answer):
        return
    announced = answer.received is not None
    says = f"announces it with path {answer.received}" if announced else f"{why.guest} does not announce it now"
    yield Beside("announced", why.host, None, announced, says)


def _tables(fabric: Fabric, why: Why, answer: Seen) -> Iterator[Beside]:
    if answer.received is None:
        return
    own = next((path for path in answer.vrf.paths if path.peer == why.address), None)
    says = "refused by its filters" if own is None else f"accepted, marked {' '.join(own.communities)}"
    planned = _passes(why, "AS path") and _passes(why, "filter in")
    yield Beside("filter in", why.host, planned, own is not None, says)
    best = answer.vrf.best
    yield Beside("VRF", why.host, _passes(why, "VRF"), own is not None and own == best, _of_best(why, best))
    main = next((path for path in answer.main.paths if path.imported), None)
    says = "not in the main table" if main is None else f"in the main table, marked {' '.join(main.communities)}"
    yield Beside("main table", why.host, _passes(why, "main table"), main is not None, says)
    version: Version = 6 if ":" in why.prefix else 4
    for edge in why.all_edges:
        address = str(fabric.loopback(edge, version))
        told = address in answer.main.told
        says = f"told to {address}; what {edge} makes of it is not asked" if told else f"not told to {address}"
        yield Beside(f"to {edge}", why.host, _passes(why, "to edge", edge), told, says)


def _others(fabric: Fabric, why: Why, answer: Seen, answers: Answers) -> Iterator[Beside]:
    """Yield whether each other host of the zone has it of this one."""
    if answer.received is None:
        return
    host = fabric.hosts[why.host]
    for name in fabric.zones[fabric.vnets[why.vnet].zone].hosts:
        if name == why.host:
            continue
        other = answers.get(name, "it was not asked")
        if isinstance(other, str) or other.away is not None:
            reason = other if isinstance(other, str) else f"its bgpd does not answer: {other.away}"
            yield Beside("type-5", name, None, None, reason)
            continue
        has = any(_from(path, (host.ipv4, host.ipv6)) for path in other.vrf.paths)
        says = f"{'has' if has else 'does not have'} it from {why.host}"
        yield Beside("type-5", name, _passes(why, "type-5"), has, says)


def _passes(why: Why, kind: Kind, edge: str | None = None) -> bool:
    step = why.at(kind, edge)
    return step is not None and step.verdict != "stops"


def _is_up(answer: Seen) -> bool:
    return answer.session is not None and answer.session.established


def _of_session(answer: Seen) -> str:
    session = answer.session
    if answer.off_s is not None:
        return f"the kernel keeps it off for {answer.off_s} s more"
    if session is None:
        return "no such neighbour"
    if session.off_s is not None:
        return f"{session.state}: bgpd keeps it off for {session.off_s} s more, over the limit of {session.limit}"
    if session.established:
        most = f" of at most {session.limit}" if session.limit is not None else ""
        return f"Established for {session.uptime_s} s, AS {session.remote_as}; {session.accepted}{most} accepted"
    return _of_a_down_session(session)


def _of_a_down_session(session: SeenSession) -> str:
    why = session.last_notification or session.last_reset
    return f"{session.state}{f': {why}' if why else ''}"


def _of_best(why: Why, best: SeenPath | None) -> str:
    if best is None:
        return "no path of it is used"
    whose = "the guest's" if best.peer == why.address else f"of {best.peer}, next hop {best.next_hop}"
    return f"the path that is used is {whose}"


def _from(path: SeenPath, loopbacks: Sequence[str]) -> bool:
    """Whether a path leads to a host: by its VTEP, whoever reflected it, or from the host itself."""
    return path.peer in loopbacks or (path.next_hop is not None and _plain(path.next_hop) in loopbacks)


def _plain(address: str) -> str:
    """Return an address as it is: an IPv4 one that is written as IPv6 is itself."""
    found = ip_address(address)
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return str(mapped or found)
