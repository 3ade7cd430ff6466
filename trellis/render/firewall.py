"""Plan -> the filters that keep zones apart and guests from the infrastructure (R12), as nftables text for a host.

Every filter is stateless: the two directions of a connection may pass different hosts, and a full table of
connections would drop everybody's traffic.  What a guest sends is judged where it enters, by the VNet's bridge; what
reaches a host itself, where it is delivered.  The edge's side stands in ``trellis.render.edge``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from trellis.plan.model import AllowedService, FirewallPlan, HostPlan, Plan, VnetPlan
from trellis.render.stanzas import Stanzas

FIREWALL = "/etc/trellis/firewall.nft"
FIREWALL_UNIT = "/etc/systemd/system/trellis-firewall.service"

KEYWORDS = {4: "ip", 6: "ip6"}
"""How nftables calls the two families."""


@dataclass(frozen=True, slots=True)
class AddressSet:
    """A named set of prefixes of one family; without elements it holds none."""

    name: str
    keyword: str
    elements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pass:
    """One rule that lets packets of one family pass.

    Attributes:
        comment: The entry of the site that it comes from, as ``leak backup``.
        sources: Prefixes; none means any.
        to: Prefixes.
        vnets: Bridges that the packet enters by; none means any.
        protocol: With ``ports``, what of it passes; None is everything.
    """

    comment: str
    keyword: str
    sources: tuple[str, ...]
    to: tuple[str, ...]
    vnets: tuple[str, ...] = ()
    protocol: str | None = None
    ports: tuple[int, ...] = ()

    @property
    def match(self) -> str:
        """The rule's condition in nftables."""
        bridges = [f'"{vnet}"' for vnet in self.vnets]
        parts = [f"iifname {_braced(bridges)}"] if bridges else []
        parts += [f"{self.keyword} saddr {_braced(self.sources)}"] if self.sources else []
        parts.append(f"{self.keyword} daddr {_braced(self.to)}")
        if self.protocol is not None:
            parts.append(f"{self.protocol} dport {_braced(map(str, self.ports))}")
        return " ".join(parts)


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
        self._rendered: dict[tuple[str, ...], str] = {}
        self.unit = stanzas.fill("host/firewall_service.j2", firewall=FIREWALL)
        """The systemd unit that loads the table before any interface of the network comes up."""

    def of_host(self, host: HostPlan) -> str:
        """Return the table of ``host``, the same object for all hosts that carry the same zones.

        Args:
            host: A host of the plan.
        """
        zones = tuple(vrf.zone for vrf in host.vrfs)
        if zones not in self._rendered:
            self._rendered[zones] = self._render(zones, tuple(vrf.name for vrf in host.vrfs))
        return self._rendered[zones]

    def _render(self, zones: tuple[str, ...], vrfs: tuple[str, ...]) -> str:
        firewall = self._plan.firewall
        vnets = tuple(vnet for vnet in self._plan.vnets if vnet.zone in zones)
        return self._stanzas.fill(
            "host/firewall.j2",
            sets=(*address_sets(firewall), *_zone_sets(firewall, zones)),
            vnets=vnets,
            guest_side=(*vrfs, *(vnet.name for vnet in vnets)),
            zones=tuple(_zone_filter(firewall, zone, vnets) for zone in zones),
            speakers=tuple(_speakers(vnets)),
            own_services=tuple(_own_services(firewall, vnets)),
            from_outside=tuple(infrastructure_passes(firewall)),
        )


def of_version(prefixes: Iterable[str], version: int) -> tuple[str, ...]:
    """Return the prefixes (or addresses) of one family."""
    return tuple(prefix for prefix in prefixes if (":" in prefix) == (version == 6))


def address_sets(firewall: FirewallPlan) -> Iterator[AddressSet]:
    """Yield the sets of all tenants' prefixes and of the infrastructure's."""
    tenants = [prefix for zone in firewall.zones for prefix in zone.prefixes]
    for name, prefixes in (("tenants", tenants), ("infrastructure", firewall.infrastructure)):
        yield from _both_families(name, prefixes)


def _zone_sets(firewall: FirewallPlan, zones: tuple[str, ...]) -> Iterator[AddressSet]:
    for zone in firewall.zones:
        if zone.zone in zones:
            yield from _both_families(f"zone_{zone.zone}", zone.prefixes)


def _both_families(name: str, prefixes: Iterable[str]) -> Iterator[AddressSet]:
    found = tuple(prefixes)
    for version, keyword in KEYWORDS.items():
        yield AddressSet(f"{name}_{keyword}", keyword, of_version(found, version))


def _zone_filter(firewall: FirewallPlan, zone: str, vnets: tuple[VnetPlan, ...]) -> ZoneFilter:
    members = tuple(vnet.name for vnet in vnets if vnet.zone == zone)
    services = (
        passed for service in firewall.services if service.to for passed in _service_passes(service, (), members)
    )
    return ZoneFilter(zone, (*leak_passes(firewall, zone), *services))


def leak_passes(firewall: FirewallPlan, zone: str) -> Iterator[Pass]:
    """Yield what leaks let pass of what guests of ``zone`` send."""
    for leak in firewall.leaks:
        if zone in leak.zones:
            own = leak.zones.index(zone)
            for version, keyword in KEYWORDS.items():
                sources, to = (of_version(leak.prefixes[side], version) for side in (own, 1 - own))
                if sources and to:
                    yield Pass(f"leak {leak.name}", keyword, sources, to)


def infrastructure_passes(firewall: FirewallPlan) -> Iterator[Pass]:
    """Yield what guests may reach of the infrastructure, known by their addresses."""
    for service in firewall.services:
        if service.to:
            yield from _service_passes(service, service.sources, ())


def _service_passes(service: AllowedService, sources: tuple[str, ...], members: tuple[str, ...]) -> Iterator[Pass]:
    """Yield a service's rules: by the bridges of ``members`` that it names, or by ``sources``."""
    bridges = tuple(vnet for vnet in service.vnets if vnet in members)
    if members and not bridges:
        return
    for version, keyword in KEYWORDS.items():
        own, to = of_version(sources, version), of_version(service.to, version)
        if to and (own or bridges):
            yield Pass(f"service {service.name}", keyword, own, to, bridges, service.protocol, service.ports)


def _speakers(vnets: tuple[VnetPlan, ...]) -> Iterator[Speaker]:
    for vnet in (vnet for vnet in vnets if vnet.listens):
        for subnet, gateway in zip(vnet.subnets, vnet.gateways, strict=True):
            if ":" in subnet:
                yield Speaker(vnet.name, subnet, gateway)


def _own_services(firewall: FirewallPlan, vnets: tuple[VnetPlan, ...]) -> Iterator[Pass]:
    """Yield the services of the host itself: on each VNet, from its subnet to its gateway address."""
    for service in (service for service in firewall.services if not service.to):
        for vnet in (vnet for vnet in vnets if vnet.name in service.vnets):
            for subnet, gateway in zip(vnet.subnets, vnet.gateways, strict=True):
                keyword = KEYWORDS[6 if ":" in subnet else 4]
                name = f"service {service.name}"
                yield Pass(name, keyword, (subnet,), (gateway,), (), service.protocol, service.ports)


def _braced(values: Iterable[str]) -> str:
    return f"{{ {', '.join(values)} }}"
