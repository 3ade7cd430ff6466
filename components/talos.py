"""A cluster's Talos nodes: their secrets, a configuration for each, etcd's beginning, and the ways in.

Only for clusters whose site says ``bootstrap``; others are bootstrapped elsewhere, from the stack's outputs.  What a
configuration says is rendered in ``trellis.render.talos``, and what is decided stands in ``trellis.plan.bootstrap``.

A configuration holds the cluster's keys, so the engine hides it whole, and a preview could not say what changes.  So
each node is a component of its own, whose inputs are the patches before any secret, and their digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast

import pulumi
import pulumiverse_talos as talos
import yaml

from components.tenancy import with_values
from trellis.plan import Plan
from trellis.plan.bootstrap import BootstrapPlan, NodeBootstrap, bootstraps
from trellis.render.talos import cluster_patch, node_patch, schematic
from trellis.render.talos.cluster import endpoint

_Given = TypeVar("_Given")
_INSTALLER = "factory.talos.dev/nocloud-installer/{}:v{}"
"""Image Factory's installer of a schematic and a release, for VMs that learn their first address from a drive of
Proxmox's (cloud-init)."""


def bootstrapped(
    plan: Plan, values: Mapping[str, str], done: Mapping[str, Sequence[pulumi.Resource]]
) -> dict[str, pulumi.Output[str]]:
    """Bootstrap each cluster that is to be, and return the ways into them: the stack's outputs by name, all secret.

    Args:
        plan: The plan.
        values: The values of secrets by name.
        done: For each host of the run, what says that it has committed.
    """
    outputs: dict[str, pulumi.Output[str]] = {}
    for planned in bootstraps(plan):
        made = TalosCluster(planned.cluster, plan, planned, values, done)
        outputs[f"talosconfig_{planned.cluster}"] = made.talosconfig
        outputs[f"kubeconfig_{planned.cluster}"] = made.kubeconfig
    return outputs


class TalosCluster(pulumi.ComponentResource):
    """A cluster of Talos nodes that is up.

    Args:
        name: Name of the cluster.
        plan: The plan, which the patches are rendered from.
        planned: How the cluster is bootstrapped.
        values: The values of secrets by name.
        done: For each host of the run, what says that it has committed.
    """

    def __init__(
        self,
        name: str,
        plan: Plan,
        planned: BootstrapPlan,
        values: Mapping[str, str],
        done: Mapping[str, Sequence[pulumi.Resource]],
    ) -> None:
        api = endpoint(plan, next(cluster for cluster in plan.clusters if cluster.name == name))
        patch, image = cluster_patch(plan, name), planned.installer or schematic(plan, name)
        shown = planned.installer or _by_line("schematic", name, image)
        described = {"endpoint": api, "patch": _by_line("patch", name, patch), "image": shown}
        super().__init__("trellis:talos:Cluster", f"{name}-talos", described)
        keys, install = _keys(name, planned, self), _install(name, planned, image, self)
        secrets = _hidden(keys.machine_secrets.apply(_secrets))
        client = _hidden(keys.client_configuration.apply(_client))
        shared = Shared(planned, api, image, install, patch, secrets, client, values)
        controlplanes: list[pulumi.Resource] = []
        for node in planned.nodes:
            # A node comes up whenever its gateway does.  But until that listens, nobody reaches the node from outside
            # its network, and the provider would dial it until its time is over: so each host that it may be on has
            # committed before.  One that is no part of the run (maintenance) is not waited for.
            after = [resource for host in node.hosts for resource in done.get(host, ())]
            # A worker has its certificate from a control plane: before that it has nobody to ask.
            after += controlplanes if node.role == "worker" else []
            made = TalosNode(node, shared, node_patch(plan, node.name), after, pulumi.ResourceOptions(parent=self))
            controlplanes += [made.applied] if node.role == "controlplane" else []
        self.kubeconfig = _begin(name, planned, client, keys, controlplanes[0], self)
        self.talosconfig = _talosconfig(planned, keys, self)
        self.register_outputs({"kubeconfig": self.kubeconfig, "talosconfig": self.talosconfig})


