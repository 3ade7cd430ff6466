"""A bootstrapped cluster on a monitor: what waits for what, what is secret, and in whose names keys are sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pulumiverse_talos as talos
import pytest
import yaml

from components.talos import digest_of
from tests.components import conftest
from tests.components.monitor import Answers, Monitor, Recorder
from tests.components.test_program import urn_names

Run = Callable[..., tuple[Recorder, dict[str, Any]]]
Calls = list[tuple[str, dict[str, Any]]]

PAIR = {"cert": "a-certificate", "key": "a-key"}
SECRETS = {
    "certs": {
        **dict.fromkeys(("etcd", "k8s", "k8sAggregator", "os"), PAIR),
        "k8sServiceaccount": {"key": "a-service-key"},
    },
    "cluster": {"id": "an-id", "secret": "a-secret"},
    "secrets": {"bootstrapToken": "a-token", "secretboxEncryptionSecret": "a-box"},
    "trustdinfo": {"token": "another-token"},
}
CLIENT = {"caCertificate": "ca", "clientCertificate": "crt", "clientKey": "client-key"}
CONFIGURATION = "talos:machine/getConfiguration:getConfiguration"


class Talos(Answers):
    """Answers as the talos plugin would, in its own names; it keeps what it was asked."""

    def __init__(self) -> None:
        self.calls: Calls = []

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        made = {
            "talos:machine/secrets:Secrets": {"machineSecrets": SECRETS, "clientConfiguration": CLIENT},
            "talos:cluster/kubeconfig:Kubeconfig": {"kubeconfigRaw": "the-kubeconfig"},
        }.get(args.typ, {})
        return f"{args.name}-id", {**args.inputs, **made}

    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[str, Any]:
        self.calls.append((args.token, dict(args.args)))
        if args.token == CONFIGURATION:
            return {**args.args, "machineConfiguration": "the-configuration"}
        return {**args.args, "talosConfig": "the-talosconfig"}

    def configurations(self) -> list[dict[str, Any]]:
        return [given for token, given in self.calls if token == CONFIGURATION]


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Talos:
    """Have the program run on a monitor that answers for Talos."""
    answers = Talos()

    def watch(*, preview: bool) -> Recorder:
        recorder = Recorder()
        monitor = Monitor(recorder)
        monitor.mocks = answers
        pulumi.runtime.set_mocks(answers, project="trellis", stack="test", preview=preview, monitor=monitor)
        return recorder

    monkeypatch.setattr(conftest, "watch", watch)
    return answers


@pytest.fixture
def site(dev_site: dict[str, Any]) -> dict[str, Any]:
    """The stack `dev`, whose cluster is bootstrapped, and whose control planes share no address."""
    dev_site["clusters"]["sol"].pop("vip", None)
    dev_site["clusters"]["sol"]["speaker"] = "bird2"
    dev_site["clusters"]["sol"]["talos"] = {"release": "1.13.9", "bootstrap": True, "kubernetes_version": "1.36.1"}
    return dev_site


def test_a_cluster_that_does_not_say_so_has_no_resources_of_talos(
    plugin: Talos, run_program: Run, site: dict[str, Any]
) -> None:
    site["clusters"]["sol"]["talos"]["bootstrap"] = False
    recorder, exported = run_program(site)
    assert [one.name for one in recorder.resources.values() if "talos" in one.type] == []
    assert plugin.calls == []
    assert [name for name in exported if "config_" in name] == []


def test_each_part_has_a_component_as_parent_and_a_name_from_ids(
    plugin: Talos, run_program: Run, site: dict[str, Any]
) -> None:
    recorder, _ = run_program(site)
    made = {one.name: one for one in recorder.resources.values() if one.type.startswith("talos:")}
    nodes = ("solcp01", "solcp02", "solcp03", "solwk01", "solwk02", "solwk03")
    assert sorted(made) == sorted(
        [
            *(f"sol-{part}" for part in ("secrets", "schematic", "bootstrap", "kubeconfig")),
            *(f"{node}-configuration" for node in nodes),
        ]
    )
    for name, one in made.items():
        kind = "trellis:talos:Cluster$trellis:talos:Node" if "-configuration" in name else "trellis:talos:Cluster"
        assert one.parent_type.removeprefix("pulumi:pulumi:Stack$") == kind
    components = [one for one in recorder.resources.values() if one.type.startswith("trellis:talos:")]
    assert sorted(one.name for one in components) == sorted(["sol-talos", *(f"{node}-talos" for node in nodes)])
    assert {one.outputs_registered for one in components} == {1}


def test_a_node_waits_for_every_host_that_it_may_be_on_and_a_worker_for_control_planes(
    plugin: Talos, run_program: Run, site: dict[str, Any]
) -> None:
    site["clusters"]["sol"]["nodes"]["solwk01"]["placement"] = ["pve01", "pve03"]
    recorder, _ = run_program(site)
    leading = {f"solcp0{number}-configuration" for number in (1, 2, 3)}
    for name, hosts in (("solcp01", ("pve01", "pve02", "pve03")), ("solwk01", ("pve01", "pve03"))):
        found = urn_names(recorder.resources[f"{name}-configuration"].dependencies)
        committed = {one for one in found if one.endswith(("-commit", "-confirm"))}
        assert committed == {f"{host}-{command}" for host in hosts for command in ("commit", "confirm")}
        assert {one for one in found if one.endswith("-configuration")} == (leading if "wk" in name else set())
    assert "solcp01-configuration" in urn_names(recorder.resources["sol-bootstrap"].dependencies)
    assert "sol-bootstrap" in urn_names(recorder.resources["sol-kubeconfig"].dependencies)


def test_a_host_in_maintenance_is_not_waited_for(plugin: Talos, run_program: Run, site: dict[str, Any]) -> None:
    site["hosts"]["pve01"]["maintenance"] = "new disks"
    recorder, _ = run_program(site)
    found = urn_names(recorder.resources["solcp01-configuration"].dependencies)
    assert {one for one in found if one.endswith("-commit")} == {"pve02-commit", "pve03-commit"}


def test_nodes_are_reached_at_their_primary_address_and_etcd_begins_on_the_first_control_plane(
    plugin: Talos, run_program: Run, site: dict[str, Any]
) -> None:
    recorder, _ = run_program(site)
    for name, address in (("solcp01-configuration", "fd00:101::11"), ("solwk02-configuration", "fd00:101::22")):
        inputs = recorder.resources[name].inputs
        assert (inputs["node"], inputs["endpoint"]) == (address, address)
    assert recorder.resources["sol-bootstrap"].inputs["node"] == "fd00:101::11"
    assert recorder.resources["sol-kubeconfig"].inputs["node"] == "fd00:101::11"
    client = next(given for token, given in plugin.calls if token != CONFIGURATION)
    assert client["endpoints"] == ["fd00:101::11", "fd00:101::12", "fd00:101::13"]
    assert len(client["nodes"]) == 6


def test_a_configuration_is_asked_for_with_versions_endpoint_type_and_all_patches(
    plugin: Talos, run_program: Run, site: dict[str, Any]
) -> None:
    recorder, _ = run_program(site)
    asked = plugin.configurations()
    assert sorted(given["machineType"] for given in asked) == ["controlplane"] * 3 + ["worker"] * 3
    heading, shared = recorder.resources["sol-talos"].inputs["patch"].split("\n", 1)
    own = {one.inputs["patch"].split("\n", 1)[1] for one in recorder.of_type("trellis:talos:Node")}
    assert yaml.safe_load(shared)["cluster"]["controlPlane"]["endpoint"] == "https://[fd00:101::11]:6443"
    assert heading == "patch of sol", "no YAML to the engine, which would show its difference by keys and numbers"
    for given in asked:
        assert (given["talosVersion"], given["kubernetesVersion"]) == ("v1.13.9", "1.36.1")
        assert given["clusterEndpoint"] == "https://[fd00:101::11]:6443"
        install, cluster, node = given["configPatches"]
        assert "image: factory.talos.dev/nocloud-installer/sol-schematic-id:v1.13.9" in install
        assert "disk: /dev/sda" in install
        assert cluster == shared
        own.remove(node)
    assert own == set()


def test_the_endpoint_is_the_address_that_control_planes_share(
    plugin: Talos, run_program: Run, site: dict[str, Any]
) -> None:
    site["clusters"]["sol"]["vip"] = {"ipv4": "10.101.0.10", "ipv6": "fd00:101::10"}
    run_program(site)
    for given in plugin.configurations():
        assert given["clusterEndpoint"] == "https://[fd00:101::10]:6443"
        assert (
            yaml.safe_load(given["configPatches"][1])["cluster"]["controlPlane"]["endpoint"] == given["clusterEndpoint"]
        )


def test_an_installer_of_one_s_own_needs_no_schematic(plugin: Talos, run_program: Run, site: dict[str, Any]) -> None:
    site["clusters"]["sol"]["talos"]["installer"] = "registry.example.net/installer:v1.13.9"
    recorder, _ = run_program(site)
    assert "sol-schematic" not in recorder.resources
    for given in plugin.configurations():
        assert "image: registry.example.net/installer:v1.13.9" in given["configPatches"][0]


def test_keys_are_sent_in_the_provider_s_names(plugin: Talos, run_program: Run, site: dict[str, Any]) -> None:
    run_program(site)
    assert [given["machineSecrets"] for given in plugin.configurations()] == [SECRETS] * 6
    client = next(given for token, given in plugin.calls if token != CONFIGURATION)
    assert client["clientConfiguration"] == CLIENT


def test_resources_get_the_client_s_keys_in_the_provider_s_names(
    plugin: Talos, run_program: Run, site: dict[str, Any]
) -> None:
    recorder, _ = run_program(site)
    for name in ("solcp01-configuration", "sol-bootstrap", "sol-kubeconfig"):
        found = pulumi.runtime.rpc.unwrap_rpc_secret(recorder.resources[name].inputs["clientConfiguration"])
        assert found == CLIENT, name


def test_without_the_component_s_work_an_invoke_sends_python_s_names(
    plugin: Talos, run_program: Run, site: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bug of the SDK that `components.talos` goes around: where this fails, that can go."""
    monkeypatch.setattr("components.talos._secrets", lambda given: given)
    run_program(site)
    for given in plugin.configurations():
        assert "k8s_aggregator" in given["machineSecrets"]["certs"]
        assert "k8sAggregator" not in given["machineSecrets"]["certs"]


