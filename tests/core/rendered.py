"""Every text that Trellis makes of a plan, for properties that must hold for all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator

from trellis.picture import draw
from trellis.plan import Plan
from trellis.render import manifest, render
from trellis.render.cilium import cilium_manifests
from trellis.render.cloud_init import user_data
from trellis.render.documents import cluster_document, edge_document, guest_document, tenant_document
from trellis.render.edge import edge_filter
from trellis.render.routeros import edge_script
from trellis.render.speakers import speaker_text
from trellis.render.talos import cluster_patch, node_patch, schematic
from trellis.site import Site

Text = tuple[str, str]
"""What a text is, the same for each host or guest, and the text."""


def texts(site: Site, planned: Plan) -> Iterator[Text]:
    """Yield each text that is rendered for a site, always in the same order; its picture comes last.

    Args:
        site: A site that was accepted.
        planned: Its plan.
    """
    for bundle in render(planned):
        yield from ((file.path, file.text) for file in bundle.files)
        yield "manifest", manifest(bundle)
    for edge in planned.edges:
        yield "edge nftables", edge_filter(planned, edge, "nftables")
        yield "edge routeros", edge_filter(planned, edge, "routeros")
        if edge.routeros is not None:
            yield "edge script", edge_script(planned, edge)
    yield from _documents(planned)
    yield from _for_machines(planned)
    yield "picture", draw(site, planned)


def _documents(planned: Plan) -> Iterator[Text]:
    """Yield the stack's outputs as the program writes them."""
    guests = [entry.guest for entry in planned.guests]
    for guest in guests:
        yield "guest", json.dumps(guest_document(planned, guest.name), indent=1)
    for tenant in sorted({vnet.tenant for vnet in planned.vnets}):
        yield "tenant", json.dumps(tenant_document(planned, tenant), indent=1)
    for edge in planned.edges:
        yield "edge", json.dumps(edge_document(planned, edge.name), indent=1)
    for cluster in sorted({guest.cluster for guest in guests if guest.cluster is not None}):
        yield "cluster", json.dumps(cluster_document(planned, cluster), indent=1)


def _for_machines(planned: Plan) -> Iterator[Text]:
    """Yield what guests boot from and Kubernetes is given, by their own lines; an output holds each as one string."""
    for cluster in planned.clusters:
        if cluster.talos is not None:
            yield "cluster patch", cluster_patch(planned, cluster.name)
            yield "schematic", schematic(planned, cluster.name)
        if cluster.cilium is not None:
            yield "cilium", cilium_manifests(planned, cluster.name)
    on_talos = {cluster.name for cluster in planned.clusters if cluster.talos is not None}
    for entry in planned.guests:
        if entry.speaker.kind != "talos-native":
            yield "speaker", speaker_text(entry.speaker)
        if entry.guest.cluster in on_talos:
            yield "node patch", node_patch(planned, entry.guest.name)
        else:
            yield "user data", user_data(planned, entry.guest.name)
