"""The speakers of attackers: what FRR, BIRD and ExaBGP are told so that they announce what nobody should."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_network

from trellis.lab.attacks.attack import Said
from trellis.site.model import Bfd

SAYS = "TO-GATEWAY"
"""The route-map by which a guest's FRR sends as it boots, and the prefix-lists of both families that it matches."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a speaker speaks from, and to whom.

    Args:
        name: The guest's; also of its network namespace.
        host: Its host.
        vnet: Its VNet.
        vrf: Its zone's VRF on the host.
        source: Its IPv6 address.
        ipv4: Its IPv4 address.
        mac: Its MAC.
        port: Its port on the host's bridge.
        asn: Its ASN.
        router_id: Its router id.
        gateway: The gateway that it dials.
        gateway_asn: The ASN there.
    """

    name: str
    host: str
    vnet: str
    vrf: str
    source: str
    ipv4: str
    mac: str
    port: str
    asn: int
    router_id: str
    gateway: str
    gateway_asn: int

    @property
    def folder(self) -> str:
        """Where its speaker's files are on the host."""
        return f"/run/attacks/{self.name}"


def frr(place: Place, routes: Iterable[Said]) -> str:
    """Lines of `vtysh` that make the guest's own FRR announce routes, with whatever it has announced before."""
    lines, said = ["configure", f"no route-map {SAYS}"], tuple(routes)
    for seq, keyword in enumerate(("ip", "ipv6"), start=1):
        lines += [f"route-map {SAYS} permit {seq}", f"match {keyword} address prefix-list {SAYS}", "exit"]
    for number, route in enumerate(said, start=10):
        keyword = "ipv6" if ":" in route.prefix else "ip"
        lines += [
            f"{keyword} prefix-list SAID-{number} seq 5 permit {route.prefix}",
            f"route-map {SAYS} permit {number}",
            f"match {keyword} address prefix-list SAID-{number}",
            *([f"set as-path prepend {' '.join(map(str, route.path))}"] if route.path else []),
            *([f"set community {' '.join(route.communities)}"] if route.communities else []),
            *([f"set large-community {' '.join(route.large)}"] if route.large else []),
            *([f"set extcommunity rt {' '.join(route.targets)}"] if route.targets else []),
            "exit",
        ]
    # It need not have what it says that it has.
    lines += [f"router bgp {place.asn}", "no bgp network import-check"]
    for version, family in ((4, "ipv4"), (6, "ipv6")):
        lines.append(f"address-family {family} unicast")
        lines += [f"network {route.prefix}" for route in said if ip_network(route.prefix).version == version]
        lines.append("exit-address-family")
    return "\n".join((*lines, "end", "clear bgp * soft out", ""))


def bird(place: Place, routes: Iterable[Said], asn: int | None = None) -> str:
    """A configuration of BIRD 2."""
    said = tuple(routes)
    own = asn or place.asn
    lines = [
        f'log "{place.folder}/bird.log" all;',
        f"router id {place.router_id};",
        "protocol device { }",
    ]
    for version in (4, 6):
        lines.append(f"protocol static said{version} {{ ipv{version};")
        lines += [
            f"  route {route.prefix} blackhole {{ {' '.join(_bird_marks(route))} }};"
            for route in said
            if ip_network(route.prefix).version == version
        ]
        lines.append("}")
    lines += [
        "protocol bgp gateway {",
        f"  local {place.source} as {own};",
        f"  neighbor {place.gateway} as {place.gateway_asn};",
        "  hold time 9; connect delay time 1; connect retry time 1; error wait time 1, 2;",
        "  ipv6 { import all; export all; next hop self; };",
        "  ipv4 { import all; export all; next hop self; extended next hop on; };",
        "}",
    ]
    return "\n".join(lines) + "\n"


def bfd_alone(place: Place, timers: Bfd) -> str:
    """A configuration of BIRD that speaks BFD with the gateway and nothing else."""
    return f"""\
router id {place.router_id};
protocol device {{ }}
protocol bfd {{
  interface "eth0" {{ interval {timers.interval_ms} ms; multiplier {timers.multiplier}; }};
  neighbor {place.gateway} dev "eth0" local {place.source};
}}
"""


def _bird_marks(route: Said) -> Iterator[str]:
    for asn in reversed(route.path):
        yield f"bgp_path.prepend({asn});"
    for text in route.communities:
        yield f"bgp_community.add(({text.replace(':', ',')}));"
    for text in route.large:
        yield f"bgp_large_community.add(({text.replace(':', ',')}));"
    for text in route.targets:
        yield f"bgp_ext_community.add((rt,{text.replace(':', ',')}));"


def exabgp(place: Place, routes: Iterable[Said], asn: int | None = None) -> str:
    """A configuration of ExaBGP 4; of IPv6 routes alone: it has no IPv6 next hop for IPv4 ones here."""
    own = asn or place.asn
    lines = [
        f"neighbor {place.gateway} {{",
        f"  router-id {place.router_id}; local-address {place.source};",
        f"  local-as {own}; peer-as {place.gateway_asn}; hold-time 9;",
        "  family { ipv6 unicast; }",
        "  static {",
        *(f"    route {route.prefix} {' '.join(_exabgp_marks(place, own, route))};" for route in routes),
        "  }",
        "}",
    ]
    return "\n".join(lines) + "\n"


def _exabgp_marks(place: Place, own: int, route: Said) -> Iterator[str]:
    yield f"next-hop {place.source}"
    if route.path:
        yield f"as-path [ {own} {' '.join(map(str, route.path))} ]"
    if route.communities:
        yield f"community [ {' '.join(route.communities)} ]"
    if route.large:
        yield f"large-community [ {' '.join(route.large)} ]"
    if route.targets:
        yield f"extended-community [ {' '.join(f'target:{text}' for text in route.targets)} ]"
