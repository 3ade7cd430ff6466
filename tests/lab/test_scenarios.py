"""How a scenario is judged, without a lab: what counts as intended, how a host fared, and which bounds were missed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.command_line import trellis
from trellis.lab.scenarios import SCENARIOS, Outcome, Scenario, as_json, as_table
from trellis.lab.scenarios.watching import Course, Look, in_context

APPLY, REBOOT = SCENARIOS[0], SCENARIOS[-1]
RUNNING = """Building configuration...

frr version 10.3
!
router bgp 65000
 neighbor 10.0.0.1 remote-as 65000
 !
 address-family ipv4 unicast
  neighbor 10.0.0.1 activate
 exit-address-family
exit
!
end
"""


def outcome(scenario: Scenario = APPLY, **changes: Any) -> Outcome:
    seen = (Look(1.0, ""), Look(2.0, "frr.conf: 3 lines missing"), Look(3.5, ""), Look(4.0, ""))
    fields: dict[str, Any] = {
        "scenario": scenario,
        "proofs": ("frr.conf was inode 1, is inode 2",),
        "broken_s": 2.0,
        "courses": {"pve01": Course(seen), "pve02": Course((Look(1.1, ""),))},
        "guards": {"pve01": ("guard: repaired: ours: 3 lines",), "pve02": ()},
        "check": {"pve01": (), "pve02": ()},
        "sessions_s": 6.0,
        "resets": (),
        "missing": (),
        "stalled_ms": 12,
        **changes,
    }
    return Outcome(**fields)


def test_a_line_counts_with_what_it_stands_below_and_neither_order_nor_frr_s_chatter_do() -> None:
    lines = in_context(RUNNING)
    assert set(lines) == {
        ("router bgp 65000",),
        ("router bgp 65000", "neighbor 10.0.0.1 remote-as 65000"),
        ("router bgp 65000", "address-family ipv4 unicast"),
        ("router bgp 65000", "address-family ipv4 unicast", "neighbor 10.0.0.1 activate"),
    }
    other_order = "router bgp 65000\n neighbor 10.0.0.2 remote-as 1\n neighbor 10.0.0.1 remote-as 1\nexit\n"
    assert in_context(other_order) == in_context("\n".join(sorted(other_order.splitlines(), reverse=True)))


def test_the_same_line_below_another_one_is_another_line() -> None:
    one, other = in_context("router bgp 1\n neighbor a\n"), in_context("router bgp 2\n neighbor a\n")
    assert one != other


def test_a_host_is_whole_since_the_look_after_the_last_one_that_found_a_fault() -> None:
    course = outcome().courses["pve01"]
    assert (course.whole, course.whole_since_s) == (True, 3.5)
    assert course.faults == ("frr.conf: 3 lines missing",)
    assert Course((Look(1.0, ""),)).whole_since_s == 0.0
    assert Course((Look(1.0, ""), Look(2.0, "no answer"))).whole_since_s is None
    assert Course(()).whole_since_s is None  # nobody looked: nothing is known


def test_a_run_within_its_bounds_is_as_slow_as_its_slowest_host() -> None:
    assert (outcome().ok, outcome().intent_s) == (True, 3.5)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"courses": {"pve01": Course((Look(1.0, "no answer"),))}}, "not every host runs what is intended"),
        ({"courses": {"pve01": Course((Look(70.0, "x"), Look(71.0, "")))}}, "after 71 s, later than 60 s"),
        ({"check": {"pve02": ("files: frr.conf: mode",)}}, "pve02 is not as committed: files: frr.conf: mode"),
        ({"sessions_s": None, "missing": ("pve01 to pve02",)}, "after 60 s there are missing: pve01 to pve02"),
        ({"sessions_s": 61.0}, "back after 61 s"),
        ({"resets": ("pve01 default fd00::2",)}, "sessions have reset: pve01 default fd00::2"),
    ],
)
def test_a_bound_that_was_missed_fails_and_is_named(changes: dict[str, Any], words: str) -> None:
    failed = outcome(**changes)
    assert not failed.ok
    (failure,) = failed.failures
    assert words in failure


def test_sessions_of_a_host_that_goes_down_may_reset() -> None:
    assert outcome(REBOOT, resets=("pve01 default fd00::2",)).ok


def test_a_run_on_a_machine_that_was_too_busy_for_bfd_counts_as_disturbed_and_another_failure_does_not() -> None:
    lost = ("pve01 default fd00::2",)
    assert outcome(resets=lost, stalled_ms=80).disturbed
    assert not outcome(resets=lost, stalled_ms=20).disturbed
    assert not outcome(resets=lost, stalled_ms=80, check={"pve01": ("files",)}).disturbed
    assert not outcome(stalled_ms=80).disturbed


def test_programs_get_every_time_bound_and_proof() -> None:
    document = json.loads(json.dumps(as_json([outcome()])))
    (told,) = document["scenarios"]
    assert (document["ok"], told["seconds"]["as_intended"], told["bounds"]["as_intended"]) == (True, 3.5, 60)
    assert told["proofs"] == ["frr.conf was inode 1, is inode 2"]
    assert told["hosts"]["pve01"]["guard"] == ["guard: repaired: ours: 3 lines"]
    assert as_table([outcome(sessions_s=None)]).row_count == 4


def test_a_scenario_that_is_none_is_answered_with_those_that_are() -> None:
    done = trellis("lab", "scenario", "earthquake")
    assert done.returncode == 2
    assert (
        "there is no scenario earthquake; there are sdn-apply-by-another, sdn-apply-without-ours, network-reload"
        in done.stderr
    )
