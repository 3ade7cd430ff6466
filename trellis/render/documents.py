"""Plan -> documents: what a cluster's bootstrap, a person or another stack reads as stack outputs.

JSON values only; ASNs are strings, because numbers cross stack references as doubles.
"""

from __future__ import annotations

from typing import Any

from trellis.plan.model import GuestPlan, Plan
from trellis.render.edge import FORMAT_OF_KIND, EdgeFormat, edge_filter
from trellis.render.edge_sessions import edge_sessions

SCHEMA_VERSION = 1


def cluster_document(plan: Plan, cluster: str) -> dict[str, Any]:
    """Return what the bootstrap of ``cluster`` needs: its nodes, their sessions, and the gateway.

    Args:
        plan: The plan.
        cluster: Name of the cluster.
    """
    nodes = {
        guest.guest.name: guest_document(plan, guest.guest.name)
        for guest in plan.guests
        if guest.guest.cluster == cluster
    }
    return {"schema_version": SCHEMA_VERSION, "cluster": cluster, "fabric_asn": str(plan.asn), "nodes": nodes}


def guest_document(plan: Plan, name: str) -> dict[str, Any]:
    """Return a guest's addresses, ASN, gateway and the prefixes bound to it."""
    planned = _guest(plan, name)
    guest = planned.guest
    return {
        "name": guest.name,
        "role": guest.role or "guest",
        "tenant": guest.tenant,
        "vnet": guest.vnet,
        "host": guest.host,
        "placement": list(planned.hosts),
        "asn": str(guest.asn),
        "router_id": str(guest.router_id),
        "addresses": [str(address) for address in (guest.ipv4, guest.ipv6) if address is not None],
        "loopbacks": [str(prefix) for prefix in guest.loopbacks],
        "pods": [str(prefix) for prefix in guest.pods],
        "announces": [str(prefix) for prefix in guest.extra],
        "speaker": guest.speaker,
        "resilience": guest.resilience,
        "gateway": {
            "asn": str(planned.gateway_asn),
            "ipv4": planned.gateway_ipv4,
            "ipv6": planned.gateway_ipv6,
        },
    }


def tenant_document(plan: Plan, tenant: str) -> dict[str, Any]:
    """Return a tenant's VNets with their VNIs, and the names of its guests."""
    guests = [guest.guest for guest in plan.guests if guest.guest.tenant == tenant]
    return {
        "tenant": tenant,
        "vnets": {vnet.name: vnet.vni for vnet in plan.vnets if vnet.tenant == tenant},
        "guests": [guest.name for guest in guests],
    }


def edge_document(plan: Plan, name: str, written_for: EdgeFormat | None = None) -> dict[str, Any]:
    """Return what an edge is to hold: its sessions with the hosts, and its filter, line by line so that diffs are read.

    Args:
        plan: The plan.
        name: Name of the edge.
        written_for: Who shall read its filter; by default what the edge's kind does.
    """
    edge = next(edge for edge in plan.edges if edge.name == name)
    peers = {host.name: [host.ipv4, host.ipv6] for host in plan.hosts if host.name in edge.hosts}
    return {
        "schema_version": SCHEMA_VERSION,
        "edge": name,
        "kind": edge.kind,
        "asn": str(edge.asn),
        "loopbacks": [edge.ipv4, edge.ipv6],
        "fabric_asn": str(plan.asn),
        "peers": peers,
        "accepts": list(edge.accepts),
        **({"md5": {"secret": edge.md5, "lines": list(edge_sessions(plan, edge))}} if edge.md5 else {}),
        "filter": {
            "format": written_for or FORMAT_OF_KIND[edge.kind],
            "lines": edge_filter(plan, edge, written_for).splitlines(),
        },
    }


def _guest(plan: Plan, name: str) -> GuestPlan:
    return next(guest for guest in plan.guests if guest.guest.name == name)
