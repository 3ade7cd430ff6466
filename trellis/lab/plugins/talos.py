"""Stand-in for pulumi-resource-talos 0.8.1: what a cluster's bootstrap uses of it, and no Talos behind it.

It makes secrets and configurations of the real shape, and delivers configurations to whatever the lab has at a node's
address in the place of Talos's API (``talos_node``).  What differs: a kubeconfig is not fetched from the node, so that
it names the endpoint that it was asked for and trusts an authority of its own; Image Factory is not asked, so that a
schematic's id is the digest of its text, which is Image Factory's only where the text is in its own form.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from typing import Any, ClassVar

from trellis.lab.plugins import talos_node
from trellis.lab.plugins.differences import Difference, differences
from trellis.lab.plugins.resource import Call, Failure, Live, OperationError, Provider
from trellis.lab.plugins.talos_machine import base, documents_of, minor_of, patched, text_of
from trellis.lab.plugins.talos_secrets import kubeconfig, machine_secrets, talosconfig
from trellis.lab.plugins.wire import UNKNOWN, Properties, has_unknown

VERSION = "0.8.1"

Shape = Mapping[str, Any]
"""Names of an object, each with the shape of its value; None is text."""

_PAIR: Shape = {"cert": None, "key": None}
_CLIENT: Shape = {"caCertificate": None, "clientCertificate": None, "clientKey": None}
_SECRETS: Shape = {
    "certs": {
        "etcd": _PAIR,
        "k8s": _PAIR,
        "k8sAggregator": _PAIR,
        "k8sServiceaccount": {"key": None},
        "os": _PAIR,
    },
    "cluster": {"id": None, "secret": None},
    "secrets": {"bootstrapToken": None, "secretboxEncryptionSecret": None, "aescbcEncryptionSecret?": None},
    "trustdinfo": {"token": None},
}
_OF_CONFIGURATION: Shape = {
    "clusterEndpoint": None,
    "clusterName": None,
    "machineSecrets": _SECRETS,
    "machineType": None,
    "configPatches?": None,
    "docs?": None,
    "examples?": None,
    "kubernetesVersion?": None,
    "talosVersion?": None,
}
_OF_CLIENT: Shape = {"clientConfiguration": _CLIENT, "clusterName": None, "endpoints?": None, "nodes?": None}


def misshapen(given: Mapping[str, Any], shape: Shape, path: str = "") -> list[Failure]:
    """Return what is wrong with the names of an object; the real plugin knows properties by these names only.

    Args:
        given: The object.
        shape: Its shape; a name with a question mark may be left out.
        path: Where it stands.
    """
    known = {name.removesuffix("?"): (value, name.endswith("?")) for name, value in shape.items()}
    failures = [
        Failure(f"{path}{name}", f"unknown property {path + name!r}; it has {', '.join(known)}")
        for name in sorted(given.keys() - known.keys())
        if not name.startswith("__")
    ]
    for name, (value, optional) in known.items():
        there = given.get(name)
        if there is None:
            if not optional:
                failures.append(Failure(f"{path}{name}", f"Missing required property {path + name!r}"))
        elif value is not None and there != UNKNOWN:
            if isinstance(there, Mapping):
                failures += misshapen(there, value, f"{path}{name}.")
            else:
                failures.append(Failure(f"{path}{name}", f"{path + name!r} must be an object"))
    return failures


def machine_configuration(given: Properties) -> Properties:
    """``machine/getConfiguration``: a node's configuration with its patches."""
    _refuse(misshapen(given, _OF_CONFIGURATION))
    if given["machineType"] not in ("controlplane", "worker"):
        raise OperationError(f"machine_type value must be one of: controlplane, worker, got: {given['machineType']}")
    if not str(given["clusterEndpoint"]).startswith(("https://", "http://")):
        raise OperationError("cluster_endpoint is invalid: the cluster endpoint must be a URL")
    made = text_of(patched(base(given), given.get("configPatches") or ()))
    return {**given, "id": given["clusterName"], "machineConfiguration": made}


def client_configuration(given: Properties) -> Properties:
    """``client/getConfiguration``: talosctl's configuration."""
    _refuse(misshapen(given, _OF_CLIENT))
    name, client = str(given["clusterName"]), given["clientConfiguration"]
    made = talosconfig(name, client, given.get("endpoints") or [], given.get("nodes") or [])
    return {**given, "id": name, "talosConfig": made}


