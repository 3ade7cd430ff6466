"""What a trace says of a packet filter is what the rendered table does: the two are made apart from one plan."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.generated import Data, sites
from tests.core.leaking import leaking_homelab
from tests.core.nftables_read import Ruleset, Seen
from tests.sites import EXAMPLES, plan_of
from trellis.plan import Plan, plan
from trellis.reach.fabric import Address, Fabric, holds
from trellis.reach.packets import Check, Gate, Packet
from trellis.render import render
from trellis.render.edge import edge_filter
from trellis.render.firewall import FIREWALL
from trellis.site import load_site


class Both:
    """The filters of a plan, as a trace judges and as they are rendered."""

    def __init__(self, planned: Plan, rendered: Plan) -> None:
        self.fabric = Fabric(planned)
        self.gate = Gate(self.fabric)
        self._hosts = {bundle.host: Ruleset(bundle.text(FIREWALL)) for bundle in render(rendered)}
        self._edges = {edge.name: Ruleset(edge_filter(rendered, edge, "nftables")) for edge in rendered.edges}

    def compared(self, packet: Packet) -> Iterator[tuple[str, bool, bool]]:
        """Yield each place that may judge a packet, with both answers."""
        for planned in self.fabric.plan.guests:
            guest = planned.guest
            said = self.gate.from_guest(planned, packet)
            yield guest.name, said.passes, self._hosts[guest.host].passes("ingress", seen(packet, guest.vnet))
        vnet = self.fabric.gateways.get(packet.target)
        for host in self.fabric.hosts:
            if vnet is not None and self.fabric.carries(host, vnet.zone):
                said = self.gate.to_gateway(host, vnet, packet)
                vrf = self.fabric.zones[vnet.zone].vrf
                yield f"gateway of {host}", said.passes, self._hosts[host].passes("input", seen(packet, vrf))
            if packet.target == self.fabric.loopback(host, packet.version):
                check = self.gate.to_router(host, packet)
                yield host, passed(check), self._hosts[host].passes("input", seen(packet, "vmbr0"))
        for edge, rules in self._edges.items():
            yield edge, passed(self.gate.at_edge(edge, packet)), rules.passes("ingress", seen(packet, "vlan10"))


def passed(check: Check | None) -> bool:
    return check is None or check.passes


def seen(packet: Packet, iif: str) -> Seen:
    return Seen(iif, str(packet.source), str(packet.target), packet.protocol, packet.port, packet.reply)


def some_packets(draw: Random, fabric: Fabric, count: int) -> Iterator[Packet]:
    """Yield packets between addresses of every kind, to ports that somebody listens on and others.

    What a service is for few of all pairs of addresses, protocols and ports are: every fifth is near that.
    """
    known: list[Address] = [*fabric.guests_by_address, *fabric.gateways, *fabric.routers_by_address]
    for zone in fabric.plan.firewall.zones:
        known += [ip_address(prefix.split("/")[0]) + draw.randint(1, 2) for prefix in zone.prefixes]
    for service in fabric.plan.firewall.services:
        known += [ip_address(prefix.split("/")[0]) for prefix in service.to]
    known += [ip_address("203.0.113.1"), ip_address("2001:db8:ffff::1")]
    ports = [port for service in fabric.plan.firewall.services for port in service.ports]
    for _ in range(count):
        near = _near_a_service(draw, fabric, known) if fabric.plan.firewall.services and draw.random() < 0.2 else None
        if near is not None:
            yield near
            continue
        source = draw.choice(known)
        target = draw.choice([address for address in known if address.version == source.version])
        protocol: Any = draw.choice(["icmp", "tcp", "udp"])
        port = 0 if protocol == "icmp" else draw.choice([22, 179, 3784, *ports])
        yield Packet(source, target, protocol, port, draw.random() < 0.3)


def _near_a_service(draw: Random, fabric: Fabric, known: list[Address]) -> Packet | None:
    """Return a packet that a service is for, but that it may be for another VNet's gateway; None where none can be."""
    service = draw.choice(fabric.plan.firewall.services)
    to = [address for address in known if holds(service.to, address)] if service.to else list(fabric.gateways)
    source = draw.choice([address for address in known if holds(service.sources, address)])
    targets = [address for address in to if address.version == source.version]
    port = draw.choice(service.ports)
    return Packet(source, draw.choice(targets), service.protocol, port) if targets else None


def differing(planned: Plan, draw: Random, count: int, rendered: Plan | None = None) -> list[tuple[str, Packet]]:
    both = Both(planned, rendered or planned)
    return [
        (where, packet)
        for packet in some_packets(draw, both.fabric, count)
        for where, said, done in both.compared(packet)
        if said != done
    ]


@pytest.mark.parametrize("example", [name for name in EXAMPLES if not name.startswith("scale")])
def test_of_an_example_trace_and_table_say_the_same(example: str) -> None:
    assert differing(plan_of(example), Random(1), 200) == []


def test_of_zones_that_leak_trace_and_table_say_the_same() -> None:
    assert differing(leaking_homelab(), Random(2), 300) == []


def test_a_table_without_a_leak_and_its_services_is_told_from_one_that_has_them() -> None:
    found = differing(leaking_homelab(), Random(3), 600, rendered=plan_of("homelab"))
    assert {where for where, _ in found} >= {
        *("solcp01", "isolated-1", "edge1"),
        *(f"gateway of {host}" for host in ("pve01", "pve02", "pve03")),
    }
    assert {packet.port for _, packet in found} >= {0, 123, 8006}


@given(sites(2), st.randoms(use_true_random=False))
def test_of_drawn_sites_trace_and_table_say_the_same(site: Data, draw: Random) -> None:
    assert differing(plan(load_site(site)), draw, 25) == []
