"""The addresses and ranges that a site's nouns have, of one family or of both.

Rules between them, such as that no two overlap, stand in ``trellis.site.checks``.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from trellis.site.noun import Noun
from trellis.site.scalars import V4Address, V4Prefix, V6Address, V6Prefix


class DualStackPool(Noun):
    """One range per family from which addresses are taken by id."""

    ipv4: V4Prefix
    """The IPv4 range."""
    ipv6: V6Prefix
    """The IPv6 range."""


class EdgeLoopback(Noun):
    """An edge router's loopback addresses, from which it speaks BGP."""

    ipv4: V4Address
    """Its IPv4 loopback."""
    ipv6: V6Address
    """Its IPv6 loopback."""


class V4Subnet(Noun):
    """An IPv4 subnet of a VNet and its anycast gateway."""

    prefix: V4Prefix
    """The subnet; the address of each guest's suffix is in it."""
    gateway: V4Address
    """The address that every host of the zone has there; guests have it as their way out."""


class V6Subnet(Noun):
    """An IPv6 subnet of a VNet and its anycast gateway."""

    prefix: V6Prefix
    """The subnet; the address of each guest's suffix is in it."""
    gateway: V6Address
    """The address that every host of the zone has there; guests peer with it."""


class Subnets(Noun):
    """The subnets of a VNet: IPv6 always, since guests peer over it; IPv4 where wanted."""

    ipv4: V4Subnet | None = None
    """The IPv4 subnet; without it guests have no IPv4 address there."""
    ipv6: V6Subnet
    """The IPv6 subnet."""


class TenantPool(Noun):
    """Ranges per family that a tenant's guests may take host routes from."""

    ipv4: V4Prefix | None = None
    """The IPv4 range; without it there are no IPv4 host routes."""
    ipv6: V6Prefix
    """The IPv6 range."""


class GuestAddresses(Noun):
    """A guest's own addresses, where they do not follow from its suffix."""

    ipv4: V4Address | None = None
    """The IPv4 address; none means that there is none."""
    ipv6: V6Address
    """The IPv6 address."""


class V4Pods(Noun):
    """The IPv4 pod range of a cluster and the length of each node's part."""

    pool: V4Prefix
    """The range of all nodes."""
    node_length: Annotated[int, Field(ge=8, le=32)] = 24
    """Prefix length of a node's part, 8-32, not shorter than the pool's; announced at exactly this length (R7)."""


class V6Pods(Noun):
    """The IPv6 pod range of a cluster and the length of each node's part."""

    pool: V6Prefix
    """The range of all nodes."""
    node_length: Annotated[int, Field(ge=16, le=128)] = 64
    """Prefix length of a node's part, 16-128, not shorter than the pool's; announced at exactly this length (R7)."""


class Pods(Noun):
    """Pod ranges per family."""

    ipv4: V4Pods | None = None
    """IPv4 pods; none means that there are none."""
    ipv6: V6Pods | None = None
    """IPv6 pods; none means that there are none."""
