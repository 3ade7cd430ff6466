"""Rules over guests: what is accepted from them, who they may be, how they are attached, and what they are told."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network

from trellis.plan import Plan
from trellis.plan.model import VnetPlan
from trellis.plan.names import CLASSES
from trellis.plan.peering import PeeringPlan
from trellis.policy import parameters
from trellis.policy.found import Found, above, below

_CLASS_NAMES = {number: name for name, number in CLASSES.items()}


def widest_guest_prefix(plan: Plan, given: parameters.WidestGuestPrefix) -> Iterator[Found]:
    """Yield what guests may announce that is wider than it may be; their loopbacks and services are host routes."""
    least = {4: given.ipv4_length, 6: given.ipv6_length}
    for one in plan.guests:
        place = f"{one.guest.path}.announces"
        for prefix in one.guest.extra:
            remedy = f"remove it from {place}, or name longer prefixes of it"
            yield from _wider(place, str(prefix), prefix.prefixlen, least[prefix.version], remedy)
    for cluster in plan.clusters:
        for pool, length in cluster.pods:
            network = ip_network(pool)
            place = f"clusters.{cluster.name}.pods.ipv{network.version}.node_length"
            remedy = f"raise {place}; each node then has fewer pods"
            yield from _wider(place, f"/{length} of {pool}", length, least[network.version], remedy)
    for vnet, policy in _heard(plan):
        ranges = [ip_network(prefix) for prefix in policy.ranges]  # none where nobody undeclared is heard
        for version, (shortest, _) in zip((4, 6), policy.lengths, strict=True):
            place = f"{vnet.policy_path}.prefix_lengths.ipv{version}.shortest"
            remedy = f"raise {place}"
            for widest in sorted({max(shortest, own.prefixlen) for own in ranges if own.version == version})[:1]:
                yield from _wider(place, f"/{widest} of {vnet.name}'s ranges", widest, least[version], remedy)


def _wider(place: str, value: str, length: int, limit: int | None, remedy: str) -> Iterator[Found]:
    if limit is not None and length < limit:
        yield Found(place, value, f"/{limit} or longer", remedy)


def forbidden_asns(plan: Plan, given: parameters.ForbiddenAsns) -> Iterator[Found]:
    """Yield speakers that have a forbidden ASN, and ranges of undeclared guests that hold one."""
    speakers = [("fabric.asn", plan.asn), *((f"edges.{edge.name}.asn", edge.asn) for edge in plan.edges)]
    speakers += [(f"{one.guest.path}.asn", one.guest.asn) for one in plan.guests]
    for forbidden in given.ranges:
        limit = f"none of {forbidden.first}-{forbidden.last}"
        for place, asn in speakers:
            if forbidden.first <= asn <= forbidden.last:
                yield Found(place, str(asn), limit, f"set {place} to another ASN, or change the ids it follows from")
        for vnet, policy in _heard(plan):
            if policy.mode != "open":
                continue
            if policy.first_asn <= forbidden.last and forbidden.first <= policy.last_asn:
                place = f"{vnet.policy_path}.asns"
                yield Found(place, f"{policy.first_asn}-{policy.last_asn}", limit, f"choose another range for {place}")


def declared_guests_only(plan: Plan, given: parameters.DeclaredGuestsOnly) -> Iterator[Found]:
    """Yield policies under which anybody may speak."""
    for vnet, policy in _heard(plan):
        if policy.mode == "open" and vnet.tenant not in given.except_tenants:
            place = f"{vnet.policy_path}.mode"
            yield Found(
                place, "open", "bound", f"set {place}: bound, and declare its guests: `trellis guests discover`"
            )


def most_prefixes(plan: Plan, given: parameters.MostPrefixes) -> Iterator[Found]:
    """Yield policies and cluster nodes that may announce more prefixes than they may."""
    for vnet, policy in _heard(plan):
        yield from above(f"{vnet.policy_path}.max_prefixes", policy.max_prefixes, given.per_session, "prefixes")
    for one in plan.guests:
        most = max(one.limits)
        if one.guest.cluster is not None and most > given.per_session:
            limit = f"at most {given.per_session} prefixes"
            remedy = "lower the tenant's guest_bgp.max_prefixes, which is a node's number of services"
            yield Found(one.guest.path, f"{most} prefixes of one family", limit, remedy)


def least_penalty(plan: Plan, given: parameters.LeastPenalty) -> Iterator[Found]:
    """Yield policies that let a guest back in sooner than they may."""
    for vnet, policy in _heard(plan):
        yield from below(f"{vnet.policy_path}.penalty_min", policy.penalty_min, given.penalty_min, "minutes")


def guest_classes(plan: Plan, given: parameters.GuestClasses) -> Iterator[Found]:
    """Yield classes that guests may ask for and may not."""
    limit = f"none but {', '.join(sorted(given.allowed))}" if given.allowed else "none"
    for vnet, policy in _heard(plan):
        asked = [_CLASS_NAMES[number] for number in policy.classes]
        for name in (name for name in asked if name not in given.allowed):
            place = f"{vnet.policy_path}.classes"
            yield Found(place, name, limit, f"remove {name} from {place}")


def ports_bound(plan: Plan, given: parameters.PortsBound) -> Iterator[Found]:
    """Yield guests whose MAC and addresses are tied to no port."""
    del given
    for one in plan.guests:
        if one.guest.vmid is None:
            place = f"{one.guest.path}.vmid"
            remedy = f"set {place} to its number in Proxmox: `trellis guests discover` finds it by its MAC"
            yield Found(place, "nothing", "the guest's number in Proxmox", remedy)


def least_placement(plan: Plan, given: parameters.LeastPlacement) -> Iterator[Found]:
    """Yield guests that may run on fewer hosts than they must."""
    for one in plan.guests:
        if len(one.hosts) < given.hosts:
            place = f"{one.guest.path}.placement"
            remedy = f"name more hosts in {place}, or in zones.{one.guest.zone}.nodes"
            yield Found(place, f"{len(one.hosts)}: {', '.join(one.hosts)}", f"at least {given.hosts} hosts", remedy)


def least_lifetimes(plan: Plan, given: parameters.LeastLifetimes) -> Iterator[Found]:
    """Yield VNets whose guests forget a prefix sooner than they may."""
    for vnet in plan.vnets:
        if vnet.advertisement is None or vnet.advertisement.sender == "proxmox":
            continue
        place = f"vnets.{vnet.name}.router_advertisements"
        told = [prefix for prefix in vnet.advertisement.prefixes if not prefix.deprecated]
        for valid_s in {prefix.valid_s for prefix in told}:
            yield from below(f"{place}.valid_lifetime_s", valid_s, given.valid_s, "s")
        for preferred_s in {prefix.preferred_s for prefix in told}:
            yield from below(f"{place}.preferred_lifetime_s", preferred_s, given.preferred_s, "s")


def _heard(plan: Plan) -> Iterator[tuple[VnetPlan, PeeringPlan]]:
    """Yield the VNets on which somebody is heard, with the policy there."""
    for vnet in plan.vnets:
        if vnet.peering is not None:
            yield vnet, vnet.peering
