"""What all nodes of a cluster share: its endpoint, its ranges, no CNI and no proxy of Talos's own; and its image."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.plan.machines import ClusterPlan
from trellis.plan.model import Plan
from trellis.render.talos.document import document
from trellis.render.talos.release import KUBERNETES_DOCUMENTS_SINCE, knows, talos_of
from trellis.render.yaml_text import Document

API_PORT = 6443
"""TCP port of a control plane's API server (Talos's default)."""
KUBEPRISM_PORT = 7445
"""TCP port of each node's own way to the API servers (Talos's default)."""

_OFFICIAL = {"bird2": ["siderolabs/bird2"]}
_FRR_IMAGE = {
    "sulibot": "ghcr.io/sulibot/frr-talos-extension",
    "jsenecal": "ghcr.io/jsenecal/frr-talos-extension",
}


_NO_PARTS = {"allocate-node-cidrs": "false"}
"""Kubernetes would give each node the next free part of the pods' range; the fabric takes a node's own part alone."""


def cluster_documents(plan: Plan, name: str) -> Iterator[Document]:
    """Yield the documents of the patch that all nodes of a cluster share.

    Args:
        plan: The plan.
        name: Name of the cluster.

    Raises:
        ValueError: There is no such cluster, or it does not run Talos.
    """
    cluster, talos = talos_of(plan, name)
    ranges = {"podSubnets": [pool for pool, _ in cluster.pods], "serviceSubnets": list(cluster.cluster_ips)}
    if knows(talos, KUBERNETES_DOCUMENTS_SINCE):
        lengths = {f"nodeCIDRMaskSizeIPv{_version(pool)}": length for pool, length in cluster.pods}
        yield document("KubeClusterConfig", clusterName=cluster.name, endpoint=endpoint(plan, cluster))
        yield document("KubeNetworkConfig", **ranges, **lengths)
        yield document("KubePrismConfig", port=KUBEPRISM_PORT)
        return
    # An argument for a family that is not there is refused.
    arguments = {f"node-cidr-mask-size-ipv{_version(pool)}": str(length) for pool, length in cluster.pods}
    arguments |= _NO_PARTS if cluster.pods_bound else {}
    yield {
        "machine": {"features": {"kubePrism": {"enabled": True, "port": KUBEPRISM_PORT}}},
        "cluster": {
            "controlPlane": {"endpoint": endpoint(plan, cluster)},
            "network": {"cni": {"name": "none"}, **ranges},
            "proxy": {"disabled": True},
            "controllerManager": {"extraArgs": arguments},
        },
    }


def controlplane_documents(cluster: ClusterPlan) -> Iterator[Document]:
    """Yield what all control planes share, and no worker may have: no proxy, no CNI, from Talos 1.14 on.

    There a CNI is a document; the one that Talos's generator writes is taken away.

    Args:
        cluster: Their cluster.
    """
    yield document("KubeProxyConfig", enabled=False)
    yield {**document("KubeFlannelCNIConfig"), "$patch": "delete"}
    if cluster.pods_bound:
        yield document("KubeControllerManagerConfig", extraArgs=_NO_PARTS)


def endpoint(plan: Plan, cluster: ClusterPlan) -> str:
    """Return the URL of a cluster's API: at the address that control planes share, IPv6 if there is one.

    Args:
        plan: The plan.
        cluster: The cluster.
    """
    shared = sorted(cluster.vip, key=lambda address: ":" not in address)
    address = shared[0] if shared else _first_control_plane(plan, cluster)
    return f"https://[{address}]:{API_PORT}" if ":" in address else f"https://{address}:{API_PORT}"


def _first_control_plane(plan: Plan, cluster: ClusterPlan) -> str:
    first = cluster.controlplanes[0]
    return next(str(guest.guest.ipv6) for guest in plan.guests if guest.guest.name == first)


def _version(prefix: str) -> int:
    return 6 if ":" in prefix else 4


def schematic_document(plan: Plan, name: str) -> tuple[tuple[str, ...], Document]:
    """Return what a cluster's image lacks, for people, and the schematic of the rest.

    Args:
        plan: The plan.
        name: Name of the cluster.

    Raises:
        ValueError: There is no such cluster, or it does not run Talos.
    """
    cluster, talos = talos_of(plan, name)
    extensions = _OFFICIAL.get(cluster.speaker, [])
    lacking: tuple[str, ...] = ()
    if cluster.speaker == "frr":
        lacking = (
            "No image of this schematic alone has a speaker: there is no official FRR extension, and Image Factory",
            f"builds in official ones only. The nodes' image must carry {_FRR_IMAGE[talos.frr_extension]},",
            "put in by Talos's imager (--system-extension-image); without it a node boots, and is never announced.",
        )
    return lacking, {"customization": {"systemExtensions": {"officialExtensions": extensions}}}
