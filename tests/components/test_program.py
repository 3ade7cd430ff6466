"""The program on a monitor: what it registers, in which order, with which secrets, and what it exports."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

from tests.components.monitor import Recorder
from trellis.agent.bundle import agent_text

Run = Callable[..., tuple[Recorder, dict[str, Any]]]


@pytest.fixture
def program(run_program: Run, dev_site: dict[str, Any]) -> tuple[Recorder, dict[str, Any]]:
    return run_program(dev_site)


def urn_names(urns: tuple[str, ...]) -> set[str]:
    return {urn.rsplit("::", 1)[1] for urn in urns}


def test_every_component_registers_its_outputs_once(program: tuple[Recorder, dict[str, Any]]) -> None:
    recorder, _ = program
    components = [resource for resource in recorder.resources.values() if resource.type.startswith("trellis:")]
    assert {component.type for component in components} >= {
        "trellis:proxmox:Sdn",
        "trellis:proxmox:EvpnZone",
        "trellis:proxmox:Vnet",
        "trellis:host:Host",
        "trellis:host:Router",
        "trellis:tenancy:Tenant",
        "trellis:tenancy:Guest",
        "trellis:tenancy:Cluster",
        "trellis:tenancy:Edge",
    }
    assert {component.name: component.outputs_registered for component in components} == {
        component.name: 1 for component in components
    }


def test_every_custom_resource_has_a_component_as_parent(program: tuple[Recorder, dict[str, Any]]) -> None:
    recorder, _ = program
    orphans = [
        resource.name
        for resource in recorder.resources.values()
        if resource.custom
        and not resource.type.startswith("pulumi:providers:")
        and "trellis:" not in resource.parent_type
    ]
    assert orphans == []


def test_names_come_from_ids(program: tuple[Recorder, dict[str, Any]]) -> None:
    recorder, _ = program
    assert {"pve01-commit", "sdn-evpnz1-vnet101-ipv6", "solcp01", "tenant101", "sol"} <= recorder.resources.keys()


def test_what_is_pushed_is_known_at_preview(run_program: Run, dev_site: dict[str, Any]) -> None:
    recorder, _ = run_program(dev_site, preview=True)
    for host in ("pve01", "pve02", "pve03"):
        pushed = recorder.resources[f"{host}-commit"].inputs["stdin"]
        assert isinstance(pushed, str)
        assert "neighbor fd00:101::11 remote-as 4210101011" in pushed


def test_a_manifest_is_no_json_to_the_engine_so_that_its_diff_is_by_line(
    program: tuple[Recorder, dict[str, Any]],
) -> None:
    recorder, _ = program
    heading, body = recorder.resources["pve01-commit"].inputs["stdin"].split("\n", 1)
    assert heading == "trellis-manifest 1"
    assert json.loads(body)["host"] == "pve01"


def test_the_connection_is_secret_and_pins_the_host_key(
    program: tuple[Recorder, dict[str, Any]], dev_site: dict[str, Any]
) -> None:
    recorder, _ = program
    commands = recorder.of_type("command:remote:Command")
    assert len(commands) == 9
    for command in commands:
        assert "connection" in command.secret_inputs
        assert "stdin" not in command.secret_inputs
        host = command.name.split("-")[0]
        connection = pulumi.runtime.rpc.unwrap_rpc_secret(command.inputs["connection"])
        assert connection["hostKey"] == dev_site["hosts"][host]["ssh"]["host_key"]


def test_no_command_text_holds_a_secret_or_would_delete_anything(program: tuple[Recorder, dict[str, Any]]) -> None:
    recorder, _ = program
    for command in recorder.of_type("command:remote:Command"):
        assert "a-private-key" not in command.inputs["create"]
        assert "delete" not in command.inputs
        assert "triggers" not in command.inputs
        assert command.inputs["create"].startswith("timeout ")


def test_the_agent_s_command_puts_a_readable_agent_in_place_and_keeps_the_old_one_if_what_arrives_is_cut_off(
    program: tuple[Recorder, dict[str, Any]], tmp_path: Path
) -> None:
    recorder, _ = program
    inputs = recorder.resources["pve01-agent"].inputs
    command = inputs["create"].replace("/usr/local/lib/trellis", str(tmp_path / "trellis"))
    for sent, succeeds in ((inputs["stdin"], True), (inputs["stdin"][:4000], False)):
        ended = subprocess.run(["sh", "-c", command], input=sent, text=True, timeout=60, check=False)
        assert (ended.returncode == 0) == succeeds
        agent = tmp_path / "trellis" / "agent.py"
        assert list(agent.parent.iterdir()) == [agent]
        assert agent.read_text() == agent_text()
        assert agent.stat().st_mode & 0o777 == 0o755


def test_the_canary_commits_before_any_other_host_is_touched(program: tuple[Recorder, dict[str, Any]]) -> None:
    recorder, _ = program
    for host in ("pve02", "pve03"):
        assert "pve01-ready" in urn_names(recorder.resources[f"{host}-agent"].dependencies)
        assert urn_names(recorder.resources[f"{host}-ready"].dependencies) >= {f"{host}-agent"}
        assert urn_names(recorder.resources[f"{host}-commit"].dependencies) >= {f"{host}-ready", "pve01-commit"}


def test_a_host_is_made_ready_by_its_own_part_of_the_manifest(program: tuple[Recorder, dict[str, Any]]) -> None:
    recorder, _ = program
    heading, body = recorder.resources["pve02-ready"].inputs["stdin"].split("\n", 1)
    assert heading == "trellis-manifest 1"
    document = json.loads(body)
    assert document.keys() == {"schema_version", "host", "kind", "preconditions", "loopbacks", "base", "digest"}
    assert document["loopbacks"]["addresses"] == ["10.255.0.2/32", "fd00:0:0:ffff::2/128"]


def test_nothing_is_sent_to_proxmox_before_every_host_is_ready(program: tuple[Recorder, dict[str, Any]]) -> None:
    recorder, _ = program
    ready = {"pve01-ready", "pve02-ready", "pve03-ready"}
    assert urn_names(recorder.resources["sdn-removals"].dependencies) >= ready


def test_hosts_follow_the_sdn_and_the_sdn_its_finalizer(program: tuple[Recorder, dict[str, Any]]) -> None:
    recorder, _ = program
    assert "sdn-additions" in urn_names(recorder.resources["pve01-commit"].dependencies)
    objects = {
        resource.name
        for resource in recorder.resources.values()
        if resource.custom and resource.type.startswith("proxmoxve:") and "applier" not in resource.type.lower()
    }
    assert objects <= urn_names(recorder.resources["sdn-additions"].dependencies)
    # Directly, not by way of others: the engine orders deletions by direct dependencies alone.
    for name in objects:
        assert "sdn-removals" in urn_names(recorder.resources[name].dependencies), name


def test_an_applier_acts_again_when_the_sdn_changes_and_only_then(run_program: Run, dev_site: dict[str, Any]) -> None:
    before, _ = run_program(dev_site)
    same, _ = run_program({**dev_site, "name": "renamed"})
    dev_site["vnets"]["vnet103"]["alias"] = "Changed"
    changed, _ = run_program(dev_site)
    for applier in ("sdn-additions", "sdn-removals"):
        trigger = before.resources[applier].replacement_trigger
        assert trigger
        assert same.resources[applier].replacement_trigger == trigger
        assert changed.resources[applier].replacement_trigger != trigger
    assert before.resources["sdn-additions"].inputs == {"onCreate": True, "onDestroy": False}
    assert before.resources["sdn-removals"].inputs == {"onCreate": False, "onDestroy": True}


def test_zones_and_vnets_are_deleted_before_they_are_replaced(program: tuple[Recorder, dict[str, Any]]) -> None:
    recorder, _ = program
    for name in ("sdn-evpnz1-zone", "sdn-evpnz1-vnet101-vnet", "sdn-evpnz1-vnet101-ipv4"):
        assert recorder.resources[name].delete_before_replace, name


def test_the_outputs_are_one_document_per_cluster_with_asns_as_text(program: tuple[Recorder, dict[str, Any]]) -> None:
    _, exported = program
    document = json.loads(exported["cluster_sol"])
    assert document["schema_version"] == 1
    assert document["fabric_asn"] == "4200001000"
    assert sorted(document["nodes"]) == ["solcp01", "solcp02", "solcp03", "solwk01", "solwk02", "solwk03"]
    node = document["nodes"]["solcp01"]
    assert node["asn"] == "4210101011"
    assert node["addresses"] == ["10.101.0.11", "fd00:101::11"]
    assert node["loopbacks"] == ["10.101.254.11/32", "fd00:101:fe::11/128"]
    assert node["gateway"] == {"asn": "4200001000", "ipv4": "10.101.0.254", "ipv6": "fd00:101::fffe"}
    assert json.loads(exported["guests"])["debian-test-1"]["asn"] == "4200101006"


def test_an_edge_is_one_document_with_its_sessions_and_its_filter(program: tuple[Recorder, dict[str, Any]]) -> None:
    _, exported = program
    document = json.loads(exported["edge_edge1"])
    assert (document["schema_version"], document["edge"], document["kind"]) == (1, "edge1", "routeros")
    assert (document["asn"], document["fabric_asn"]) == ("4200000000", "4200001000")
    assert document["peers"]["pve01"] == ["10.255.0.1", "fd00:0:0:ffff::1"]
    assert document["filter"]["format"] == "routeros"
    assert any("R12 other zone" in line for line in document["filter"]["lines"])


def test_what_an_edge_would_have_to_change_is_seen_in_a_preview(run_program: Run, dev_site: dict[str, Any]) -> None:
    _, before = run_program(dev_site, preview=True)
    dev_site["leaks"] = {"backup": {"between": ["evpnz1", "evpnz2"]}}
    _, after = run_program(dev_site, preview=True)
    assert before["edge_edge1"] != after["edge_edge1"]
    assert "leak backup" in after["edge_edge1"]


def test_a_refused_site_ends_the_program_with_every_reason(run_program: Run, dev_site: dict[str, Any]) -> None:
    dev_site["vnets"]["vnet101"]["tenant"] = "nobody"
    with pytest.raises(pulumi.RunError, match=r"vnets\.vnet101\.tenant: nobody"):
        run_program(dev_site)
