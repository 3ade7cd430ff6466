"""Plan -> Cilium's BGP resources of a cluster, as YAML for ``kubectl apply``.

Cilium speaks on ``::1`` with the node's own speaker, which has the one session with the gateway: Cilium programs no
route and so cannot learn the default (facts in docs/clusters.md).  Deliberately elsewhere: the other end of that
session (``trellis.render.speakers``), and what may leave the node, which the speaker's filters say (R7).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address
from typing import Any

import yaml

from trellis.plan.machines import ClusterPlan
from trellis.plan.model import GuestPlan, Plan

# In C where there is one, as in `trellis.render.talos`.
_Base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Told(str):
    """A text that the site says, or that follows from it: always quoted.

    kubectl's YAML takes `y` for true and `1e3` for a number, PyYAML does not, and would leave them bare.
    """

    __slots__ = ()


class _Quoting(_Base):  # type: ignore[misc] # chosen at run time
    """PyYAML's, with what the site says in quotes."""


def _told(dumper: Any, text: _Told) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style='"')


_Quoting.add_representer(_Told, _told)


NAME = "trellis"
"""Of the one BGP instance of each node, and of what nodes share."""
PEER = "speaker"
LOCAL = _Told("::1")

INTERNAL, PUBLIC = 100, 200
"""Classes of pods and of services (docs/decisions/0007)."""

CONNECT_RETRY_S = 1
"""Cilium's least, and so BIRD's (`connect delay time 1`); GoBGP 3 makes 5 s of it."""
RESTART_S = 120
"""Seconds that the speaker keeps Cilium's routes while its agent restarts, Cilium's default: packets pass all the
while, and a node that is dead is withdrawn by the gateway's session, not by this one."""

_ANY_ASN = 0
"""Whatever ASN the speaker says (GoBGP 3.10 then finds the session internal): an override has no ``peerASN``."""


def cilium_manifests(plan: Plan, cluster: str) -> str:
    """Return the manifests of a cluster as YAML documents, empty where it has no Cilium.

    Args:
        plan: The plan.
        cluster: Name of the cluster.
    """
    shared = next(found for found in plan.clusters if found.name == cluster)
    if shared.cilium is None:
        return ""
    nodes = [guest for guest in plan.guests if guest.guest.cluster == cluster]
    return "---\n".join(
        yaml.dump(document, Dumper=_Quoting, sort_keys=False, width=120)
        for document in cilium_documents(plan.asn, shared, nodes)
    )


def cilium_documents(fabric_asn: int, cluster: ClusterPlan, nodes: list[GuestPlan]) -> Iterator[dict[str, Any]]:
    """Yield the resources: those of the cluster, then an override for each node.

    Args:
        fabric_asn: First part of the large communities.
        cluster: A cluster with Cilium.
        nodes: Its nodes.
    """
    label = {"advertise": _Told(cluster.cilium.advertise if cluster.cilium is not None else "")}
    yield _resource("CiliumBGPClusterConfig", NAME, {"bgpInstances": [_instance()]})
    if nodes:
        yield _resource("CiliumBGPPeerConfig", NAME, _peer_config(nodes[0], label))
    advertised = [_pods(fabric_asn), *([_services(fabric_asn, label)] if cluster.services else [])]
    yield _resource("CiliumBGPAdvertisement", NAME, {"advertisements": advertised}, label)
    for node in nodes:
        yield _resource("CiliumBGPNodeConfigOverride", _Told(node.guest.name), {"bgpInstances": [_override(node)]})


def _resource(kind: str, name: str, spec: dict[str, Any], labels: Mapping[str, str] | None = None) -> dict[str, Any]:
    metadata = {"name": name, **({"labels": dict(labels)} if labels else {})}
    return {"apiVersion": "cilium.io/v2", "kind": kind, "metadata": metadata, "spec": spec}


def _instance() -> dict[str, Any]:
    peer = {"name": PEER, "peerAddress": LOCAL, "peerASN": _ANY_ASN, "peerConfigRef": {"name": NAME}}
    return {"name": NAME, "peers": [peer]}


def _peer_config(node: GuestPlan, label: Mapping[str, str]) -> dict[str, Any]:
    return {
        "timers": {
            "connectRetryTimeSeconds": CONNECT_RETRY_S,
            "holdTimeSeconds": node.speaker.hold_time_s,
            "keepAliveTimeSeconds": node.speaker.keepalive_s,
        },
        "gracefulRestart": {"enabled": True, "restartTimeSeconds": RESTART_S},
        "families": [
            {"afi": family, "safi": "unicast", "advertisements": {"matchLabels": dict(label)}}
            for family in ("ipv4", "ipv6")
        ],
    }


def _pods(fabric_asn: int) -> dict[str, Any]:
    return {"advertisementType": "PodCIDR", "attributes": _class(fabric_asn, INTERNAL)}


def _services(fabric_asn: int, label: Mapping[str, str]) -> dict[str, Any]:
    return {
        "advertisementType": "Service",
        "service": {"addresses": ["LoadBalancerIP", "ExternalIP"]},
        "selector": {"matchLabels": dict(label)},
        "attributes": _class(fabric_asn, PUBLIC),
    }


def _class(fabric_asn: int, number: int) -> dict[str, Any]:
    return {"communities": {"large": [_Told(f"{fabric_asn}:0:{number}")]}}


def _override(node: GuestPlan) -> dict[str, Any]:
    return {
        "name": NAME,
        "localASN": node.speaker.asn,
        "routerID": _Told(cilium_router_id(node)),
        "peers": [{"name": PEER, "localAddress": LOCAL}],
    }


def cilium_router_id(node: GuestPlan) -> str:
    """Return the router id of a node's Cilium: any but the speaker's, for the two are of one ASN.

    An internal peer with the same id is refused (RFC 6286, section 2.2): by BIRD as well as by GoBGP.  Its address
    where that is not the speaker's; else its ASN, with the first bit turned over where the speaker took that.

    Args:
        node: The node.
    """
    asn = node.speaker.asn
    choices = [str(node.guest.ipv4)] if node.guest.ipv4 is not None else []
    choices += [str(IPv4Address(asn)), str(IPv4Address(asn ^ 1 << 31))]
    return next(choice for choice in choices if choice not in (node.speaker.router_id, "0.0.0.0"))  # noqa: S104 (no socket)
