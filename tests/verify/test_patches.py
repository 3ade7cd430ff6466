"""What a patch says, read back as YAML: addresses and routes of the plan, and nothing that YAML could make of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment

from tests.sites import site_data
from tests.verify.variants import HOMELAB, NODES, SIGNED, VARIANTS, release_of_variant, variant
from trellis.plan import Plan
from trellis.plan import plan as make_plan
from trellis.plan.machines import FIRST_ROUTE_METRIC, FIRST_ROUTE_METRIC_BESIDE_FRR
from trellis.plan.model import GuestPlan
from trellis.render.speakers import DISCARD_METRIC, speaker_text
from trellis.render.talos import cluster_patch, node_patch, schematic, speaker
from trellis.render.yaml_text import several_documents
from trellis.site import load_site
from trellis.verify.documents import parts

WITH_DOCUMENTS = [name for name in VARIANTS if not name.startswith("1.11")]


def planned(plan: Plan, node: str) -> GuestPlan:
    return next(guest for guest in plan.guests if guest.guest.name == node)


def documents(plan: Plan, node: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(node_patch(plan, node)))


def of_kind(plan: Plan, node: str, kind: str) -> list[dict[str, Any]]:
    return [document for document in documents(plan, node) if document.get("kind") == kind]


def metric_of(name: str) -> int:
    """Return what the first default has beside a speaker: with less FRR would never install its own."""
    return FIRST_ROUTE_METRIC_BESIDE_FRR if name.endswith(("sulibot", "jsenecal")) else FIRST_ROUTE_METRIC


@pytest.mark.parametrize("name", WITH_DOCUMENTS)
@pytest.mark.parametrize("node", NODES)
def test_a_node_boots_by_a_default_that_is_worse_than_any_speakers(name: str, node: str) -> None:
    (link,) = of_kind(variant(name), node, "LinkConfig")
    machine = planned(variant(name), node).machine
    assert [one["address"] for one in link["addresses"]] == list(machine.addresses)
    assert link["routes"] == [{"gateway": gateway, "metric": metric_of(name)} for gateway in machine.gateways]
    assert (link["name"], link["mtu"]) == (machine.interface, machine.mtu)


def test_before_1_12_the_same_network_is_a_part_of_machine() -> None:
    plan = variant("1.11-sulibot")
    machine = planned(plan, "solcp01").machine
    network = documents(plan, "solcp01")[0]["machine"]["network"]
    link, loopback = network["interfaces"]
    assert network["hostname"] == "solcp01"
    assert (link["interface"], link["mtu"], link["dhcp"]) == ("eth0", machine.mtu, False)
    assert link["addresses"] == list(machine.addresses)
    assert [(route["network"], route["gateway"]) for route in link["routes"]] == [
        ("0.0.0.0/0", "10.101.0.254"),
        ("::/0", "fd00:101::fffe"),
    ]
    assert {route["metric"] for route in link["routes"]} == {metric_of("1.11-sulibot")}
    assert link["vip"] == {"ip": "fd00:101::100"}
    assert (loopback["dummy"], loopback["addresses"]) == (True, list(machine.loopbacks))
    assert {document.get("kind") for document in documents(plan, "solcp01")} == {None, "ExtensionServiceConfig"}


@pytest.mark.parametrize("name", WITH_DOCUMENTS)
def test_loopbacks_are_host_routes_of_a_dummy_link(name: str) -> None:
    (link,) = of_kind(variant(name), "solwk01", "DummyLinkConfig")
    assert [one["address"] for one in link["addresses"]] == ["10.101.254.21/32", "fd00:101:fe::21/128"]


def test_each_shared_address_is_a_document_of_control_planes_alone() -> None:
    assert [one["name"] for one in of_kind(HOMELAB, "solcp01", "Layer2VIPConfig")] == ["10.101.0.100", "fd00:101::100"]
    assert of_kind(HOMELAB, "solwk01", "Layer2VIPConfig") == []


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("node", NODES)
def test_kubelet_never_takes_a_shared_address_or_a_loopback_for_the_nodes(name: str, node: str) -> None:
    plan = variant(name)
    if name.startswith("1.14"):
        (document,) = of_kind(plan, node, "KubeNodeConfig")
        assert "machine" not in documents(plan, node)[0], "Talos refuses one beside the other"
    else:
        document = documents(plan, node)[0]["machine"]["kubelet"]
    subnets = document["nodeIP"]["validSubnets"]
    assert subnets[:2] == ["10.101.0.0/24", "fd00:101::/64"]
    shared = [f"!{address}/{128 if ':' in address else 32}" for address in plan.clusters[0].vip]
    assert subnets[2:] == shared


def test_etcd_speaks_by_loopbacks_where_nodes_are_told_each_others_and_on_the_vnet_where_not() -> None:
    def advertised(plan: Plan) -> list[str]:
        subnets: list[str] = documents(plan, "solcp01")[0]["cluster"]["etcd"]["advertisedSubnets"]
        return subnets

    assert advertised(HOMELAB) == ["10.101.254.0/24", "fd00:101:fe::/64"]
    assert advertised(_not_told()) == ["10.101.0.0/24", "fd00:101::/64", "!10.101.0.100/32", "!fd00:101::100/128"]
    assert "cluster" not in documents(HOMELAB, "solwk01")[0]


def _not_told() -> Plan:
    site = site_data("homelab")
    site["tenants"]["tenant101"]["guest_bgp"]["export_peer_loopbacks"] = False
    return make_plan(load_site(site))


def test_a_pod_that_is_not_there_ends_on_its_node_where_frr_cannot_see_to_that() -> None:
    pods = ["10.101.243.0/24", "fd00:101:244:3::/64"]
    routes = of_kind(variant("1.13-sulibot"), "solwk01", "BlackholeRouteConfig")
    assert [(route["name"], route["metric"]) for route in routes] == [(pod, DISCARD_METRIC) for pod in pods]
    (link,) = of_kind(variant("1.12-sulibot"), "solwk01", "DummyLinkConfig")
    assert link["routes"] == [{"destination": pod, "metric": DISCARD_METRIC} for pod in pods]
    assert of_kind(variant("1.12-sulibot"), "solwk01", "BlackholeRouteConfig") == []
    assert of_kind(HOMELAB, "solwk01", "BlackholeRouteConfig") == [], "BIRD does"
    loopback = documents(variant("1.11-sulibot"), "solwk01")[0]["machine"]["network"]["interfaces"][1]
    assert loopback["routes"] == [{"network": pod, "metric": DISCARD_METRIC} for pod in pods]


def test_birds_file_is_the_speakers_text() -> None:
    (extension,) = of_kind(HOMELAB, "solcp01", "ExtensionServiceConfig")
    assert extension["name"] == "bird2"
    assert extension["configFiles"] == [
        {"content": speaker_text(planned(HOMELAB, "solcp01").speaker), "mountPath": "/usr/local/etc/bird.conf"}
    ]


@pytest.mark.parametrize("key", ["", "{{ looks }} {% like %} {# jinja #}\n"])
def test_sulibots_template_renders_to_the_speakers_text_whatever_is_in_it(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = variant("1.13-sulibot")
    text = key + speaker_text(planned(plan, "solcp01").speaker)
    monkeypatch.setattr(speaker, "speaker_text", lambda _: text)
    (extension,) = of_kind(plan, "solcp01", "ExtensionServiceConfig")
    files = {file["mountPath"]: file["content"] for file in extension["configFiles"]}
    # As the extension's own renderer is set up.
    environment = Environment(trim_blocks=True, lstrip_blocks=True)
    assert environment.from_string(files["/usr/local/etc/frr/frr.conf.j2"]).render() == text
    values = yaml.safe_load(files["/usr/local/etc/frr/config.yaml"])["bgp"]
    assert values["upstream"] == {"local_asn": 4210101011, "router_id": "10.101.254.11"}
    assert values["cilium"] == {"local_asn": 4210101011, "remote_asn": 4210101011}


def test_jsenecals_values_are_one_session_of_two_families_with_its_filters() -> None:
    (extension,) = of_kind(variant(SIGNED), "solwk01", "ExtensionServiceConfig")
    (file,) = extension["configFiles"]
    assert file["mountPath"] == "/usr/local/etc/frr/config.yaml"
    values = yaml.safe_load(file["content"])
    upstream = values["bgp"]["upstream"]
    assert [(peer["address"], peer["address_family"]) for peer in upstream["peers"]] == [
        ("fd00:101::fffe", "ipv4"),
        ("fd00:101::fffe", "ipv6"),
    ]
    assert {peer["password"] for peer in upstream["peers"]} == {"{{secret:tenant101-key}}"}
    assert {peer["update_source"] for peer in upstream["peers"]} == {"fd00:101::21"}
    assert upstream["router_id_v6"] == "fd00:101::21"
    assert upstream["networks"]["ipv4"] == ["10.101.254.21/32", "10.101.243.0/24"]
    lists = values["route_filters"]["prefix_lists"]
    assert lists["ipv4"]["FROM-GATEWAY"]["rules"] == [
        {"seq": 5, "action": "permit", "prefix": "0.0.0.0/0"},
        {"seq": 10, "action": "permit", "prefix": "10.101.254.0/24", "ge": 32, "le": 32},
    ]
    maps = values["route_filters"]["route_maps"]
    for peer in upstream["peers"]:
        for side in ("route_map_in", "route_map_out"):
            (rule,) = maps[peer[side]]["rules"]
            assert rule["match"]["prefix_list"] in lists[peer["address_family"]]
            assert rule["match"]["address_family"] == peer["address_family"]
    assert values["bfd"]["profiles"] == {
        "gateway": {"detect_multiplier": 3, "receive_interval": 300, "transmit_interval": 300}
    }


def test_a_key_stands_in_a_patch_by_its_placeholder_alone() -> None:
    text = node_patch(variant(SIGNED), "solcp01")
    assert "{{secret:tenant101-key}}" in text
    # What a value may hold (trellis.agent.vault.ALLOWED) ends neither the quoted scalar nor the block around it.
    key = "a%b@c:d,e=f~+/._-{}".replace("{}", "g")
    (extension,) = [
        one
        for one in yaml.safe_load_all(text.replace("{{secret:tenant101-key}}", key))
        if one.get("kind") == "ExtensionServiceConfig"
    ]
    values = yaml.safe_load(extension["configFiles"][0]["content"])
    assert {peer["password"] for peer in values["bgp"]["upstream"]["peers"]} == {key}


def test_talos_own_speaker_announces_loopbacks_to_the_gateway() -> None:
    (instance,) = of_kind(variant("1.14-native"), "solcp01", "BGPInstanceConfig")
    assert (instance["localASN"], instance["routerID"]) == (4210101011, "10.101.254.11")
    assert instance["advertise"] == [of_kind(variant("1.14-native"), "solcp01", "DummyLinkConfig")[0]["name"]]
    (neighbour,) = instance["neighbors"]
    assert (neighbour["address"], neighbour["peerASN"], neighbour["holdTime"]) == ("fd00:101::fffe", 4200001000, "30s")
    assert neighbour["bfd"] == {"transmitInterval": "300ms", "receiveInterval": "300ms", "detectMultiplier": 3}


def test_a_cluster_has_no_cni_and_no_proxy_of_talos_own_and_its_ranges() -> None:
    patch = yaml.safe_load(cluster_patch(HOMELAB, "sol"))
    assert patch["cluster"]["network"] == {
        "cni": {"name": "none"},
        "podSubnets": ["10.101.240.0/21", "fd00:101:244::/60"],
        "serviceSubnets": ["10.96.0.0/16", "fd00:10:96::/112"],
    }
    assert patch["cluster"]["proxy"] == {"disabled": True}
    assert patch["cluster"]["controllerManager"]["extraArgs"] == {
        "node-cidr-mask-size-ipv4": "24",
        "node-cidr-mask-size-ipv6": "64",
        "allocate-node-cidrs": "false",
    }
    assert patch["machine"]["features"]["kubePrism"]["enabled"] is True


def test_kubernetes_chooses_the_pods_of_nodes_that_the_site_gives_none() -> None:
    site = site_data("homelab")
    for node in site["clusters"]["sol"]["nodes"].values():
        del node["pod_block"]
    patch = yaml.safe_load(cluster_patch(make_plan(load_site(site)), "sol"))
    assert "allocate-node-cidrs" not in patch["cluster"]["controllerManager"]["extraArgs"]


def test_services_have_addresses_inside_of_the_families_that_pods_have() -> None:
    site = site_data("homelab")
    site["clusters"]["sol"]["pods"].pop("ipv4")
    patch = yaml.safe_load(cluster_patch(make_plan(load_site(site)), "sol"))
    assert patch["cluster"]["network"]["serviceSubnets"] == ["fd00:10:96::/112"]


def test_from_1_14_on_kubernetes_part_is_in_documents_and_none_is_beside_its_older_place() -> None:
    plan = variant("1.14-bird2")
    shared = {one["kind"]: one for one in yaml.safe_load_all(cluster_patch(plan, "sol"))}
    assert shared["KubeClusterConfig"]["endpoint"] == "https://[fd00:101::100]:6443"
    assert shared["KubeNetworkConfig"]["podSubnets"] == ["10.101.240.0/21", "fd00:101:244::/60"]
    assert shared["KubeNetworkConfig"]["serviceSubnets"] == ["10.96.0.0/16", "fd00:10:96::/112"]
    assert shared["KubeNetworkConfig"]["nodeCIDRMaskSizeIPv4"] == 24
    assert shared["KubeNetworkConfig"]["nodeCIDRMaskSizeIPv6"] == 64
    assert shared["KubePrismConfig"]["port"] == 7445
    assert documents(plan, "solcp01")[0] == {
        "cluster": {"etcd": {"advertisedSubnets": ["10.101.254.0/24", "fd00:101:fe::/64"]}}
    }
    assert of_kind(plan, "solcp01", "KubeProxyConfig")[0]["enabled"] is False
    assert of_kind(plan, "solcp01", "KubeFlannelCNIConfig")[0]["$patch"] == "delete"
    assert of_kind(plan, "solcp01", "KubeControllerManagerConfig")[0]["extraArgs"] == {"allocate-node-cidrs": "false"}
    for kind in ("KubeProxyConfig", "KubeFlannelCNIConfig", "KubeControllerManagerConfig"):
        assert of_kind(plan, "solwk01", kind) == [], "a worker must not have it"


def test_the_endpoint_is_the_shared_address_ipv6_first_else_the_first_control_plane() -> None:
    def endpoint(vip: tuple[str, ...]) -> str:
        plan = replace(HOMELAB, clusters=(replace(HOMELAB.clusters[0], vip=vip),))
        found: str = yaml.safe_load(cluster_patch(plan, "sol"))["cluster"]["controlPlane"]["endpoint"]
        return found

    assert endpoint(("10.101.0.100", "fd00:101::100")) == "https://[fd00:101::100]:6443"
    assert endpoint(("10.101.0.100",)) == "https://10.101.0.100:6443"
    assert endpoint(()) == "https://[fd00:101::11]:6443"


def test_an_image_has_the_official_extension_and_says_what_it_lacks() -> None:
    assert yaml.safe_load(schematic(HOMELAB, "sol")) == {
        "customization": {"systemExtensions": {"officialExtensions": ["siderolabs/bird2"]}}
    }
    for name, image in (("1.13-sulibot", "ghcr.io/sulibot/"), ("1.13-jsenecal", "ghcr.io/jsenecal/")):
        text = schematic(variant(name), "sol")
        assert yaml.safe_load(text)["customization"]["systemExtensions"]["officialExtensions"] == []
        assert image in text
        assert text.startswith("# No image of this schematic alone has a speaker")
    assert not schematic(variant("1.14-native"), "sol").startswith("#")


@pytest.mark.parametrize("name", VARIANTS)
def test_no_patch_comes_near_what_talos_takes_at_once(name: str) -> None:
    # Talos has no limit of its own for an extension's files; its API takes 32 MiB (GRPCMaxMessageSize), and
    # Kubernetes and most stores of machine configurations 1 MiB.
    for node in NODES:
        assert len(node_patch(variant(name), node)) < 2**15


def test_who_runs_no_talos_has_no_patch() -> None:
    for wrong in ("debian-test-1", "nobody"):
        with pytest.raises(ValueError, match=f"{wrong} is no node of a cluster that runs Talos"):
            node_patch(HOMELAB, wrong)
    with pytest.raises(ValueError, match="luna is no cluster that runs Talos"):
        cluster_patch(HOMELAB, "luna")


def test_releases_of_all_kinds_are_among_the_variants() -> None:
    assert {".".join(release_of_variant(name).split(".")[:2]) for name in VARIANTS} == {"1.11", "1.12", "1.13", "1.14"}


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.sampled_from(
    [
        "---\n",
        "a\n---\nb: {}\n",
        "no",
        "0x10",
        "1e3",
        "2026-01-01",
        "&a *a",
        "  x\n y\n",
        "\n\n",
        "# no\n",
        "|\n",
        "!!int 3",
    ]
)
VALUES = st.recursive(
    TEXT | st.integers() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(TEXT, VALUES, min_size=1, max_size=3), min_size=1, max_size=4))
def test_whatever_a_document_holds_is_read_back(drawn: list[dict[str, Any]]) -> None:
    text = several_documents(drawn)
    assert list(yaml.safe_load_all(text)) == drawn
    assert [part.data for part in parts(text)] == drawn, "a value was taken for the marker between documents"


@given(TEXT)
def test_whatever_a_speakers_text_holds_reaches_its_file(text: str) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(speaker, "speaker_text", lambda _: text)
        (extension,) = of_kind(HOMELAB, "solcp01", "ExtensionServiceConfig")
    assert extension["configFiles"][0]["content"] == text
