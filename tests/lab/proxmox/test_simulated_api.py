"""The simulated API answers as Proxmox's: states, words and kinds of values that the provider relies on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.proxmox.simulated_cluster import Api, Client
from trellis.lab.proxmox.api import application
from trellis.lab.proxmox.call import Simulator
from trellis.lab.proxmox.store import Store
from trellis.observe.virtual_machines import Card, Machine, Machines, VirtualMachines
from trellis.pve_api.client import ApiProblem


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


def test_an_apply_reloads_every_node_with_the_committed_configuration(api: Api) -> None:
    api.build_fabric()
    status = api.apply()
    assert (status["status"], status["exitstatus"]) == ("stopped", "OK")
    assert sorted(node for node, _, _ in api.transport.calls) == ["pve01", "pve02", "pve03"]
    argv, document = api.transport.calls[0][1:]
    assert argv == ("/usr/local/sbin/pve-node", "apply", "--regenerate-frr", "1")
    assert json.loads(document)["zones"]["ids"]["evpnz1"]["vrf-vxlan"] == 4096


def test_an_apply_is_green_though_a_node_failed_and_its_log_says_so(api: Api) -> None:
    api.build_fabric()
    api.transport.answers["pve02"] = (255, "", "ssh: connect to host 10.10.0.12 port 22: No route to host\n")
    status = api.apply()
    assert status["exitstatus"] == "OK"
    log = [line["t"] for line in api.call("GET", f"/nodes/pve01/tasks/{status['upid']}/log")]
    assert any("/nodes/pve02/network' failed: exit code 255" in line for line in log)


def test_each_apply_counts_the_version_on(api: Api) -> None:
    api.build_fabric()
    api.apply()
    api.apply()
    assert [json.loads(document)["version"] for _, _, document in api.transport.calls] == [1] * 3 + [2] * 3


def test_the_upid_has_the_parts_that_clients_take_apart(api: Api) -> None:
    parts = api.apply()["upid"].split(":")
    assert (parts[0], parts[1], parts[5], parts[7]) == ("UPID", "pve01", "reloadnetworkall", "root@pam!trellis")
    assert all(int(part, 16) for part in parts[2:5])


def test_an_unknown_task_is_a_bad_request(api: Api) -> None:
    assert api.raw("GET", "/nodes/pve01/tasks/UPID:pve01:1:1:1:x::u:/status").status_code == 400


def test_an_apply_without_any_controller_leaves_the_choice_to_the_node(api: Api) -> None:
    api.apply()
    assert api.transport.calls[0][1][-1] == "auto"


def test_removing_the_last_controller_still_regenerates(api: Api) -> None:
    peers = "10.255.0.1"
    api.call("POST", "/cluster/sdn/controllers", controller="evpn", type="evpn", asn=65000, peers=peers)
    api.apply()
    api.call("DELETE", "/cluster/sdn/controllers/evpn")
    api.transport.calls.clear()
    api.apply()
    assert api.transport.calls[0][1][-1] == "1"


def test_a_locked_configuration_needs_the_token(api: Api) -> None:
    token = api.call("POST", "/cluster/sdn/lock")
    fields = {"controller": "evpn", "type": "evpn", "asn": 65000, "peers": "10.255.0.1"}
    _, message = api.refusal("POST", "/cluster/sdn/controllers", **fields)
    assert "invalid lock token provided!" in message
    api.call("POST", "/cluster/sdn/controllers", **fields, lock_token=token)
    assert "invalid lock token" in api.refusal("PUT", "/cluster/sdn")[1]
    api.call("PUT", "/cluster/sdn", lock_token=token)
    api.call("PUT", "/cluster/sdn")


def test_the_lock_is_not_given_while_changes_are_pending(api: Api) -> None:
    api.build_fabric()
    assert "configuration has pending changes" in api.refusal("POST", "/cluster/sdn/lock")[1]
    assert api.call("POST", "/cluster/sdn/lock", allow_pending=1)


def test_a_rollback_drops_what_is_pending_and_keeps_what_is_committed(api: Api) -> None:
    api.build_fabric()
    api.apply()
    api.call("PUT", "/cluster/sdn/zones/evpnz1", mtu=1450)
    api.call("POST", "/cluster/sdn/rollback")
    assert api.call("GET", "/cluster/sdn/zones/evpnz1")["mtu"] == 8950


def test_a_dry_run_asks_the_node_about_the_pending_configuration(api: Api) -> None:
    api.build_fabric()
    api.transport.answers["pve02"] = (0, json.dumps({"frr-diff": "+ x\n", "interfaces-diff": None}), "")
    assert api.call("GET", "/cluster/sdn/dry-run", node="pve02")["frr-diff"] == "+ x\n"
    node, argv, document = api.transport.calls[-1]
    assert (node, argv[-1]) == ("pve02", "dry-run")
    assert "evpnz1" in json.loads(document)["zones"]["ids"]


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/cluster/sdn/lock"), ("GET", "/cluster/sdn/dry-run"), ("GET", "/pools")]
)
def test_what_a_release_does_not_have_is_not_implemented(make_api: Callable[..., Api], method: str, path: str) -> None:
    assert make_api("8.4").raw(method, path).status_code == 501


def test_prefix_lists_are_there_from_9_2_on(make_api: Callable[..., Api]) -> None:
    assert make_api("9.2").call("GET", "/cluster/sdn/prefix-lists") == []
    assert make_api("9.1").raw("GET", "/cluster/sdn/prefix-lists").status_code == 501


def test_a_node_is_reloaded_by_itself(api: Api) -> None:
    upid = api.call("PUT", "/nodes/pve02/network", regenerate_frr=1)
    api.simulator.tasks.wait(upid, 10)
    argv = ("/usr/local/sbin/pve-node", "reload", "--regenerate-frr", "1")
    assert api.transport.calls == [("pve02", argv, "")]
    assert api.call("GET", f"/nodes/pve02/tasks/{upid}/status")["exitstatus"] == "OK"


def test_a_node_that_is_down_is_offline_and_the_cluster_may_lose_its_quorum(api: Api) -> None:
    api.transport.unreachable = {"pve02"}
    members = {entry["name"]: entry for entry in api.call("GET", "/cluster/status")}
    assert (members["pve02"]["online"], members["lab"]["quorate"]) == (0, 1)
    api.transport.unreachable = {"pve02", "pve03"}
    assert api.call("GET", "/cluster/status")[0]["quorate"] == 0


def test_the_labs_guests_are_listed_where_they_are_now(make_api: Callable[..., Api], tmp_path: Path) -> None:
    guests = tmp_path / "guests.json"
    api = make_api(guests_file=str(guests))
    guests.write_text(json.dumps([{"vmid": 101, "name": "solwk01", "node": "pve01"}]))
    assert api.call("GET", "/cluster/resources", type="vm")[0]["id"] == "qemu/101"
    guests.write_text(json.dumps([{"vmid": 101, "name": "solwk01", "node": "pve02"}]))
    assert api.call("GET", "/nodes/pve01/qemu") == []
    assert api.call("GET", "/nodes/pve02/qemu")[0]["name"] == "solwk01"


def test_the_configuration_outlives_the_process(api: Api) -> None:
    api.build_fabric()
    api.apply()
    again = Simulator(api.simulator.config, Store(Path(api.simulator.config.state_dir) / "sdn.json"), api.transport)
    client = Client(application(again))
    zone = client.get("/api2/json/cluster/sdn/zones/evpnz1?pending=1", headers=api.headers).json()["data"]
    assert "state" not in zone


def test_a_booting_node_commits_what_is_pending(api: Api) -> None:
    api.build_fabric()
    answer = api.client.post("/pmxcfs/commit-pending").json()
    assert answer["committed"] is True
    assert "vnet100" in answer["running"]["vnets"]["ids"]
    assert api.client.post("/pmxcfs/commit-pending").json()["committed"] is False


def test_a_guests_network_card_is_in_its_configuration_alone(make_api: Callable[..., Api], tmp_path: Path) -> None:
    guests = tmp_path / "guests.json"
    api = make_api(guests_file=str(guests))
    card = {"mac": "bc:24:11:01:01:11", "bridge": "vnet101", "tap": "tap101i0"}
    guests.write_text(json.dumps([{"vmid": 101, "name": "solwk01", "node": "pve01", "status": "stopped", **card}]))
    config = api.call("GET", "/nodes/pve01/qemu/101/config")
    assert (config["name"], config["net0"]) == ("solwk01", "virtio=BC:24:11:01:01:11,bridge=vnet101,firewall=0")
    for listed in (api.call("GET", "/cluster/resources", type="vm")[0], api.call("GET", "/nodes/pve01/qemu")[0]):
        assert listed["status"] == "stopped"
        assert not listed.keys() & card.keys()


@pytest.mark.parametrize(("node", "vmid"), [("pve02", 101), ("pve01", 102)])
def test_a_guest_that_is_not_there_has_no_configuration(
    make_api: Callable[..., Api], tmp_path: Path, node: str, vmid: int
) -> None:
    guests = tmp_path / "guests.json"
    api = make_api(guests_file=str(guests))
    guests.write_text(
        json.dumps([{"vmid": 101, "name": "a", "node": "pve01", "mac": "bc:24:11:01:01:11", "bridge": "b"}])
    )
    refused = api.raw("GET", f"/nodes/{node}/qemu/{vmid}/config")
    assert refused.status_code == 500
    assert f"'nodes/{node}/qemu-server/{vmid}.conf' does not exist" in refused.json()["message"]


def test_what_the_collector_reads_of_vms_is_what_the_simulator_has(
    make_api: Callable[..., Api], tmp_path: Path
) -> None:
    guests = tmp_path / "guests.json"
    api = make_api(guests_file=str(guests))
    guest = {"vmid": 101, "name": "a", "node": "pve01", "mac": "bc:24:11:01:01:11", "bridge": "vnet101"}
    guests.write_text(json.dumps([guest]))

    class Asked:
        def get(self, path: str, **query: str) -> object:
            answer = api.raw("GET", path, **query)
            if answer.status_code != 200:
                raise ApiProblem(f"GET {path}: {answer.status_code}: {answer.json()['message']}")
            return answer.json()["data"]

    asking = VirtualMachines(Asked())
    machine = Machine(101, "pve01", True, (Card("net0", "bc:24:11:01:01:11", "vnet101"),))
    assert asking.read([101]) == Machines({101: machine})
    guests.write_text("[]")
    assert asking.read([101]) == Machines({}, frozenset({101}))
