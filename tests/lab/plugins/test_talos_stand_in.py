"""The stand-in for pulumiverse-talos: names as the provider has them, well-formed secrets, patches, and delivery."""

from __future__ import annotations

import base64
import re
import secrets
import threading
import time
from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.ends.talos_nodes import Nodes
from trellis.lab.plugins.resource import Call, OperationError, Provider
from trellis.lab.plugins.talos import provider
from trellis.lab.plugins.talos_node import seconds_of
from trellis.lab.plugins.wire import UNKNOWN

SECRETS, APPLY = "talos:machine/secrets:Secrets", "talos:machine/configurationApply:ConfigurationApply"
BOOTSTRAP, KUBECONFIG = "talos:machine/bootstrap:Bootstrap", "talos:cluster/kubeconfig:Kubeconfig"
SCHEMATIC = "talos:imageFactory/schematic:Schematic"
CONFIGURATION = "talos:machine/getConfiguration:getConfiguration"
CLIENT = "talos:client/getConfiguration:getConfiguration"


@pytest.fixture
def talos() -> Iterator[Provider]:
    made = provider()
    yield made
    made.cancel()


@pytest.fixture(scope="module")
def keys() -> dict[str, Any]:
    return provider().resources[SECRETS].create(call([]), {"talosVersion": "v1.13.9"})[1]


@pytest.fixture
def address() -> str:
    """An address of this machine's loopback that no other test has: the port is the same for all."""
    return str(IPv4Address(0x7F010000 + secrets.randbelow(0xFD0000)))


@pytest.fixture
def nodes(address: str) -> Iterator[Nodes]:
    made = Nodes([address])
    yield made
    made.stop()


def call(said: list[str]) -> Call:
    return Call("node", lambda _, text, __: said.append(text))


def given(keys: dict[str, Any], *patches: str, **more: Any) -> dict[str, Any]:
    return {
        "clusterName": "sol",
        "clusterEndpoint": "https://[fd00:101::10]:6443",
        "machineType": "controlplane",
        "machineSecrets": keys["machineSecrets"],
        "configPatches": list(patches),
        "talosVersion": "v1.13.9",
        "kubernetesVersion": "1.36.1",
        **more,
    }


def documents(talos: Provider, inputs: dict[str, Any]) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(talos.functions[CONFIGURATION](inputs)["machineConfiguration"]))