@dataclass(frozen=True, slots=True)
class Shared:
    """What the configurations of a cluster's nodes have in common.

    Attributes:
        planned: How the cluster is bootstrapped.
        endpoint: URL of the cluster's API.
        image: What tells the image that nodes install: its name, or a schematic.
        install: The patch that says which image a node installs, and where.
        patch: What the site says of all nodes, with placeholders for secrets.
        secrets: The cluster's keys.
        client: Who may configure its nodes.
        values: The values of the site's secrets by name.
    """

    planned: BootstrapPlan
    endpoint: str
    image: str
    install: pulumi.Input[str]
    patch: str
    secrets: pulumi.Output[talos.machine.MachineSecretsArgs]
    client: pulumi.Output[talos.machine.ClientConfigurationArgs]
    values: Mapping[str, str]

    def configuration(self, node: NodeBootstrap, patch: str, parent: pulumi.Resource) -> pulumi.Output[str]:
        """Return a node's configuration, secret.

        Args:
            node: The node.
            patch: Its own patch, with placeholders for secrets.
            parent: Whose part it is.
        """
        given = (self.install, with_values(self.patch, self.values), with_values(patch, self.values))
        made = talos.machine.get_configuration_output(
            cluster_name=self.planned.cluster,
            cluster_endpoint=self.endpoint,
            machine_type=node.role,
            machine_secrets=self.secrets,
            config_patches=pulumi.Output.all(*given),
            talos_version=f"v{self.planned.release}",
            kubernetes_version=self.planned.kubernetes,
            docs=False,
            examples=False,
            opts=pulumi.InvokeOutputOptions(parent=parent),
        )
        return pulumi.Output.secret(made.machine_configuration)


class TalosNode(pulumi.ComponentResource):
    """A node that has its configuration.

    Args:
        node: The node.
        shared: What it has in common with the others.
        patch: What the site says of it alone, with placeholders for secrets.
        after: What must be there before it is configured.
        opts: The parent.
    """

    def __init__(
        self,
        node: NodeBootstrap,
        shared: Shared,
        patch: str,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions,
    ) -> None:
        digest = digest_of(shared.patch, patch, shared.image, shared.planned.install_disk)
        # The cluster's patch stands in the cluster's own inputs: six nodes would show each of its lines six times.
        described = {"digest": digest, "patch": _by_line("patch", node.name, patch), "address": node.address}
        super().__init__("trellis:talos:Node", f"{node.name}-talos", described, opts)
        self.applied = talos.machine.ConfigurationApply(
            f"{node.name}-configuration",
            node=node.address,
            endpoint=node.address,
            client_configuration=shared.client,
            machine_configuration_input=shared.configuration(node, patch, self),
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=after, additional_secret_outputs=["machineConfiguration"]
            ),
        )
        self.register_outputs({"digest": digest})


def digest_of(*texts: str) -> str:
    """Return the SHA-256 of texts in hexadecimal; each with its length, so that none passes for the end of another."""
    made = hashlib.sha256()
    for text in texts:
        encoded = text.encode()
        made.update(f"{len(encoded)}\n".encode() + encoded)
    return made.hexdigest()


def _hidden(given: pulumi.Output[_Given]) -> pulumi.Output[_Given]:
    """Return what the provider gave as a secret, whatever its schema says of it."""
    made: pulumi.Output[_Given] = pulumi.Output.secret(cast("Any", given))  # its types know plain values only
    return made


def _by_line(what: str, of: str, text: str) -> str:
    """Return a text with a heading: so it is no YAML to the engine, and its difference is shown by line."""
    return f"{what} of {of}\n{text}"


def _keys(name: str, planned: BootstrapPlan, parent: pulumi.Resource) -> talos.machine.Secrets:
    # A release that is lower than before would replace them, and with them every key of a cluster that runs.
    return talos.machine.Secrets(
        f"{name}-secrets",
        talos_version=f"v{planned.release}",
        opts=pulumi.ResourceOptions(
            parent=parent,
            ignore_changes=["talosVersion"],
            additional_secret_outputs=["machineSecrets", "clientConfiguration"],
        ),
    )


def _begin(
    name: str,
    planned: BootstrapPlan,
    client: pulumi.Output[talos.machine.ClientConfigurationArgs],
    keys: talos.machine.Secrets,
    configured: pulumi.Resource,
    parent: pulumi.Resource,
) -> pulumi.Output[str]:
    """Have etcd begin on the first control plane, once it is configured, and return Kubernetes's way in, a secret."""
    first = planned.controlplanes[0].address
    begun = talos.machine.Bootstrap(
        f"{name}-bootstrap",
        node=first,
        endpoint=first,
        client_configuration=client,
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[configured]),
    )
    reached = talos.cluster.Kubeconfig(
        f"{name}-kubeconfig",
        node=first,
        endpoint=first,
        client_configuration=_hidden(keys.client_configuration.apply(_kubeconfig_client)),
        opts=pulumi.ResourceOptions(
            parent=parent,
            depends_on=[begun],
            additional_secret_outputs=["kubeconfigRaw", "kubernetesClientConfiguration"],
        ),
    )
    return pulumi.Output.secret(reached.kubeconfig_raw)


