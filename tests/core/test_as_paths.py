"""Ranges of ASNs as regular expressions of FRR: exactly the numbers of the range, however its ends are written."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trellis.plan import as_paths
from trellis.plan.filter_model import Policy
from trellis.plan.peering import PeeringPlan
from trellis.plan.rules.filters import Filters

POLICY = PeeringPlan(
    mode="open",
    first_asn=65200,
    last_asn=65299,
    lengths=((32, 32), (128, 128)),
    max_prefixes=10,
    penalty_min=5,
    bfd=True,
    md5=None,
    classes=(),
    ranges=("fd00:200::/64",),
    taken=("fd00:200::fffe/128",),
    owned_asns=(65201,),
)


def matches(first: int, last: int, number: int) -> bool:
    return any(re.fullmatch(expression, str(number)) for expression in as_paths.between(first, last))


@pytest.mark.parametrize(
    ("first", "last", "expressions"),
    [
        (65200, 65299, ["652[0-9][0-9]"]),
        (7, 7, ["7"]),
        (65200, 65200, ["65200"]),
        (1, 4294967294, None),
        (65195, 65205, ["6519[5-9]", "6520[0-5]"]),
    ],
)
def test_a_range_becomes_few_expressions(first: int, last: int, expressions: list[str] | None) -> None:
    found = list(as_paths.between(first, last))
    assert expressions is None or found == expressions
    assert len(found) <= 2 * len(str(last))
    assert all(matches(first, last, number) for number in (first, last, (first + last) // 2))


@given(st.data())
def test_the_numbers_of_a_range_match_and_no_others(data: st.DataObject) -> None:
    first = data.draw(st.integers(1, 4294967294))
    last = data.draw(st.one_of(st.integers(first, min(first + 2000, 4294967294)), st.integers(first, 4294967294)))
    number = data.draw(
        st.one_of(st.integers(first, last), st.integers(0, 4294967295), st.sampled_from([first - 1, last + 1]))
    )
    assert matches(first, last, number) == (first <= number <= last)


def test_an_open_vnet_takes_paths_of_its_range_and_none_that_holds_anything_else() -> None:
    filters = Filters(Policy((), (), (), (as_paths.of_open_vnet("v", POLICY),)))
    passes = filters.path_passes
    assert passes("TL-V-v-PATHS", 65200)
    assert passes("TL-V-v-PATHS", 65250, 65250, 65299), "a guest may prepend, or have speakers behind it"
    refused = (
        (65199,),
        (65300,),
        (6520,),
        (652000,),
        (65201,),
        (65200, 65201),
        (65250, 4200001000),
        (4200001000, 65250),
    )
    assert [path for path in refused if passes("TL-V-v-PATHS", *path)] == []


def test_a_declared_guests_path_holds_no_asn_of_the_infrastructure_wherever_it_stands() -> None:
    filters = Filters(Policy((), (), (), (as_paths.of_guests((4200000000, 4200001000)),)))
    passes = filters.path_passes
    assert passes("TL-GUEST-PATHS", 4210101011)
    assert passes("TL-GUEST-PATHS", 4210101011, 64512), "the ASN of Cilium behind it"
    assert not passes("TL-GUEST-PATHS", 4210101011, 4200000000)
    assert not passes("TL-GUEST-PATHS", 4210101011, 4200001000, 64512)
    assert passes("TL-GUEST-PATHS", 4210101011, 42000010001), "digits of a longer number are another number"


def test_entries_are_numbered_by_the_asn_that_they_are_about() -> None:
    numbers = [number for number, _, _ in as_paths.of_guests((4200001000, 4200000000)).entries]
    assert numbers == [4200000000, 4200001000, 4294967295]
