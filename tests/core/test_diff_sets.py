"""Sets of prefixes and of ASNs say of every prefix and every path what the filters themselves do."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.counted import Cases
from trellis.diff.asn_sets import ALL_ASNS, UnknownPathsError, as_text, permitted_asns
from trellis.diff.passing import Named, difference, named_by
from trellis.diff.prefix_sets import NONE, PrefixSet, everything, permitted, within
from trellis.plan.as_paths import between
from trellis.plan.filter_model import (
    AsPathList,
    CommunityList,
    Policy,
    PrefixEntry,
    PrefixList,
    RouteMap,
    RouteMapEntry,
)
from trellis.plan.rules.filters import AnyNetwork, Filters, Route, network

PROBES = 60


def prefixes(draw: Random, version: int) -> AnyNetwork:
    """Return one of few prefixes, so that lists hit them: around 10.0.0.0/8, or around fd00::/16."""
    bits = 32 if version == 4 else 128
    length = draw.choice([0, 7, 8, 9, 15, 16, 17, 24, 31, 32, bits - 1, bits])
    base = 10 << 24 if version == 4 else 0xFD00 << 112
    number = base | draw.choice(
        [0, 0, 1 << (bits - 9), 1 << (bits - 16), 5 << (bits - 24), 1, 2, draw.getrandbits(bits)]
    )
    number = number % (1 << bits) >> (bits - length) << (bits - length) if length else 0
    return IPv4Network((number, length)) if version == 4 else IPv6Network((number, length))


def drawn_list(draw: Random, name: str, version: int) -> PrefixList:
    entries = []
    for seq in draw.sample(range(1, 99), draw.randint(0, 5)):
        prefix = prefixes(draw, version)
        own, longest = prefix.prefixlen, prefix.max_prefixlen
        ge = draw.choice([None, draw.randint(own + 1, longest)]) if own < longest else None
        le = draw.choice([None, draw.randint(max(own + 1, ge or 0), longest)]) if own < longest else None
        entries.append(PrefixEntry(seq, draw.choice(["permit", "permit", "deny"]), str(prefix), ge, le))
    return PrefixList("ip" if version == 4 else "ipv6", name, tuple(entries))


def drawn_policy(draw: Random) -> Policy:
    """Return some lists, and one route-map `M` that uses them in every way that plans do."""
    lists = tuple(drawn_list(draw, name, version) for name in "AB" for version in (4, 6))
    communities = (CommunityList("ONE", ("65000:1",)), CommunityList("ANY", ("65000:1", "65000:2")))
    entries = tuple(
        RouteMapEntry(
            draw.choice(["permit", "permit", "deny"]),
            seq,
            prefix_list=draw.choice([None, ("ip", "A"), ("ip", "B"), ("ipv6", "A"), ("ipv6", "B")]),
            community_list=draw.choice([None, None, "ONE", "ANY"]),
            set_communities=draw.choice([(), ("65000:101",), ("65000:1", "65000:101")]),
            delete_communities=draw.choice([None, "ANY"]),
            local_preference=draw.choice([None, 50]),
        )
        for seq in range(1, draw.randint(1, 5))
    )
    return Policy(lists, communities, (RouteMap("M", entries),))


def test_what_a_filter_gains_loses_and_marks_is_what_running_both_on_routes_says(cases: Cases) -> None:
    def judged(seed: int) -> Iterator[str]:
        draw = Random(seed)
        before, after = drawn_policy(draw), drawn_policy(draw)
        found = difference(Named(before).resolved("M"), Named(after).resolved("M"))
        for _ in range(PROBES):
            prefix = prefixes(draw, draw.choice([4, 6]))
            outcomes = []
            for communities in ((), ("65000:1",), ("65000:2",), ("65000:1", "65000:2")):
                route = Route(prefix, frozenset(communities))
                outcomes.append(tuple(Filters(policy).apply("M", route) for policy in (before, after)))
            gained = any(old is None and new is not None for old, new in outcomes)
            lost = any(old is not None and new is None for old, new in outcomes)
            assert (prefix in found.gained, prefix in found.lost) == (gained, lost)
            if any(old is not None and new is not None and old != new for old, new in outcomes):
                assert found.marks
            yield f"{'gained' if gained else ''}{' lost' if lost else ''}".strip() or "neither"

    cases.run(judged, PROBES, simplify=False, seed=st.integers(0, 2**32))


def parsed(said: tuple[str, ...]) -> PrefixSet:
    """Return the set that some entries say."""
    found = NONE
    for entry in said:
        words = entry.removeprefix("except ").split()
        given = dict(zip(words[1::2], map(int, words[2::2]), strict=True))
        ge, le = given.get("ge"), given.get("le")
        assert ge is None or le is not None, "FRR takes no le for the longest length, which a reader does not know"
        one = permitted((PrefixEntry(1, "permit", words[0], ge if ge != network(words[0]).prefixlen else None, le),))
        found = found - one if entry.startswith("except ") else found | one
    return found


@given(st.integers(0, 2**32))
def test_what_a_set_says_of_itself_is_the_set(seed: int) -> None:
    draw = Random(seed)
    one, other = (permitted(drawn_list(draw, "A", draw.choice([4, 6])).entries) for _ in range(2))
    for found in (one, one | other, one - other, one & other):
        assert parsed(found.entries()) == found
        assert parsed(found.said(named_by(Named(drawn_policy(draw)).resolved("M")))) == found


def test_a_set_is_said_by_what_is_around_it_where_that_is_shorter() -> None:
    found = within("10.0.0.0/8", 8, 32) - within("10.255.0.0/16", 16, 32)
    assert found.said() == found.entries()
    assert found.said(within("10.0.0.0/8", 8, 32)) == ("10.0.0.0/8 le 32", "except 10.255.0.0/16 le 32")
    assert (everything() - within("fd00::/64", 64, 128)).said() == (
        "0.0.0.0/0 le 32",
        "::/0 le 128",
        "except fd00::/64 le 128",
    )


def test_two_halves_are_the_whole_and_an_order_of_entries_leaves_no_trace() -> None:
    halves = within("10.0.0.0/9", 24, 24) | within("10.128.0.0/9", 24, 24)
    assert halves == within("10.0.0.0/8", 24, 24)
    assert halves.entries() == ("10.0.0.0/8 ge 24 le 24",)
    assert ip_network("10.3.4.0/24") in halves
    assert ip_network("10.3.4.0/25") not in halves


@given(st.integers(1, 2**32 - 1), st.integers(1, 2**32 - 1), st.lists(st.integers(1, 2**32 - 1), max_size=3))
def test_the_asns_of_a_list_are_those_whose_paths_pass(one: int, other: int, denied: list[int]) -> None:
    first, last = sorted((one, other))
    alternatives = "|".join(between(first, last))
    entries = (
        *((asn, "deny", f"_{asn}_") for asn in denied),
        (2**32 - 1, "permit", f"^({alternatives})(_({alternatives}))*$"),
    )
    paths = AsPathList("P", entries)  # type: ignore[arg-type]
    found, filters = permitted_asns(paths), Filters(Policy((), (), (), (paths,)))
    for asn in {first, last, first - 1, last + 1, (first + last) // 2, *denied}:
        inside = any(low <= asn <= high for low, high in found)
        assert inside == filters.path_passes("P", asn)
        assert (inside and first in range(first, last + 1) and filters.path_passes("P", first)) == filters.path_passes(
            "P", first, asn
        )


def test_a_path_list_of_another_form_is_refused_and_not_guessed_at() -> None:
    for expression in ("^65000_.*", "_65000$", "^(65[0-9]+)(_(65[0-9]+))*$"):
        with pytest.raises(UnknownPathsError, match="P: "):
            permitted_asns(AsPathList("P", ((5, "permit", expression),)))
    assert permitted_asns(None) == ALL_ASNS
    assert permitted_asns(AsPathList("P", ())) == ()
    assert as_text(((1, 1), (64512, 65534))) == ("1", "64512-65534")
