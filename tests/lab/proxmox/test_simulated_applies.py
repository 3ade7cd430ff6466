"""Applies, nodes and guests by the simulated API: tasks, versions, locks, and who is where."""

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
    machine = Machine(101, "pve01", True, (Card("net0", "bc:24:11:01:01:11", "vnet101"),), name="a")
    assert asking.read([101]) == Machines({101: machine})
    guests.write_text("[]")
    assert asking.read([101]) == Machines({}, frozenset({101}))
