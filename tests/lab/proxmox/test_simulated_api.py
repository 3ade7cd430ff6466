"""The simulated API answers as Proxmox's: states, words and kinds of values that the provider relies on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.lab.proxmox.simulated_cluster import Api


def test_a_call_without_a_token_is_refused(api: Api) -> None:
    response = api.client.get("/api2/json/version")
    assert (response.status_code, response.json()["message"]) == (401, "No ticket\n")


@pytest.mark.parametrize("header", ["PVEAPIToken=root@pam!other=x", "PVEAPIToken=root@pam!trellis=wrong"])
def test_a_wrong_token_is_refused(api: Api, header: str) -> None:
    assert api.client.get("/api2/json/version", headers={"Authorization": header}).status_code == 401


def test_the_version_is_that_of_the_release_that_is_played(make_api: Callable[..., Api]) -> None:
    assert make_api("8.4").call("GET", "/version")["release"] == "8.4"


def test_nodes_of_a_cluster_under_upgrade_name_their_own_versions(make_api: Callable[..., Api]) -> None:
    api = make_api("9.2", "9.0", "8.4")
    releases = [api.call("GET", f"/nodes/{name}/version")["release"] for name in ("pve01", "pve02", "pve03")]
    assert releases == ["9.2", "9.0", "8.4"]


def test_a_new_zone_shows_only_its_names_at_top_level_and_the_rest_as_pending(api: Api) -> None:
    api.build_fabric()
    zone = api.call("GET", "/cluster/sdn/zones/evpnz1", pending=1)
    assert {name: value for name, value in zone.items() if name != "pending"} == {
        "zone": "evpnz1",
        "type": "evpn",
        "state": "new",
        "digest": None,
    }
    assert zone["pending"]["vrf-vxlan"] == 4096


def test_booleans_are_numbers(api: Api) -> None:
    api.build_fabric()
    zone = api.call("GET", "/cluster/sdn/zones/evpnz1")
    assert zone["advertise-subnets"] == 0
    assert type(zone["advertise-subnets"]) is int


def test_repeated_peers_are_answered_in_one_text(api: Api) -> None:
    api.build_fabric()
    assert api.call("GET", "/cluster/sdn/controllers/evpn")["peers"] == "10.255.0.1,10.255.0.2,10.255.0.3"


def test_an_applied_zone_has_no_state(api: Api) -> None:
    api.build_fabric()
    api.apply()
    zone = api.call("GET", "/cluster/sdn/zones/evpnz1", pending=1)
    assert "state" not in zone
    assert "pending" not in zone
    assert zone["mtu"] == 8950


def test_a_changed_zone_shows_the_old_value_and_the_new_one_as_pending(api: Api) -> None:
    api.build_fabric()
    api.apply()
    api.call("PUT", "/cluster/sdn/zones/evpnz1", zone="evpnz1", mtu=1450)
    zone = api.call("GET", "/cluster/sdn/zones/evpnz1", pending=1)
    assert (zone["state"], zone["mtu"], zone["pending"]) == ("changed", 8950, {"mtu": 1450})


def test_a_removed_key_reads_deleted(api: Api) -> None:
    api.build_fabric()
    api.call("PUT", "/cluster/sdn/zones/evpnz1", rt_import="65000:1")
    api.apply()
    api.call("PUT", "/cluster/sdn/zones/evpnz1", delete=["rt-import"])
    zone = api.call("GET", "/cluster/sdn/zones/evpnz1", pending=1)
    assert zone["pending"] == {"rt-import": "deleted"}


def test_several_keys_are_removed_by_repeated_parameters(api: Api) -> None:
    api.build_fabric()
    api.call("PUT", "/cluster/sdn/zones/evpnz1", rt_import="65000:1", nodes="pve01")
    api.call("PUT", "/cluster/sdn/zones/evpnz1", delete=["rt-import", "nodes"])
    zone = api.call("GET", "/cluster/sdn/zones/evpnz1")
    assert "rt-import" not in zone
    assert "nodes" not in zone


def test_a_deleted_zone_still_answers_until_the_apply(api: Api) -> None:
    api.build_fabric()
    api.apply()
    for subnet in ("evpnz1-10.100.0.0-24", "evpnz1-fd00:100::-64"):
        api.call("DELETE", f"/cluster/sdn/vnets/vnet100/subnets/{subnet}")
    api.call("DELETE", "/cluster/sdn/vnets/vnet100")
    api.call("DELETE", "/cluster/sdn/zones/evpnz1")
    zone = api.call("GET", "/cluster/sdn/zones/evpnz1", pending=1)
    assert (zone["state"], zone["vrf-vxlan"]) == ("deleted", 4096)
    assert api.refusal("GET", "/cluster/sdn/zones/evpnz1") == (500, "sdn 'evpnz1' does not exist\n")
    api.apply()
    assert api.refusal("GET", "/cluster/sdn/zones/evpnz1", pending=1)[0] == 500


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/cluster/sdn/controllers/nobody", "sdn 'nobody' does not exist"),
        ("/cluster/sdn/zones/nobody", "sdn 'nobody' does not exist"),
        ("/cluster/sdn/vnets/nobody", "sdn vnet 'nobody' does not exist"),
        ("/cluster/sdn/vnets/vnet100/subnets/evpnz1-10.9.9.0-24", "does not exist"),
        ("/cluster/sdn/vnets/nobody/subnets", "sdn vnet 'nobody' does not exist"),
    ],
)
def test_what_is_not_there_is_status_500_and_does_not_exist(api: Api, path: str, words: str) -> None:
    api.build_fabric()
    status, message = api.refusal("GET", path)
    assert status == 500
    assert words in message


def test_a_used_controller_is_not_deleted(api: Api) -> None:
    api.build_fabric()
    status, message = api.refusal("DELETE", "/cluster/sdn/controllers/evpn")
    assert (status, message) == (
        500,
        "delete sdn controller object failed: controller evpn is used by evpnz1\n",
    )


def test_a_used_zone_is_not_deleted(api: Api) -> None:
    api.build_fabric()
    _, message = api.refusal("DELETE", "/cluster/sdn/zones/evpnz1")
    assert "zone evpnz1 is used by vnet vnet100" in message


def test_a_vnet_with_subnets_is_not_deleted(api: Api) -> None:
    api.build_fabric()
    status, message = api.refusal("DELETE", "/cluster/sdn/vnets/vnet100")
    assert status == 500
    assert "Can't delete vnet if subnets exists" in message


def test_a_subnet_is_found_under_zone_network_and_mask(api: Api) -> None:
    api.build_fabric()
    listed = [entry["subnet"] for entry in api.call("GET", "/cluster/sdn/vnets/vnet100/subnets")]
    assert listed == ["evpnz1-10.100.0.0-24", "evpnz1-fd00:100::-64"]
    subnet = api.call("GET", "/cluster/sdn/vnets/vnet100/subnets/evpnz1-fd00:100::-64")
    assert (subnet["cidr"], subnet["gateway"], subnet["vnet"]) == ("fd00:100::/64", "fd00:100::fffe", "vnet100")


def test_a_zone_gets_a_mac_once(api: Api) -> None:
    api.build_fabric()
    first = api.call("GET", "/cluster/sdn/zones/evpnz1")["mac"]
    api.call("PUT", "/cluster/sdn/zones/evpnz1", mtu=1450)
    api.apply()
    assert first.startswith("BC:24:11:")
    assert api.call("GET", "/cluster/sdn/zones/evpnz1")["mac"] == first


@pytest.mark.parametrize(
    ("path", "fields", "status", "words"),
    [
        ("/cluster/sdn/zones", {"zone": "toolongname", "type": "evpn"}, 400, "verification failed"),
        ("/cluster/sdn/zones", {"zone": "z9", "type": "simple"}, 501, "only evpn"),
        ("/cluster/sdn/zones", {"zone": "z9", "type": "evpn", "controller": "evpn"}, 500, "'vrf-vxlan'"),
        (
            "/cluster/sdn/zones",
            {"zone": "z9", "type": "evpn", "controller": "no", "vrf-vxlan": 5000},
            500,
            "controller no don't exist",
        ),
        (
            "/cluster/sdn/zones",
            {"zone": "z9", "type": "evpn", "controller": "evpn", "vrf-vxlan": 4096},
            500,
            "vrf-vxlan 4096 is already declared in evpnz1",
        ),
        ("/cluster/sdn/zones", {"zone": "z9", "type": "evpn", "colour": "red"}, 400, "verification failed"),
        ("/cluster/sdn/vnets", {"vnet": "vnet101", "zone": "evpnz1"}, 500, "missing vxlan tag"),
        (
            "/cluster/sdn/vnets",
            {"vnet": "vnet101", "zone": "evpnz1", "tag": 10100},
            500,
            "vxlan tag 10100 already exist in vnet vnet100",
        ),
        ("/cluster/sdn/vnets", {"vnet": "vnet101", "zone": "no", "tag": 5}, 500, "undefined type"),
        (
            "/cluster/sdn/controllers",
            {"controller": "second", "type": "evpn", "asn": 1, "peers": "10.0.0.1"},
            500,
            "only 1 global evpn controller can be defined",
        ),
        ("/cluster/sdn/controllers", {"controller": "b1", "type": "bgp", "asn": 1}, 501, "only evpn"),
        (
            "/cluster/sdn/vnets/vnet100/subnets",
            {"subnet": "10.9.0.0/24", "type": "subnet", "gateway": "10.8.0.1"},
            500,
            "10.8.0.1 is not in subnet 10.9.0.0/24",
        ),
        ("/cluster/sdn/vnets/vnet100/subnets", {"subnet": "10.9.0.0", "type": "subnet"}, 400, "verification"),
        (
            "/cluster/sdn/vnets/vnet100/subnets",
            {"subnet": "10.9.0.0/24", "type": "subnet", "snat": 1},
            501,
            "'snat'",
        ),
    ],
)
def test_what_proxmox_refuses_is_refused(
    api: Api, path: str, fields: dict[str, object], status: int, words: str
) -> None:
    api.build_fabric()
    got, message = api.refusal("POST", path, **fields)
    assert (got, words in message) == (status, True), message


def test_a_refused_creation_leaves_nothing_behind(api: Api) -> None:
    api.build_fabric()
    api.refusal("POST", "/cluster/sdn/vnets", vnet="vnet101", zone="evpnz1", tag=10100)
    assert [entry["vnet"] for entry in api.call("GET", "/cluster/sdn/vnets")] == ["vnet100"]


def test_malformed_parameters_are_named(api: Api) -> None:
    response = api.raw("POST", "/cluster/sdn/zones", zone="z1", type="evpn", vrf_vxlan="many")
    assert response.json()["errors"] == {"vrf-vxlan": "type check ('integer') failed - got 'many'"}


def test_the_type_of_a_zone_can_not_be_given_in_a_change(api: Api) -> None:
    api.build_fabric()
    assert api.refusal("PUT", "/cluster/sdn/zones/evpnz1", type="evpn")[0] == 400


def test_a_change_on_an_outdated_digest_is_refused(api: Api) -> None:
    api.build_fabric()
    digest = api.call("GET", "/cluster/sdn/zones/evpnz1")["digest"]
    api.call("PUT", "/cluster/sdn/zones/evpnz1", mtu=1450, digest=digest)
    _, message = api.refusal("PUT", "/cluster/sdn/zones/evpnz1", mtu=1400, digest=digest)
    assert "file changed by other user" in message
