"""Delegated prefixes in the program: each a subnet of its own in Proxmox, so that one is there before another goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from tests.components.monitor import Recorder
from tests.sites import EXAMPLES, site_data

Run = Callable[..., tuple[Recorder, dict[str, Any]]]


def _run(run_program: Run, monkeypatch: pytest.MonkeyPatch, text: bytes | None) -> Recorder:
    monkeypatch.setattr("components.prefixes.prefix_file", lambda: text)
    site = {key: value for key, value in site_data("delegated").items() if key != "delegated"}
    return run_program(site)[0]


def _subnets(recorder: Recorder) -> dict[str, str]:
    return {
        resource.name: str(resource.inputs["cidr"])
        for resource in recorder.resources.values()
        if resource.type.startswith("proxmoxve:") and "cidr" in resource.inputs and "vnet101" in resource.name
    }


def test_a_delegated_prefix_is_a_subnet_with_a_name_of_its_own(
    run_program: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = EXAMPLES["delegated"].with_name("Prefixes.delegated.yaml").read_bytes()
    with_both = _subnets(_run(run_program, monkeypatch, text))
    without = _subnets(_run(run_program, monkeypatch, None))
    assert sorted(without.values()) == ["10.101.0.0/24", "fd00:101::/64"]
    assert without.items() <= with_both.items(), "the VNet's own subnets stay the resources that they are"
    more = set(with_both.values()) - set(without.values())
    assert more == {"2600:1700:ab1a:400e::/64", "2600:1700:ab1a:500e::/64"}


def test_a_prefix_that_is_deprecated_stays_the_resource_that_it_is(
    run_program: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    current = b'schema_version: 1\nvnets: {vnet101: {current: "2600:1700:ab1a:400e::/64"}}\n'
    left = (
        b'schema_version: 1\nvnets: {vnet101: {current: "2600:1700:ab1a:500e::/64", deprecated: '
        b'[{prefix: "2600:1700:ab1a:400e::/64", remove_after: "2026-12-01T00:00:00Z"}]}}\n'
    )
    before, after = (_subnets(_run(run_program, monkeypatch, text)) for text in (current, left))
    assert before.items() <= after.items()
    assert len(after) == len(before) + 1


def test_a_prefix_file_that_is_refused_stops_the_program(run_program: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    text = b'schema_version: 1\nvnets: {vnet101: {current: "fd00::/64"}}\n'
    with pytest.raises(pulumi.RunError, match=r"delegated\.vnet101\.current"):
        _run(run_program, monkeypatch, text)
