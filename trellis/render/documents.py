"""Plan -> documents: what a cluster's bootstrap, a person or another stack reads as stack outputs.

JSON values only; ASNs are strings, because numbers cross stack references as doubles.  A text that needs a secret holds
its placeholder: values are put in where Pulumi keeps them secret (``components.tenancy``).  Deliberately elsewhere: the
shape of what a bootstrap reads (``trellis.contract``), and every text in it (``talos``, ``cilium``, ``cloud_init``,
``speakers``).
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from trellis import contract
from trellis.plan.model import GuestPlan, Plan
from trellis.render.cilium import cilium_manifests
from trellis.render.cloud_init import user_data
from trellis.render.edge import FORMAT_OF_KIND, EdgeFormat, edge_filter
from trellis.render.edge_sessions import edge_sessions
from trellis.render.speakers import speaker_text
from trellis.render.talos import cluster_patch, node_patch, schematic
from trellis.render.talos.cluster import endpoint

EDGE_SCHEMA_VERSION = 1

_PLACEHOLDER = re.compile(r"\{\{secret:([a-z0-9-]+)\}\}")


def cluster_document(plan: Plan, cluster: str) -> dict[str, Any]:
    """Return what the bootstrap of ``cluster`` needs, as ``trellis.contract.Cluster`` says it.

    Args:
        plan: The plan.
        cluster: Name of the cluster.
    """
    shared = next(found for found in plan.clusters if found.name == cluster)
    planned = {guest.guest.name: guest for guest in plan.guests if guest.guest.cluster == cluster}
    nodes = {name: _node(plan, guest, on_talos=shared.talos is not None) for name, guest in planned.items()}
    on_talos = shared.talos is not None
    return contract.Cluster(
        schema_version=contract.SCHEMA_VERSION,
        cluster=cluster,
        tenant=shared.tenant,
        vnet=shared.vnet,
        fabric_asn=str(plan.asn),
        gateway=_gateway_on(plan, shared.vnet),
        endpoint=endpoint(plan, shared) if shared.controlplanes else None,
        endpoints=tuple(str(planned[name].guest.ipv6) for name in shared.controlplanes),
        vip=shared.vip,
        controlplanes=shared.controlplanes,
        workers=shared.workers,
        nodes=nodes,
        pods=tuple(contract.PodPool(pool=pool, node_length=length) for pool, length in shared.pods),
        services=shared.services,
        talos_release=shared.talos.release if shared.talos is not None else None,
        patch=cluster_patch(plan, cluster) if on_talos else None,
        schematic=schematic(plan, cluster) if on_talos else None,
        manifests=cilium_manifests(plan, cluster) or None,
        secrets=secrets_in(*(node.patch or node.user_data or "" for node in nodes.values())),
    ).model_dump(mode="json")


def guest_document(plan: Plan, name: str) -> dict[str, Any]:
    """Return a guest's addresses, ASN, gateway and the prefixes bound to it, and what a plain VM boots from.

    Args:
        plan: The plan.
        name: Name of the guest; of a cluster's node the texts are in its cluster's document.
    """
    planned = next(guest for guest in plan.guests if guest.guest.name == name)
    if planned.guest.cluster is not None:
        return contract.Attached(**_attached(planned)).model_dump(mode="json")
    texts = _texts(plan, planned)
    return contract.Guest(**_attached(planned), **texts).model_dump(mode="json")


def secrets_in(*texts: str) -> tuple[str, ...]:
    """Return the names of the secrets whose placeholders stand in some texts, sorted.

    Args:
        texts: The texts.
    """
    return tuple(sorted({name for text in texts for name in _PLACEHOLDER.findall(text)}))


def _node(plan: Plan, planned: GuestPlan, *, on_talos: bool) -> contract.Node:
    if on_talos:
        patch = node_patch(plan, planned.guest.name)
        return contract.Node(**_attached(planned), **{**_NO_TEXTS, "digest": _digest(patch)}, patch=patch)
    return contract.Node(**_attached(planned), **_texts(plan, planned), patch=None)


def _attached(planned: GuestPlan) -> dict[str, Any]:
    guest = planned.guest
    return {
        "name": guest.name,
        "role": guest.role or "guest",
        "tenant": guest.tenant,
        "vnet": guest.vnet,
        "host": guest.host,
        "placement": planned.hosts,
        "asn": str(guest.asn),
        "router_id": str(guest.router_id),
        "addresses": _addresses(planned),
        "loopbacks": tuple(map(str, guest.loopbacks)),
        "pods": tuple(map(str, guest.pods)),
        "announces": tuple(map(str, guest.extra)),
        "speaker": guest.speaker,
        "resilience": guest.resilience,
        "gateway": contract.Gateway(asn=str(planned.gateway_asn), ipv4=planned.gateway_ipv4, ipv6=planned.gateway_ipv6),
        "card": contract.NetworkCard(
            mac=planned.machine.mac,
            vmid=guest.vmid,
            nic=guest.nic,
            name=planned.machine.interface,
            mtu=planned.machine.mtu,
            addresses=planned.machine.addresses,
            gateways=planned.machine.gateways,
            shared=planned.machine.shared,
        ),
    }


_NO_TEXTS: dict[str, Any] = {"speaker_config": None, "user_data": None, "digest": None}


def _texts(plan: Plan, planned: GuestPlan) -> dict[str, Any]:
    """Return what a machine without Talos boots from; nothing where it is of a speaker that only Talos has."""
    kind = planned.speaker.kind
    if kind == "talos-native":
        return _NO_TEXTS
    text = user_data(plan, planned.guest.name)
    config = contract.SpeakerConfig(kind=kind, text=speaker_text(planned.speaker))
    return {"speaker_config": config, "user_data": text, "digest": _digest(text)}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _addresses(planned: GuestPlan) -> tuple[str, ...]:
    return tuple(str(address) for address in (planned.guest.ipv4, planned.guest.ipv6) if address is not None)


def _gateway_on(plan: Plan, vnet: str) -> contract.Gateway:
    gateways = next(found for found in plan.vnets if found.name == vnet).gateways
    ipv4 = next((gateway for gateway in gateways if ":" not in gateway), None)
    return contract.Gateway(asn=str(plan.asn), ipv4=ipv4, ipv6=next(found for found in gateways if ":" in found))


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
        "schema_version": EDGE_SCHEMA_VERSION,
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
