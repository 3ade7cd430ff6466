"""Cilium's manifests: each node speaks with its own speaker, and what leaves it carries its class."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.sites import site_data
from trellis.plan import Plan, plan
from trellis.render.cilium import cilium_manifests
from trellis.site import load_site


def bare_site(**cluster: Any) -> dict[str, Any]:
    """The homelab with plain VMs for nodes, which may be without what Talos asks for."""
    site = site_data("homelab")
    nodes = {key: value for key, value in site["clusters"]["sol"].items() if key not in ("talos", "vip", "cilium")}
    site["clusters"]["sol"] = {**nodes, **cluster}
    return site


def planned(**cluster: Any) -> Plan:
    return plan(load_site(bare_site(**{"cilium": {}, **cluster})))


def documents(found: Plan, kind: str = "") -> list[dict[str, Any]]:
    every = list(yaml.safe_load_all(cilium_manifests(found, "sol")))
    return [document for document in every if kind in ("", document["kind"])]


def overrides(found: Plan) -> dict[str, dict[str, Any]]:
    return {
        document["metadata"]["name"]: document["spec"]["bgpInstances"][0]
        for document in documents(found, "CiliumBGPNodeConfigOverride")
    }


def test_a_cluster_without_cilium_has_no_manifest() -> None:
    assert cilium_manifests(plan(load_site(bare_site())), "sol") == ""


def test_every_document_is_of_the_api_that_stays_and_what_names_another_finds_it() -> None:
    found = documents(planned())
    assert {document["apiVersion"] for document in found} == {"cilium.io/v2"}
    cluster, peers, advertisement = found[:3]
    peer = cluster["spec"]["bgpInstances"][0]["peers"][0]
    assert peer["peerConfigRef"]["name"] == peers["metadata"]["name"]
    for family in peers["spec"]["families"]:
        assert family["advertisements"]["matchLabels"] == advertisement["metadata"]["labels"]
    assert [family["afi"] for family in peers["spec"]["families"]] == ["ipv4", "ipv6"]
    for override in overrides(planned()).values():
        assert override["name"] == cluster["spec"]["bgpInstances"][0]["name"]
        assert [one["name"] for one in override["peers"]] == [peer["name"]]


def test_each_node_speaks_on_its_own_loopback_with_its_own_asn_so_that_the_path_holds_it_once() -> None:
    found = planned()
    peer = documents(found, "CiliumBGPClusterConfig")[0]["spec"]["bgpInstances"][0]["peers"][0]
    assert (peer["peerAddress"], peer["peerASN"]) == ("::1", 0), "one resource for nodes of many ASNs: any is taken"
    nodes = {guest.guest.name: guest for guest in found.guests if guest.guest.cluster == "sol"}
    assert overrides(found).keys() == nodes.keys()
    for name, override in overrides(found).items():
        assert override["localASN"] == nodes[name].guest.asn
        assert override["peers"][0]["localAddress"] == "::1"
        assert "localPort" not in override, "Cilium dials and does not listen: the speaker has port 179"


@pytest.mark.parametrize("families", ["loopback and address", "address alone", "neither"])
def test_no_node_s_cilium_has_the_router_id_of_its_speaker(families: str) -> None:
    """Both are of one ASN: BIRD and GoBGP refuse an internal peer with their own id (RFC 6286, section 2.2)."""
    site = bare_site(cilium={}, pods={}, services=None)
    if families != "loopback and address":
        site["tenants"]["tenant101"]["loopbacks"] = {"ipv6": "fd00:101:fe::/64"}
    if families == "neither":
        del site["vnets"]["vnet101"]["subnets"]["ipv4"]
    found = plan(load_site(site))
    theirs = {guest.guest.name: guest.speaker.router_id for guest in found.guests}
    ours = {name: override["routerID"] for name, override in overrides(found).items()}
    assert {name for name in ours if ours[name] == theirs[name]} == set()
    assert len({*ours.values(), *theirs.values()}) == len(ours) + len(theirs)


def test_pods_are_internal_and_the_services_of_the_label_are_public() -> None:
    pods, services = documents(planned(), "CiliumBGPAdvertisement")[0]["spec"]["advertisements"]
    assert pods == {
        "advertisementType": "PodCIDR",
        "attributes": {"communities": {"large": ["4200001000:0:100"]}},
    }
    assert services["service"] == {"addresses": ["LoadBalancerIP", "ExternalIP"]}
    assert services["selector"] == {"matchLabels": {"advertise": "bgp"}}
    assert services["attributes"] == {"communities": {"large": ["4200001000:0:200"]}}


def test_without_a_range_of_services_none_is_advertised_for_the_fabric_would_refuse_them_all() -> None:
    spec = documents(planned(services=None), "CiliumBGPAdvertisement")[0]["spec"]
    assert [one["advertisementType"] for one in spec["advertisements"]] == ["PodCIDR"]


def test_the_session_has_the_timers_of_the_fabric_and_outlives_a_restart_of_cilium() -> None:
    spec = documents(planned(), "CiliumBGPPeerConfig")[0]["spec"]
    assert spec["timers"] == {"connectRetryTimeSeconds": 1, "holdTimeSeconds": 30, "keepAliveTimeSeconds": 10}
    assert spec["gracefulRestart"] == {"enabled": True, "restartTimeSeconds": 120}


@pytest.mark.parametrize("value", ["y", "N", "on", "1", "1e3", "0x1F", "0o17", "1_0", "4.5", "null", "bgp", "a.b-c_d"])
def test_a_label_is_text_to_kubectl_whatever_it_looks_like(value: str) -> None:
    found = planned(cilium={"advertise": value})
    assert documents(found, "CiliumBGPAdvertisement")[0]["metadata"]["labels"] == {"advertise": value}
    assert cilium_manifests(found, "sol").count(f'advertise: "{value}"\n') == 4


def test_what_a_node_is_called_is_the_name_of_its_override() -> None:
    text = cilium_manifests(planned(), "sol")
    assert '  name: "solcp01"\n' in text
    assert list(overrides(planned())) == sorted(overrides(planned()))
