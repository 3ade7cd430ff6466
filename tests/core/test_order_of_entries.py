"""Two sites that differ in order only are the same site: plan, files, manifests, documents, filters, picture.

``make properties`` compares a hundred thousand pairs.  Each pair is planned twice; since what is rendered depends on
the plan alone (the picture on the site too), every fourth pair is rendered twice as well, byte by byte.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from random import Random
from typing import Any

import pytest
from hypothesis import strategies as st

from tests.core.generated import Data, reordered, site_of
from tests.core.rendered import Text, texts
from tests.core.text_fields import containers, list_fields, places, put_in
from tests.counted import Cases
from tests.sites import REPOSITORY
from trellis.plan import plan
from trellis.site import load_site

ORDERS = 16
"""Orders that each drawn site is put in."""

RENDERED_EACH = 4

WITHOUT_ORDER = {
    "delegated.*.deprecated",
    "edges.*.accepts",
    "edges.*.routeros.delegations",
    "fabric.infrastructure",
    "fabric.route_reflectors",
    "firewall.*.ports",
    "firewall.*.to",
    "firewall.*.vnets",
    "guests.*.announces",
    "guests.*.placement",
    "clusters.*.nodes.*.placement",
    "leaks.*.between",
    "leaks.*.prefixes",
    "zones.*.exit_nodes",
    "tenants.*.guest_bgp.classes",
    "vnets.*.guest_bgp.classes",
    "zones.*.nodes",
}
"""Lists that are sets: a person writes them in any order."""

WITH_ORDER = {"vnets.*.router_advertisements.resolvers": "guests ask the first one first (RFC 8106)"}
"""Lists whose order means something, each with what it means."""


def drawn(seed: int) -> Data:
    return site_of(Random(seed), least=1, most=3)


def judged(seed: int) -> list[str]:
    """Return how each pair of a drawn site and another order of it ended; fail at the first one that differs."""
    data = drawn(seed)
    site = load_site(data)
    planned = plan(site)
    rendered = list(texts(site, planned))
    ended = []
    for number in range(ORDERS):
        other = reordered(Random(number), data)
        if number % RENDERED_EACH == 0:
            same = all_texts(other) == rendered
            ended.append("planned and rendered")
        else:
            same = plan(load_site(other)) == planned
            ended.append("planned")
        assert same, f"order of {', '.join(culprits(data, number)) or 'several at once'} means something"
    return ended


def all_texts(data: Data) -> list[Text]:
    site = load_site(data)
    return list(texts(site, plan(site)))


def culprits(data: Data, number: int) -> list[str]:
    """Return the mappings and lists of a site whose order alone changes what is rendered."""
    expected = all_texts(data)
    return [
        ".".join(map(str, path)) or "(the site)"
        for path, value in containers(data)
        if all_texts(put_in(data, path, shallowly_reordered(Random(number), value))) != expected
    ]


def shallowly_reordered(draw: Random, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: value[key] for key in draw.sample(list(value), len(value))}
    return draw.sample(value, len(value))


def test_two_sites_that_differ_in_order_only_render_the_same_bytes(cases: Cases) -> None:
    cases.run(judged, ORDERS, simplify=False, seed=st.integers(0, 2**32))


def test_every_list_says_whether_its_order_means_something() -> None:
    assert list_fields() == WITHOUT_ORDER | WITH_ORDER.keys()
    assert not WITHOUT_ORDER & WITH_ORDER.keys()


def test_drawn_sites_have_several_entries_wherever_a_site_can_have_them() -> None:
    most: dict[str, int] = {}
    for seed in range(120):
        data = drawn(seed)
        for field, number in sizes(data):
            most[field] = max(number, most.get(field, 0))
    assert {field for field, number in most.items() if number < 2} == set()
    # Whatever holds an exit node is refused.
    assert WITHOUT_ORDER - most.keys() == {"zones.*.exit_nodes"}


def sizes(data: Data) -> Iterator[tuple[str, int]]:
    """Yield pattern and length of each list and of each mapping by name."""
    names = {place.path[:-1]: place.field.rsplit(".", 1)[0] for place in places(data) if place.is_name}
    lists = {place.path[:-1]: place.field.rsplit(".", 1)[0] for place in places(data) if place.field.endswith(".*")}
    lists |= {("firewall", name, "ports"): "firewall.*.ports" for name in data["firewall"]}
    lists |= {("delegated", name, "deprecated"): "delegated.*.deprecated" for name in data["delegated"]}
    for path, value in containers(data):
        field = names.get(path) or lists.get(path)
        if field is not None:
            yield field, len(value)


def test_a_plan_holds_nothing_that_compares_equal_in_another_order() -> None:
    site = load_site(drawn(1))
    assert set(_kinds(plan(site))) & {dict, set, frozenset} == set()


def _kinds(value: Any) -> Iterator[type]:
    yield type(value)
    if is_dataclass(value):
        for field in fields(value):
            yield from _kinds(getattr(value, field.name))
    elif isinstance(value, tuple | list | set | frozenset):
        for below in value:
            yield from _kinds(below)


@pytest.mark.parametrize("module", ["plan.build", "plan.firewall", "plan.sdn", "plan.wiring", "site.resolved"])
def test_a_module_that_forgets_to_sort_would_be_noticed(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"trellis.{module}.sorted", lambda values, **_: list(values), raising=False)
    monkeypatch.setattr("tests.core.test_order_of_entries.culprits", lambda *_: ["x"])
    with pytest.raises(AssertionError, match="order of x means something"):
        list(map(judged, range(30)))


def test_a_failure_names_the_entries_whose_order_made_the_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trellis.plan.wiring.sorted", lambda values, **_: list(values), raising=False)
    data = next(found for found in map(drawn, range(99)) if len(found["links"]) > 2)
    named = set(culprits({**data, "guests": {}, "clusters": {}}, 0))
    assert "links" in named
    assert named <= {"links", "zones", *(f"links.{name}.ends" for name in data["links"])}


def test_the_hashes_of_a_process_decide_nothing() -> None:
    program = (
        "from tests.core.test_order_of_entries import all_texts, drawn; import hashlib;"
        "print(hashlib.sha256(repr([all_texts(drawn(seed)) for seed in range(20)]).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": str(number)},
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for number in (1, 2)
    }
    assert len(digests) == 1