def test_all_that_holds_a_key_is_secret(
    plugin: Talos, run_program: Run, site: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs: dict[str, dict[str, Any]] = {}
    of_recorder = Monitor.RegisterResourceOutputs

    def registered(monitor: Monitor, request: Any) -> Any:
        outputs[request.urn.rpartition("::")[2]] = pulumi.runtime.rpc.deserialize_properties(request.outputs)
        return of_recorder(monitor, request)

    monkeypatch.setattr(Monitor, "RegisterResourceOutputs", registered)
    recorder, exported = run_program(site)
    for name in ("solcp01-configuration", "solwk03-configuration"):
        found = recorder.resources[name].secret_inputs
        assert {"machineConfigurationInput", "clientConfiguration"} <= set(found)
    for name in ("sol-bootstrap", "sol-kubeconfig"):
        assert "clientConfiguration" in recorder.resources[name].secret_inputs
    assert {name: exported[f"{name}_sol"] for name in ("kubeconfig", "talosconfig")} == {
        "kubeconfig": "the-kubeconfig",
        "talosconfig": "the-talosconfig",
    }
    assert {"kubeconfig_sol", "talosconfig_sol"} <= recorder.secret_outputs
    ways = outputs["sol-talos"]
    assert {name: pulumi.runtime.rpc.is_rpc_secret(way) for name, way in ways.items()} == {
        "kubeconfig": True,
        "talosconfig": True,
    }


def test_the_engine_is_told_what_to_keep_secret_of_what_the_provider_gives(
    plugin: Talos, run_program: Run, site: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider's schema marks single fields; where it forgets one, nobody else does."""
    named: dict[str, set[str]] = {}
    of_recorder = Monitor.RegisterResource

    def registered(monitor: Monitor, request: Any) -> Any:
        named[request.name] = set(request.additionalSecretOutputs)
        return of_recorder(monitor, request)

    monkeypatch.setattr(Monitor, "RegisterResource", registered)
    run_program(site)
    assert named["sol-secrets"] == {"machineSecrets", "clientConfiguration"}
    assert named["sol-kubeconfig"] == {"kubeconfigRaw", "kubernetesClientConfiguration"}
    assert "machineConfiguration" in named["solcp01-configuration"]


def test_a_release_that_changes_never_replaces_the_cluster_s_keys(
    plugin: Talos, run_program: Run, site: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ignored: dict[str, list[str]] = {}
    of_recorder = Monitor.RegisterResource

    def registered(monitor: Monitor, request: Any) -> Any:
        ignored[request.name] = list(request.ignoreChanges)
        return of_recorder(monitor, request)

    monkeypatch.setattr(Monitor, "RegisterResource", registered)
    run_program(site)
    assert ignored["sol-secrets"] == ["talosVersion"]


def test_what_changes_for_a_node_is_known_at_preview_and_holds_no_secret(
    plugin: Talos, run_program: Run, site: dict[str, Any]
) -> None:
    site["tenants"]["tenant101"]["guest_bgp"]["md5"] = "guest-key"
    secrets = json.dumps({"guest-key": "CANARY-of-the-guests"})
    before, _ = run_program(site, preview=True, secrets=secrets)
    for node in before.of_type("trellis:talos:Node"):
        assert "{{secret:guest-key}}" in node.inputs["patch"]
        assert "CANARY" not in json.dumps(node.inputs)
        assert node.secret_inputs == ()
    assert "4210101021" in before.resources["solwk01-talos"].inputs["patch"]
    # The range of names that a tenant's guests may choose from (trellis.site.model).
    site["clusters"]["sol"]["nodes"]["solwk01"]["asn"] = 65210
    after, _ = run_program(site, preview=True, secrets=secrets)
    assert "65210" in after.resources["solwk01-talos"].inputs["patch"]
    changed = {
        one.name
        for one in after.of_type("trellis:talos:Node")
        if one.inputs["digest"] != before.resources[one.name].inputs["digest"]
    }
    assert changed == {"solwk01-talos"}


def test_a_node_s_configuration_has_the_value_of_its_secret(
    plugin: Talos, run_program: Run, site: dict[str, Any]
) -> None:
    site["tenants"]["tenant101"]["guest_bgp"]["md5"] = "guest-key"
    run_program(site, secrets=json.dumps({"guest-key": "CANARY-of-the-guests"}))
    for given in plugin.configurations():
        text = "".join(given["configPatches"])
        assert "CANARY-of-the-guests" in text
        assert "{{secret" not in text


def test_a_digest_tells_texts_apart_that_end_to_end_are_the_same() -> None:
    assert digest_of("ab", "c") != digest_of("a", "bc")
    assert digest_of("ab", "c") == digest_of("ab", "c")


def test_the_classes_for_arguments_have_every_field_that_the_provider_gives() -> None:
    """`components.talos` builds them field by field: a field that is new would be left out without a word."""

    def fields(kind: type) -> set[str]:
        return {name for name in vars(kind) if isinstance(vars(kind)[name], property)}

    for given, sent in (
        (talos.machine.outputs.MachineSecretsResult, talos.machine.MachineSecretsArgs),
        (talos.machine.outputs.CertificatesResult, talos.machine.CertificatesArgs),
        (talos.machine.outputs.KubernetesSecretsResult, talos.machine.KubernetesSecretsArgs),
        (talos.machine.outputs.ClusterResult, talos.machine.ClusterArgs),
        (talos.machine.outputs.TrustdInfoResult, talos.machine.TrustdInfoArgs),
        (talos.machine.outputs.ClientConfiguration, talos.machine.ClientConfigurationArgs),
    ):
        assert fields(given) == fields(sent)
    assert fields(talos.machine.MachineSecretsArgs) == {"certs", "cluster", "secrets", "trustdinfo"}
    assert fields(talos.machine.CertificatesArgs) == {"etcd", "k8s", "k8s_aggregator", "k8s_serviceaccount", "os"}
    assert fields(talos.machine.KubernetesSecretsArgs) == {
        "bootstrap_token",
        "secretbox_encryption_secret",
        "aescbc_encryption_secret",
    }
