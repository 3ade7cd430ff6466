"""Rules over what keeps tenants, zones and the infrastructure apart, and over edges and address ranges."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network

from trellis.plan import Plan
from trellis.policy import parameters
from trellis.policy.found import Found, below
from trellis.site.resolved import AnyNetwork
from trellis.site.territory import within


def zones_apart(plan: Plan, given: parameters.ZonesApart) -> Iterator[Found]:
    """Yield leaks between zones that are to stay apart."""
    for leak in plan.firewall.leaks:
        if set(leak.zones) <= set(given.zones):
            place = f"leaks.{leak.name}"
            limit = f"no leak between two of {', '.join(sorted(given.zones))}"
            yield Found(place, " and ".join(leak.zones), limit, f"remove {place}")


def one_tenant_per_zone(plan: Plan, given: parameters.OneTenantPerZone) -> Iterator[Found]:
    """Yield zones that hold VNets of several tenants."""
    for zone in plan.zones:
        tenants = sorted({vnet.tenant for vnet in plan.vnets if vnet.zone == zone.name})
        if len(tenants) > 1 and zone.name not in given.except_zones:
            remedy = "give each of them a zone of its own; `leaks` joins what has to meet"
            yield Found(f"zones.{zone.name}.shared", ", ".join(tenants), "one tenant", remedy)


def closed_ports(plan: Plan, given: parameters.ClosedPorts) -> Iterator[Found]:
    """Yield services of hosts and infrastructure that guests may reach and may not."""
    closed = {"tcp": given.tcp, "udp": given.udp}
    for service in plan.firewall.services:
        opened = sorted(set(service.ports) & set(closed[service.protocol]))
        if opened:
            place = f"firewall.{service.name}.ports"
            shut = ", ".join(map(str, sorted(closed[service.protocol])))
            said = f"{service.protocol} {', '.join(map(str, opened))}"
            yield Found(place, said, f"none of {service.protocol} {shut}", f"remove them from {place}")


def forbidden_prefixes(plan: Plan, given: parameters.ForbiddenPrefixes) -> Iterator[Found]:
    """Yield ranges of tenants, and what edges bring, that overlap a forbidden range."""
    for place, prefix in sorted(set(_ranges(plan)), key=lambda found: (found[0], str(found[1]))):
        for forbidden in given.prefixes:
            if prefix.version == forbidden.version and prefix.overlaps(forbidden):
                yield Found(place, str(prefix), f"nothing of {forbidden}", f"choose another range for {place}")


def _ranges(plan: Plan) -> Iterator[tuple[str, AnyNetwork]]:
    """Yield every range that guests use or edges bring, with its place."""
    for vnet in plan.vnets:
        for subnet in map(ip_network, vnet.subnets):
            yield f"vnets.{vnet.name}.subnets.ipv{subnet.version}.prefix", subnet
        yield from ((f"delegated.{vnet.name}", ip_network(subnet.prefix)) for subnet in vnet.delegated)
        for pool in map(ip_network, vnet.loopbacks):
            yield f"tenants.{vnet.tenant}.loopbacks.ipv{pool.version}", pool
    for cluster in plan.clusters:
        for pool in (ip_network(prefix) for prefix, _ in cluster.pods):
            yield f"clusters.{cluster.name}.pods.ipv{pool.version}.pool", pool
        for pool in map(ip_network, cluster.services):
            yield f"clusters.{cluster.name}.services.ipv{pool.version}", pool
    for one in plan.guests:
        yield from ((f"{one.guest.path}.announces", prefix) for prefix in one.guest.extra)
    for edge in plan.edges:
        yield from ((f"edges.{edge.name}.accepts", ip_network(prefix)) for prefix in edge.accepts)


def brought_by_edges(plan: Plan, given: parameters.BroughtByEdges) -> Iterator[Found]:
    """Yield what edges may bring and may not."""
    limit = f"within {', '.join(map(str, given.within))}" if given.within else "the default alone"
    for edge in plan.edges:
        for prefix in map(ip_network, edge.accepts):
            if not any(within(prefix, outer) for outer in given.within):
                place = f"edges.{edge.name}.accepts"
                yield Found(place, str(prefix), limit, f"remove {prefix} from {place}")


def least_edges(plan: Plan, given: parameters.LeastEdges) -> Iterator[Found]:
    """Yield a site with fewer edges than it must have."""
    for found in below("edges", len(plan.edges), given.edges, "edges"):
        yield Found(found.place, found.value, found.limit, "add an edge; hosts speak with each of them")
