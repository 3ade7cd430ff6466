"""A cluster on Talos says all that its machine configuration needs, and nothing that Talos or Kubernetes refuses.

Whether the documents that are rendered are Talos's is asked of Talos's own validator (``trellis verify talos``); here
stands what no validator sees: what Talos would make up by itself, and what a speaker or an extension cannot do.
"""

from __future__ import annotations

from collections.abc import Iterator

from trellis.site.checks.clusters import release_of
from trellis.site.kubernetes import Talos
from trellis.site.model import Cluster, Site
from trellis.site.refusal import Refusal
from trellis.site.resolved import AttachedGuest, peering_policy, policy_path, vip_addresses

LOOPBACK_LINK = "lo-bgp"
"""The dummy link that has a node's loopbacks; Talos manages ``lo`` by itself."""

_SEVERAL_VIPS_SINCE = (1, 12, 0)
_NODES_AT_MOST_BITS = 16
"""Kubernetes keeps a bit for each node's part of an IPv6 pod range, of 2^16 at most (kube-controller-manager)."""
_OWN_DOCUMENTS_SINCE = (1, 14, 0)
"""The first Talos that judges these ranges itself (KubeNetworkConfig)."""


def check(site: Site, guests: tuple[AttachedGuest, ...]) -> Iterator[Refusal]:
    """Yield a refusal for each cluster on Talos whose nodes would not boot, or not as the site says.

    Args:
        site: A site whose references hold.
        guests: Its guests and nodes, resolved.
    """
    for name, cluster in sorted(site.clusters.items()):
        yield from _cilium(name, cluster)
        if cluster.talos is None:
            continue
        yield from _control_plane(name, cluster)
        yield from _links(name, cluster, cluster.talos)
        yield from _pods(name, cluster, cluster.talos)
        nodes = tuple(guest for guest in guests if guest.cluster == name)
        if cluster.speaker == "talos-native":
            yield from _native(site, name, cluster, nodes)
        elif cluster.speaker == "frr" and cluster.talos.frr_extension == "jsenecal":
            yield from _jsenecal(name, nodes)


def _cilium(name: str, cluster: Cluster) -> Iterator[Refusal]:
    if cluster.cilium is not None and cluster.speaker != "bird2":
        yield Refusal(
            f"clusters.{name}.cilium",
            cluster.speaker,
            "the speaker that Cilium hands its routes to is bird2",
            "FRR takes no route whose next hop is the node itself, and Talos's own speaker hears nobody on ::1",
            f"set clusters.{name}.speaker to bird2, or remove cilium: then only the speaker announces pods",
        )


def _control_plane(name: str, cluster: Cluster) -> Iterator[Refusal]:
    if not any(node.role == "controlplane" for node in cluster.nodes.values()):
        yield Refusal(
            f"clusters.{name}.nodes",
            ", ".join(sorted(cluster.nodes)) or "(none)",
            "a cluster on Talos has a control plane",
            "its nodes' configuration names where the API is, and it would be nowhere",
            "add a node of role controlplane",
        )


def _links(name: str, cluster: Cluster, talos: Talos) -> Iterator[Refusal]:
    if talos.interface in ("lo", LOOPBACK_LINK):
        yield Refusal(
            f"clusters.{name}.talos.interface",
            talos.interface,
            f"the network card is neither lo nor {LOOPBACK_LINK}",
            "that is the link of loopbacks; Talos refuses two documents for one link",
            "use the name that `talosctl get links` shows",
        )
    addresses = vip_addresses(cluster)
    if len(addresses) > 1 and release_of(talos.release) < _SEVERAL_VIPS_SINCE:
        yield Refusal(
            f"clusters.{name}.vip",
            ", ".join(map(str, addresses)),
            "before Talos 1.12 control planes share one address on a link",
            "machine.network has one vip for an interface: the other address would be nobody's",
            "leave out vip.ipv4, or use Talos 1.12 or later",
        )


def _pods(name: str, cluster: Cluster, talos: Talos) -> Iterator[Refusal]:
    pods = cluster.pods
    if pods.ipv4 is None and pods.ipv6 is None:
        yield Refusal(
            f"clusters.{name}.pods",
            "(none)",
            "a cluster on Talos says its range of pods",
            "Talos would take 10.244.0.0/16 by itself, which nothing here has compared with other ranges or announces",
            f"set clusters.{name}.pods",
        )
    for family, found in (("ipv4", pods.ipv4), ("ipv6", pods.ipv6)):
        limited = family == "ipv6" or release_of(talos.release) >= _OWN_DOCUMENTS_SINCE
        if found is not None and limited and found.node_length - found.pool.prefixlen > _NODES_AT_MOST_BITS:
            yield Refusal(
                f"clusters.{name}.pods.{family}.node_length",
                str(found.node_length),
                f"a node's part of {found.pool} is at most {_NODES_AT_MOST_BITS} bits longer than it",
                "kube-controller-manager (of IPv6) and Talos from 1.14 on refuse to hand out more parts of a range",
                f"use {found.pool.prefixlen + _NODES_AT_MOST_BITS} or less, or a smaller pool",
            )


def _native(site: Site, name: str, cluster: Cluster, nodes: tuple[AttachedGuest, ...]) -> Iterator[Refusal]:
    secret = peering_policy(site, cluster.vnet).md5
    if secret is not None:
        yield Refusal(
            f"{policy_path(site, cluster.vnet)}.md5",
            secret,
            "sessions with Talos's own speaker are unsigned",
            "BGPInstanceConfig has no password: no session would come up",
            f"set clusters.{name}.speaker to bird2, or give the cluster a VNet whose sessions are not signed",
        )
    if cluster.vip is not None:
        yield Refusal(
            f"clusters.{name}.vip.ipv6",
            str(cluster.vip.ipv6),
            "control planes with Talos's own speaker share no IPv6 address",
            "it cannot be told its source, and the kernel would speak from the shared one (RFC 6724, rule 8)",
            f"remove the vip, or set clusters.{name}.speaker to bird2",
        )
    yield from _no_restart(nodes, "Talos's own speaker", "use fast_failure, or the speaker bird2")


def _jsenecal(name: str, nodes: tuple[AttachedGuest, ...]) -> Iterator[Refusal]:
    yield from _no_restart(
        nodes, "jsenecal's extension", f"use fast_failure, or set clusters.{name}.talos.frr_extension to sulibot"
    )
    for node in nodes:
        of_v4 = [prefix for prefix in (*node.loopbacks, *node.pods, *node.services) if prefix.version == 4]
        if of_v4 and node.ipv4 is None:
            yield Refusal(
                f"clusters.{name}.talos.frr_extension",
                "jsenecal",
                f"with jsenecal's extension a node that announces IPv4 has an IPv4 address; {node.name} has none",
                "its sessions know no extended next hop (RFC 8950): nothing of IPv4 could be sent by them",
                "use sulibot's extension, or give the VNet an IPv4 subnet",
            )


def _no_restart(nodes: tuple[AttachedGuest, ...], who: str, remedy: str) -> Iterator[Refusal]:
    for node in nodes:
        if node.resilience == "restart":
            yield Refusal(
                f"{node.path}.resilience",
                "restart",
                f"{who} knows no graceful restart",
                "its host would wait for a restart that is never negotiated, and drop its routes at once",
                remedy,
            )