def pem(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def test_secrets_are_authorities_that_sign_tokens_of_the_right_form_and_a_client(keys: dict[str, Any]) -> None:
    machine, client = keys["machineSecrets"], keys["clientConfiguration"]
    for name in ("etcd", "k8s", "k8sAggregator", "os"):
        pair = machine["certs"][name]
        certificate = x509.load_pem_x509_certificate(pem(pair["cert"]))
        assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        assert load_pem_private_key(pem(pair["key"]), None).public_key() == certificate.public_key()
    load_pem_private_key(pem(machine["certs"]["k8sServiceaccount"]["key"]), None)
    assert [len(part) for part in machine["secrets"]["bootstrapToken"].split(".")] == [6, 16]
    assert [len(part) for part in machine["trustdinfo"]["token"].split(".")] == [6, 16]
    assert len(pem(machine["secrets"]["secretboxEncryptionSecret"])) == 32
    assert client["caCertificate"] == machine["certs"]["os"]["cert"]
    mine = x509.load_pem_x509_certificate(pem(client["clientCertificate"]))
    mine.verify_directly_issued_by(x509.load_pem_x509_certificate(pem(client["caCertificate"])))
    assert mine.subject.rfc4514_string() == "O=os:admin"


def test_secrets_are_other_ones_each_time_they_are_made_and_stay_once_they_are(
    talos: Provider, keys: dict[str, Any]
) -> None:
    resource = talos.resources[SECRETS]
    assert resource.create(call([]), {})[1]["machineSecrets"] != keys["machineSecrets"]
    live = resource.read(call([]), "machine_secrets", {}, keys)
    assert live is not None
    assert live.state == keys
    changed = resource.update(call([]), "machine_secrets", keys, {"talosVersion": "v1.14.0"})
    assert changed == {**keys, "talosVersion": "v1.14.0"}


def test_a_lower_release_replaces_secrets_and_a_higher_one_does_not(talos: Provider) -> None:
    def replaced(old: str, new: str) -> list[bool]:
        found = talos.resources[SECRETS].diff({"talosVersion": old}, {"talosVersion": new})
        return [one.replaces for one in found]

    assert replaced("v1.13.9", "v1.13.8") == [True]
    assert replaced("v1.13.9", "v1.13.10") == [False]
    assert replaced("v1.13.9", "v1.13.9") == []


def test_names_of_python_are_refused_as_by_the_real_one(talos: Provider, keys: dict[str, Any], address: str) -> None:
    """What `secrets.machine_secrets` sends when it is passed to the invoke as it is."""
    certs = dict(keys["machineSecrets"]["certs"])
    certs["k8s_aggregator"] = certs.pop("k8sAggregator")
    in_python = {**keys["machineSecrets"], "certs": certs}
    with pytest.raises(OperationError, match=r"Missing required property 'machineSecrets\.certs\.k8sAggregator'"):
        documents(talos, given({"machineSecrets": in_python}))
    client = {"ca_certificate": "a", "client_certificate": "b", "client_key": "c"}
    with pytest.raises(OperationError, match=r"Missing required property 'clientConfiguration\.clientKey'"):
        talos.functions[CLIENT]({"clusterName": "sol", "clientConfiguration": client})
    inputs = {"node": address, "clientConfiguration": client, "machineConfigurationInput": "x"}
    _, failures = talos.resources[APPLY].check(inputs)
    assert "clientConfiguration.clientKey" in {failure.property for failure in failures}


def test_a_configuration_has_the_cluster_s_keys_on_a_control_plane_and_only_certificates_on_a_worker(
    talos: Provider, keys: dict[str, Any]
) -> None:
    leading, hostname = documents(talos, given(keys))
    certs = keys["machineSecrets"]["certs"]
    assert leading["cluster"]["ca"] == {"crt": certs["k8s"]["cert"], "key": certs["k8s"]["key"]}
    assert leading["cluster"]["etcd"]["ca"]["key"] == certs["etcd"]["key"]
    assert leading["machine"]["kubelet"]["image"] == "ghcr.io/siderolabs/kubelet:v1.36.1"
    assert hostname == {"apiVersion": "v1alpha1", "kind": "HostnameConfig", "auto": "stable"}
    worker, _ = documents(talos, given(keys, machineType="worker"))
    assert worker["cluster"]["ca"] == {"crt": certs["k8s"]["cert"], "key": ""}
    assert worker["machine"]["ca"]["key"] == ""
    assert "etcd" not in worker["cluster"]
    text = yaml.safe_dump(worker)
    assert [name for name, pair in certs.items() if pair["key"] in text] == []


def test_talos_1_11_has_its_hostname_in_the_first_document(talos: Provider, keys: dict[str, Any]) -> None:
    (only,) = documents(talos, given(keys, talosVersion="v1.11.6"))
    assert only["machine"]["features"]["stableHostname"] is True


def test_the_same_inputs_give_the_same_text(talos: Provider, keys: dict[str, Any]) -> None:
    function = talos.functions[CONFIGURATION]
    assert function(given(keys)) == function(given(keys))


def test_patches_are_merged_document_by_document(talos: Provider, keys: dict[str, Any]) -> None:
    service = "apiVersion: v1alpha1\nkind: ExtensionServiceConfig\nname: bird2\n"
    found = documents(
        talos,
        given(
            keys,
            "cluster:\n  network: {cni: {name: none}, podSubnets: [10.101.240.0/21]}\n  proxy: {disabled: true}\n",
            "machine: {certSANs: [a]}\n---\n"
            + service
            + "configFiles: [{content: one, mountPath: /bird.conf}]\nenvironment: [A=1]\n",
            "machine: {certSANs: [b]}\n---\n"
            + service
            + "configFiles: [{content: two, mountPath: /bird.conf}]\nenvironment: [B=2]\n---\n"
            + "apiVersion: v1alpha1\nkind: DummyLinkConfig\nname: lo1\n---\n"
            + 'apiVersion: v1alpha1\nkind: HostnameConfig\nauto: "off"\nhostname: cp1\n',
        ),
    )
    first, *others = found
    assert first["cluster"]["network"]["podSubnets"] == ["10.101.240.0/21"], "replaced"
    assert first["cluster"]["network"]["serviceSubnets"] == ["10.96.0.0/12"], "left as it was"
    assert first["cluster"]["proxy"]["disabled"] is True
    assert first["machine"]["certSANs"] == ["a", "b"], "lists follow each other"
    assert [one["kind"] for one in others] == ["HostnameConfig", "ExtensionServiceConfig", "DummyLinkConfig"]
    assert others[0] == {"apiVersion": "v1alpha1", "kind": "HostnameConfig", "auto": "off", "hostname": "cp1"}
    assert others[1]["configFiles"] == [{"content": "two", "mountPath": "/bird.conf"}]
    assert others[1]["environment"] == ["A=1", "B=2"]


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ("- {op: add, path: /machine/token, value: x}\n", "a JSON patch is refused"),
        ("machine:\n  $patch: delete\n", "does not know `\\$patch`"),
        ("machine: {a: b\n", "error loading config patches: "),
        ("machine: [a]\n", "machine is of another kind there"),
        ("apiVersion: v1alpha1\nkind: HostnameConfig\nhostname: cp1\n", "'auto' and 'hostname' cannot be set at the"),
    ],
)
def test_a_patch_that_it_cannot_merge_is_refused(talos: Provider, keys: dict[str, Any], patch: str, said: str) -> None:
    with pytest.raises(OperationError, match=said):
        documents(talos, given(keys, patch))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"machineType": "init"}, "must be one of: controlplane, worker, got: init"),
        ({"clusterEndpoint": "fd00::1"}, "must be a URL"),
        ({"talosVersion": "newest"}, "error parsing version newest"),
        ({"registries": {}}, "unknown property 'registries'"),
    ],
)
def test_what_is_no_configuration_is_refused(
    talos: Provider, keys: dict[str, Any], more: dict[str, Any], said: str
) -> None:
    with pytest.raises(OperationError, match=said):
        documents(talos, given(keys, **more))


