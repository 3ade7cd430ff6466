"""What of a site is judged when some of it is wrong: everything else, and nothing that follows from the wrong part."""

from __future__ import annotations

import copy
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.generated import Data, site_of
from tests.errors.cases import base
from trellis.site import SiteRefused, load_site

_NUMBERS = {"hosts": "id", "edges": "asn", "zones": "id", "tenants": "id", "guests": "suffix", "clusters": "id"}
_OTHERS = {"links": "ends", "vnets": "zone"}


def _places(site: Data) -> list[tuple[str, ...]]:
    """Return the place of one required value in each entry of a site."""
    found: list[tuple[str, ...]] = [("fabric", "asn"), ("fabric", "loopbacks"), ("proxmox", "endpoint"), ("name",)]
    for family, key in (*_NUMBERS.items(), *_OTHERS.items()):
        found += [(family, name, key) for name in site[family]]
    for name, cluster in site["clusters"].items():
        found += [("clusters", name, "nodes", node, "suffix") for node in cluster["nodes"]]
    return found


def _with(site: Data, place: tuple[str, ...], value: Any) -> Data:
    spoilt = copy.deepcopy(site)
    parent = spoilt
    for key in place[:-1]:
        parent = parent[key]
    parent[place[-1]] = value
    return spoilt


def _reasons(site: Data) -> list[str]:
    with pytest.raises(SiteRefused) as caught:
        load_site(site)
    return [refusal.path for refusal in caught.value.refusals]


@given(st.integers(0, 2**32))
def test_one_wrong_value_is_the_only_reason_wherever_it_stands(seed: int) -> None:
    draw = Random(seed)
    site = site_of(draw, 1)
    load_site(site)
    place = draw.choice(_places(site))
    assert _reasons(_with(site, place, [None])) == [".".join(place)]


@pytest.mark.parametrize("edge", ["edge1", None])
def test_an_edge_that_is_refused_takes_along_the_vnets_whose_prefixes_come_from_it(edge: str | None) -> None:
    site = base("homelab-small")
    site["edges"]["edge1"] |= {"asn": None, "routeros": {"webhook": "https://hook.example.net/prefixes"}}
    site["vnets"]["vnet101"]["delegation"] = {"pool": "pd-v101", **({"edge": edge} if edge else {})}
    assert _reasons(site) == ["edges.edge1.asn"]


@given(st.integers(0, 2**32))
def test_a_name_that_points_at_nothing_is_the_only_reason(seed: int) -> None:
    draw = Random(seed)
    site = site_of(draw, 1)
    references = [("vnets", name, "zone") for name in site["vnets"]] + [
        ("guests", name, "host") for name in site["guests"]
    ]
    place = draw.choice(references)
    assert _reasons(_with(site, place, "nowhere1")) == [".".join(place)]


@given(st.integers(0, 2**32))
def test_a_wrong_value_hides_no_reason_of_another_entry(seed: int) -> None:
    draw = Random(seed)
    site = site_of(draw, 1)
    site["guests"]["unrelated"] = {"vnet": "gone", "suffix": 1, "host": "gone", "mac": "BC:24:11:00:00:01"}
    places = [place for place in _places(site) if place[0] in ("guests", "clusters") and "unrelated" not in place]
    place = draw.choice(places or [("proxmox", "endpoint")])
    reasons = _reasons(_with(site, place, [None]))
    assert reasons == sorted([".".join(place), "guests.unrelated.host", "guests.unrelated.vnet"])


def test_all_gates_are_passed_in_one_run() -> None:
    site = base("homelab-small")
    site["fabric"]["keepalive_s"] = 15
    site["edges"]["edge1"]["asn"] = "x"
    site["vnets"]["lost"] = {**copy.deepcopy(site["vnets"]["vnet101"]), "zone": "nowhere"}
    site["zones"]["evpnz1"]["colour"] = "red"
    site["guests"]["debian-test-1"]["mac"] = "BC:24:11:01:01:11"
    assert _reasons(site) == [
        "edges.edge1.asn",
        "fabric.hold_time_s",
        "guests.debian-test-1.mac",
        "vnets.lost.zone",
        "zones.evpnz1.colour",
    ]


_ODD = (None, True, 0, -1, 1.5, "", "x", "x" * 5000, [], [None], [[]], {}, {"x": {}}, {1: 2}, 2**70, "\ud800", b"x")


@pytest.mark.parametrize("odd", _ODD, ids=lambda odd: repr(odd)[:20])
def test_whatever_stands_wherever_is_accepted_or_refused_and_never_a_traceback(odd: Any) -> None:
    whole = base("one-router")

    def spoil(value: Any, path: tuple[Any, ...]) -> None:
        if path:
            spoilt = copy.deepcopy(whole)
            parent: Any = spoilt
            for key in path[:-1]:
                parent = parent[key]
            parent[path[-1]] = odd
            with suppress(SiteRefused):
                load_site(spoilt)
        keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
        for key in keys:
            spoil(value[key], (*path, key))

    spoil(whole, ())
