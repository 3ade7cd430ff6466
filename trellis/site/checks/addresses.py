"""Addresses lie where they must, and nobody holds another's: gateways, guests, loopbacks, pods.

Whether whole ranges keep apart is judged in ``ranges``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from trellis import allocate
from trellis.site.checks.numbers import collisions
from trellis.site.model import Cluster, Site
from trellis.site.ranges import V4Subnet, V6Subnet
from trellis.site.refusal import Refusal
from trellis.site.resolved import AnyNetwork, AttachedGuest, peering_policy, policy_path

_SHADOWED = "one of the two would be unreachable, or its traffic would go to the other"


def check(site: Site, guests: tuple[AttachedGuest, ...]) -> Iterator[Refusal]:
    """Yield a refusal for each address that is out of place or taken.

    Args:
        site: A site whose references hold.
        guests: Its guests and nodes, resolved.
    """
    yield from _fabric(site)
    for vnet_id, vnet in site.vnets.items():
        for family, subnet in (("ipv4", vnet.subnets.ipv4), ("ipv6", vnet.subnets.ipv6)):
            if subnet is not None:
                yield from _gateway(f"vnets.{vnet_id}.subnets.{family}", subnet)
    for name, cluster in site.clusters.items():
        yield from _pods(name, cluster)
    yield from _room(site, guests)
    for guest in guests:
        yield from _guest(site, guest)
    yield from _taken(site, guests)
    yield from _wide(site, guests)


def infrastructure(site: Site) -> tuple[tuple[str, AnyNetwork], ...]:
    """Return path and prefix of everything that counts as infrastructure."""
    pools = site.fabric.loopbacks
    return (
        ("fabric.loopbacks.ipv4", pools.ipv4),
        ("fabric.loopbacks.ipv6", pools.ipv6),
        *((f"fabric.infrastructure.{i}", prefix) for i, prefix in enumerate(site.fabric.infrastructure)),
    )


def _fabric(site: Site) -> Iterator[Refusal]:
    pools = site.fabric.loopbacks
    claims: list[tuple[str, object]] = []
    numbered: set[tuple[object, int]] = set()
    for name, host in site.hosts.items():
        for pool in (pools.ipv4, pools.ipv6):
            address = allocate.suffix_address(pool, host.id)
            if (address, host.id) not in numbered:  # two hosts with one id are refused for that alone
                numbered.add((address, host.id))
                claims.append((f"hosts.{name}.id", address))
            if address not in pool:
                yield Refusal(
                    f"hosts.{name}.id",
                    str(host.id),
                    f"the host's loopback {address} lies in the fabric's pool {pool}",
                    "OSPF and the filters know the pool only",
                    "choose a smaller id, or widen fabric.loopbacks",
                )
    for name, edge in site.edges.items():
        claims += [
            (f"edges.{name}.loopback.ipv4", edge.loopback.ipv4),
            (f"edges.{name}.loopback.ipv6", edge.loopback.ipv6),
        ]
    yield from collisions(claims, "loopback", "routers with one address take each other's sessions", "change one")


def _gateway(path: str, subnet: V4Subnet | V6Subnet) -> Iterator[Refusal]:
    prefix, gateway = subnet.prefix, subnet.gateway
    if gateway not in prefix:
        yield Refusal(
            f"{path}.gateway",
            str(gateway),
            f"the gateway lies in its subnet {prefix}",
            "guests could never resolve it",
            "choose an address of the subnet",
        )
    elif gateway == prefix.network_address or (isinstance(prefix, IPv4Network) and gateway == prefix.broadcast_address):
        yield Refusal(
            f"{path}.gateway",
            str(gateway),
            f"the gateway is neither the first address of {prefix} nor, in IPv4, the last",
            "these are the network and broadcast addresses (IPv6: the subnet-router anycast, RFC 4291)",
            "choose another address of the subnet",
        )


def _room(site: Site, guests: tuple[AttachedGuest, ...]) -> Iterator[Refusal]:
    """Refuse a subnet with fewer addresses than its gateway and its guests need."""
    needed = Counter((guest.vnet, 6) for guest in guests)
    needed.update((guest.vnet, 4) for guest in guests if guest.ipv4 is not None)
    for name, vnet in site.vnets.items():
        for family, subnet in (("ipv4", vnet.subnets.ipv4), ("ipv6", vnet.subnets.ipv6)):
            if subnet is None:
                continue
            prefix = subnet.prefix
            usable = max(prefix.num_addresses - (2 if prefix.version == 4 else 1), 0)
            count = needed[name, prefix.version]
            if usable < count + 1:
                yield Refusal(
                    f"vnets.{name}.subnets.{family}.prefix",
                    str(prefix),
                    f"a subnet holds its gateway and all of its guests: {count + 1} addresses; it has {usable}",
                    "the last guests would have no address, or another's",
                    "widen the subnet",
                )


def _pods(name: str, cluster: Cluster) -> Iterator[Refusal]:
    for family, pods in (("ipv4", cluster.pods.ipv4), ("ipv6", cluster.pods.ipv6)):
        if pods is None:
            continue
        blocks = allocate.pod_blocks(pods.pool, pods.node_length)
        if pods.node_length < pods.pool.prefixlen:
            yield Refusal(
                f"clusters.{name}.pods.{family}.node_length",
                str(pods.node_length),
                f"a node's part is not shorter than the pool {pods.pool}",
                "filters would hold a ge below the prefix's length: FRR takes it with status 0 and drops other entries",
                f"choose a node_length of {pods.pool.prefixlen} or more",
            )
        elif blocks < len(cluster.nodes):
            yield Refusal(
                f"clusters.{name}.pods.{family}.pool",
                str(pods.pool),
                f"the pool has a /{pods.node_length} for each of the {len(cluster.nodes)} nodes; it holds {blocks}",
                "the last nodes would get no pods, or another node's",
                "widen the pool, or lengthen node_length",
            )
        for node_name, node in cluster.nodes.items():
            if node.pod_block is not None and node.pod_block >= blocks > 0:
                yield Refusal(
                    f"clusters.{name}.nodes.{node_name}.pod_block",
                    str(node.pod_block),
                    f"blocks of {pods.pool} are numbered 0-{blocks - 1}",
                    "the node's pods would lie outside the pool",
                    "choose a free block",
                )
    claims = [
        (f"clusters.{name}.nodes.{node_name}.pod_block", node.pod_block)
        for node_name, node in cluster.nodes.items()
        if node.pod_block is not None
    ]
    yield from collisions(
        claims, f"pod block of {name}", "two nodes would announce the same pods", "choose a free block"
    )


def _guest(site: Site, guest: AttachedGuest) -> Iterator[Refusal]:
    subnets = site.vnets[guest.vnet].subnets
    for family, subnet, address in (("ipv4", subnets.ipv4, guest.ipv4), ("ipv6", subnets.ipv6, guest.ipv6)):
        if address is None:
            continue
        if subnet is None or address not in subnet.prefix:
            yield Refusal(
                guest.path,
                str(address),
                f"a guest's address lies in its VNet's subnet {subnet.prefix if subnet else '(there is none)'}",
                "its gateway would not be on its link",
                f"change the suffix, set addresses.{family}, or widen vnets.{guest.vnet}.subnets.{family}",
            )
        elif address == subnet.gateway:
            yield Refusal(
                guest.path,
                str(address),
                "a guest does not have its gateway's address",
                "every host holds that address",
                "choose another suffix or address",
            )
    pools = site.tenants[guest.tenant].loopbacks
    for loopback in guest.loopbacks:
        pool = (pools.ipv4 if isinstance(loopback, IPv4Network) else pools.ipv6) if pools else None
        if pool is None or not _within(loopback, pool):
            yield Refusal(
                f"{guest.path}.loopback",
                str(loopback.network_address),
                f"a guest's loopback lies in its tenant's range {pool or '(there is none)'}",
                "filters accept that range only",
                f"change the suffix or the loopback, or widen tenants.{guest.tenant}.loopbacks",
            )
    yield from _announced(site, guest)


def _announced(site: Site, guest: AttachedGuest) -> Iterator[Refusal]:
    subnets, lengths = site.vnets[guest.vnet].subnets, peering_policy(site, guest.vnet).prefix_lengths
    for index, prefix in enumerate(guest.extra):
        family = subnets.ipv6 if isinstance(prefix, IPv6Network) else subnets.ipv4
        subnet = family.prefix if family is not None else None
        found = lengths.ipv6 if isinstance(prefix, IPv6Network) else lengths.ipv4
        allowed = found.shortest, found.longest
        if subnet is None or not _within(prefix, subnet) or not allowed[0] <= prefix.prefixlen <= allowed[1]:
            meant = f"/{allowed[0]}" if allowed[0] == allowed[1] else f"/{allowed[0]} to /{allowed[1]}"
            yield Refusal(
                f"{guest.path}.announces.{index}",
                str(prefix),
                f"what a guest announces beside its loopbacks is {meant} of its VNet's subnet {subnet}",
                "anything wider would draw others' traffic",
                f"announce prefixes of that length, or widen {policy_path(site, guest.vnet)}.prefix_lengths",
            )


def _wide(site: Site, guests: tuple[AttachedGuest, ...]) -> Iterator[Refusal]:
    """Refuse an announced prefix, wider than a host route, in which somebody else has an address."""
    for guest in guests:
        for prefix in (prefix for prefix in guest.extra if prefix.num_addresses > 1):
            for owner, address in _in_vnet(site, guest.vnet, guests):
                if owner != guest.path and address in prefix:
                    yield Refusal(
                        f"{guest.path}.announces.{guest.extra.index(prefix)}",
                        str(prefix),
                        f"what a guest announces holds nobody else's address; {address} is of {owner}",
                        _SHADOWED,
                        "announce narrower prefixes",
                    )


def _in_vnet(
    site: Site, vnet: str, guests: tuple[AttachedGuest, ...]
) -> Iterator[tuple[str, IPv4Address | IPv6Address]]:
    for family, subnet in (("ipv4", site.vnets[vnet].subnets.ipv4), ("ipv6", site.vnets[vnet].subnets.ipv6)):
        if subnet is not None:
            yield f"vnets.{vnet}.subnets.{family}.gateway", subnet.gateway
    for guest in (guest for guest in guests if guest.vnet == vnet):
        yield from ((guest.path, address) for address in (guest.ipv4, guest.ipv6) if address is not None)
        yield from ((guest.path, prefix.network_address) for prefix in guest.extra)


def _within(inner: AnyNetwork, outer: AnyNetwork) -> bool:
    return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]


def _taken(site: Site, guests: tuple[AttachedGuest, ...]) -> Iterator[Refusal]:
    addresses: list[tuple[str, object]] = []
    for guest in guests:
        addresses += [(guest.path, address) for address in (guest.ipv4, guest.ipv6) if address is not None]
        addresses += [(guest.path, route.network_address) for route in (*guest.loopbacks, *guest.extra)]
    yield from collisions(addresses, "guest's address", _SHADOWED, "choose another suffix or address")
    yield from collisions(
        ((f"{guest.path}.mac", guest.mac) for guest in guests),
        "MAC address",
        "bridges and EVPN would move it from one guest to the other with every frame",
        "take the address of the guest's network card",
    )
