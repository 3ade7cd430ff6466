"""Names and communities that the rendered configuration carries.

All names of ours begin with ``TL-``, so that they never meet an operator's or Proxmox's own.  Filters decide on
standard communities, whose lists survive Proxmox's merge; the large community is for others to read.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

FABRIC_GROUP = "TL-FABRIC"
VTEP_GROUP = "VTEP"
"""Proxmox's own name of the EVPN controller's peer-group."""

LINK_BFD = "tl-link"
MULTIHOP_BFD = "tl-multihop"
GUEST_BFD = "tl-guest"

UPSTREAM = "TL-UPSTREAM"
INFRASTRUCTURE = "TL-INFRASTRUCTURE"
SUBNETS = "TL-SUBNETS"
LEARNED_HERE = "TL-LEARNED-HERE"
EXPORTED = "TL-EXPORTED"
TENANTS = "TL-TENANTS"
"""The community-list of tenants' classes: whatever a guest announced, on whichever host."""
GUEST_PATHS = "TL-GUEST-PATHS"
"""The AS-path list of every guest: paths without an ASN of the infrastructure."""

EDGE_IN = "TL-EDGE-IN"
EDGE_OUT = "TL-EDGE-OUT"
FABRIC_IN = "TL-FABRIC-IN"
FABRIC_OUT = "TL-FABRIC-OUT"
CONNECTED = "TL-CONNECTED"
FROM_VRFS = "TL-FROM-VRFS"
INTO_VRF = "TL-INTO-VRF"
EVPN_OUT = "TL-EVPN-OUT"
NEXT_HOPS = "TL-NEXTHOPS"
"""The route-map of the routes by which next hops are looked up."""


def vrf_name(zone: str) -> str:
    """Return the name that Proxmox gives the VRF of a zone."""
    return f"vrf_{zone}"


def guest_group(vnet: str, kind: str) -> str:
    """Return the peer-group of a VNet's guests of one kind: ``BFD``, ``GR``, ``HOLD`` or ``OPEN``."""
    return f"TL-{vnet}-{kind}"


def open_in(vnet: str) -> str:
    """Return the route-map for what undeclared guests of an open VNet announce; its prefix-lists share its stem."""
    return f"TL-V-{vnet}-IN"


def open_list(vnet: str, what: str) -> str:
    """Return the prefix-list of what undeclared guests may announce (``OPEN``), or what others have (``TAKEN``)."""
    return f"TL-V-{vnet}-{what}"


def open_paths(vnet: str) -> str:
    """Return the AS-path list of the ASNs that undeclared guests of a VNet may have."""
    return f"TL-V-{vnet}-PATHS"


def class_list(route_class: int) -> str:
    """Return the community-list of a class that guests may ask for."""
    return f"TL-CLASS-{route_class}"


def guest_in(name: str) -> str:
    """Return the route-map for what a guest announces; its prefix-lists share its stem."""
    return f"TL-G-{name}-IN"


def guest_list(name: str, what: str) -> str:
    """Return the prefix-list of a guest's loopbacks (``LO``) or pods (``PODS``)."""
    return f"TL-G-{name}-{what}"


def service_list(cluster: str) -> str:
    """Return the prefix-list of a cluster's service addresses."""
    return f"TL-C-{cluster}-SERVICES"


def tenant_out(tenant: str) -> str:
    """Return the route-map for what a tenant's guests are told."""
    return f"TL-T-{tenant}-OUT"


def vnet_out(vnet: str) -> str:
    """Return the route-map for what guests of a VNet with a policy of its own are told."""
    return f"TL-V-{vnet}-OUT"


def told(tenant: str, vnet: str, *, own_policy: bool) -> str:
    """Return the route-map for what guests of a VNet are told: its own where it has a policy of its own."""
    return vnet_out(vnet) if own_policy else tenant_out(tenant)


def tenant_loopbacks(tenant: str) -> str:
    """Return the prefix-list of a tenant's loopbacks."""
    return f"TL-T-{tenant}-LOOPBACKS"


@dataclass(frozen=True, slots=True)
class Marks:
    """The communities of a site.

    Attributes:
        mark_asn: First half of standard communities (16 bits).
        fabric_asn: First part of large communities.
    """

    mark_asn: int
    fabric_asn: int

    @property
    def learned_here(self) -> str:
        """The mark of a route that a guest on this very host announced; it never leaves the host."""
        return f"{self.mark_asn}:1"

    @property
    def connected_here(self) -> str:
        """The mark of a VNet's subnet, which every host of the zone is attached to."""
        return f"{self.mark_asn}:2"

    def standard(self, route_class: int) -> str:
        """Return the standard community of a class."""
        return f"{self.mark_asn}:{route_class}"

    def large(self, route_class: int) -> str:
        """Return the large community of a class."""
        return f"{self.fabric_asn}:0:{route_class}"


INTERNAL, TENANT, PUBLIC, FABRIC = 100, 101, 200, 900
"""Classes of routes: pods, tenants' own, public services, the fabric's default."""

CLASSES = {"internal": INTERNAL, "tenant": TENANT, "public": PUBLIC}
"""The classes of guests' routes by the names that a site has for them."""

DEFAULT_ROUTES = (IPv4Network("0.0.0.0/0"), IPv6Network("::/0"))
