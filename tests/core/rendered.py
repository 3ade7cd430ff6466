"""Every text that Trellis makes of a plan, for properties that must hold for all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from trellis.picture import draw
from trellis.plan import Plan
from trellis.render import manifest, render
from trellis.render.documents import cluster_document, edge_document, guest_document, tenant_document
from trellis.render.edge import edge_filter
from trellis.render.routeros import edge_script
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
    yield "picture", draw(site, planned)


def _documents(planned: Plan) -> Iterator[Text]:
    """Yield the stack's outputs as the program writes them, and what stands in them by its own lines, too."""
    guests = [entry.guest for entry in planned.guests]
    found = [("guest", guest_document(planned, guest.name)) for guest in guests]
    found += [
        ("tenant", tenant_document(planned, tenant)) for tenant in sorted({vnet.tenant for vnet in planned.vnets})
    ]
    found += [("edge", edge_document(planned, edge.name)) for edge in planned.edges]
    clusters = sorted({guest.cluster for guest in guests if guest.cluster is not None})
    found += [("cluster", cluster_document(planned, cluster)) for cluster in clusters]
    for what, document in found:
        yield what, json.dumps(document, indent=1)
        yield from _within(what, document)


def _within(what: str, value: Any) -> Iterator[Text]:
    """Yield the texts of several lines in a document: patches, user-data, speakers' configurations, manifests."""
    for key, held in value.items() if isinstance(value, dict) else ():
        if isinstance(held, str) and "\n" in held:
            yield f"{what}'s {key}", held
        else:
            yield from _within(what, held)
