"""Ranges of addresses keep apart: tenants' from each other's and from the infrastructure, edges' from both.

Single addresses inside their ranges are ``addresses``'s.  A range is anything of the site that is more than a name
for one guest: subnets, pools, pods, services, and of the infrastructure also each link and each router's own address.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from trellis.site.checks.addresses import infrastructure
from trellis.site.delegated import placed
from trellis.site.model import Site
from trellis.site.refusal import Refusal
from trellis.site.resolved import AnyNetwork

Range = tuple[str, AnyNetwork]
"""Path and prefix."""

_SHADOWED = "one of the two would be unreachable, or its traffic would go to the other"

# IANA's special-purpose registries (RFC 6890) and RFC 1112, 4291: nothing in them is one router's or one guest's.
_NOT_UNICAST = (
    (IPv4Network("0.0.0.0/8"), "0.0.0.0/8 means this host; FRR takes 0.0.0.0 for a router id that is not set"),
    (IPv4Network("127.0.0.0/8"), "127.0.0.0/8 is each machine's own loopback and leaves none"),
    (IPv4Network("169.254.0.0/16"), "169.254.0.0/16 is link-local and is not routed"),
    (IPv4Network("224.0.0.0/4"), "224.0.0.0/4 is multicast; FRR takes such a router id with status 0"),
    (IPv4Network("240.0.0.0/4"), "240.0.0.0/4 is reserved; Linux and routers drop it"),
    (IPv6Network("::/8"), "::/8 holds ::, ::1 and IPv4-mapped addresses"),
    (IPv6Network("fe80::/10"), "fe80::/10 is link-local and is not routed"),
    (IPv6Network("ff00::/8"), "ff00::/8 is multicast"),
)


def check(site: Site) -> Iterator[Refusal]:
    """Yield a refusal for each range that overlaps another, cannot be routed, or is an edge's to bring.

    Args:
        site: A site whose references hold.
    """
    tenants, fabric = list(of_tenants(site)), list(of_fabric(site))
    impossible: set[Range] = set()
    for found in (*tenants, *_pools(site), *_routers(site)):
        for refusal in _unicast(*found):
            impossible.add(found)
            yield refusal
    yield from _overlaps([found for found in tenants if found not in impossible], fabric)
    yield from _accepted(site, [*tenants, *fabric, *of_delegation(site)])


def of_tenants(site: Site) -> Iterator[Range]:
    """Yield every range of whichever tenant and zone: the global table and the edge hold them all."""
    pairs: list[tuple[str, AnyNetwork | None]] = []
    for name, vnet in site.vnets.items():
        pairs.append((f"vnets.{name}.subnets.ipv6.prefix", vnet.subnets.ipv6.prefix))
        pairs.append((f"vnets.{name}.subnets.ipv4.prefix", vnet.subnets.ipv4.prefix if vnet.subnets.ipv4 else None))
    pools = [(f"tenants.{name}.loopbacks", tenant.loopbacks) for name, tenant in site.tenants.items()]
    pools += [(f"clusters.{name}.services", cluster.services) for name, cluster in site.clusters.items()]
    for path, pool in pools:
        if pool is not None:
            pairs += [(f"{path}.ipv4", pool.ipv4), (f"{path}.ipv6", pool.ipv6)]
    for name, cluster in site.clusters.items():
        pods = cluster.pods
        pairs.append((f"clusters.{name}.pods.ipv4.pool", pods.ipv4.pool if pods.ipv4 else None))
        pairs.append((f"clusters.{name}.pods.ipv6.pool", pods.ipv6.pool if pods.ipv6 else None))
    return ((path, prefix) for path, prefix in pairs if prefix is not None)


def of_fabric(site: Site) -> Iterator[Range]:
    """Yield what belongs to the infrastructure, each prefix once: it may hold itself several times."""
    found: dict[AnyNetwork, str] = {}
    for path, prefix in (*infrastructure(site), *_routers(site), *_links(site), *_management(site)):
        found.setdefault(prefix, path)
    return ((path, prefix) for prefix, path in found.items())


def of_delegation(site: Site) -> Iterator[Range]:
    """Yield the delegated prefixes, which overlap nothing else (``trellis.site.checks.delegated``)."""
    return (found for name, vnet in site.delegated.items() for found in placed(f"delegated.{name}", vnet))


def _pools(site: Site) -> Iterator[Range]:
    """Yield where hosts have their loopbacks; other infrastructure is filtered only, whatever it is."""
    yield "fabric.loopbacks.ipv4", site.fabric.loopbacks.ipv4
    yield "fabric.loopbacks.ipv6", site.fabric.loopbacks.ipv6


def _routers(site: Site) -> Iterator[Range]:
    for name, edge in site.edges.items():
        yield f"edges.{name}.loopback.ipv4", IPv4Network(edge.loopback.ipv4)
        yield f"edges.{name}.loopback.ipv6", IPv6Network(edge.loopback.ipv6)


def _links(site: Site) -> Iterator[Range]:
    for name, link in site.links.items():
        for end_name, end in link.ends.items():
            for family, interface in (("ipv4", end.ipv4), ("ipv6", end.ipv6)):
                if interface is not None and not interface.is_link_local:
                    yield f"links.{name}.ends.{end_name}.{family}", interface.network


def _management(site: Site) -> Iterator[Range]:
    for name, host in site.hosts.items():
        try:
            yield f"hosts.{name}.ssh.address", ip_network(ip_address(host.ssh.address))
        except ValueError:
            continue  # a name, which only a resolver knows


def _unicast(path: str, prefix: AnyNetwork) -> Iterator[Refusal]:
    for special, why in _NOT_UNICAST:
        if special.version == prefix.version and special.overlaps(prefix):
            yield Refusal(
                path,
                str(prefix),
                "loopbacks, subnets, pods and services are ordinary unicast addresses",
                why if special.prefixlen <= prefix.prefixlen else f"it holds what nobody may have: {why}",
                "take a private or a global range, as in 10.0.0.0/8 (RFC 1918) or fd00::/8 (RFC 4193)",
            )
            return


def _overlaps(tenants: list[Range], fabrics: list[Range]) -> Iterator[Refusal]:
    """Yield a refusal for each tenant's range that overlaps another range; a fabric's own may hold one another."""
    tagged = [(False, *found) for found in tenants] + [(True, *found) for found in fabrics]
    for family in (IPv4Network, IPv6Network):
        ordered = sorted(
            (int(prefix.network_address), prefix.prefixlen, path, fabric, prefix)
            for fabric, path, prefix in tagged
            if isinstance(prefix, family)
        )
        # The furthest end so far of a tenant's range, and of one of the fabric.
        furthest: dict[bool, tuple[int, str, AnyNetwork]] = {}
        for first, _, path, fabric, prefix in ordered:
            last = int(prefix.broadcast_address)
            if fabric and True in furthest and last <= furthest[True][0]:
                continue  # part of a larger range of the fabric, which speaks for it
            for of_other, (other_last, other_path, other) in furthest.items():
                if first <= other_last and not (fabric and of_other):
                    # The tenant is told of the fabric; of two tenants the later path.
                    here, there = (path, prefix, fabric), (other_path, other, of_other)
                    blamed, holder = sorted((here, there), key=lambda found: (not found[2], found[0]), reverse=True)
                    yield Refusal(
                        blamed[0],
                        str(blamed[1]),
                        f"no two ranges overlap; {holder[0]} is {holder[1]}",
                        _SHADOWED,
                        "choose a range of its own",
                    )
            if fabric not in furthest or last > furthest[fabric][0]:
                furthest[fabric] = (last, path, prefix)


def _accepted(site: Site, ranges: list[Range]) -> Iterator[Refusal]:
    """Refuse what an edge would bring and the site has itself (incident I6); a wider prefix is fine."""
    for name, edge in site.edges.items():
        for position, prefix in enumerate(edge.accepts):
            if prefix.prefixlen == 0:
                yield Refusal(
                    f"edges.{name}.accepts.{position}",
                    str(prefix),
                    "what is listed here is accepted beside the default, which always is; nothing permits any prefix",
                    "an edge that may bring anything can draw the fabric's own traffic to itself",
                    "leave it out, or name the prefixes that are meant",
                )
            for path, own in ranges:
                if prefix.version == own.version and prefix.subnet_of(own):  # type: ignore[arg-type]
                    yield Refusal(
                        f"edges.{name}.accepts.{position}",
                        str(prefix),
                        f"what an edge may bring lies in no range of the site (R5); {path} is {own}",
                        "the edge's route would draw what belongs to this site's own routers or guests",
                        "leave it out",
                    )
