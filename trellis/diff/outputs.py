"""What differs of a stack's outputs: the documents that clusters and guests boot from, and what edges are to hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from trellis.diff.model import OutputChange
from trellis.diff.nouns import what_of
from trellis.plan.model import EdgePlan, Plan
from trellis.render.documents import cluster_document, edge_document, guest_document
from trellis.render.edge import edge_filter
from trellis.render.edge_sessions import edge_sessions
from trellis.render.routeros import edge_script

Document = dict[str, Any]


def output_changes(before: Plan, after: Plan) -> tuple[OutputChange, ...]:
    """Return the documents that differ: clusters, then guests, then edges, each by name.

    Args:
        before: The plan as it was.
        after: The plan as it will be.
    """
    return (
        *_changes("cluster", _clusters, before, after),
        *_changes("guest", _guests, before, after),
        *_changes("edge", _edges, before, after),
    )


def edge_texts(plan: Plan) -> dict[tuple[str, str], str]:
    """Return what each edge runs or is to hold, by its name and a file's.

    Args:
        plan: The plan.
    """
    return {(edge.name, f"{edge.name}.{'rsc' if edge.routeros else 'nft'}"): _text(plan, edge) for edge in plan.edges}


def _text(plan: Plan, edge: EdgePlan) -> str:
    if edge.routeros is not None:
        return edge_script(plan, edge)
    return "".join(f"{line}\n" for line in edge_sessions(plan, edge)) + edge_filter(plan, edge, None)


def _clusters(plan: Plan) -> dict[str, Document]:
    """Return each cluster's document, its nodes as parts of their own."""
    found = {}
    for cluster in plan.clusters:
        document = cluster_document(plan, cluster.name)
        nodes = {f"node {name}": node for name, node in document.pop("nodes").items()}
        found[cluster.name] = document | nodes
    return found


def _guests(plan: Plan) -> dict[str, Document]:
    alone = (planned.guest.name for planned in plan.guests if planned.guest.cluster is None)
    return {name: guest_document(plan, name) for name in alone}


def _edges(plan: Plan) -> dict[str, Document]:
    texts = {name: text for (name, _), text in edge_texts(plan).items()}
    return {edge.name: edge_document(plan, edge.name) | {"script": texts[edge.name]} for edge in plan.edges}


def _changes(
    kind: Any, documents: Callable[[Plan], dict[str, Document]], before: Plan, after: Plan
) -> Iterator[OutputChange]:
    was, will = documents(before), documents(after)
    for name in sorted({*was, *will}):
        old, new = was.get(name, {}), will.get(name, {})
        parts = tuple(sorted(key for key in {*old, *new} if old.get(key) != new.get(key)))
        if parts:
            yield OutputChange(kind, name, what_of(name in was, name in will), parts if old and new else ())