def apply(talos: Provider, keys: dict[str, Any], address: str, said: list[str], **more: Any) -> dict[str, Any]:
    inputs = {
        "node": address,
        "clientConfiguration": keys["clientConfiguration"],
        "machineConfigurationInput": "machine: {type: worker}\n",
        **more,
    }
    checked, failures = talos.resources[APPLY].check(inputs)
    assert failures == []
    return talos.resources[APPLY].create(call(said), checked)[1]


def test_a_configuration_is_delivered_and_what_was_sent_is_the_state(
    talos: Provider, keys: dict[str, Any], address: str, nodes: Nodes
) -> None:
    state = apply(talos, keys, address, [])
    assert nodes.configurations() == {address: "machine: {type: worker}\n"}
    assert (state["machineConfiguration"], state["endpoint"]) == ("machine: {type: worker}\n", address)
    talos.resources[APPLY].delete(call([]), "machine_configuration_apply", state)
    assert len(nodes.told) == 1, "a node stays as it is"


def test_an_apply_s_own_patches_are_merged_and_a_preview_shows_that_nothing_is_known_before(
    talos: Provider, keys: dict[str, Any], address: str, nodes: Nodes
) -> None:
    state = apply(talos, keys, address, [], configPatches=["machine: {type: controlplane}\n"])
    assert yaml.safe_load(state["machineConfiguration"]) == {"machine": {"type": "controlplane"}}
    planned = talos.resources[APPLY].planned({**state, "machineConfigurationInput": UNKNOWN})
    assert planned["machineConfiguration"] == UNKNOWN


