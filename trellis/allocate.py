"""Numbers from ids: ASNs, VNIs, addresses, pod blocks, automatic RTs.

Every function takes the id of the one entry it numbers, and never a position or another entry, so that adding,
removing or reordering entries cannot change anybody else's numbers.  Whether two numbers collide is judged in
``trellis.site.checks``.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TypeVar, overload

CLUSTER_ASN_BASE = 4210000000
"""ASN of a cluster node = this + cluster id x 1000 + suffix (the seed's examples: 4210101011)."""
GUEST_ASN_BASE = 4200000000
"""ASN of another guest = this + tenant id x 1000 + suffix (the seed's example: 4200101006)."""
L2VNI_BASE = 10000
"""VNI of a tenant's VNet = this + tenant id."""
L3VNI_BASE = 4095
"""VNI of a zone's VRF = this + zone id; the first zone has Proxmox's customary 4096."""

CONTROL_PLANE_SUFFIXES = range(11, 20)
WORKER_SUFFIXES = range(21, 100)

Network = TypeVar("Network", IPv4Network, IPv6Network)


def node_asn(cluster_id: int, suffix: int) -> int:
    """Return the ASN of a cluster node.

    Args:
        cluster_id: 1-84966, so that the result stays below 2^32 - 1.
        suffix: 11-19 for a control plane, 21-99 for a worker.
    """
    return CLUSTER_ASN_BASE + cluster_id * 1000 + suffix


def guest_asn(tenant_id: int, suffix: int) -> int:
    """Return the ASN of a guest that is no cluster node.

    Args:
        tenant_id: 100-9999.
        suffix: 1-999.
    """
    return GUEST_ASN_BASE + tenant_id * 1000 + suffix


def l2vni(tenant_id: int) -> int:
    """Return the VNI of the VNet of a tenant (id 100-9999)."""
    return L2VNI_BASE + tenant_id


def l3vni(zone_id: int) -> int:
    """Return the VNI of the VRF of a zone (id 1-4000)."""
    return L3VNI_BASE + zone_id


def route_target(asn: int, vni: int) -> str:
    """Return FRR's automatic route target: the low 16 bits of the ASN, and the VNI.

    Args:
        asn: The fabric's ASN; a 4-byte one leaves only its low half (RFC 8365 section 5.1.2.1 leaves 2 octets).
        vni: The L2VNI or L3VNI.
    """
    return f"{asn & 0xFFFF}:{vni}"


@overload
def suffix_address(prefix: IPv4Network, suffix: int) -> IPv4Address: ...
@overload
def suffix_address(prefix: IPv6Network, suffix: int) -> IPv6Address: ...
def suffix_address(prefix: IPv4Network | IPv6Network, suffix: int) -> IPv4Address | IPv6Address:
    """Return the address in ``prefix`` that reads like ``suffix``: 11 is .11 and ::11.

    In IPv6 the decimal digits are read as hexadecimal ones, so that both families look alike to a person.
    The result may lie outside the prefix if it is too small; ``trellis.site.checks`` refuses that.

    Args:
        prefix: A subnet or a pool of loopbacks.
        suffix: 1-999.
    """
    if isinstance(prefix, IPv4Network):
        return prefix.network_address + suffix
    return prefix.network_address + int(str(suffix), 16)


def in_prefix(prefix: IPv6Network, address: IPv6Address) -> IPv6Address:
    """Return the address in ``prefix``, a /64, whose last 64 bits are those of ``address``.

    Args:
        prefix: A delegated prefix.
        address: The same owner's address in its VNet's own subnet.
    """
    return prefix.network_address + (int(address) & (2**64 - 1))


def pod_block(pool: Network, node_length: int, index: int) -> Network:
    """Return block number ``index`` of a pod pool.

    Args:
        pool: The cluster's pod pool.
        node_length: Prefix length of a node's block, not shorter than the pool's.
        index: From 0.

    Raises:
        IndexError: If the pool has no such block.
    """
    if not 0 <= index < pod_blocks(pool, node_length):
        raise IndexError(f"{pool} has {pod_blocks(pool, node_length)} blocks of /{node_length}, not block {index}")
    size = 1 << (pool.max_prefixlen - node_length)
    first = pool.network_address + index * size
    return type(pool)((int(first), node_length))


def pod_blocks(pool: IPv4Network | IPv6Network, node_length: int) -> int:
    """Return how many blocks of ``node_length`` a pool holds; 0 where the length is shorter than the pool's."""
    return 1 << (node_length - pool.prefixlen) if node_length >= pool.prefixlen else 0
