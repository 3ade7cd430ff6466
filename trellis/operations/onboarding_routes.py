"""A guest's way in as its session shows it: Established where its VM is, routes accepted, at the edges, a default back.

A step that needs an earlier one says so instead of guessing.  Which routes an edge should have follows from the plan's
own filters (``trellis.reach``), as if the guest were on the host that has its session.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network

from trellis.observe.observation import Observation, SeenPeer
from trellis.operations.discovery import Found
from trellis.operations.onboarding import Evidence, Step
from trellis.plan import Plan
from trellis.plan.model import GuestPlan
from trellis.plan.names import vrf_name
from trellis.reach.fabric import VERSIONS, Address, Fabric, Network
from trellis.reach.known import known
from trellis.reach.reasons import judge
from trellis.reach.routes import Announcements
from trellis.routeros.routes import Route, leads_to

_FIRST = "its session has to be Established first"


@dataclass(frozen=True, slots=True)
class Up:
    """The session of a guest, and the host that has it."""

    host: str
    peer: SeenPeer


def from_the_session(plan: Plan, planned: GuestPlan, evidence: Evidence, *, default_alone: bool) -> Iterator[Step]:
    """Yield the steps that a guest's session shows.

    Args:
        plan: The plan that the guest is of.
        planned: The guest.
        evidence: What was found out.
        default_alone: Whether a host tells the guests of this VNet nothing but the default.
    """
    step, up = _session(planned, evidence)
    yield step
    yield _routes(plan, planned, up)
    accepted = [route.prefix for route in up.peer.routes if route.accepted] if up is not None else []
    exported = _exported(plan, planned, up.host) if up is not None else {}
    if not plan.edges:
        yield Step("edge", "ok", "the site has no edge")
    for edge in plan.edges:
        if up is None:
            yield Step("edge", "unknown", _FIRST, where=edge.name)
        else:
            wanted = [prefix for prefix in accepted if _covered(prefix, exported[edge.name])]
            own = _addresses_of(plan, up.host)
            yield _at_edge(edge.name, wanted, evidence.edges.get(edge.name, "it was not asked"), up.host, own)
    yield _default(planned, up, default_alone=default_alone)


def _session(planned: GuestPlan, evidence: Evidence) -> tuple[Step, Up | None]:
    guest, said = planned.guest, []
    up: list[Up] = []
    unread = [host for host in planned.hosts if isinstance(evidence.observed.get(host, ""), str)]
    vm = evidence.vm if isinstance(evidence.vm, Found) and evidence.vm.node is not None else None
    for host in planned.hosts:
        observed = evidence.observed.get(host, "it was not asked")
        peer = _peer(planned, observed)
        if peer is not None and peer.established:
            up.append(Up(host, peer))
        said.append(f"{host}: {_why_not(planned, observed, peer)}")
    if len(up) > 1:
        both = " and ".join(one.host for one in up)
        remedy = "see whether two machines have its address; after a migration the old session ends by itself"
        return Step("session", "missing", f"Established on {both} at once", remedy), None
    if not up:
        # The host that the VM is on says most.
        said.sort(key=lambda line: vm is None or not line.startswith(f"{vm.node}:"))
        decisive = not unread or (vm is not None and vm.node in {*planned.hosts} - {*unread})
        return Step("session", "missing" if decisive else "unknown", "; ".join(said), _dial(planned)), None
    (only,) = up
    if vm is not None and vm.node != only.host:
        why = f"Established on {only.host}, and its VM is on {vm.node}"
        remedy = f"see who has {guest.ipv6} on {only.host} (`ip -6 neigh`, `bridge fdb`): it may be another machine"
        return Step("session", "missing", why, remedy, only.host), only
    counts = f"{only.peer.received} prefix(es) received, {only.peer.sent} sent"
    return Step("session", "ok", f"Established for {only.peer.uptime_s or 0} s; {counts}", where=only.host), only


def _peer(planned: GuestPlan, observed: Observation | str) -> SeenPeer | None:
    if isinstance(observed, str):
        return None
    vrf, address = vrf_name(planned.guest.zone), str(planned.guest.ipv6)
    return next((peer for peer in observed.peers if (peer.vrf, peer.address) == (vrf, address)), None)


def _why_not(planned: GuestPlan, observed: Observation | str, peer: SeenPeer | None) -> str:
    if isinstance(observed, str):
        return observed
    if observed.away is not None:
        return f"bgpd does not answer: {observed.away}"
    address = str(planned.guest.ipv6)
    for off in observed.penalized:
        if off.address == address:
            return f"kept off for {off.left_s} s more: it announced more than it may"
    if peer is None:
        return "has no such neighbour: the guest is not deployed there"
    last = peer.last_notification or (peer.last_reset if peer.resets else None)
    return f"{peer.state}{f' ({last})' if last else ''}"


def _dial(planned: GuestPlan) -> str:
    guest = planned.guest
    return (
        f"in the guest, see that its speaker runs and dials {planned.gateway_ipv6} (ASN {planned.gateway_asn}) from "
        f"{guest.ipv6} with ASN {guest.asn}, and that `ping {planned.gateway_ipv6}` is answered; the stack's outputs "
        "have its whole configuration"
    )


def _routes(plan: Plan, planned: GuestPlan, up: Up | None) -> Step:
    if up is None:
        return Step("routes", "unknown", _FIRST)
    said = {route.prefix: route for route in up.peer.routes}
    refused = [route for route in said.values() if route.accepted is False]
    lacking = [str(own) for own in (*planned.guest.loopbacks, *planned.guest.extra) if str(own) not in said]
    if refused:
        facts, party = known(plan), known(plan).party(up.peer.vrf, up.peer.address)
        told = []
        for route in refused:
            found = judge(facts, party, up.peer.remote_as, route.prefix, route.as_path) if party else None
            told.append(found.sentence if found else f"{route.prefix} is refused by a filter of {up.host}")
        remedy = "have the guest announce what the site gives it, or give it more (`announces`, pods, services)"
        return Step("routes", "missing", "; ".join(told), remedy, up.host)
    if lacking:
        remedy = "put them on its loopback and have its speaker announce them: its outputs say how"
        return Step("routes", "missing", f"it does not announce {', '.join(lacking)}", remedy, up.host)
    if any(route.accepted is None for route in said.values()):
        return Step("routes", "unknown", f"{up.host} did not say what became of all of them", "ask again", up.host)
    pods = [str(pod) for pod in planned.guest.pods if str(pod) not in said]
    later = f"; of its pods not yet {', '.join(pods)}" if pods else ""
    return Step("routes", "ok", f"accepted: {', '.join(sorted(said)) or 'none, and it has none'}{later}", where=up.host)


def _exported(plan: Plan, planned: GuestPlan, host: str) -> dict[str, tuple[Network, ...]]:
    """What the filters of a host let through to each edge of what a guest there may announce."""
    name = planned.guest.name
    there = replace(planned, guest=replace(planned.guest, host=host))
    guests = tuple(there if one.guest.name == name else one for one in plan.guests)
    fabric = Fabric(replace(plan, guests=guests))
    announcements = Announcements(fabric)
    return {
        edge.name: tuple(
            ip_network(route.prefix)
            for version in VERSIONS
            for route in announcements.to_edge(fabric.hosts[host], edge.name, version)
            if route.origin == name
        )
        for edge in plan.edges
    }


def _covered(prefix: str, exported: tuple[Network, ...]) -> bool:
    """Whether a prefix is exported, or out of a pool that is."""
    own = ip_network(prefix)
    return any(own.version == one.version and own.subnet_of(one) for one in exported)  # type: ignore[arg-type]


def _addresses_of(plan: Plan, host: str) -> frozenset[Address]:
    """The addresses by which an edge reaches a host."""
    of_host = next(one for one in plan.hosts if one.name == host)
    ends = [end for link in plan.links for end in link.ends if end.node == host]
    on_links = {text.partition("/")[0] for end in ends for text in (end.ipv4, end.ipv6) if text is not None}
    return frozenset(map(ip_address, {of_host.ipv4, of_host.ipv6, *on_links}))


def _at_edge(edge: str, wanted: list[str], found: tuple[Route, ...] | str, host: str, own: frozenset[Address]) -> Step:
    if not wanted:
        return Step("edge", "ok", "nothing of what was accepted is exported to it", where=edge)
    if isinstance(found, str):
        remedy = f"look there for {', '.join(wanted)}, by {host}"
        return Step("edge", "unknown", found, remedy, edge)
    lines = [line for prefix in wanted if (line := _not_there(prefix, found, host, own))]
    if lines:
        remedy = (
            f"see the edge's session with {host} (`trellis check {host}`) and its filters (`trellis render {edge}`)"
        )
        return Step("edge", "missing", "; ".join(lines), remedy, edge)
    return Step("edge", "ok", f"by {host}: {', '.join(wanted)}", where=edge)


def _not_there(prefix: str, routes: tuple[Route, ...], host: str, own: frozenset[Address]) -> str:
    there = [route for route in routes if route.destination == ip_network(prefix)]
    if not there:
        return f"{prefix} is not there"
    wrong = [route for route in there if route.kind != "BGP" or not leads_to(route.gateway, own)]
    return f"{prefix} goes by {wrong[0].gateway or 'nobody'} ({wrong[0].kind}), not by {host}" if wrong else ""


def _default(planned: GuestPlan, up: Up | None, *, default_alone: bool) -> Step:
    guest = planned.guest
    look = "in the guest: `ip route show default`, `ip -6 route show default`"
    if up is None:
        return Step("default route", "unknown", _FIRST, look)
    if up.peer.sent == 0:
        remedy = f"see whether {up.host} has a default: its session with an edge (R10), `trellis check {up.host}`"
        return Step("default route", "missing", f"{up.host} sends it no route at all", remedy, up.host)
    said = f"{up.host} sends it {up.peer.sent} prefix(es)"
    if not default_alone:
        return Step("default route", "unknown", f"{said}, which need not be the default", look, up.host)
    families = 2 if guest.ipv4 is not None else 1
    if up.peer.sent < families:
        return Step("default route", "missing", f"{said}, of {families} defaults", look, up.host)
    return Step("default route", "ok", f"{said}, and it tells guests there nothing but the default", where=up.host)
