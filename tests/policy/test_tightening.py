"""Whoever tightens a parameter of a policy finds at least what was found before, on any site."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from ipaddress import ip_network
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.generated import site_of
from tests.policy.cases import CASES, breaking, policy_of, read
from tests.sites import plan_of
from trellis.plan import Plan, plan
from trellis.policy import PolicyFile, judge
from trellis.policy.parameters import TIGHTER
from trellis.site import load_site

SCHEMA = PolicyFile.model_json_schema()


def parameters() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every parameter of every rule, with its schema."""
    for rule, below in SCHEMA["$defs"]["Rules"]["properties"].items():
        given = SCHEMA["$defs"][below["anyOf"][0]["$ref"].rpartition("/")[2]]
        for name, schema in given.get("properties", {}).items():
            if name != "why":
                yield rule, name, schema.get("anyOf", [schema])[0]


PARAMETERS = list(parameters())
IDS = [f"{rule}.{name}" for rule, name, _ in PARAMETERS]


@cache
def plans() -> tuple[Plan, ...]:
    """Sites of people, sites that are drawn, and each that breaks a rule."""
    drawn = (plan(load_site(site_of(Random(seed), 2))) for seed in range(8))
    return (*map(plan_of, ("homelab", "guest-peering", "leaks")), *drawn, *(breaking(path) for path in CASES))


@cache
def asked_of(rule: str) -> tuple[Plan, ...]:
    """A few of the sites, those that were made to break the rule among them."""
    return (*plans()[:11], *(breaking(path) for path in CASES if read(path).rule == rule))


def members(name: str, planned: Plan) -> list[Any]:
    """What may stand in a list, as far as it means something on a site."""
    asns = sorted({planned.asn, *(edge.asn for edge in planned.edges), *(one.guest.asn for one in planned.guests)})
    prefixes = [ip_network(prefix) for vnet in planned.vnets for prefix in vnet.subnets]
    prefixes += [ip_network(prefix) for edge in planned.edges for prefix in edge.accepts]
    return {
        "ranges": [{"first": asn, "last": asn} for asn in asns] + [{"first": 65250, "last": 65260}],
        "prefixes": [str(prefix) for prefix in prefixes] + [str(prefix.supernet(2)) for prefix in prefixes],
        "within": [str(prefix) for prefix in prefixes],
        "sessions": ["edges", "hosts", "guests"],
        "except_tenants": sorted({vnet.tenant for vnet in planned.vnets}),
        "allowed": ["internal", "tenant", "public"],
        "zones": [zone.name for zone in planned.zones],
        "except_zones": [zone.name for zone in planned.zones],
        "tcp": [22, 53, 443, 3260, 8006],
        "udp": [53, 123, 161, 8006],
    }[name]


def loosest(name: str, schema: dict[str, Any], planned: Plan) -> Any:
    which = schema[TIGHTER]
    if schema["type"] == "integer":
        return schema["minimum"] if which == "larger" else schema.get("maximum", 2**31)
    return members(name, planned) if which == "fewer" else []


def tightest(name: str, schema: dict[str, Any], planned: Plan) -> Any:
    which = schema[TIGHTER]
    if schema["type"] == "integer":
        return schema["maximum"] if which == "larger" else schema["minimum"]
    return members(name, planned) if which == "more" else []


def places(planned: Plan, rule: str, name: str, value: Any) -> set[tuple[str, str]]:
    found = judge(planned, policy_of({rule: {name: value}})).violations
    return {(violation.rule, violation.place) for violation in found}


@pytest.mark.parametrize(("rule", "name", "schema"), PARAMETERS, ids=IDS)
def test_a_parameter_says_which_way_is_tighter_and_it_matters(rule: str, name: str, schema: dict[str, Any]) -> None:
    assert schema[TIGHTER] in (("larger", "smaller") if schema["type"] == "integer" else ("more", "fewer"))
    loose = sum(len(places(planned, rule, name, loosest(name, schema, planned))) for planned in asked_of(rule))
    tight = sum(len(places(planned, rule, name, tightest(name, schema, planned))) for planned in asked_of(rule))
    assert loose < tight


def pair(draw: Random, name: str, schema: dict[str, Any], planned: Plan) -> tuple[Any, Any]:
    """Two values of a parameter, the looser one first."""
    which = schema[TIGHTER]
    if schema["type"] == "integer":
        # Sites have small numbers: half of the values are drawn from among these.
        least, most = schema["minimum"], schema.get("maximum", 2**31)
        near = min(most, least + 150)
        two = sorted(draw.randint(least, draw.choice([near, most])) for _ in range(2))
    else:
        known = members(name, planned)
        more = draw.sample(known, draw.randint(0, len(known)))
        two = [draw.sample(more, draw.randint(0, len(more))), more]
    return (two[0], two[1]) if which in ("larger", "more") else (two[1], two[0])


@given(seed=st.integers(0, 2**32))
def test_tightening_a_parameter_never_removes_a_violation(seed: int) -> None:
    draw = Random(seed)
    rule, name, schema = draw.choice(PARAMETERS)
    planned = draw.choice(plans())
    loose, tight = pair(draw, name, schema, planned)
    assert places(planned, rule, name, loose) <= places(planned, rule, name, tight), (rule, name, loose, tight)


@given(seed=st.integers(0, 2**32))
def test_one_more_rule_never_removes_a_violation_and_an_exception_only_its_own(seed: int) -> None:
    draw = Random(seed)
    planned = draw.choice(plans())
    rules = {
        rule: {name: tightest(name, schema, planned)}
        for rule, name, schema in draw.sample(PARAMETERS, draw.randint(1, len(PARAMETERS)))
    }
    all_found = judge(planned, policy_of(rules)).violations
    fewer = dict(draw.sample(sorted(rules.items()), draw.randint(0, len(rules))))
    assert set(judge(planned, policy_of(fewer)).violations) <= set(all_found)
    if all_found:
        one = draw.choice(all_found)
        lets_pass = {
            "rule": one.rule, "place": one.place, "owner": "x", "reason": "y", "until": "2027-01-01T00:00:00Z"
        }  # fmt: skip
        left = judge(planned, policy_of(rules, lets_pass))
        assert {violation for violation, _ in left.excepted} >= {one}
        assert set(left.violations) | {violation for violation, _ in left.excepted} == set(all_found)
