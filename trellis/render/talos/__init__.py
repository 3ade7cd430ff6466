"""Plan -> Talos machine configuration: strategic-merge patches of a node and of a cluster, and an image's schematic.

Everything is built as data and dumped; no text is quoted by hand.  What a node's speaker says stands in
``trellis.render.speakers``; whether Talos takes what is written here is asked of Talos itself (``trellis.verify``), and
what it would never take is refused with the site (``trellis.site.checks.machines``).
"""

from __future__ import annotations

from trellis.plan.model import Plan
from trellis.render.talos.cluster import cluster_documents, schematic_document
from trellis.render.talos.node import node_documents
from trellis.render.yaml_text import one_document, several_documents

__all__ = ["cluster_patch", "node_patch", "schematic"]


def node_patch(plan: Plan, node: str) -> str:
    """Return the strategic-merge patch of a node, as YAML of several documents.

    The key of its session is not in it: a placeholder is, which components replace.

    Args:
        plan: The plan.
        node: Name of a node of a cluster that runs Talos.

    Raises:
        ValueError: There is no such node, or it does not run Talos.
    """
    return several_documents(node_documents(plan, node))


def cluster_patch(plan: Plan, cluster: str) -> str:
    """Return the strategic-merge patch that all nodes of a cluster share, as YAML of one document or several.

    Args:
        plan: The plan.
        cluster: Name of a cluster that runs Talos.

    Raises:
        ValueError: There is no such cluster, or it does not run Talos.
    """
    return several_documents(cluster_documents(plan, cluster))


def schematic(plan: Plan, cluster: str) -> str:
    """Return the Image Factory schematic of a cluster's nodes, as YAML.

    Args:
        plan: The plan.
        cluster: Name of a cluster that runs Talos.

    Raises:
        ValueError: There is no such cluster, or it does not run Talos.
    """
    lacking, document = schematic_document(plan, cluster)
    return "".join(f"# {line}\n" for line in lacking) + one_document(document)