def test_a_node_that_is_not_there_yet_is_asked_again(talos: Provider, keys: dict[str, Any], address: str) -> None:
    said: list[str] = []
    late: list[Nodes] = []
    timer = threading.Timer(1.0, lambda: late.append(Nodes([address])))
    timer.start()
    try:
        apply(talos, keys, address, said)
        assert late[0].configurations()
    finally:
        timer.join()
        late[0].stop()
    assert any(f"{address}:50000: " in line and "refused: trying again" in line for line in said)


def test_a_node_that_answers_with_a_failure_is_asked_again_and_one_that_refuses_is_not(
    talos: Provider, keys: dict[str, Any], address: str, nodes: Nodes
) -> None:
    nodes.answers[address] = [503]
    apply(talos, keys, address, [])
    nodes.answers[address] = [400]
    with pytest.raises(OperationError, match="it does not want to"):
        apply(talos, keys, address, [])
    assert len(nodes.told) == 1


def test_a_node_that_never_comes_ends_the_operation_when_its_time_is_over(
    talos: Provider, keys: dict[str, Any], address: str
) -> None:
    begun = time.monotonic()
    with pytest.raises(OperationError, match=rf"{re.escape(address)}:50000 did not answer within 1\.2 s: .*refused"):
        apply(talos, keys, address, [], timeouts={"create": "1s200ms"})
    assert time.monotonic() - begun < 5


def test_an_engine_that_stops_is_not_kept_waiting(talos: Provider, keys: dict[str, Any], address: str) -> None:
    threading.Timer(0.2, talos.cancel).start()
    with pytest.raises(OperationError, match="context canceled"):
        apply(talos, keys, address, [])


def test_durations_are_go_s() -> None:
    assert [seconds_of(text) for text in (None, "90s", "1h30m", "0.5s", "250ms")] == [600, 90, 5400, 0.5, 0.25]
    with pytest.raises(OperationError, match='invalid duration "5"'):
        seconds_of("5")


def test_a_cluster_begins_once(talos: Provider, keys: dict[str, Any], address: str, nodes: Nodes) -> None:
    inputs = {"node": address, "clientConfiguration": keys["clientConfiguration"]}
    identity, state = talos.resources[BOOTSTRAP].create(call([]), inputs)
    talos.resources[BOOTSTRAP].update(call([]), identity, state, inputs)
    assert [told.what for told in nodes.told] == ["/bootstrap"]


def test_the_ways_in_are_well_formed(talos: Provider, keys: dict[str, Any]) -> None:
    client = keys["clientConfiguration"]
    inputs = {"clusterName": "sol", "clientConfiguration": client, "endpoints": ["fd00::1"], "nodes": ["fd00::1"]}
    talosconfig = yaml.safe_load(talos.functions[CLIENT](inputs)["talosConfig"])
    assert talosconfig["context"] == "sol"
    assert talosconfig["contexts"]["sol"] == {
        "endpoints": ["fd00::1"],
        "nodes": ["fd00::1"],
        "ca": client["caCertificate"],
        "crt": client["clientCertificate"],
        "key": client["clientKey"],
    }
    _, state = talos.resources[KUBECONFIG].create(call([]), {"node": "fd00::1", "clientConfiguration": client})
    text = yaml.safe_load(state["kubeconfigRaw"])
    (cluster,), (user,), (context,) = text["clusters"], text["users"], text["contexts"]
    assert cluster["cluster"]["server"] == "https://[fd00::1]:6443" == state["kubernetesClientConfiguration"]["host"]
    trusted = x509.load_pem_x509_certificate(pem(cluster["cluster"]["certificate-authority-data"]))
    mine = x509.load_pem_x509_certificate(pem(user["user"]["client-certificate-data"]))
    mine.verify_directly_issued_by(trusted)
    assert context["name"] == text["current-context"]
    assert context["context"]["user"] == user["name"]


def test_a_schematic_is_another_one_when_its_text_is(talos: Provider) -> None:
    schematic = talos.resources[SCHEMATIC]
    assert schematic.create(call([]), {"schematic": "a"})[0] != schematic.create(call([]), {"schematic": "b"})[0]
    assert [one.replaces for one in schematic.diff({"schematic": "a"}, {"schematic": "b"})] == [True]
