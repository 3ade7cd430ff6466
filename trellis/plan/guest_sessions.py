"""The BGP instance of a VRF on a host: a passive neighbour for each guest that may run there, and open VNets.

A declared guest is bound: its address, its ASN, a filter and a limit of its own (R7).  On an open VNet any other
address of the subnet is accepted as well, with the ASNs and prefixes that the VNet's policy allows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from trellis.plan import names
from trellis.plan.model import BgpInstance, Family, FamilyPeer, Session
from trellis.plan.peering import Declared, PeeringPlan, peering_plan
from trellis.plan.sessions import MAXIMUM_PATHS, UNICAST, Version
from trellis.site.model import Site
from trellis.site.resolved import AttachedGuest

Peerings = Mapping[str, PeeringPlan]
"""The policies of VNets on which somebody is heard, by the VNet's id."""

_OPEN = "OPEN"
LISTEN_LIMIT = 65535
"""Most peers that a listening VRF accepts (FRR: 1-65535, 100 by default); what bounds them is the VNet's subnet, the
limit of prefixes, and the rate at which an address may connect."""


def vrf_instance(
    site: Site, zone: str, guests: tuple[AttachedGuest, ...], peerings: Peerings, *, generated: bool
) -> BgpInstance:
    """Return the BGP instance of a zone's VRF on a host, with a session for each guest that may run there.

    Args:
        site: The site.
        zone: Id of the zone.
        guests: The zone's guests that may run on the host.
        peerings: The policies of the site's VNets.
        generated: Whether Proxmox writes the instance there.
    """
    listening = sorted(
        vnet for vnet, policy in peerings.items() if policy.mode == "open" and site.vnets[vnet].zone == zone
    )
    groups = sorted({(guest.vnet, group_kind(guest, peerings[guest.vnet])) for guest in guests})
    groups += [(vnet, _OPEN) for vnet in listening]
    return BgpInstance(
        asn=site.fabric.asn,
        vrf=names.vrf_name(zone),
        generated=generated,
        keepalive_s=site.fabric.keepalive_s,
        hold_time_s=site.fabric.hold_time_s,
        sessions=(
            *(_group(vnet, kind, peerings[vnet]) for vnet, kind in groups),
            *(_guest_session(guest, peerings[guest.vnet]) for guest in guests),
        ),
        families=(
            _family(site, "ipv4", guests, groups, peerings),
            _family(site, "ipv6", guests, groups, peerings),
            Family("l2vpn evpn", (), advertise=(("ipv4", names.EVPN_OUT), ("ipv6", names.EVPN_OUT))),
        ),
        listens=tuple(
            (str(site.vnets[vnet].subnets.ipv6.prefix), names.guest_group(vnet, _OPEN)) for vnet in listening
        ),
        listen_limit=LISTEN_LIMIT if listening else None,
    )


def group_kind(guest: AttachedGuest, policy: PeeringPlan) -> str:
    """Return which of its VNet's peer-groups a guest is in: by BFD, graceful restart, or the hold time alone."""
    if guest.resilience == "restart":
        return "GR"
    return "BFD" if policy.bfd else "HOLD"


def limits(guest: AttachedGuest, policy: PeeringPlan) -> tuple[int, int]:
    """Return how many prefixes a guest may announce, of IPv4 and of IPv6.

    A cluster's node may announce its loopbacks, its pods, and the tenant's number of services.
    """
    if guest.cluster is None:
        return policy.max_prefixes, policy.max_prefixes
    pods = 1 if guest.pods or guest.pod_pools else 0
    services = policy.max_prefixes if guest.services else 0
    own = [sum(1 for prefix in (*guest.loopbacks, *guest.extra) if prefix.version == version) for version in (4, 6)]
    return own[0] + pods + services, own[1] + pods + services


def _group(vnet: str, kind: str, policy: PeeringPlan) -> Session:
    return Session(
        names.guest_group(vnet, kind),
        is_group=True,
        external=kind == _OPEN,
        bfd_profile=names.GUEST_BFD if kind == "BFD" or (kind == _OPEN and policy.bfd) else None,
        passive=True,
        extended_nexthop=True,
        md5=policy.md5,
    )


def _guest_session(guest: AttachedGuest, policy: PeeringPlan) -> Session:
    return Session(
        str(guest.ipv6),
        remote_as=guest.asn,
        group=names.guest_group(guest.vnet, group_kind(guest, policy)),
        description=guest.name,
        graceful_restart_disabled=guest.resilience == "fast_failure",
    )


def _family(
    site: Site,
    version: Version,
    guests: tuple[AttachedGuest, ...],
    groups: Iterable[tuple[str, str]],
    peerings: Peerings,
) -> Family:
    members = (
        FamilyPeer(
            str(guest.ipv6),
            maximum_prefixes=limits(guest, peerings[guest.vnet])[0 if version == "ipv4" else 1],
            penalty_min=peerings[guest.vnet].penalty_min,
            route_map_in=names.guest_in(guest.name),
        )
        for guest in guests
    )
    return Family(
        UNICAST[version],
        (*(_group_family(site, vnet, kind, peerings[vnet]) for vnet, kind in groups), *members),
        redistribute_connected=names.CONNECTED,
        maximum_paths=MAXIMUM_PATHS,
        import_map=names.INTO_VRF,
        import_vrfs=("default",),
    )


def _group_family(site: Site, vnet: str, kind: str, policy: PeeringPlan) -> FamilyPeer:
    found, is_open = site.vnets[vnet], kind == _OPEN
    return FamilyPeer(
        names.guest_group(vnet, kind),
        activate=True,
        soft_inbound=True,
        maximum_prefixes=policy.max_prefixes if is_open else None,
        route_map_in=names.open_in(vnet) if is_open else None,
        route_map_out=names.told(found.tenant, vnet, own_policy=found.guest_bgp is not None),
        path_list_in=names.open_paths(vnet) if is_open else names.GUEST_PATHS,
    )


def peerings_of(site: Site, guests: tuple[AttachedGuest, ...]) -> dict[str, PeeringPlan]:
    """Return the policy of each VNet on which somebody is heard."""
    declared = Declared.of(guests)
    found = ((vnet, peering_plan(site, vnet, declared)) for vnet in sorted(site.vnets))
    return {vnet: policy for vnet, policy in found if policy is not None}
