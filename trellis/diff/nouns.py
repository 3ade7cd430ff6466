"""Zones, VNets, guests, leaks and the rest, each as its attributes in words; two plans' compared by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from trellis.diff.model import Change, Value, What
from trellis.plan.delegated import AdvertisementPlan
from trellis.plan.model import GuestPlan, LinkPlan, Plan, VnetPlan

Attributes = Mapping[str, str | None]
"""Text of each attribute by its name, in the order in which people ask for them; None where there is none."""


def noun_changes(before: Plan, after: Plan) -> tuple[Change, ...]:
    """Return which nouns of a plan come, go and are changed.

    Args:
        before: The plan as it was.
        after: The plan as it will be.
    """
    return tuple(change for kind, of in _KINDS.items() for change in compared(kind, dict(of(before)), dict(of(after))))


def compared(kind: str, before: Mapping[str, Attributes], after: Mapping[str, Attributes]) -> Iterator[Change]:
    """Yield the changes of one kind of noun, by name.

    Args:
        kind: The noun.
        before: Those that there were.
        after: Those that there will be.
    """
    for name in sorted({*before, *after}):
        values = values_of(before.get(name, {}), after.get(name, {}))
        if values or (name in before) != (name in after):
            yield Change(kind, name, what_of(name in before, name in after), values)


def what_of(was: bool, will: bool) -> What:
    """Return what becomes of something that was there, or will be, or both."""
    return "changed" if was and will else "added" if will else "removed"


def values_of(before: Attributes, after: Attributes) -> tuple[Value, ...]:
    """Return the attributes that differ.

    Args:
        before: As they were.
        after: As they will be.
    """
    order = after if len(after) >= len(before) else before
    names = (*order, *sorted({*before, *after} - set(order)))
    found = (Value(name, before.get(name), after.get(name)) for name in names)
    return tuple(value for value in found if value.before != value.after)


def _fabric(plan: Plan) -> Iterator[tuple[str, Attributes]]:
    if plan.site_name:
        yield (
            plan.site_name,
            {
                "ASN": str(plan.asn),
                "infrastructure": _listed(plan.infrastructure),
                "if a host fails": {"keep": "those before it are kept", "roll_back": "all of the run go back"}[
                    plan.rollout.on_failure
                ],
                "to be confirmed within": f"{plan.rollout.confirm_within_s} s",
                "sessions back within": f"{plan.rollout.sessions_within_s} s",
            },
        )


def _hosts(plan: Plan) -> Iterator[tuple[str, Attributes]]:
    for host in plan.hosts:
        maintenance = dict(plan.rollout.maintenance).get(host.name)
        yield (
            host.name,
            {
                "kind": host.kind,
                "Proxmox": host.pve_version,
                "FRR": host.frr_version,
                "loopbacks": f"{host.ipv4} {host.ipv6}",
                "zones": _listed(sorted(vrf.zone for vrf in host.vrfs)),
                "maintenance": maintenance,
            },
        )


def _links(plan: Plan) -> Iterator[tuple[str, Attributes]]:
    for link in plan.links:
        yield link.name, {"kind": link.kind, "cost": str(link.cost), "MTU": str(link.mtu), **dict(_ends(link))}


def _ends(link: LinkPlan) -> Iterator[tuple[str, str]]:
    for end in sorted(link.ends, key=lambda end: end.node):
        yield f"end {end.node}", " ".join(filter(None, (end.interface, end.ipv4, end.ipv6)))


def _edges(plan: Plan) -> Iterator[tuple[str, Attributes]]:
    for edge in plan.edges:
        yield (
            edge.name,
            {
                "kind": edge.kind,
                "ASN": str(edge.asn),
                "loopbacks": f"{edge.ipv4} {edge.ipv6}",
                "MD5": signed(edge.md5),
                "accepts beside the default": _listed(edge.accepts),
                "hosts": _listed(edge.hosts),
            },
        )


def signed(secret: str | None) -> str:
    """Return whether TCP MD5 signs a session, and by which secret's name."""
    return f"on, by the secret {secret}" if secret else "off"


def _zones(plan: Plan) -> Iterator[tuple[str, Attributes]]:
    vrfs = {vrf.zone: vrf for host in plan.hosts for vrf in host.vrfs}
    prefixes = {zone.zone: zone.prefixes for zone in plan.firewall.zones}
    for zone in plan.zones:
        yield (
            zone.name,
            {
                "VRF": zone.vrf,
                "L3VNI": str(zone.l3vni),
                "RT": vrfs[zone.name].route_target if zone.name in vrfs else None,
                "MTU": str(zone.mtu),
                "VTEP": zone.vtep,
                "hosts": _listed(zone.hosts),
                "RD": _listed(
                    f"{host.name} {vrf.route_distinguisher}"
                    for host in plan.hosts
                    for vrf in host.vrfs
                    if vrf.zone == zone.name
                ),
                "guests may use": _listed(prefixes.get(zone.name, ())),
            },
        )


