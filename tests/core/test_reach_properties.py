"""What holds of every packet and every failure, in sites drawn at random: both commands tell the same story."""

from __future__ import annotations

from ipaddress import ip_address
from itertools import combinations
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tests.core.generated import Data, sites
from trellis.plan import Plan, plan
from trellis.reach.fabric import NOTHING, VERSIONS, Address, Down, Fabric, Version
from trellis.reach.packets import Packet
from trellis.reach.places import UnknownPlaceError
from trellis.reach.probes import KINDS, address
from trellis.reach.trace import Trace, answers, follow
from trellis.reach.trace_json import trace_json
from trellis.reach.trace_text import trace_text
from trellis.reach.walk import Walk
from trellis.reach.what_if import what_if
from trellis.reach.what_if_text import what_if_text
from trellis.site import load_site


def some_failure(draw: Random, planned: Plan) -> Down:
    """Draw some hosts, edges, links and ports that are down."""
    nodes = [host.name for host in planned.hosts] + [edge.name for edge in planned.edges]
    ports = [(link.name, end.node) for link in planned.links for end in link.ends]
    links = [link.name for link in planned.links]
    return Down(
        frozenset(draw.sample(nodes, draw.randint(0, min(2, len(nodes))))),
        frozenset(draw.sample(links, draw.choice([0, 0, min(1, len(links))]))),
        frozenset(draw.sample(ports, draw.choice([0, 0, min(2, len(ports))]))),
    )


def places(draw: Random, planned: Plan) -> list[str]:
    """Return every name of a plan, and addresses of every kind."""
    guests = [guest.guest for guest in planned.guests]
    routes = [route for guest in guests for route in (*guest.loopbacks, *guest.extra, *guest.pods, *guest.services)]
    pools = [pool for guest in guests for pool, _ in guest.pod_pools]
    known = [guest.name for guest in guests] + [host.name for host in planned.hosts]
    known += [edge.name for edge in planned.edges] + ["internet"]
    known += [str(prefix.network_address + draw.randint(0, prefix.num_addresses - 1)) for prefix in (*routes, *pools)]
    known += [gateway for vnet in planned.vnets for gateway in vnet.gateways]
    known += [str(ip_address(subnet.split("/")[0]) + 99) for vnet in planned.vnets for subnet in vnet.subnets]
    known += [str(ip_address(prefix.split("/")[0]) + 7) for prefix in planned.infrastructure]
    return [*known, "192.168.70.1", "fd00:70::1", "10.7.7.7", "8.8.8.8", "2001:4860:4860::8888"]


@given(sites(), st.randoms(use_true_random=False))
def test_any_two_places_have_a_trace_whatever_is_down(site: Data, draw: Random) -> None:
    planned = plan(load_site(site))
    walk, names = Walk(Fabric(planned, some_failure(draw, planned))), places(draw, planned)
    for _ in range(60):
        source, target = draw.choice(names), draw.choice(names)
        protocol, port = draw.choice([("icmp", 0), ("tcp", 22), ("tcp", 179), ("udp", 123)])
        try:
            found = follow(walk, source, target, protocol=protocol, port=port)
        except UnknownPlaceError:
            continue  # a gateway, or an address that nobody has, sends nothing
        well_formed(planned, found)


def well_formed(planned: Plan, found: Trace) -> None:
    assert trace_text(found)
    assert trace_json(found)["answered"] == found.answered
    known = {*(host.name for host in planned.hosts), *(edge.name for edge in planned.edges)}
    known |= {guest.guest.name for guest in planned.guests} | {"internet", str(found.target.name)}
    for family in found.families:
        assert family.there
        for path in (*family.there, *family.back):
            assert (path.stop is None) == (path.end is not None)
            assert all(hop.node in known for hop in path.hops)
            assert all(after.mtu <= before.mtu for before, after in zip(path.hops, path.hops[1:], strict=False))


