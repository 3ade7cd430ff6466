"""What the policies of the Pulumi policy pack decide, on plain values; that the engine heeds them is a test of engine.

The pack has an environment of its own, in which nothing of Trellis is: its judgements are loaded by their path.
"""

from __future__ import annotations

import runpy
from typing import Any

import pytest

from components.protection import PROTECTED_TYPES
from tests.sites import REPOSITORY

JUDGEMENTS = runpy.run_path(str(REPOSITORY / "policy_pack" / "judgements.py"))
COMMAND = "command:remote:Command"
SECRET = "a-long-enough-secret"


def asked(name: str, *arguments: Any, **more: Any) -> list[str]:
    return list(JUDGEMENTS[name](*arguments, **more))


@pytest.mark.parametrize("key", [{}, {"hostKey": ""}, {"hostKey": None}])
def test_a_command_without_a_pinned_host_key_is_refused(key: dict[str, Any]) -> None:
    (message,) = asked("unpinned", COMMAND, {"connection": {"host": "10.0.0.1", **key}})
    assert message.startswith("connection.hostKey is not set: whoever answers at 10.0.0.1")


def test_a_jump_host_needs_a_pinned_key_as_well() -> None:
    connection = {"host": "10.0.0.1", "hostKey": "ssh-ed25519 A", "proxy": {"host": "10.0.0.2"}}
    (message,) = asked("unpinned", "command:remote:CopyToRemote", {"connection": connection})
    assert message.startswith("connection.proxy.hostKey is not set")
    connection["proxy"] = {"host": "10.0.0.2", "hostKey": "ssh-ed25519 B"}
    assert asked("unpinned", COMMAND, {"connection": connection}) == []
    assert asked("unpinned", "random:index:Thing", {}) == []


@pytest.mark.parametrize("kind", PROTECTED_TYPES)
def test_a_network_is_protected_or_named_as_free(kind: str) -> None:
    properties = {"resourceId": "vnet101"}
    assert len(asked("unprotected", kind, properties, protect=False, free=[])) == 1
    assert len(asked("unprotected", kind, properties, protect=False, free=["vnet1011"])) == 1
    assert asked("unprotected", kind, properties, protect=False, free=["vnet101"]) == []
    assert asked("unprotected", kind, properties, protect=True, free=[]) == []


def test_what_the_program_protects_is_what_the_pack_asks_for() -> None:
    assert set(PROTECTED_TYPES) == set(JUDGEMENTS["NETWORKS"])


@pytest.mark.parametrize("place", ["create", "update", "delete"])
def test_a_secret_on_a_command_line_is_refused(place: str) -> None:
    hidden = {"hidden_outputs": ["stdin", "stdout", "stderr"], "secrets": [SECRET]}
    (message,) = asked("in_the_open", COMMAND, {place: f"echo {SECRET}"}, **hidden)
    assert message.startswith(f"{place} holds a secret")
    (message,) = asked("in_the_open", COMMAND, {"environment": {"KEY": SECRET}}, **hidden)
    assert message.startswith("environment holds a secret")
    assert asked("in_the_open", COMMAND, {place: "echo"}, **hidden) == []


def test_a_secret_on_standard_input_hides_every_output() -> None:
    properties = {"stdin": f'{{"key": "{SECRET}"}}'}
    (message,) = asked("in_the_open", COMMAND, properties, hidden_outputs=["stdin"], secrets=[SECRET])
    assert message.startswith("stdin holds a secret, and stdout, stderr would stand in the state")
    every = ["stdin", "stdout", "stderr"]
    assert asked("in_the_open", COMMAND, properties, hidden_outputs=every, secrets=[SECRET]) == []
    assert asked("in_the_open", COMMAND, properties, hidden_outputs=[], secrets=["other-secret"]) == []


def test_a_message_never_holds_the_secret() -> None:
    properties = {"create": SECRET, "stdin": SECRET, "environment": {"a": SECRET}}
    said = asked("in_the_open", COMMAND, properties, hidden_outputs=[], secrets=[SECRET])
    assert len(said) == 3
    assert SECRET not in "".join(said)


def test_a_host_leaves_by_a_declared_decommission_or_for_maintenance() -> None:
    hosts = ["pve01", "pve02", "pve03"]
    (message,) = asked("gone", ["pve01"], hosts=hosts, decommissioned=["pve02"], left_out=[])
    assert message.startswith("host pve03 has no router in this stack any more")
    assert message.endswith("decommissioned: [pve03].")
    assert asked("gone", ["pve01"], hosts=hosts, decommissioned=["pve02"], left_out=["pve03"]) == []
    assert asked("gone", [], hosts=[], decommissioned=[], left_out=[]) == []