def _refuse(failures: list[Failure]) -> None:
    if failures:
        raise OperationError("; ".join(failure.reason for failure in failures))


class _Kept:
    """What all resources have in common: names are checked, nothing is read back, deleting does nothing."""

    shape: ClassVar[Shape]
    outputs: ClassVar[tuple[str, ...]]

    def check(self, inputs: Properties) -> tuple[Properties, list[Failure]]:
        """Refuses names that it does not know, at any depth."""
        return inputs, misshapen(inputs, self.shape)

    def diff(self, old_inputs: Properties, new_inputs: Properties) -> tuple[Difference, ...]:
        """Any input counts, and nothing replaces."""
        return differences(old_inputs, new_inputs)

    def planned(self, inputs: Properties) -> Properties:
        """Outputs are not known before."""
        return {**inputs, **dict.fromkeys(self.outputs, UNKNOWN)}

    def read(self, call: Call, identifier: str, inputs: Properties, state: Properties) -> Live | None:
        """Takes what stands in the state to be so, as the real one does."""
        return Live(inputs, state)

    def delete(self, call: Call, identifier: str, state: Properties) -> None:
        """Leaves the node, the secrets or the schematic as they are."""


class Secrets(_Kept):
    """`talos:machine/secrets:Secrets`."""

    shape: ClassVar[Shape] = {"talosVersion?": None}
    outputs = ("machineSecrets", "clientConfiguration")

    def diff(self, old_inputs: Properties, new_inputs: Properties) -> tuple[Difference, ...]:
        """A lower release replaces them, as with the real one."""
        old, new = old_inputs.get("talosVersion"), new_inputs.get("talosVersion")
        lower = old is not None and new is not None and _numbers(new) < _numbers(old)
        return differences(old_inputs, new_inputs, ("talosVersion",) if lower else ())

    def create(self, call: Call, inputs: Properties) -> tuple[str, Properties]:
        """Draws them."""
        machine, client = machine_secrets()
        version = inputs.get("talosVersion") or "v1.13"
        return "machine_secrets", {"talosVersion": version, "machineSecrets": machine, "clientConfiguration": client}

    def update(self, call: Call, identifier: str, state: Properties, inputs: Properties) -> Properties:
        """Keeps them."""
        return {**state, **inputs}


class _AtANode(_Kept):
    """A resource that tells a node something."""

    def __init__(self, stopped: threading.Event) -> None:
        self._stopped = stopped

    def _tell(self, call: Call, what: str, inputs: Properties, body: str, operation: str) -> None:
        within_s = talos_node.seconds_of((inputs.get("timeouts") or {}).get(operation))
        endpoint = inputs.get("endpoint") or inputs["node"]
        talos_node.tell(call, what, str(endpoint), str(inputs["node"]), body, within_s, self._stopped)


class ConfigurationApply(_AtANode):
    """`talos:machine/configurationApply:ConfigurationApply`."""

    shape: ClassVar[Shape] = {
        "node": None,
        "endpoint?": None,
        "clientConfiguration": _CLIENT,
        "machineConfigurationInput": None,
        "configPatches?": None,
        "applyMode?": None,
        "timeouts?": {"create?": None, "update?": None, "delete?": None},
    }
    outputs = ("machineConfiguration", "machineConfigurationHash", "resolvedApplyMode")

    def planned(self, inputs: Properties) -> Properties:
        """The configuration that will be sent, as soon as everything is known."""
        given = {**inputs, "endpoint": inputs.get("endpoint") or inputs["node"]}
        if has_unknown([inputs["machineConfigurationInput"], inputs.get("configPatches")]):
            return super().planned(given)
        made = str(inputs["machineConfigurationInput"])
        if inputs.get("configPatches"):
            made = text_of(patched(documents_of(made), inputs["configPatches"]))
        mode, digest = inputs.get("applyMode") or "auto", hashlib.sha256(made.encode()).hexdigest()
        return {
            **given,
            "applyMode": mode,
            "machineConfiguration": made,
            "machineConfigurationHash": digest,
            "resolvedApplyMode": mode,
        }

    def create(self, call: Call, inputs: Properties) -> tuple[str, Properties]:
        """Delivers it."""
        state = self.planned(inputs)
        self._tell(call, "configuration", inputs, state["machineConfiguration"], "create")
        return "machine_configuration_apply", state

    def update(self, call: Call, identifier: str, state: Properties, inputs: Properties) -> Properties:
        """Delivers it, whatever has changed."""
        changed = self.planned(inputs)
        self._tell(call, "configuration", inputs, changed["machineConfiguration"], "update")
        return changed


