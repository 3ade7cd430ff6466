"""Plan -> the filters that keep zones apart and guests from the infrastructure (R12), as nftables text for a host.

What a guest sends is judged where it enters, by the VNet's bridge; what reaches a host itself, where it is delivered.
The edge's side stands in ``trellis.render.edge``, and what the two have in common in ``trellis.render.nftables``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from trellis.plan.firewall_model import FirewallPlan
from trellis.plan.model import HostPlan, Plan, VnetPlan
from trellis.render.nftables import (
    KEYWORDS,
    Pass,
    address_sets,
    common_parts,
    infrastructure_passes,
    leak_passes,
    of_version,
    service_pass,
    zone_sets,
)
from trellis.render.ports import Sender, own_advertisements, peers, ports, sender
from trellis.render.stanzas import Stanzas

FIREWALL = "/etc/trellis/firewall.nft"
FIREWALL_UNIT = "/etc/systemd/system/trellis-firewall.service"


@dataclass(frozen=True, slots=True)
class Speaker:
    """A VNet whose guests may speak BGP with the host, over IPv6: its subnet and its gateway (R8)."""

    name: str
    subnet: str
    gateway: str


@dataclass(frozen=True, slots=True)
class ZoneFilter:
    """What guests of a zone may send: to their own zone always, to others what passes."""

    name: str
    passes: tuple[Pass, ...]


class Firewalls:
    """Renders the table of each host of a plan, and each distinct one once."""

    def __init__(self, plan: Plan, stanzas: Stanzas) -> None:
        self._plan = plan
        self._stanzas = stanzas
        self._of_zones: dict[tuple[str, ...], str] = {}
        self._of_guests: dict[tuple[tuple[str, ...], tuple[str, ...]], str] = {}
        self._guests: dict[str, list[Sender]] = {host.name: [] for host in plan.hosts}
        vnets = {vnet.name: vnet for vnet in plan.vnets}
        for planned in plan.guests:
            found = sender(planned, vnets[planned.guest.vnet])
            for name in planned.hosts:
                self._guests[name].append(found)
        self.unit = stanzas.fill("host/firewall_service.j2", firewall=FIREWALL)
        """The systemd unit that loads the tables before any interface of the network comes up."""

    def of_host(self, host: HostPlan) -> tuple[str, ...]:
        """Return the tables of ``host``, the same objects for all hosts that carry the same zones and guests.

        Args:
            host: A host of the plan.
        """
        zones = tuple(vrf.zone for vrf in host.vrfs)
        vnets = tuple(vnet for vnet in self._plan.vnets if vnet.zone in zones)
        if zones not in self._of_zones:
            self._of_zones[zones] = self._zones(zones, tuple(vrf.name for vrf in host.vrfs), vnets)
        guests = tuple(self._guests[host.name])
        key = zones, tuple(guest.name for guest in guests)
        if key not in self._of_guests:
            heard = tuple(vnet for vnet in vnets if vnet.listens)
            texts = [ports(self._stanzas, heard, guests), peers(self._stanzas, heard)] if heard else []
            told = tuple(vnet.name for vnet in vnets if vnet.advertisement is not None)
            if told:
                texts.append(own_advertisements(self._stanzas, told, first=not heard))
            self._of_guests[key] = "".join(texts)
        return self._of_zones[zones], self._of_guests[key]

    def _zones(self, zones: tuple[str, ...], vrfs: tuple[str, ...], vnets: tuple[VnetPlan, ...]) -> str:
        firewall = self._plan.firewall
        return self._stanzas.fill(
            "host/firewall.j2",
            vnets=vnets,
            guest_side=(*vrfs, *(vnet.name for vnet in vnets)),
            zones=tuple(_zone_filter(firewall, zone, vnets) for zone in zones),
            speakers=tuple(_speakers(vnets)),
            own_services=tuple(_own_services(firewall, vnets)),
            from_outside=tuple(infrastructure_passes(firewall)),
            **common_parts(self._stanzas, (*address_sets(firewall), *zone_sets(firewall, zones))),
        )


def _zone_filter(firewall: FirewallPlan, zone: str, vnets: tuple[VnetPlan, ...]) -> ZoneFilter:
    members = {vnet.name for vnet in vnets if vnet.zone == zone}
    return ZoneFilter(zone, (*leak_passes(firewall, zone), *_services_beyond(firewall, members)))


def _services_beyond(firewall: FirewallPlan, members: set[str]) -> Iterator[Pass]:
    """Yield what guests of a zone's VNets may reach of the infrastructure, known by the bridge that they are on."""
    for service in firewall.services:
        bridges = tuple(vnet for vnet in service.vnets if vnet in members)
        for version, keyword in KEYWORDS.items():
            to = of_version(service.to, version)
            if bridges and to:
                yield service_pass(service, keyword, to, vnets=bridges)


def _speakers(vnets: tuple[VnetPlan, ...]) -> Iterator[Speaker]:
    for vnet in (vnet for vnet in vnets if vnet.listens):
        for subnet, gateway in zip(vnet.subnets, vnet.gateways, strict=True):
            if ":" in subnet:
                yield Speaker(vnet.name, subnet, gateway)


def _own_services(firewall: FirewallPlan, vnets: tuple[VnetPlan, ...]) -> Iterator[Pass]:
    """Yield the services of the host itself: on each VNet, from its subnet to its gateway address."""
    for service in (service for service in firewall.services if not service.to):
        for vnet in (vnet for vnet in vnets if vnet.name in service.vnets):
            for subnet, gateway in zip(vnet.every_subnet, vnet.every_gateway, strict=True):
                keyword = KEYWORDS[6 if ":" in subnet else 4]
                yield service_pass(service, keyword, (gateway,), sources=(subnet,))
