"""A machine configuration as the real talos plugin makes it: the base of a node, and patches merged into it.

The base has the shape of Talos's own (package ``machinery/config/generate``, releases 1.11 to 1.14) with what a node
cannot do without; defaults that no patch of a site meets (audit policy, admission control) are left out.  Patches are
merged as Talos merges them: document by document, by apiVersion, kind and name; maps deeply; lists one after the
other, except the few that Talos replaces or keys.  ``$patch: delete`` and JSON patches are the real plugin's alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any, cast

import yaml

from trellis.lab.plugins.resource import OperationError

Document = dict[str, Any]

_REPLACED = {("cluster", "network", "podSubnets"), ("cluster", "network", "serviceSubnets")}
"""Lists that a patch replaces (``merge:"replace"`` in ``machinery/config/types/v1alpha1``)."""
_KEYED = {("configFiles",): "mountPath", ("machine", "network", "interfaces"): "interface"}
"""Lists whose items are merged by one of their fields."""


def base(given: Mapping[str, Any]) -> list[Document]:
    """Return the documents of a node before its patches.

    Args:
        given: What ``getConfiguration`` was given: the names and the secrets of the cluster, type and versions.
    """
    release, leads = minor_of(str(given.get("talosVersion") or "v1.13")), given["machineType"] == "controlplane"
    documents = [_v1alpha1(given, release, leads)]
    if release > 11:
        documents.append({"apiVersion": "v1alpha1", "kind": "HostnameConfig", "auto": "stable"})
    return documents


def minor_of(release: str) -> int:
    """Return the minor number of a Talos release, as in v1.13.9 or 1.13.

    Raises:
        OperationError: It is none.
    """
    parts = release.removeprefix("v").split("-")[0].split(".")
    if len(parts) < 2 or parts[0] != "1" or not parts[1].isdigit():
        raise OperationError(f"error parsing version {release}")
    return int(parts[1])


def _v1alpha1(given: Mapping[str, Any], release: int, leads: bool) -> Document:
    secrets, kubernetes = given["machineSecrets"], given.get("kubernetesVersion")
    machine: Document = {
        "type": given["machineType"],
        "token": secrets["trustdinfo"]["token"],
        "ca": _pair(secrets["certs"]["os"], leads),
        "certSANs": [],
        "kubelet": _image("ghcr.io/siderolabs/kubelet", kubernetes) | {"defaultRuntimeSeccompProfileEnabled": True},
        "install": {"disk": "/dev/sda", "image": f"ghcr.io/siderolabs/installer:v1.{release}.0", "wipe": False},
        "features": {
            "diskQuotaSupport": True,
            "kubePrism": {"enabled": True, "port": 7445},
            "hostDNS": {"enabled": True, "forwardKubeDNSToHost": True},
            **({"stableHostname": True} if release < 12 else {}),
        },
    }
    cluster: Document = {
        "id": secrets["cluster"]["id"],
        "secret": secrets["cluster"]["secret"],
        "controlPlane": {"endpoint": given["clusterEndpoint"]},
        "clusterName": given["clusterName"],
        "network": {
            "dnsDomain": "cluster.local",
            "podSubnets": ["10.244.0.0/16"],
            "serviceSubnets": ["10.96.0.0/12"],
        },
        "token": secrets["secrets"]["bootstrapToken"],
        "ca": _pair(secrets["certs"]["k8s"], leads),
        "discovery": {"enabled": True, "registries": {"kubernetes": {"disabled": True}, "service": {}}},
    }
    if leads:
        cluster |= {
            "secretboxEncryptionSecret": secrets["secrets"]["secretboxEncryptionSecret"],
            "aggregatorCA": _pair(secrets["certs"]["k8sAggregator"], True),
            "serviceAccount": {"key": secrets["certs"]["k8sServiceaccount"]["key"]},
            "apiServer": _image("registry.k8s.io/kube-apiserver", kubernetes),
            "controllerManager": _image("registry.k8s.io/kube-controller-manager", kubernetes),
            "proxy": _image("registry.k8s.io/kube-proxy", kubernetes),
            "scheduler": _image("registry.k8s.io/kube-scheduler", kubernetes),
            "etcd": {"ca": _pair(secrets["certs"]["etcd"], True)},
        }
    return {"version": "v1alpha1", "debug": False, "persist": True, "machine": machine, "cluster": cluster}


def _image(name: str, version: str | None) -> Document:
    return {} if version is None else {"image": f"{name}:v{version.removeprefix('v')}"}


def _pair(given: Mapping[str, str], leads: bool) -> Document:
    """A certificate and its key; a worker has no key of an authority."""
    return {"crt": given["cert"], "key": given["key"] if leads else ""}


def patched(documents: Sequence[Document], patches: Iterable[str]) -> list[Document]:
    """Return documents with patches merged into them, one after the other.

    Args:
        documents: The documents.
        patches: Strategic merge patches, each of one or more YAML documents.

    Raises:
        OperationError: A patch is none, or is one that this stand-in does not know.
    """
    made = deepcopy(list(documents))
    of_identity = {_identity(document): document for document in made}
    for patch in patches:
        for document in documents_of(patch):
            identity = _identity(document)
            if identity in of_identity:
                _merge(of_identity[identity], document, ())
            else:
                of_identity[identity] = deepcopy(document)
                made.append(of_identity[identity])
    for document in made:
        # The node itself would say so; the real plugin loads what it has made, and the node validates it.
        if document.get("kind") == "HostnameConfig" and document.get("auto") != "off" and document.get("hostname"):
            raise OperationError("'auto' and 'hostname' cannot be set at the same time")
    return made


def documents_of(text: str) -> list[Document]:
    """Return the documents of a configuration or a patch.

    Raises:
        OperationError: It is no YAML, or holds something else than documents of Talos.
    """
    try:
        found = [document for document in yaml.safe_load_all(text) if document is not None]
    except yaml.YAMLError as error:
        raise OperationError(f"error loading config patches: {' '.join(str(error).split())}") from None
    for document in found:
        if not isinstance(document, dict):
            raise OperationError("the lab's stand-in knows strategic merge patches only; a JSON patch is refused")
        if _holds(document, "$patch"):
            raise OperationError("the lab's stand-in does not know `$patch`; install the real plugin to use it")
    return cast("list[Document]", found)


def text_of(documents: Iterable[Document]) -> str:
    """Return documents as YAML text."""
    return yaml.safe_dump_all(documents, sort_keys=False, explicit_start=True, width=10_000, allow_unicode=True)


def _identity(document: Document) -> tuple[str, str, str]:
    """What tells documents apart; the first kind of all has neither kind nor name."""
    if "kind" not in document:
        return ("v1alpha1", "", "")
    return (str(document.get("apiVersion")), str(document["kind"]), str(document.get("name", "")))


def _merge(left: Document, right: Mapping[str, Any], path: tuple[str, ...]) -> None:
    for name, value in right.items():
        here, there = (*path, name), left.get(name)
        if value is None or value == "":
            continue  # what is empty leaves the other as it is
        if isinstance(there, dict) and isinstance(value, dict):
            _merge(there, value, here)
        elif isinstance(there, list) and isinstance(value, list) and here in _KEYED:
            _merge_items(there, value, _KEYED[here])
        elif isinstance(there, list) and isinstance(value, list) and here not in _REPLACED:
            there += deepcopy(value)
        elif there is not None and _kind(there) is not _kind(value):
            raise OperationError(f"error applying config patches: {'.'.join(here)} is of another kind there")
        else:
            left[name] = deepcopy(value)


def _merge_items(there: list[Any], given: list[Any], key: str) -> None:
    for item in given:
        same = next((one for one in there if one.get(key) == item.get(key)), None)
        if same is None:
            there.append(deepcopy(item))
        else:
            _merge(same, item, ())


def _kind(value: object) -> type:
    return next((kind for kind in (dict, list) if isinstance(value, kind)), str)


def _holds(value: object, key: str) -> bool:
    if isinstance(value, dict):
        return key in value or any(_holds(item, key) for item in value.values())
    return isinstance(value, list) and any(_holds(item, key) for item in value)
