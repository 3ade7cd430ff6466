"""Delegated prefixes in the program: each a subnet of its own in Proxmox, so that one is there before another goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from tests.components.monitor import Recorder
from tests.sites import site_data

Run = Callable[..., tuple[Recorder, dict[str, Any]]]


LEFT = {"prefix": "2600:1700:ab1a:400e::/64", "remove_after": "2026-12-01T00:00:00Z"}


def _run(run_program: Run, vnet101: dict[str, Any] | None) -> Recorder:
    """Run the program on a site whose prefix file, if it has one, says this of one VNet alone."""
    site = site_data("delegated")
    del site["delegated"]
    return run_program(site if vnet101 is None else {**site, "delegated": {"vnet101": vnet101}})[0]


def _subnets(recorder: Recorder) -> dict[str, str]:
    return {
        resource.name: str(resource.inputs["cidr"])
        for resource in recorder.resources.values()
        if resource.type.startswith("proxmoxve:") and "cidr" in resource.inputs and "vnet101" in resource.name
    }


def test_the_homelabs_own_prefix_file_adds_a_subnet_to_each_vnet_that_it_names(
    run_program: Run, dev_site: dict[str, Any]
) -> None:
    recorder, _ = run_program(dev_site)
    subnets = {
        (resource.inputs["vnet"], resource.inputs["cidr"], resource.inputs["gateway"])
        for resource in recorder.resources.values()
        if resource.type.startswith("proxmoxve:") and "cidr" in resource.inputs
    }
    assert {found for found in subnets if found[1].startswith("2600:")} == {
        ("vnet100", "2600:1700:ab1a:5009::/64", "2600:1700:ab1a:5009::fffe"),
        ("vnet101", "2600:1700:ab1a:500e::/64", "2600:1700:ab1a:500e::fffe"),
    }
    assert len(subnets) == 2 * len(dev_site["vnets"]) + 2


def test_a_delegated_prefix_is_a_subnet_with_a_name_of_its_own(run_program: Run) -> None:
    with_both = _subnets(_run(run_program, {"current": "2600:1700:ab1a:500e::/64", "deprecated": [LEFT]}))
    without = _subnets(_run(run_program, None))
    assert sorted(without.values()) == ["10.101.0.0/24", "fd00:101::/64"]
    assert without.items() <= with_both.items(), "the VNet's own subnets stay the resources that they are"
    more = set(with_both.values()) - set(without.values())
    assert more == {"2600:1700:ab1a:400e::/64", "2600:1700:ab1a:500e::/64"}


def test_a_prefix_that_is_deprecated_stays_the_resource_that_it_is(run_program: Run) -> None:
    before = _subnets(_run(run_program, {"current": LEFT["prefix"]}))
    after = _subnets(_run(run_program, {"current": "2600:1700:ab1a:500e::/64", "deprecated": [LEFT]}))
    assert before.items() <= after.items()
    assert len(after) == len(before) + 1


def test_a_prefix_file_that_is_refused_stops_the_program(run_program: Run) -> None:
    with pytest.raises(pulumi.RunError, match=r"delegated\.vnet101\.current"):
        _run(run_program, {"current": "fd00::/64"})
