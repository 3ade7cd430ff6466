"""Patches that are spoilt in one place: for each kind of document a misspelt key, a wrong type, and one that lacks.

A spoilt document must be refused by who judges, and its untouched twin accepted.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import yaml

Document = dict[str, Any]
Spoil = Callable[[Document], None]


def misspell(*path: str | int) -> Spoil:
    """Return a change that misspells the key at the end of a path."""

    def change(document: Document) -> None:
        parent, key = _place(document, path)
        parent[f"{key}s"] = parent.pop(key)

    return change


def give(value: Any, *path: str | int) -> Spoil:
    """Return a change that puts a value at the end of a path."""

    def change(document: Document) -> None:
        parent, key = _place(document, path)
        parent[key] = value

    return change


def lose(*path: str | int) -> Spoil:
    """Return a change that takes away what is at the end of a path."""

    def change(document: Document) -> None:
        parent, key = _place(document, path)
        del parent[key]

    return change


def lose_all(*keys: str) -> Spoil:
    """Return a change that takes away several keys of a document."""

    def change(document: Document) -> None:
        for key in keys:
            del document[key]

    return change


def _place(document: Any, path: tuple[str | int, ...]) -> tuple[Any, Any]:
    *above, last = path
    for key in above:
        document = document[key]
    assert last in document if isinstance(document, dict) else True, f"{last} is not there to be spoilt"
    return document, last


NODE, CLUSTER, ETCD = "(of a node)", "(of a cluster)", "(of etcd)"
"""What stands in the machine configuration itself: of a node, of all nodes; from 1.14 on etcd's addresses alone."""

KEYS_AND_TYPES: dict[str, dict[str, Spoil]] = {
    NODE: {
        "a misspelt key": misspell("machine", "kubelet", "nodeIP"),
        "a wrong type": give("10.101.0.0/24", "machine", "kubelet", "nodeIP", "validSubnets"),
    },
    CLUSTER: {
        "a misspelt key": misspell("cluster", "network", "cni"),
        "a wrong type": give([], "cluster", "proxy", "disabled"),
    },
    ETCD: {
        "a misspelt key": misspell("cluster", "etcd", "advertisedSubnets"),
        "a wrong type": give("10.101.254.0/24", "cluster", "etcd", "advertisedSubnets"),
    },
    "HostnameConfig": {"a misspelt key": misspell("hostname"), "a wrong type": give({}, "hostname")},
    "LinkConfig": {"a misspelt key": misspell("routes"), "a wrong type": give("large", "mtu")},
    "DummyLinkConfig": {"a misspelt key": misspell("addresses"), "a wrong type": give({}, "addresses")},
    "Layer2VIPConfig": {"a misspelt key": misspell("link"), "a wrong type": give(["eth0"], "link")},
    "BlackholeRouteConfig": {"a misspelt key": misspell("metric"), "a wrong type": give("worst", "metric")},
    "ExtensionServiceConfig": {
        "a misspelt key": misspell("configFiles", 0, "mountPath"),
        "a wrong type": give({}, "configFiles"),
    },
    "BGPInstanceConfig": {
        "a misspelt key": misspell("neighbors", 0, "peerASN"),
        "a wrong type": give("4210101011?", "localASN"),
    },
    "KubeNodeConfig": {"a misspelt key": misspell("nodeIP", "validSubnets"), "a wrong type": give([], "nodeIP")},
    "KubeClusterConfig": {"a misspelt key": misspell("clusterName"), "a wrong type": give([], "endpoint")},
    "KubeNetworkConfig": {
        "a misspelt key": misspell("nodeCIDRMaskSizeIPv6"),
        "a wrong type": give("10.101.240.0/21", "podSubnets"),
    },
    "KubePrismConfig": {"a misspelt key": misspell("port"), "a wrong type": give("7445!", "port")},
    "KubeProxyConfig": {"a misspelt key": misspell("enabled"), "a wrong type": give("never", "enabled")},
}
"""What a schema sees as well."""

LACKING: dict[str, Spoil] = {
    "LinkConfig": lose("name"),
    "DummyLinkConfig": lose("name"),
    "Layer2VIPConfig": lose("name"),
    "BlackholeRouteConfig": lose("name"),
    "ExtensionServiceConfig": lose("name"),
    "BGPInstanceConfig": lose("localASN"),
    "KubeClusterConfig": lose("endpoint"),
    "KubeNetworkConfig": lose("podSubnets"),
    "KubePrismConfig": lose("port"),
}
"""What a schema knows to be mandatory."""

ONLY_THE_VALIDATOR: dict[str, dict[str, Spoil]] = {
    NODE: {
        "no subnet": give(["10.101.0.0/99"], "machine", "kubelet", "nodeIP", "validSubnets"),
        "etcd on a worker": lambda document: document.update(cluster={"etcd": {"advertisedSubnets": ["10.0.0.0/8"]}}),
    },
    CLUSTER: {
        "an address without its brackets": give("https://fd00:101::100:6443", "cluster", "controlPlane", "endpoint"),
        "no such CNI": give("calico", "cluster", "network", "cni", "name"),
    },
    "HostnameConfig": {"no name at all": lose_all("auto", "hostname")},
    "LinkConfig": {"no such address": give("10.101.0.300/24", "addresses", 0, "address")},
    "DummyLinkConfig": {"an address without a length": give("10.101.254.11", "addresses", 0, "address")},
    "Layer2VIPConfig": {"no link": lose("link"), "a name that is no address": give("vip", "name")},
    "BlackholeRouteConfig": {"no prefix": give("10.101.243.0", "name")},
    "ExtensionServiceConfig": {
        "no content": lose("configFiles", 0, "content"),
        "no place for it": lose("configFiles", 0, "mountPath"),
        "no files": lose("configFiles"),
    },
}
"""What must fit together, or is mandatory without a schema's word for it."""


def kind_of(document: Document) -> str:
    """Return the kind of a document as the tables here call it."""
    if "kind" in document:
        return str(document["kind"])
    if "kubelet" in document.get("machine", {}):
        return NODE
    return CLUSTER if "controlPlane" in document["cluster"] else ETCD


def spoilt(text: str, kind: str, spoil: Spoil) -> str | None:
    """Return a patch whose first document of a kind is spoilt; None if it has none.

    Args:
        text: The patch.
        kind: The kind.
        spoil: What to do to the document.
    """
    documents = list(yaml.safe_load_all(text))
    for document in documents:
        if kind_of(document) == kind:
            spoil(document)
            return yaml.safe_dump_all(copy.deepcopy(documents), sort_keys=False)
    return None