@given(sites(2), st.randoms(use_true_random=False))
def test_who_reaches_another_is_reached_by_it(site: Data, draw: Random) -> None:
    planned = plan(load_site(site))
    walk = Walk(Fabric(planned, some_failure(draw, planned)))
    for one, other in combinations(planned.guests, 2):
        for version in VERSIONS:
            for kind in KINDS[:2]:
                ends = (address(one, version, kind), address(other, version, kind))
                if ends[0] is not None and ends[1] is not None:
                    there = answered(walk, one.guest.name, ends[0], ends[1])
                    assert there == answered(walk, other.guest.name, ends[1], ends[0])


def answered(walk: Walk, guest: str, source: Address, target: Address) -> bool:
    there = walk.from_guest(walk.fabric.guests[guest], Packet(source, target))
    return all(path.arrives for path in (*there, *answers(walk, there)))


@given(sites(2), st.randoms(use_true_random=False))
def test_what_a_failure_takes_is_what_traces_lose(site: Data, draw: Random) -> None:
    planned = plan(load_site(site))
    down = some_failure(draw, planned)
    found = what_if(planned, down)
    assert what_if_text(found)
    gone = {lost.guest for lost in found.unreachable_guests}
    apart = {(lost.a, lost.b, lost.family, lost.addresses) for lost in found.separated}
    cut = {(lost.guest, lost.family) for lost in found.lost_upstream}
    before, after = Walk(Fabric(planned)), Walk(Fabric(planned, down))
    running = [guest for guest in planned.guests if guest.guest.name not in gone]
    for one, other in combinations(running, 2):
        a, b = sorted((one.guest.host, other.guest.host))
        for version in VERSIONS:
            for kind in KINDS[:2]:
                ends = (address(one, version, kind), address(other, version, kind))
                if ends[0] is None or ends[1] is None or one.guest.zone != other.guest.zone:
                    continue
                if answered(before, one.guest.name, *ends) and not answered(after, one.guest.name, *ends):
                    assert (a, b, f"ipv{version}", kind) in apart
    for guest in running:
        lost = {version for version in VERSIONS if loses_the_internet(before, after, guest.guest.name, version)}
        assert lost == {version for version in VERSIONS if (guest.guest.name, f"ipv{version}") in cut}


def loses_the_internet(before: Walk, after: Walk, guest: str, version: Version) -> bool:
    planned = before.fabric.guests[guest]
    own = address(planned, version, "loopback") or address(planned, version, "own")
    target = ip_address("203.0.113.1" if version == 4 else "2001:db8:ffff::1")
    return own is not None and answered(before, guest, own, target) and not answered(after, guest, own, target)


@given(sites(3), st.randoms(use_true_random=False))
def test_a_host_that_is_down_takes_exactly_its_guests(site: Data, draw: Random) -> None:
    planned = plan(load_site(site))
    host = draw.choice([host.name for host in planned.hosts])
    # The drawn wires may be the only way past it: on the segment that all share, nobody else is hurt.
    found = what_if(planned, Down(frozenset({host})))
    assert {lost.guest for lost in found.unreachable_guests} == {
        guest.guest.name for guest in planned.guests if guest.guest.host == host
    }
    assert found.partitions == () or any(len(part) == 1 and part[0].startswith("edge") for part in found.partitions)
    assert {lost.a for lost in found.lost_sessions if lost.kind == "guest"} == {
        lost.guest for lost in found.unreachable_guests if has_bgp(planned, lost.guest)
    }


def has_bgp(planned: Plan, guest: str) -> bool:
    vnet = next(found.guest.vnet for found in planned.guests if found.guest.name == guest)
    return any(found.listens for found in planned.vnets if found.name == vnet)


@given(sites(2))
def test_nothing_down_takes_nothing(site: Data) -> None:
    found = what_if(plan(load_site(site)), NOTHING)
    assert found.harmless
    differing = (found.lost_sessions, found.lost_redundancy, found.moved_paths, found.default_routes, found.edge_routes)
    assert not any(differing)
    assert not found.clusters
