"""In which order hosts are changed: one canary, then batches, those in maintenance not at all."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.generated import KEY
from tests.core.whole_site import WHOLE
from trellis.plan import plan
from trellis.plan.rollout import RolloutPlan, rollout
from trellis.render import render
from trellis.site import load_site

IDS = {"e": 1, "d": 2, "c": 3, "b": 4, "a": 5}


def of_hosts(maintenance: dict[str, str] | None = None, **wanted: Any) -> RolloutPlan:
    """Return the rollout of five hosts whose order by id is the reverse of the one by name."""
    hosts = {
        name: {
            "id": number,
            "kind": "frr",
            "frr_version": "10.3",
            "ssh": {"address": f"10.0.0.{number}", "host_key": KEY},
            "maintenance": (maintenance or {}).get(name),
        }
        for name, number in IDS.items()
    }
    return rollout(load_site({"name": "five", "fabric": WHOLE["fabric"], "hosts": hosts, "rollout": wanted}))


@pytest.fixture(autouse=True)
def _no_reflectors(monkeypatch: pytest.MonkeyPatch) -> None:
    fabric = {
        key: value for key, value in WHOLE["fabric"].items() if key not in ("full_mesh_limit", "route_reflectors")
    }
    monkeypatch.setitem(WHOLE, "fabric", fabric)


@pytest.mark.parametrize(
    ("wanted", "batches"),
    [
        ({}, ("e", "d", "c", "b", "a")),
        ({"batch_size": 3}, ("e", "dcb", "a")),
        ({"batch_size": 128}, ("e", "dcba")),
        ({"canary": "c", "batch_size": 2}, ("c", "ed", "ba")),
    ],
)
def test_the_canary_goes_alone_and_the_rest_in_batches_by_id(wanted: dict[str, Any], batches: tuple[str, ...]) -> None:
    assert of_hosts(**wanted).batches == tuple(map(tuple, batches))


def test_a_host_in_maintenance_is_left_out_and_why_is_kept() -> None:
    planned = of_hosts({"e": "new disks", "b": "moves to rack 4"}, batch_size=2)
    assert planned.batches == (("d",), ("c", "a"))
    assert planned.maintenance == (("e", "new disks"), ("b", "moves to rack 4"))


def test_with_every_host_in_maintenance_there_is_nothing_to_do() -> None:
    assert of_hosts(dict.fromkeys(IDS, "move of the site")).batches == ()


def test_a_host_waits_for_every_batch_where_all_are_confirmed_together() -> None:
    assert of_hosts(confirm_within_s=20).confirm_within_s == 20
    assert of_hosts(confirm_within_s=20, on_failure="roll_back").confirm_within_s == 100
    assert of_hosts(confirm_within_s=20, on_failure="roll_back", batch_size=4).confirm_within_s == 40


def test_a_host_in_maintenance_stays_part_of_what_the_others_run() -> None:
    site = {**WHOLE, "hosts": {name: {**host, "maintenance": None} for name, host in WHOLE["hosts"].items()}}
    everybody = {bundle.host: bundle for bundle in render(plan(load_site(site)))}
    without = {bundle.host: bundle for bundle in render(plan(load_site(WHOLE)))}
    assert without.keys() == everybody.keys()
    assert without["pve01"] == everybody["pve01"]
