"""The program on a monitor: what it registers, in which order, with which secrets, and what it exports."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from components.rollout import refuse_too_few_at_once
from tests.components.monitor import Recorder, Registered
from trellis.agent.bundle import agent_digest, invocation
from trellis.plan import plan as make_plan
from trellis.site import load_site

Run = Callable[..., tuple[Recorder, dict[str, Any]]]


_OF_DEV: list[tuple[Recorder, dict[str, Any]]] = []


@pytest.fixture
def program(run_program: Run, dev_site: dict[str, Any]) -> tuple[Recorder, dict[str, Any]]:
    """What the program makes of the stack `dev`: run once, and only read by the tests."""
    if not _OF_DEV:
        _OF_DEV.append(run_program(dev_site))
    return _OF_DEV[0]


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


def test_the_engine_keeps_of_the_stack_that_made_a_resource_what_tells_where_it_comes_from(
    program: tuple[Recorder, dict[str, Any]],
) -> None:
    recorder, _ = program
    made = [resource for resource in recorder.resources.values() if resource.type != "pulumi:pulumi:Stack"]
    # The SDK's innermost frames are fewer for a component: so many more of the others stay.
    assert {resource.name: len(resource.frames) for resource in made if len(resource.frames) > 6} == {}
    files = [frame.rpartition("/")[2].partition("#")[0] for frame in recorder.resources["pve01-commit"].frames]
    assert files == ["host.py", "router.py", "__main__.py"]
    assert not hasattr(sys, "tracebacklimit"), "the traceback of an error is whole"


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
        assert command.inputs["create"] == invocation(_agent_s_command(command))


def _agent_s_command(command: Registered) -> str:
    """What the agent is told by one of a host's commands."""
    match command.name.rpartition("-")[2]:
        case "ready":
            return "prepare"
        case "commit":
            return "commit"
        case _:
            host = command.name.rpartition("-")[0]
            assert command.name == f"{host}-confirm"
            create: str = command.inputs["create"]
            return create.partition(f"{agent_digest()} ")[2].partition(";")[0]


def test_what_is_confirmed_is_what_was_committed_and_neither_waits_for_the_other(
    program: tuple[Recorder, dict[str, Any]],
) -> None:
    recorder, _ = program
    for host in ("pve01", "pve02", "pve03"):
        commit, confirm = recorder.resources[f"{host}-commit"], recorder.resources[f"{host}-confirm"]
        digest = json.loads(commit.inputs["stdin"].split("\n", 1)[1])["digest"]
        assert confirm.inputs["create"] == invocation(f"confirm --with-commit {digest}")
        assert confirm.dependencies == commit.dependencies
        assert f"{host}-commit" not in urn_names(confirm.dependencies)
        assert (commit.parent, confirm.hooks["on_error"]) == (confirm.parent, ("trellis-confirm-again",))
        assert commit.hooks["on_error"] == ("trellis-commit-failed",)
        assert not {kind for kind in commit.hooks if "delete" in kind}, "the engine would refuse a plain destroy"


def test_the_agent_s_text_does_not_travel_with_each_run(program: tuple[Recorder, dict[str, Any]]) -> None:
    recorder, _ = program
    assert not [name for name in recorder.resources if name.endswith("-agent")]
    for command in recorder.of_type("command:remote:Command"):
        assert len(command.inputs["create"]) < 1500
        assert "_module(" not in command.inputs.get("stdin", "")


def test_hosts_go_one_after_the_other_unless_the_site_says_otherwise(program: tuple[Recorder, dict[str, Any]]) -> None:
    recorder, _ = program
    for earlier, host in (("pve01", "pve02"), ("pve02", "pve03")):
        assert f"{earlier}-ready" in urn_names(recorder.resources[f"{host}-ready"].dependencies)
        needed = {f"{host}-ready", f"{earlier}-commit", f"{earlier}-confirm"}
        assert urn_names(recorder.resources[f"{host}-commit"].dependencies) >= needed


