"""What a router says of its pools is understood, or refused with each reason at once; a lost delegation is neither."""

from __future__ import annotations

from ipaddress import IPv6Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.routeros.edge import FACE, POOLS, PREFIXES, with_pool
from trellis.lab.routeros import Face
from trellis.routeros import RouterosProblem
from trellis.routeros.client import Answers
from trellis.routeros.delegations import delegated
from trellis.site.refusal import Refusal

FOUND = {pool: IPv6Network(prefix) for pool, prefix in PREFIXES.items()}


def answers(face: Face, **entries: list[dict[str, str]]) -> Answers:
    pools, clients = face.answer("ipv6/pool"), face.answer("ipv6/dhcp-client")
    return Answers(tuple(entries.get("pools", pools)), tuple(entries.get("clients", clients)))


def refused(said: Answers, pools: dict[str, str] = POOLS) -> tuple[Refusal, ...]:
    with pytest.raises(RouterosProblem) as caught:
        delegated("edge1", said, pools)
    assert not caught.value.passing
    return caught.value.refusals


def test_pools_that_nobody_asks_for_are_of_no_interest() -> None:
    others = [{"name": "lan", "prefix": "fd00::/48"}, {"name": "odd", "prefix": "?"}]
    said = answers(FACE, pools=[*FACE.answer("ipv6/pool"), *others])
    assert delegated("edge1", said, POOLS) == FOUND


def test_a_pool_that_was_never_there_is_misspelt() -> None:
    (refusal,) = refused(answers(FACE), {"pd-v104": "vnets.vnet104.delegation.pool"})
    assert refusal.path == "vnets.vnet104.delegation.pool"
    assert refusal.value == "pd-v104"
    assert "it has pd-v100, pd-v101, pd-v102, pd-v103" in refusal.rule


def test_a_router_without_pools_and_clients_is_refused_for_each_pool() -> None:
    assert [one.value for one in refused(Answers((), ()))] == sorted(POOLS)


def test_a_pool_that_is_gone_while_its_client_waits_has_lost_its_delegation() -> None:
    assert delegated("edge1", answers(with_pool("pd-v102")), POOLS) == {**FOUND, "pd-v102": None}


@pytest.mark.parametrize("entry", [{"name": "pd-v102"}, {"name": "pd-v102", "prefix": ""}])
def test_a_pool_without_prefix_has_lost_its_delegation_if_a_client_fills_it(entry: dict[str, str]) -> None:
    face = with_pool("pd-v102")
    said = answers(face, pools=[*face.answer("ipv6/pool"), entry])
    assert delegated("edge1", said, POOLS) == {**FOUND, "pd-v102": None}


def test_a_pool_without_prefix_that_nobody_fills_is_refused() -> None:
    (refusal,) = refused(Answers(({"name": "lan", "prefix": ""},), ()), {"lan": "vnets.vnet101.delegation.pool"})
    assert (refusal.value, refusal.rule) == ("lan: no prefix", "a pool has a prefix")


def test_a_static_pool_needs_no_client() -> None:
    said = Answers(({"name": "lan", "prefix": "2600:1700:ab1a:500e::/64"},), ())
    assert delegated("edge1", said, {"lan": "-"}) == {"lan": IPv6Network("2600:1700:ab1a:500e::/64")}


@pytest.mark.parametrize(
    ("prefix", "rules"),
    [
        ("2600:1700:ab1a::/56", ["the pool of a VNet is a /64"]),
        ("2600:1700:ab1a:500e::/80", ["the pool of a VNet is a /64"]),
        ("fd00:101::/64", ["a delegated prefix is in 2000::/3 (RFC 4291)"]),
        ("2600:1700:ab1a:500e::1/64", ["a prefix has no bits beyond its length"]),
        ("fd00::1/48", ["a delegated prefix is in", "a prefix has no bits", "the pool of a VNet is a /64"]),
        ("10.0.0.0/24", ["a pool's prefix is an IPv6 prefix"]),
        ("2600:1700:ab1a:500e::", ["a pool's prefix is an IPv6 prefix", "the pool of a VNet is a /64"]),
        ("2600::/sixty-four", ["a pool's prefix is an IPv6 prefix"]),
        ("2600:1700::%eth0/64", ["a pool's prefix is an IPv6 prefix"]),
        ("/64", ["a pool's prefix is an IPv6 prefix"]),
        ("\x1b[31m/64", ["a pool's prefix is an IPv6 prefix"]),
    ],
)
def test_a_prefix_that_no_vnet_can_have_is_refused(prefix: str, rules: list[str]) -> None:
    found = refused(Answers(({"name": "pd", "prefix": prefix},), ()), {"pd": "vnets.vnet101.delegation.pool"})
    assert all(any(one.rule.startswith(rule) for rule in rules) for one in found)
    assert found
    assert all(str(one).isprintable() for line in found for one in (line.path, line.value))


def test_a_pool_with_two_prefixes_is_refused() -> None:
    (refusal,) = refused(answers(with_pool("pd-v101", "2600:1700:ab1a:1::/64", "2600:1700:ab1a:2::/64")))
    assert refusal.value == "pd-v101: 2600:1700:ab1a:1::/64, 2600:1700:ab1a:2::/64"
    assert refusal.rule == "a pool has one prefix"


def test_a_prefix_given_twice_is_refused() -> None:
    (refusal,) = refused(answers(with_pool("pd-v103", PREFIXES["pd-v100"])))
    assert refusal.path == "vnets.vnet103.delegation.pool"
    assert refusal.rule == "a prefix is given once; pd-v100 has the same"


def test_a_prefix_inside_another_is_refused_beside_its_size() -> None:
    found = refused(answers(with_pool("pd-v103", "2600:1700:ab1a:5000::/60")))
    inside = [one.rule for one in found if one.rule.startswith("no prefix is inside another")]
    assert len(inside) == 3
    assert "the pool of a VNet is a /64" in [one.rule for one in found]


def test_answers_that_contradict_each_other_may_agree_a_moment_later() -> None:
    newer = with_pool("pd-v101", "2600:1700:ab1a:7777::/64")
    for said in (
        answers(FACE, clients=newer.answer("ipv6/dhcp-client")),
        answers(newer, clients=FACE.answer("ipv6/dhcp-client")),
        answers(with_pool("pd-v101"), clients=FACE.answer("ipv6/dhcp-client")),
    ):
        with pytest.raises(RouterosProblem) as caught:
            delegated("edge1", said, POOLS)
        assert caught.value.passing
        assert [one.path for one in caught.value.refusals] == ["vnets.vnet101.delegation.pool"]


_VALUES = st.sampled_from(["pd-v100", "pd-v101", *PREFIXES.values(), "", "2600::/56", "?", "::/0", "1h", ",", "a/b, c"])
_ENTRIES = st.lists(st.dictionaries(st.sampled_from(["name", "pool-name", "prefix", "status"]), _VALUES), max_size=4)


@given(_ENTRIES, _ENTRIES)
def test_whatever_is_said_is_understood_or_refused(pools: list[Any], clients: list[Any]) -> None:
    wanted = {"pd-v100": "a", "pd-v101": "b"}
    try:
        found = delegated("edge1", Answers(tuple(pools), tuple(clients)), wanted)
    except RouterosProblem:
        return
    had = [prefix for prefix in found.values() if prefix is not None]
    assert found.keys() == wanted.keys()
    assert len(set(had)) == len(had)
    assert all(prefix.prefixlen == 64 for prefix in had)
