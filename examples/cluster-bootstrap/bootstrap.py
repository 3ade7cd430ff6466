"""A cluster's document -> files and the commands that boot the cluster from them; a value in, a value out.

Deliberately elsewhere: the cluster's own secrets, which `talosctl gen secrets` makes and nobody but its owner has.
"""

from __future__ import annotations

import json
import shlex
from typing import Any

import pulumi

from trellis.contract import Cluster, ContractError, Node, read_cluster

INSTALLER = "factory.talos.dev/metal-installer"


def bootstrap(text: str) -> dict[str, Any]:
    """Return the files, commands and nodes of a cluster.

    Args:
        text: The document, as the network's stack exports it.

    Returns:
        ``files``: name -> text. ``commands``: lines for a shell in the folder of these files, in their order.
        ``nodes``: what tells one node, and a change of it, from another; no text of the document.

    Raises:
        pulumi.RunError: The document is of another version, or of a cluster that does not run Talos.
    """
    try:
        cluster = read_cluster(text)
    except ContractError as error:
        raise pulumi.RunError(str(error)) from None
    if cluster.endpoint is None or cluster.patch is None or cluster.schematic is None or cluster.talos_release is None:
        raise pulumi.RunError(
            f"cluster {cluster.cluster} has nothing for talosctl: it runs no Talos, or has no control plane; "
            "its nodes' user_data goes to cloud-init as it is"
        )
    return {"files": _files(cluster), "commands": _commands(cluster), "nodes": _nodes(cluster)}


def _in_order(cluster: Cluster) -> list[Node]:
    """Return the nodes, control planes first: workers join what these have begun."""
    return [cluster.nodes[name] for name in (*cluster.controlplanes, *cluster.workers)]


def _files(cluster: Cluster) -> dict[str, str]:
    patches = {f"patches/{node.name}.yaml": node.patch or "" for node in _in_order(cluster)}
    cilium = {"cilium.yaml": cluster.manifests} if cluster.manifests is not None else {}
    shared = {"cluster.yaml": cluster.patch or "", "schematic.yaml": cluster.schematic or ""}
    return {**shared, **patches, **cilium}


def _bound(cluster: Cluster) -> list[Node]:
    """Return the nodes whose pod prefixes the site says."""
    return [node for node in _in_order(cluster) if node.pods]


def _nodes(cluster: Cluster) -> dict[str, dict[str, Any]]:
    return {
        node.name: {
            "role": node.role,
            "host": node.host,
            "asn": node.asn,
            "addresses": list(node.addresses),
            "digest": node.digest,
        }
        for node in _in_order(cluster)
    }


def _commands(cluster: Cluster) -> list[str]:
    release = f"v{cluster.talos_release}"
    first = cluster.nodes[cluster.controlplanes[0]]
    talosctl = ["talosctl", "--talosconfig", "talosconfig"]
    generate = ["talosctl", "gen", "config", cluster.cluster, cluster.endpoint or "", "--with-secrets", "secrets.yaml"]
    generate += ["--talos-version", release, "--config-patch", "@cluster.yaml", "--output", "."]
    return [
        "test -e secrets.yaml || talosctl gen secrets --output-file secrets.yaml",
        "schematic=$(curl -fsS --data-binary @schematic.yaml https://factory.talos.dev/schematics | jq -r .id)",
        f'{shlex.join(generate)} --install-image "{INSTALLER}/$schematic:{release}" --force',
        *(line for node in _in_order(cluster) for line in _of_node(node)),
        shlex.join([*talosctl, "config", "endpoint", *cluster.endpoints]),
        shlex.join([*talosctl, "config", "node", _reached_at(first)]),
        shlex.join([*talosctl, "bootstrap", "--nodes", _reached_at(first)]),
        shlex.join([*talosctl, "kubeconfig", "kubeconfig"]),
        *(line for node in _bound(cluster) for line in _pods_of(node)),
        *([shlex.join([*_KUBECTL, "apply", "-f", "cilium.yaml"])] if cluster.manifests is not None else []),
    ]


_KUBECTL = ["kubectl", "--kubeconfig", "kubeconfig"]


def _pods_of(node: Node) -> list[str]:
    """Give a node its own pod prefixes as soon as Kubernetes knows it; they cannot be changed afterwards."""
    blocks = json.dumps({"spec": {"podCIDR": node.pods[0], "podCIDRs": list(node.pods)}})
    return [
        shlex.join([*_KUBECTL, "wait", "--for=create", f"node/{node.name}", "--timeout=10m"]),
        shlex.join([*_KUBECTL, "patch", "node", node.name, "--patch", blocks]),
    ]


def _of_node(node: Node) -> list[str]:
    kind, own, patch = f"{node.role}.yaml", f"{node.name}.yaml", f"@patches/{node.name}.yaml"
    return [
        shlex.join(["talosctl", "machineconfig", "patch", kind, "--patch", patch, "--output", own]),
        shlex.join(["talosctl", "apply-config", "--insecure", "--nodes", _reached_at(node), "--file", own]),
    ]


def _reached_at(node: Node) -> str:
    """Return the address at which a node is reached: its IPv6 one, which every node has."""
    return node.addresses[-1]