def _install(name: str, planned: BootstrapPlan, image: str, parent: pulumi.Resource) -> pulumi.Input[str]:
    """Return the patch that says which image a node installs, and where."""
    if planned.installer is not None:
        return _install_patch(planned.install_disk, planned.installer)
    options = pulumi.ResourceOptions(parent=parent)
    made = talos.imagefactory.Schematic(f"{name}-schematic", schematic=image, opts=options)
    return made.id.apply(partial(_factory_patch, planned.install_disk, planned.release))


def _factory_patch(disk: str, release: str, identity: str) -> str:
    return _install_patch(disk, _INSTALLER.format(identity, release))


def _install_patch(disk: str, image: str) -> str:
    return yaml.safe_dump({"machine": {"install": {"disk": disk, "image": image}}})


def _talosconfig(planned: BootstrapPlan, keys: talos.machine.Secrets, parent: pulumi.Resource) -> pulumi.Output[str]:
    # Talos's API is asked at the control planes themselves: the address that they share is etcd's to give.
    made = talos.client.get_configuration_output(
        cluster_name=planned.cluster,
        client_configuration=_hidden(keys.client_configuration.apply(_config_client)),
        endpoints=[node.address for node in planned.controlplanes],
        nodes=[node.address for node in planned.nodes],
        opts=pulumi.InvokeOutputOptions(parent=parent),
    )
    return pulumi.Output.secret(made.talos_config)


# What the provider gives comes in Python's names, and an invoke sends it on as it is: the provider does not know
# `k8s_aggregator`.  The classes for arguments are sent in the provider's names, so each is built anew.


def _secrets(given: talos.machine.outputs.MachineSecretsResult) -> talos.machine.MachineSecretsArgs:
    certs, keys = given.certs, given.secrets
    return talos.machine.MachineSecretsArgs(
        certs=talos.machine.CertificatesArgs(
            etcd=talos.machine.CertificateArgs(cert=certs.etcd.cert, key=certs.etcd.key),
            k8s=talos.machine.CertificateArgs(cert=certs.k8s.cert, key=certs.k8s.key),
            k8s_aggregator=talos.machine.CertificateArgs(cert=certs.k8s_aggregator.cert, key=certs.k8s_aggregator.key),
            k8s_serviceaccount=talos.machine.KeyArgs(key=certs.k8s_serviceaccount.key),
            os=talos.machine.CertificateArgs(cert=certs.os.cert, key=certs.os.key),
        ),
        cluster=talos.machine.ClusterArgs(id=given.cluster.id, secret=given.cluster.secret),
        secrets=talos.machine.KubernetesSecretsArgs(
            bootstrap_token=keys.bootstrap_token,
            secretbox_encryption_secret=keys.secretbox_encryption_secret,
            aescbc_encryption_secret=keys.aescbc_encryption_secret,
        ),
        trustdinfo=talos.machine.TrustdInfoArgs(token=given.trustdinfo.token),
    )


def _client(given: talos.machine.outputs.ClientConfiguration) -> talos.machine.ClientConfigurationArgs:
    return talos.machine.ClientConfigurationArgs(
        ca_certificate=given.ca_certificate, client_certificate=given.client_certificate, client_key=given.client_key
    )


def _kubeconfig_client(
    given: talos.machine.outputs.ClientConfiguration,
) -> talos.cluster.KubeconfigClientConfigurationArgs:
    return talos.cluster.KubeconfigClientConfigurationArgs(
        ca_certificate=given.ca_certificate, client_certificate=given.client_certificate, client_key=given.client_key
    )


def _config_client(
    given: talos.machine.outputs.ClientConfiguration,
) -> talos.client.GetConfigurationClientConfigurationArgs:
    return talos.client.GetConfigurationClientConfigurationArgs(
        ca_certificate=given.ca_certificate, client_certificate=given.client_certificate, client_key=given.client_key
    )