class Bootstrap(_AtANode):
    """`talos:machine/bootstrap:Bootstrap`."""

    shape: ClassVar[Shape] = {
        "node": None,
        "endpoint?": None,
        "clientConfiguration": _CLIENT,
        "timeouts?": {"create?": None},
    }
    outputs = ()

    def create(self, call: Call, inputs: Properties) -> tuple[str, Properties]:
        """Tells the node to begin."""
        self._tell(call, "bootstrap", inputs, "", "create")
        return "machine_bootstrap", {**inputs, "endpoint": inputs.get("endpoint") or inputs["node"]}

    def update(self, call: Call, identifier: str, state: Properties, inputs: Properties) -> Properties:
        """Tells nobody anything: a cluster begins once."""
        return {**state, **inputs}


class Kubeconfig(_Kept):
    """`talos:cluster/kubeconfig:Kubeconfig`."""

    shape: ClassVar[Shape] = {
        "node": None,
        "endpoint?": None,
        "clientConfiguration": _CLIENT,
        "certificateRenewalDuration?": None,
        "timeouts?": {"create?": None, "update?": None},
    }
    outputs = ("kubeconfigRaw", "kubernetesClientConfiguration")

    def create(self, call: Call, inputs: Properties) -> tuple[str, Properties]:
        """Makes one."""
        endpoint = str(inputs.get("endpoint") or inputs["node"])
        text, apart = kubeconfig(f"https://[{endpoint}]:6443" if ":" in endpoint else f"https://{endpoint}:6443")
        state = {**inputs, "endpoint": endpoint, "kubeconfigRaw": text, "kubernetesClientConfiguration": apart}
        return "cluster_kubeconfig", state

    def update(self, call: Call, identifier: str, state: Properties, inputs: Properties) -> Properties:
        """Makes another."""
        return self.create(call, inputs)[1]


class Schematic(_Kept):
    """`talos:imageFactory/schematic:Schematic`."""

    shape: ClassVar[Shape] = {"schematic?": None}
    outputs = ()

    def create(self, call: Call, inputs: Properties) -> tuple[str, Properties]:
        """Names it by its text."""
        return hashlib.sha256(str(inputs.get("schematic") or "").encode()).hexdigest(), inputs

    def diff(self, old_inputs: Properties, new_inputs: Properties) -> tuple[Difference, ...]:
        """Another text is another schematic: its id cannot change in place over this protocol."""
        return differences(old_inputs, new_inputs, ("schematic",))

    def update(self, call: Call, identifier: str, state: Properties, inputs: Properties) -> Properties:
        """Never asked for, as any change replaces."""
        return inputs


def _numbers(release: str) -> tuple[int, ...]:
    minor_of(release)
    return tuple(int(number) for number in release.removeprefix("v").split("-")[0].split("."))


def provider() -> Provider:
    """The stand-in plugin `talos`."""
    stopped = threading.Event()
    return Provider(
        "talos",
        VERSION,
        {
            "talos:machine/secrets:Secrets": Secrets(),
            "talos:machine/configurationApply:ConfigurationApply": ConfigurationApply(stopped),
            "talos:machine/bootstrap:Bootstrap": Bootstrap(stopped),
            "talos:cluster/kubeconfig:Kubeconfig": Kubeconfig(),
            "talos:imageFactory/schematic:Schematic": Schematic(),
        },
        lambda _: None,
        stopped.set,
        {
            "talos:machine/getConfiguration:getConfiguration": machine_configuration,
            "talos:client/getConfiguration:getConfiguration": client_configuration,
        },
    )


if __name__ == "__main__":
    from trellis.lab.plugins.server import serve

    serve(provider())
