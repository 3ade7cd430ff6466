"""Outputs and what a preview shows of them: texts with placeholders are seen, values are in secret outputs alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from components.tenancy import apart
from tests.components.monitor import Recorder
from tests.sites import plan_of
from trellis.contract import read_cluster
from trellis.render.documents import cluster_document

Run = Callable[..., tuple[Recorder, dict[str, Any]]]

CANARY = "CANARY-of-tenant101"
PLACEHOLDER = "{{secret:tenant101-key}}"


@pytest.fixture
def signed_site(dev_site: dict[str, Any]) -> dict[str, Any]:
    dev_site["tenants"]["tenant101"]["guest_bgp"]["md5"] = "tenant101-key"
    return dev_site


@pytest.mark.parametrize("preview", [False, True])
def test_outputs_with_a_key_hold_it_and_are_secret_and_nothing_that_is_shown_does(
    run_program: Run, signed_site: dict[str, Any], preview: bool
) -> None:
    recorder, exported = run_program(signed_site, secrets=json.dumps({"tenant101-key": CANARY}), preview=preview)
    assert recorder.secret_outputs == {"cluster_sol", "guests"}
    document = read_cluster(exported["cluster_sol"])
    assert document.secrets == ("tenant101-key",)
    for node in document.nodes.values():
        boots = node.patch or node.user_data or ""
        assert CANARY in boots
        assert PLACEHOLDER not in boots
    assert CANARY in json.loads(exported["guests"])["debian-test-1"]["user_data"]
    shown = [found for found in recorder.resources.values() if found.type.startswith("trellis:tenancy:")]
    assert CANARY not in repr([found.inputs for found in shown])
    assert {name for found in shown for name in found.secret_inputs} == set()
    assert PLACEHOLDER in repr(recorder.resources["sol"].inputs)
    assert PLACEHOLDER in repr(recorder.resources["debian-test-1"].inputs)


def test_another_value_of_a_key_changes_nothing_that_is_shown(run_program: Run, signed_site: dict[str, Any]) -> None:
    inputs = []
    for value in (CANARY, f"{CANARY}-2"):
        recorder, _ = run_program(signed_site, secrets=json.dumps({"tenant101-key": value}))
        inputs.append({name: found.inputs for name, found in recorder.resources.items() if "tenancy" in found.type})
    assert inputs[0] == inputs[1]


def test_without_a_key_no_output_is_secret(run_program: Run, dev_site: dict[str, Any]) -> None:
    recorder, exported = run_program(dev_site)
    assert recorder.secret_outputs == set()
    assert read_cluster(exported["cluster_sol"]).secrets == ()


def test_a_component_shows_each_text_once_with_a_heading_that_is_no_yaml(
    run_program: Run, dev_site: dict[str, Any]
) -> None:
    recorder, exported = run_program(dev_site)
    shown = recorder.resources["sol"].inputs
    document = json.loads(exported["cluster_sol"])
    for name, node in document["nodes"].items():
        key = "patch" if node["patch"] is not None else "user_data"
        assert shown[f"{name}.{key}"] == f"{key} of {name}\n{node[key]}"
    facts = json.loads(shown["document"])
    assert facts["nodes"]["solcp01"]["digest"] == document["nodes"]["solcp01"]["digest"]
    assert "patch" not in facts["nodes"]["solcp01"]
    assert "user_data" not in recorder.resources["solcp01"].inputs, "a node's texts are its cluster's"
    assert recorder.resources["debian-test-1"].inputs["user_data"].startswith("user_data of debian-test-1\n")


def test_a_document_that_is_taken_apart_is_left_as_it_was() -> None:
    document = cluster_document(plan_of("homelab"), "sol")
    before = json.dumps(document)
    facts, texts = apart(document)
    assert json.dumps(document) == before
    assert "user_data" not in facts["nodes"]["solcp01"]
    assert len(texts) >= len(document["nodes"])
