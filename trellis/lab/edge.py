"""The edge routers of a lab: FRR in a namespace of the machine, and what lies behind them.

An edge plays the part that RouterOS has at home: OSPF on its segments, eBGP multihop with every host's
loopbacks, the default route and what else the site accepts from it, as long as the way upstream is there.  Its
text is written here, from the site alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_interface

from trellis import allocate
from trellis.site import Site
from trellis.site.model import Edge

AnyNetwork = IPv4Network | IPv6Network

DAEMONS = ("bgpd", "ospfd", "ospf6d", "bfdd")
UPSTREAM = ("203.0.113.1", "2001:db8:ffff::1")
"""Addresses of a host on the internet (RFC 5737, RFC 3849)."""


def upstream_link(number: int) -> tuple[tuple[str, str], tuple[str, str]]:
    """Addresses on the cable between edge `number` (from 0) and the upstream: the edge's pair, the upstream's."""
    return (
        (f"198.51.100.{4 * number + 1}/30", f"2001:db8:fffe:{number:x}::1/64"),
        (f"198.51.100.{4 * number + 2}/30", f"2001:db8:fffe:{number:x}::2/64"),
    )


def edge_config(site: Site, name: str, secrets: Mapping[str, str] | None = None) -> str:
    """The frr.conf of an edge.

    Args:
        site: The site.
        name: The edge.
        secrets: The value of each secret that the site names: an edge's owner knows the key of its sessions.
    """
    edge = site.edges[name]
    number = sorted(site.edges).index(name)
    _, (gateway4, gateway6) = upstream_link(number)
    brought = _brought(edge)
    blocks = (
        _header(name, brought, {4: ip_interface(gateway4).ip, 6: ip_interface(gateway6).ip}),
        *_interfaces(site, name),
        *_bgp(site, edge, brought, (secrets or {}).get(edge.md5 or "")),
        *_filters(brought),
        *_bfd(site),
        *_routers(edge.loopback.ipv4),
    )
    return "\n!\n".join(blocks) + "\n"


def _brought(edge: Edge) -> tuple[AnyNetwork, ...]:
    """What an edge announces: the default of both families, and what the site accepts beside it."""
    return (IPv4Network("0.0.0.0/0"), IPv6Network("::/0"), *edge.accepts)


def _header(name: str, brought: tuple[AnyNetwork, ...], gateways: dict[int, IPv4Address | IPv6Address]) -> str:
    routes = (
        f"{'ip' if prefix.version == 4 else 'ipv6'} route {prefix} {gateways[prefix.version]}" for prefix in brought
    )
    header = ("frr defaults datacenter", f"hostname {name}", "log syslog informational")
    # A dead host's loopback is not to be looked for upstream.
    lookups = ("no ip nht resolve-via-default", "no ipv6 nht resolve-via-default")
    return "\n".join((*header, "service integrated-vtysh-config", *lookups, *routes))


def _interfaces(site: Site, name: str) -> Iterator[str]:
    yield ("interface lo\n ip ospf area 0.0.0.0\n ip ospf passive\n ipv6 ospf6 area 0.0.0.0\n ipv6 ospf6 passive\nexit")
    for link in site.links.values():
        if name in link.ends:
            kind = " ip ospf network point-to-point\n ipv6 ospf6 network point-to-point\n"
            yield (
                f"interface {link.ends[name].interface}\n"
                f" ip ospf area 0.0.0.0\n ip ospf bfd\n ip ospf bfd profile links\n ip ospf cost {link.cost}\n"
                " ipv6 ospf6 area 0.0.0.0\n ipv6 ospf6 bfd\n ipv6 ospf6 bfd profile links\n"
                f" ipv6 ospf6 cost {link.cost}\n"
                f"{kind if link.kind == 'point-to-point' else ''}exit"
            )


def _bgp(site: Site, edge: Edge, brought: tuple[AnyNetwork, ...], key: str | None) -> Iterator[str]:
    fabric = site.fabric
    groups = (
        ("HOSTS4", edge.loopback.ipv4, fabric.loopbacks.ipv4),
        ("HOSTS6", edge.loopback.ipv6, fabric.loopbacks.ipv6),
    )
    lines = [
        f"router bgp {edge.asn}",
        f" bgp router-id {edge.loopback.ipv4}",
        " no bgp default ipv4-unicast",
        " bgp bestpath as-path multipath-relax",
        f" timers bgp {fabric.keepalive_s} {fabric.hold_time_s}",
    ]
    for group, source, pool in groups:
        lines += [
            f" neighbor {group} peer-group",
            f" neighbor {group} remote-as {fabric.asn}",
            f" neighbor {group} bfd",
            f" neighbor {group} bfd profile hosts",
            f" neighbor {group} ebgp-multihop {edge.max_hops}",
            f" neighbor {group} update-source {source}",
            f" neighbor {group} timers connect 2",
            *([f" neighbor {group} password {key}"] if key else []),
        ]
        for host in site.hosts.values():
            lines.append(f" neighbor {allocate.suffix_address(pool, host.id)} peer-group {group}")
    for version, group in ((4, "HOSTS4"), (6, "HOSTS6")):
        lines += [
            f" address-family ipv{version} unicast",
            *(f"  network {prefix}" for prefix in brought if prefix.version == version),
            f"  neighbor {group} activate",
            f"  neighbor {group} route-map TO-HOSTS out",
            f"  neighbor {group} route-map FROM-HOSTS in",
            "  maximum-paths 16",
            " exit-address-family",
        ]
    yield "\n".join((*lines, "exit"))


def _filters(brought: tuple[AnyNetwork, ...]) -> Iterator[str]:
    """Out goes what the edge brings and nothing that it learned; what the hosts send is theirs to filter."""
    lists = (
        f"{'ip' if prefix.version == 4 else 'ipv6'} prefix-list BROUGHT seq {5 * number} permit {prefix}"
        for number, prefix in enumerate(brought, start=1)
    )
    yield "\n".join(lists)
    yield (
        "route-map FROM-HOSTS permit 10\nexit\n"
        "route-map TO-HOSTS permit 10\n match ip address prefix-list BROUGHT\nexit\n"
        "route-map TO-HOSTS permit 20\n match ipv6 address prefix-list BROUGHT\nexit"
    )


def _bfd(site: Site) -> Iterator[str]:
    profiles = (
        f" profile {name}\n  detect-multiplier {bfd.multiplier}\n"
        f"  transmit-interval {bfd.interval_ms}\n  receive-interval {bfd.interval_ms}\n exit\n"
        for name, bfd in (("hosts", site.fabric.multihop_bfd), ("links", site.fabric.bfd))
    )
    yield f"bfd\n{''.join(profiles)}exit"


def _routers(router_id: IPv4Address | IPv6Address) -> Iterator[str]:
    yield f"router ospf\n ospf router-id {router_id}\nexit"
    yield f"router ospf6\n ospf6 router-id {router_id}\nexit"
