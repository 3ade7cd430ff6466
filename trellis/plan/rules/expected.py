"""What the rules hold filters against: prefixes of tenants, of the infrastructure, of each guest, of upstream."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.plan.model import GuestPlan, Plan
from trellis.plan.peering import PeeringPlan
from trellis.plan.rules.filters import Span, network

DEFAULTS = ("0.0.0.0/0", "::/0")


def upstream(plan: Plan) -> set[Span | None]:
    """Return what may come from upstream: the defaults and what the site accepts from an edge, each exactly."""
    accepted = (prefix for edge in plan.edges for prefix in edge.accepts)
    return {_exactly(prefix) for prefix in (*DEFAULTS, *accepted)}


def of_guest(planned: GuestPlan) -> set[Span | None]:
    """Return what a guest may announce: host routes of its own, its pods at one length, services as host routes."""
    guest = planned.guest
    exact = {_exactly(str(prefix)) for prefix in (*guest.loopbacks, *guest.extra, *guest.pods)}
    pools = {(str(pool), length, length) for pool, length in guest.pod_pools}
    services = {(str(pool), pool.max_prefixlen, pool.max_prefixlen) for pool in guest.services}
    return {*exact, *pools, *services}


def of_open_vnet(policy: PeeringPlan) -> set[Span | None]:
    """Return what undeclared guests of an open VNet may announce, beside what is taken: its ranges at its lengths."""
    found: set[Span | None] = set()
    for prefix in policy.ranges:
        (shortest, longest), own = policy.lengths[1 if ":" in prefix else 0], network(prefix).prefixlen
        if longest >= own:
            found.add((prefix, max(shortest, own), longest))
    return found


def of_tenants(plan: Plan) -> list[str]:
    """Return prefixes that belong to tenants: subnets, and one of each guest that it may announce."""
    found = [subnet for vnet in plan.vnets for subnet in vnet.every_subnet]
    for planned in plan.guests:
        found += map(str, (*planned.guest.loopbacks[-1:], *planned.guest.extra[:1], *planned.guest.pods[:1]))
    return list(dict.fromkeys(found))


def infrastructure(plan: Plan) -> list[str]:
    """Return prefixes of the infrastructure: each range, an address in it, and every router's loopbacks."""
    return list(dict.fromkeys(_infrastructure(plan)))


def _infrastructure(plan: Plan) -> Iterator[str]:
    for prefix in plan.infrastructure:
        yield prefix
        yield f"{network(prefix).network_address}/{network(prefix).max_prefixlen}"
    for host in plan.hosts:
        yield from (f"{host.ipv4}/32", f"{host.ipv6}/128")
    for edge in plan.edges:
        yield from (f"{edge.ipv4}/32", f"{edge.ipv6}/128")


def _exactly(prefix: str) -> Span:
    length = network(prefix).prefixlen
    return prefix, length, length
