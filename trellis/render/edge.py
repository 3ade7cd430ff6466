"""Plan -> an edge's filter: what guests may not send by way of it, as nftables text or as a RouterOS 7 script.

An edge knows guests by their addresses alone; that no guest uses another's is up to the filter on the guest's host.
Both forms judge a packet before any translation of addresses, and keep no state.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from trellis.plan.firewall_model import FirewallPlan
from trellis.plan.model import EdgePlan, Plan
from trellis.render.nftables import (
    KEYWORDS,
    TYPES,
    Pass,
    address_sets,
    common_parts,
    infrastructure_passes,
    leak_passes,
    zone_sets,
)
from trellis.render.stanzas import Stanzas

EdgeFormat = Literal["nftables", "routeros"]

FORMAT_OF_KIND: dict[str, EdgeFormat] = {"routeros": "routeros", "frr": "nftables"}
"""What an edge of each kind reads."""

_MENUS = {4: "ip", 6: "ipv6"}
_PORTS_IN_A_RULE = 15
"""Most ports that one RouterOS rule matches, as in Linux's multiport."""

_ANSWERING = {4: ("icmp", (0, 3, 11, 12)), 6: ("icmpv6", (129, 1, 2, 3, 4))}
"""Protocol and types by which a guest answers a ping: echo reply, and errors (RFC 792, RFC 4443)."""


def edge_filter(plan: Plan, edge: EdgePlan, written_for: EdgeFormat | None = None) -> str:
    """Return the filter of an edge; edges of one kind have the same.

    Args:
        plan: The plan.
        edge: One of its edges.
        written_for: Who shall read it; by default what the edge's kind does.
    """
    stanzas = Stanzas()
    if (written_for or FORMAT_OF_KIND[edge.kind]) == "nftables":
        return _nftables(plan.firewall, stanzas)
    families = tuple(_family(plan.firewall, version) for version in KEYWORDS)
    content = stanzas.fill("edge/routeros.j2", families=families, generation="")
    generation = hashlib.sha256(content.encode()).hexdigest()[:8]
    return stanzas.fill("edge/routeros.j2", families=families, generation=generation)


def _all_zones(firewall: FirewallPlan) -> tuple[str, ...]:
    return tuple(zone.zone for zone in firewall.zones)


def _passes(firewall: FirewallPlan) -> Iterator[Pass]:
    for zone in _all_zones(firewall):
        yield from leak_passes(firewall, zone)
    yield from infrastructure_passes(firewall)


def _nftables(firewall: FirewallPlan, stanzas: Stanzas) -> str:
    of_zones = tuple(zone_sets(firewall, _all_zones(firewall)))
    return stanzas.fill(
        "edge/nftables.j2",
        zones=tuple(found for found in of_zones if found.elements),
        passes=tuple(_passes(firewall)),
        **common_parts(stanzas, (*address_sets(firewall), *of_zones)),
    )


@dataclass(frozen=True, slots=True)
class AddressList:
    """An address-list of RouterOS; its name is completed by the script's generation."""

    name: str
    elements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RawRule:
    """A rule of the chain that packets from guests go through.

    Attributes:
        source: Name of an address-list; None means any guest.
        destination: Name of an address-list.
        protocol: What else is matched of the packet, in RouterOS' words; empty is nothing.
    """

    action: str
    comment: str
    destination: str
    source: str | None = None
    protocol: str = ""

    @property
    def match(self) -> str:
        """The rule's condition in RouterOS, the lists' names completed by the script's generation."""
        parts = [f' src-address-list="trellis-$generation-{self.source}"'] if self.source else []
        parts.append(f' dst-address-list="trellis-$generation-{self.destination}"')
        return "".join((*parts, f" {self.protocol}" if self.protocol else ""))


@dataclass(frozen=True, slots=True)
class RouterosFamily:
    """One family's half of a script; RouterOS keeps the two apart, in menus of their own."""

    menu: str
    lists: tuple[AddressList, ...]
    rules: tuple[RawRule, ...]


def _family(firewall: FirewallPlan, version: int) -> RouterosFamily:
    keyword = KEYWORDS[version]
    sets = (*address_sets(firewall), *zone_sets(firewall, _all_zones(firewall)))
    lists = [
        AddressList(found.name.removesuffix(f"_{keyword}").replace("_", "-"), found.elements)
        for found in sets
        if found.type == TYPES[version]
    ]
    zones = [found.name for found in lists if found.name.startswith("zone-") and found.elements]
    rules = [RawRule("return", "within a zone", zone, zone) for zone in zones]
    for number, passed in enumerate((found for found in _passes(firewall) if found.keyword == keyword), start=1):
        sources, to = f"pass-{number}-from", f"pass-{number}-to"
        lists += [AddressList(sources, passed.sources), AddressList(to, passed.to)]
        rules += [RawRule("return", passed.comment, to, sources, protocol) for protocol in _protocols(passed)]
    rules.append(RawRule("drop", "R12 other zone", "tenants"))
    rules += [RawRule("return", "answers", "infrastructure", None, answer) for answer in _answers(version)]
    rules.append(RawRule("drop", "R12 infrastructure", "infrastructure"))
    return RouterosFamily(_MENUS[version], tuple(lists), tuple(rules))


def _protocols(passed: Pass) -> Iterator[str]:
    if passed.protocol is None:
        yield ""
    for first in range(0, len(passed.ports), _PORTS_IN_A_RULE):
        ports = ",".join(map(str, passed.ports[first : first + _PORTS_IN_A_RULE]))
        yield f"protocol={passed.protocol} dst-port={ports}"


def _answers(version: int) -> Iterator[str]:
    yield "protocol=tcp tcp-flags=ack"
    yield "protocol=tcp tcp-flags=rst"
    protocol, kinds = _ANSWERING[version]
    for kind in kinds:
        yield f"protocol={protocol} icmp-options={kind}:0-255"
