"""Each rule of a policy file lets one site pass and refuses another with exactly the message written for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.errors.cases import write_expectation
from tests.policy.cases import CASES, breaking, keeping, policy_of, read
from trellis.policy import PolicyFile, PolicyViolated, hold_to, judge
from trellis.policy.model import RULE_NAMES
from trellis.policy.rules import RULES

MANY = {
    "least_edges": {"edges": 2},
    "signed_sessions": {"sessions": ["guests", "edges"]},
    "ports_bound": {},
    "least_penalty": {"penalty_min": 60},
}


def excepting(rule: str, place: str, until: str = "2027-01-01T00:00:00Z", **more: str) -> dict[str, str]:
    return {"rule": rule, "place": place, "owner": "the network team", "reason": "a test", "until": until, **more}


def small() -> Path:
    return next(path for path in CASES if path.stem == "least_placement")


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_site_that_breaks_a_rule_is_refused_with_exactly_this_message(
    path: Path, request: pytest.FixtureRequest
) -> None:
    with pytest.raises(PolicyViolated) as refused:
        hold_to(breaking(path), read(path).policy)
    if request.config.getoption("--update-golden"):
        write_expectation(path, str(refused.value))
        read.cache_clear()
    assert str(refused.value) == read(path).expect


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_site_that_keeps_the_rule_passes(path: Path) -> None:
    assert judge(keeping(path), read(path).policy).violations == ()


def test_every_rule_has_a_case_and_nothing_else_has() -> None:
    assert {read(path).rule for path in CASES} == set(RULES)
    assert tuple(RULES) == RULE_NAMES


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_policy_without_the_rule_lets_the_same_site_pass(path: Path) -> None:
    hold_to(breaking(path), PolicyFile(schema_version=1))
    hold_to(breaking(path), None)


def test_all_violations_of_all_rules_are_told_at_once_in_one_order() -> None:
    plan = breaking(small())
    found = judge(plan, policy_of(MANY)).violations
    assert [violation.rule for violation in found] == sorted(
        (violation.rule for violation in found), key=RULE_NAMES.index
    )
    assert {violation.rule for violation in found} == set(MANY)
    backwards = dict(reversed(MANY.items()))
    assert judge(plan, policy_of(backwards)).violations == found


def test_a_policys_own_reason_stands_in_place_of_the_general_one() -> None:
    given = {"least_edges": {"edges": 2, "why": "the contract with the customer says so"}}
    (violation,) = judge(breaking(small()), policy_of(given)).violations
    assert violation.why == "the contract with the customer says so"


def test_an_exception_lets_its_place_and_what_lies_below_pass_and_nothing_else() -> None:
    plan, rules = breaking(small()), {"ports_bound": {}}
    one = judge(plan, policy_of(rules, excepting("ports_bound", "clusters.sol.nodes.solcp01")))
    assert [violation.place for violation, _ in one.excepted] == ["clusters.sol.nodes.solcp01.vmid"]
    assert "guests.debian-test-1.vmid" in {violation.place for violation in one.violations}
    stem = judge(plan, policy_of(rules, excepting("ports_bound", "guests.debian-test")))
    assert (stem.excepted, len(stem.unused)) == ((), 1), "a place is not the beginning of a name"
    other = judge(plan, policy_of(rules, excepting("least_edges", "guests")))
    assert other.excepted == (), "an exception is to one rule"


def test_an_exception_of_another_site_means_nothing_here() -> None:
    plan, rules = breaking(small()), {"ports_bound": {}}
    here = judge(plan, policy_of(rules, excepting("ports_bound", "guests", site="small")))
    elsewhere = judge(plan, policy_of(rules, excepting("ports_bound", "guests", site="lyon")))
    assert (len(here.excepted), len(elsewhere.excepted), elsewhere.unused) == (1, 0, ())


def test_an_exception_ends_for_who_has_a_clock_and_for_nobody_else() -> None:
    plan = breaking(small())
    policy = policy_of({"least_edges": {"edges": 2}}, excepting("least_edges", "edges", "2027-01-01T00:00:00Z"))
    before = judge(plan, policy, "2026-12-31T23:59:59Z")
    after = judge(plan, policy, "2027-01-01T00:00:00Z")
    assert (before.violations, len(before.excepted), before.ended) == ((), 1, ())
    assert [(violation.place, one.owner) for violation, one in after.ended] == [("edges", "the network team")]
    assert (after.violations, after.unused) == ((after.ended[0][0],), ())
    hold_to(plan, policy)


def test_an_exception_that_lets_nothing_pass_is_named() -> None:
    policy = policy_of({"least_edges": {"edges": 1}}, excepting("least_edges", "edges"))
    assert [one.place for one in judge(breaking(small()), policy).unused] == ["edges"]