def test_what_a_host_waits_for_does_not_grow_with_the_hosts_before_it(program: tuple[Recorder, dict[str, Any]]) -> None:
    """Each name is in the state that the engine writes at each checkpoint; a component has nothing to wait for."""
    recorder, _ = program
    for command in ("commit", "confirm"):
        found = urn_names(recorder.resources[f"pve03-{command}"].dependencies)
        assert found == {"pve03-ready", "sdn-additions", "pve02-commit", "pve02-confirm"}
    assert urn_names(recorder.resources["pve03-ready"].dependencies) == {"pve02-ready"}
    assert [router.dependencies for router in recorder.of_type("trellis:host:Router")] == [(), (), ()]


def test_the_canary_goes_first_and_the_rest_in_batches(run_program: Run, dev_site: dict[str, Any]) -> None:
    dev_site["rollout"] = {"canary": "pve02", "batch_size": 2}
    recorder, _ = run_program(dev_site)
    for host in ("pve01", "pve03"):
        found = urn_names(recorder.resources[f"{host}-commit"].dependencies)
        assert {name for name in found if name.endswith(("-commit", "-confirm"))} == {"pve02-commit", "pve02-confirm"}
    assert not [n for n in urn_names(recorder.resources["pve02-commit"].dependencies) if n.endswith("-commit")]


def test_where_all_are_confirmed_together_none_depends_on_another_and_hooks_make_the_order(
    run_program: Run, dev_site: dict[str, Any]
) -> None:
    dev_site["rollout"] = {"on_failure": "roll_back"}
    recorder, _ = run_program(dev_site)
    for host in ("pve01", "pve02", "pve03"):
        for command in ("commit", "confirm"):
            registered = recorder.resources[f"{host}-{command}"]
            assert not [name for name in urn_names(registered.dependencies) if name.endswith(("-commit", "-confirm"))]
            assert registered.hooks["before_create"] == registered.hooks["before_update"] == ("trellis-turn",)
        assert " --ask-first " in recorder.resources[f"{host}-confirm"].inputs["create"]


def test_a_host_in_maintenance_has_no_commands_and_the_run_says_so(
    run_program: Run, dev_site: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    dev_site["hosts"]["pve01"]["maintenance"] = "new disks"
    for preview in (True, False):
        recorder, _ = run_program(dev_site, preview=preview)
        assert not [name for name in recorder.resources if name.startswith("pve01-")]
        assert recorder.resources["pve02-commit"].inputs["stdin"], "the others are deployed"
    assert said == ["pve01 is in maintenance and left out, nothing is sent to it: new disks"] * 2


def test_a_run_is_refused_where_the_engine_could_not_confirm_what_it_commits(
    dev_site: dict[str, Any],
) -> None:
    for rollout, needed in (({}, 2), ({"batch_size": 2}, 4), ({"on_failure": "roll_back"}, 6)):
        plan = make_plan(load_site({**dev_site, "rollout": rollout})).rollout
        with pytest.raises(pulumi.RunError, match=f"--parallel {needed - 1} is too few"):
            refuse_too_few_at_once(plan, needed - 1)
        refuse_too_few_at_once(plan, needed)
        refuse_too_few_at_once(plan, None)


def test_a_host_is_made_ready_by_its_own_part_of_the_manifest(program: tuple[Recorder, dict[str, Any]]) -> None:
    recorder, _ = program
    heading, body = recorder.resources["pve02-ready"].inputs["stdin"].split("\n", 1)
    assert heading == "trellis-manifest 1"
    document = json.loads(body)
    head = {"schema_version", "host", "kind", "digest"}
    assert document.keys() == head | {"preconditions", "loopbacks", "base", "pve_version", "pve_network"}
    assert "router bgp 4200001000 vrf vrf_evpnz1" in document["base"]
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
    assert document["schema_version"] == 2
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
