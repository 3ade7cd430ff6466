"""Tenants, guests, clusters and edges: no resources of their own, but what changes for each is seen in a preview.

Their sessions and filters are part of the hosts' bundles; their outputs are what people and other stacks read.  A
component shows its texts with the placeholders of secrets; an output that needs a value holds it, and is secret.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pulumi

from trellis.agent.vault import PLACEHOLDER
from trellis.plan import Plan
from trellis.render.documents import cluster_document, edge_document, guest_document, tenant_document

_TEXTS = ("patch", "user_data", "speaker_config", "schematic", "manifests")
"""Keys of a document that hold what a machine boots from, or what is applied to a cluster."""


class Tenant(pulumi.ComponentResource):
    """A tenant: its VNets, and what its guests may announce."""

    def __init__(self, name: str, plan: Plan, opts: pulumi.ResourceOptions | None = None) -> None:
        document = tenant_document(plan, name)
        super().__init__("trellis:tenancy:Tenant", name, {"document": document}, opts)
        self.register_outputs({"document": document})


class Guest(pulumi.ComponentResource):
    """A guest: its session, its addresses, the prefixes bound to it, and what it boots from if it is a plain VM."""

    def __init__(self, name: str, plan: Plan, opts: pulumi.ResourceOptions | None = None) -> None:
        document = guest_document(plan, name)
        facts, texts = apart(document)
        super().__init__("trellis:tenancy:Guest", name, {"document": facts, **texts}, opts)
        self.exported = document
        self.register_outputs({"document": facts})


class Cluster(pulumi.ComponentResource):
    """A cluster: one JSON document with all that its bootstrap needs.

    Args:
        name: Name of the cluster.
        plan: The plan.
        values: Values of secrets by name, those of hosts among them.
        opts: Options of the component.
    """

    def __init__(
        self, name: str, plan: Plan, values: Mapping[str, str], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        document = cluster_document(plan, name)
        facts, texts = apart(document)
        shown = json.dumps(facts, indent=2)
        super().__init__("trellis:tenancy:Cluster", name, {"document": shown, **texts}, opts)
        self.exported = with_values(json.dumps(document, indent=2), values)
        self.register_outputs({"document": shown})


class Edge(pulumi.ComponentResource):
    """An edge: its sessions and its filter, which its owner puts there; what would change is seen in a preview."""

    def __init__(self, name: str, plan: Plan, opts: pulumi.ResourceOptions | None = None) -> None:
        self.exported = json.dumps(edge_document(plan, name), indent=2)
        super().__init__("trellis:tenancy:Edge", name, {"document": self.exported}, opts)
        self.register_outputs({"document": self.exported})


def tenancy(plan: Plan, tenants: Iterable[str], values: Mapping[str, str]) -> Iterator[tuple[str, pulumi.Input[str]]]:
    """Make the component of every tenant, guest, cluster and edge, and yield the stack's outputs.

    Args:
        plan: The plan.
        tenants: Names of all tenants, those without a VNet among them.
        values: Values of secrets by name.
    """
    for name in sorted(tenants):
        Tenant(name, plan)
    guests = {guest.guest.name: Guest(guest.guest.name, plan).exported for guest in plan.guests}
    for cluster in plan.clusters:
        yield f"cluster_{cluster.name}", Cluster(cluster.name, plan, values).exported
    for edge in plan.edges:
        yield f"edge_{edge.name}", Edge(edge.name, plan).exported
    yield "guests", with_values(json.dumps(guests), values)


def with_values(text: str, values: Mapping[str, str]) -> str | pulumi.Output[str]:
    """Return a text with the values of secrets in the place of their placeholders, as a secret; else as it is.

    Args:
        text: The text; JSON and YAML take every character that a value may have as it is.
        values: Values by name, each that the text needs among them.
    """

    def value_of(found: re.Match[str]) -> str:
        return values[found.group(1)]

    filled, count = PLACEHOLDER.subn(value_of, text)
    return pulumi.Output.secret(filled) if count else text


def apart(document: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a document without its texts, and its texts by what they are, each with a heading.

    The engine shows the difference of two YAML texts by their keys, and a list's by numbers: one file that is put
    before others changes them all.  With a heading a text is no YAML, and is shown by line (docs/decisions/0006).

    Args:
        document: A cluster's or a guest's.
    """
    facts: dict[str, Any] = {key: value for key, value in document.items() if key not in _TEXTS}
    texts = {
        key: f"{key} of {document.get('name') or document['cluster']}\n{document[key]}"
        for key in ("patch", "user_data", "schematic", "manifests")
        if document.get(key) is not None
    }
    for name, node in document.get("nodes", {}).items():
        below, its = apart(node)
        facts["nodes"] = {**facts["nodes"], name: below}
        texts |= {f"{name}.{key}": text for key, text in its.items()}
    return facts, texts
