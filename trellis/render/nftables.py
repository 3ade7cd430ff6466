"""What the tables of hosts and edges have in common: named sets of prefixes, and the rules of leaks and services.

Every filter is stateless: the two directions of a connection may pass different hosts, and a full table of
connections would drop everybody's traffic.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from trellis.plan.firewall_model import AllowedService, FirewallPlan
from trellis.render.stanzas import Stanzas

KEYWORDS = {4: "ip", 6: "ip6"}
"""How nftables calls the two families."""
TYPES = {4: "ipv4_addr", 6: "ipv6_addr"}
"""How nftables calls their addresses."""


@dataclass(frozen=True, slots=True)
class NamedSet:
    """A named set; without elements it holds none.

    Attributes:
        type: Of its elements, as nftables writes it.
        interval: Whether elements may be ranges.
    """

    name: str
    type: str
    elements: tuple[str, ...]
    interval: bool = True

    @property
    def keyword(self) -> str:
        """How nftables calls the family of a set of addresses."""
        return KEYWORDS[4 if self.type == TYPES[4] else 6]


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
        parts = [f"iifname {braced(bridges)}"] if bridges else []
        parts += [f"{self.keyword} saddr {braced(self.sources)}"] if self.sources else []
        parts.append(f"{self.keyword} daddr {braced(self.to)}")
        if self.protocol is not None:
            parts.append(f"{self.protocol} dport {braced(map(str, self.ports))}")
        return " ".join(parts)


def of_version(prefixes: Iterable[str], version: int) -> tuple[str, ...]:
    """Return the prefixes (or addresses) of one family."""
    return tuple(prefix for prefix in prefixes if (":" in prefix) == (version == 6))


def common_parts(stanzas: Stanzas, sets: Iterable[NamedSet]) -> dict[str, str]:
    """Return the texts that each table holds: its sets, and the chain of what goes to the infrastructure.

    Args:
        stanzas: Fills templates.
        sets: The table's sets.
    """
    return {
        "sets": stanzas.fill("nftables/sets.j2", sets=tuple(sets)),
        "to_infrastructure": stanzas.fill("nftables/to_infrastructure.j2"),
    }


def address_sets(firewall: FirewallPlan) -> Iterator[NamedSet]:
    """Yield the sets of all tenants' prefixes and of the infrastructure's."""
    tenants = [prefix for zone in firewall.zones for prefix in zone.prefixes]
    for name, prefixes in (("tenants", tenants), ("infrastructure", firewall.infrastructure)):
        yield from both_families(name, prefixes)


def zone_sets(firewall: FirewallPlan, zones: tuple[str, ...]) -> Iterator[NamedSet]:
    """Yield the set of each of ``zones``, per family."""
    for zone in firewall.zones:
        if zone.zone in zones:
            yield from both_families(f"zone_{zone.zone}", zone.prefixes)


def both_families(name: str, prefixes: Iterable[str]) -> Iterator[NamedSet]:
    """Yield a set of prefixes per family, ``NAME_ip`` and ``NAME_ip6``."""
    found = tuple(prefixes)
    for version, keyword in KEYWORDS.items():
        yield NamedSet(f"{name}_{keyword}", TYPES[version], of_version(found, version))


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
        for version, keyword in KEYWORDS.items():
            sources, to = of_version(service.sources, version), of_version(service.to, version)
            if sources and to:
                yield service_pass(service, keyword, to, sources=sources)


def service_pass(
    service: AllowedService,
    keyword: str,
    to: tuple[str, ...],
    sources: tuple[str, ...] = (),
    vnets: tuple[str, ...] = (),
) -> Pass:
    """Return a service's rule for one family, by what its guests are known by: addresses or bridges."""
    return Pass(f"service {service.name}", keyword, sources, to, vnets, service.protocol, service.ports)


def braced(values: Iterable[str]) -> str:
    """Return values as an anonymous set of nftables."""
    return f"{{ {', '.join(values)} }}"
