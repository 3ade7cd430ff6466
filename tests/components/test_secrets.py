"""The program with secrets: who gets which, on what, and what is refused before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from tests.components.monitor import Recorder, Registered

Run = Callable[..., tuple[Recorder, dict[str, Any]]]

CANARY = "CANARY-of-edge1"


@pytest.fixture
def signed_site(dev_site: dict[str, Any]) -> dict[str, Any]:
    dev_site["edges"]["edge1"]["md5"] = "edge1-key"
    return dev_site


def of_type(recorder: Recorder, ending: str) -> list[Registered]:
    return [found for found in recorder.resources.values() if found.custom and found.name.endswith(ending)]


def test_each_host_gets_its_values_before_its_commit_and_nothing_else_holds_one(
    run_program: Run, signed_site: dict[str, Any]
) -> None:
    recorder, exported = run_program(signed_site, secrets=json.dumps({"edge1-key": CANARY}))
    sent = of_type(recorder, "-secrets")
    assert [found.name for found in sent] == ["pve01-secrets", "pve02-secrets", "pve03-secrets"]
    for found in sent:
        assert set(found.secret_inputs) >= {"stdin"}
        stdin = found.inputs["stdin"]
        document = json.loads(stdin["value"] if isinstance(stdin, dict) else stdin)
        assert document["secrets"] == {"edge1-key": CANARY}
        assert CANARY not in found.inputs["create"]
        host = found.name.removesuffix("-secrets")
        assert document["host"] == host
        assert any(urn.endswith(f"::{host}-ready") for urn in found.dependencies)
    commits = of_type(recorder, "-commit")
    for found in commits:
        assert any(urn.endswith(f"::{found.name.removesuffix('-commit')}-secrets") for urn in found.dependencies)
        assert "neighbor 10.255.0.254 password {{secret:edge1-key}}" in found.inputs["stdin"]
    others = [found for found in recorder.resources.values() if found not in sent]
    assert CANARY not in repr(others) + repr(exported)


def test_without_secrets_there_is_no_resource_for_them(run_program: Run, dev_site: dict[str, Any]) -> None:
    recorder, _ = run_program(dev_site)
    assert of_type(recorder, "-secrets") == []


def refusal(run_program: Run, site: dict[str, Any], secrets: str | None, **options: bool) -> str:
    with pytest.raises(pulumi.RunError) as caught:
        run_program(site, secrets=secrets, **options)
    assert "CANARY" not in str(caught.value)
    return str(caught.value)


def test_a_secret_that_is_missing_is_refused_with_the_command_that_sets_it(
    run_program: Run, signed_site: dict[str, Any]
) -> None:
    assert refusal(run_program, signed_site, None) == (
        "the site is refused for 1 reason; nothing was changed\n"
        "config.trellis:secrets.edge1-key: nothing\n"
        "  rule:   each secret that the site names has a value\n"
        "  why:    sessions of pve01, pve02, pve03 are signed with it\n"
        "  remedy: `pulumi config set --secret --path 'trellis:secrets.edge1-key'` asks for its value: "
        "8-80 of a-z, A-Z, 0-9 and . _ ~ + / = @ % : , -"
    )


def test_a_secret_that_nothing_uses_is_refused(run_program: Run, dev_site: dict[str, Any]) -> None:
    said = refusal(run_program, dev_site, json.dumps({"edge1-key": CANARY}))
    assert "remedy: `pulumi config rm --path 'trellis:secrets.edge1-key'`, or name it: edges.*.md5, fabric.md5" in said


@pytest.mark.parametrize("value", ["CANARY", "CANARY with spaces", "CANARY!CANARY", 12345678, {"CANARY": 1}, None])
def test_a_value_that_frr_would_not_bear_is_refused_and_not_shown(
    run_program: Run, signed_site: dict[str, Any], value: object
) -> None:
    said = refusal(run_program, signed_site, json.dumps({"edge1-key": value}))
    assert "config.trellis:secrets.edge1-key: (a secret, not shown)\n  rule:   the value of a secret is 8-80" in said


def test_two_names_of_one_value_are_refused(run_program: Run, signed_site: dict[str, Any]) -> None:
    signed_site["fabric"]["md5"] = "fabric-key"
    said = refusal(run_program, signed_site, json.dumps({"edge1-key": CANARY, "fabric-key": CANARY}))
    assert "each secret has a value of its own, and edge1-key has the same" in said


@pytest.mark.parametrize("text", ["CANARY", '"CANARY"', '["CANARY"]'])
def test_what_is_no_object_is_refused_and_not_shown(run_program: Run, signed_site: dict[str, Any], text: str) -> None:
    assert "the secrets of a stack are an object, name -> value" in refusal(run_program, signed_site, text)


def test_secrets_in_the_clear_are_refused(run_program: Run, signed_site: dict[str, Any]) -> None:
    said = refusal(run_program, signed_site, json.dumps({"edge1-key": CANARY}), in_the_clear=True)
    assert "only as Pulumi encrypted them" in said