def _vnets(plan: Plan) -> Iterator[tuple[str, Attributes]]:
    for vnet in plan.vnets:
        yield (
            vnet.name,
            {
                "zone": vnet.zone,
                "tenant": vnet.tenant,
                "VNI": str(vnet.vni),
                "RT": vnet.route_target,
                "subnets": _listed(vnet.subnets),
                "gateways": _listed(vnet.gateways),
                "loopbacks": _listed(vnet.loopbacks),
                **_peering(vnet),
            },
        )


def _peering(vnet: VnetPlan) -> Attributes:
    policy = vnet.peering
    if policy is None:
        return {"guest BGP": "off"}
    (short4, long4), (short6, long6) = policy.lengths
    of_anybody = {
        "ASNs": f"{policy.first_asn}-{policy.last_asn}",
        "prefix lengths": f"IPv4 {short4}-{long4}, IPv6 {short6}-{long6}",
    }
    return {
        "guest BGP": policy.mode,
        **(of_anybody if policy.mode == "open" else {}),
        "most prefixes": str(policy.max_prefixes),
        "penalty": f"{policy.penalty_min} min",
        "BFD": "on" if policy.bfd else "off",
        "MD5": signed(policy.md5),
        "classes": _listed(map(str, policy.classes)),
    }


def _delegated(plan: Plan) -> Iterator[tuple[str, Attributes]]:
    for vnet in plan.vnets:
        for subnet in vnet.delegated:
            yield f"{subnet.prefix} of {vnet.name}", {"state": subnet.state, "gateway": subnet.gateway}


def _told(plan: Plan) -> Iterator[tuple[str, Attributes]]:
    for vnet in plan.vnets:
        if vnet.advertisement is not None:
            yield vnet.name, dict(_advertised(vnet.advertisement))


def _advertised(told: AdvertisementPlan) -> Iterator[tuple[str, str]]:
    yield "sender", told.sender
    yield "every", f"{told.min_interval_s}-{told.max_interval_s} s"
    yield "default router for", f"{told.router_lifetime_s} s"
    yield "resolvers", " ".join(told.resolvers) or "none"
    for prefix in told.prefixes:
        state = "deprecated" if prefix.deprecated else f"valid {prefix.valid_s} s, preferred {prefix.preferred_s} s"
        yield f"prefix {prefix.prefix}", state


def _guests(plan: Plan) -> Iterator[tuple[str, Attributes]]:
    for planned in plan.guests:
        yield planned.guest.name, _guest(planned)


def _guest(planned: GuestPlan) -> Attributes:
    guest = planned.guest
    pools = (f"{pool} of length {length}" for pool, length in guest.pod_pools)
    return {
        "host": guest.host,
        "VNet": guest.vnet,
        "cluster": guest.cluster,
        "role": guest.role,
        "ASN": str(guest.asn),
        "addresses": " ".join(map(str, filter(None, (guest.ipv4, guest.ipv6, *guest.global_ipv6)))),
        "loopbacks": _listed(map(str, guest.loopbacks)),
        "pods": _listed((*map(str, guest.pods), *pools)),
        "services": _listed(map(str, guest.services)),
        "announces also": _listed(map(str, guest.extra)),
        "shares": _listed(map(str, guest.shared)),
        "may run on": _listed(planned.hosts),
        "most prefixes": "IPv4 {}, IPv6 {}".format(*planned.limits),
        "resilience": guest.resilience,
        "speaker": guest.speaker,
        "MAC": guest.mac,
        "number in Proxmox": None if guest.vmid is None else f"{guest.vmid}, net{guest.nic}",
        "global address by": "advertisements" if guest.slaac else None,
    }


def _leaks(plan: Plan) -> Iterator[tuple[str, Attributes]]:
    for leak in plan.firewall.leaks:
        sides = zip(leak.zones, leak.prefixes, strict=True)
        yield leak.name, {"between": _listed(leak.zones), **{f"of {zone}": _listed(own) for zone, own in sides}}


def _services(plan: Plan) -> Iterator[tuple[str, Attributes]]:
    for service in plan.firewall.services:
        yield (
            service.name,
            {
                "from": _listed(service.vnets),
                "to": _listed(service.to) or "the guest's host, by its gateway addresses",
                "ports": f"{service.protocol} {' '.join(map(str, service.ports))}",
            },
        )


def _listed(texts: Iterable[str]) -> str | None:
    return " ".join(texts) or None


_KINDS: Mapping[str, Callable[[Plan], Iterator[tuple[str, Attributes]]]] = {
    "site": _fabric,
    "host": _hosts,
    "link": _links,
    "edge": _edges,
    "zone": _zones,
    "VNet": _vnets,
    "delegated prefix": _delegated,
    "router advertisement": _told,
    "guest": _guests,
    "leak": _leaks,
    "service": _services,
}
"""The nouns, in the order in which they are told."""
