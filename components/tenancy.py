"""Tenants, guests, clusters and edges: no resources of their own, but what changes for each is seen in a preview.

Their sessions and filters are part of the hosts' bundles; their outputs are what people and other stacks read.
"""

from __future__ import annotations

import json

import pulumi

from trellis.plan import Plan
from trellis.render.documents import cluster_document, edge_document, guest_document, tenant_document


class Tenant(pulumi.ComponentResource):
    """A tenant: its VNets, and what its guests may announce."""

    def __init__(self, name: str, plan: Plan, opts: pulumi.ResourceOptions | None = None) -> None:
        document = tenant_document(plan, name)
        super().__init__("trellis:tenancy:Tenant", name, {"document": document}, opts)
        self.register_outputs({"document": document})


class Guest(pulumi.ComponentResource):
    """A guest: its session, its addresses, and the prefixes bound to it."""

    def __init__(self, name: str, plan: Plan, opts: pulumi.ResourceOptions | None = None) -> None:
        document = guest_document(plan, name)
        super().__init__("trellis:tenancy:Guest", name, {"document": document}, opts)
        self.register_outputs({"document": document})


class Cluster(pulumi.ComponentResource):
    """A cluster: one JSON document with all that its bootstrap needs."""

    def __init__(self, name: str, plan: Plan, opts: pulumi.ResourceOptions | None = None) -> None:
        self.document = json.dumps(cluster_document(plan, name), indent=2)
        super().__init__("trellis:tenancy:Cluster", name, {"document": self.document}, opts)
        self.register_outputs({"document": self.document})


class Edge(pulumi.ComponentResource):
    """An edge: its sessions and its filter, which its owner puts there; what would change is seen in a preview."""

    def __init__(self, name: str, plan: Plan, opts: pulumi.ResourceOptions | None = None) -> None:
        self.document = json.dumps(edge_document(plan, name), indent=2)
        super().__init__("trellis:tenancy:Edge", name, {"document": self.document}, opts)
        self.register_outputs({"document": self.document})
