"""Which of an edge's routes compete with those of hosts: each origin, each family, drawn tables, and odd answers."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trellis.routeros import RouterosProblem
from trellis.routeros.routes import QUESTIONS, Route, competing, routes

VNETS = {
    "vnet100": (ip_network("10.100.0.0/24"), ip_network("fd00:100::/64")),
    "vnet101": (ip_network("10.101.0.0/24"), ip_network("fd00:101::/64"), ip_network("2600:1700:ab1a:500e::/64")),
}
HOSTS = ("10.255.0.1", "10.255.0.2", "fd00:0:0:ffff::1", "fd00:0:0:ffff::2")
V6, V4 = QUESTIONS


def entry(destination: str, gateway: str, *flags: str, **more: str) -> dict[str, str]:
    own = {"dst-address": destination, "gateway": gateway, "active": "true", "routing-table": "main"}
    return {**own, **dict.fromkeys(flags, "true"), **more}


def found(*entries: dict[str, str]) -> list[tuple[str, str, str]]:
    known = routes("edge1", {V6: entries, V4: ()})
    return [(one.vnet, str(one.route.destination), one.route.kind) for one in competing(VNETS, HOSTS, known)]


@pytest.mark.parametrize(
    "fine",
    [
        entry("10.101.0.0/24", "10.255.0.1", "bgp"),
        entry("10.101.0.0/24", "10.255.0.1%lo", "bgp"),
        entry("10.101.0.0/24", "10.255.0.1,10.255.0.2", "bgp", "ecmp"),
        entry("10.101.0.11/32", "10.255.0.2", "bgp"),
        entry("2600:1700:ab1a:500e::/64", "fd00:0:0:ffff::2", "bgp"),
        entry("2600:1700:ab1a:500e::/64", "FD00:0:0:FFFF:0::2", "bgp"),
        entry("10.0.0.0/8", "10.0.0.1", "static"),
        entry("2600:1700:ab1a:5000::/56", "", "dhcp", blackhole=""),
        entry("10.102.0.0/24", "vlan102", "connect"),
        entry("0.0.0.0/0", "192.0.2.1", "dhcp"),
        entry("fe80::%vlan101/64", "vlan101", "connect"),
        entry("10.101.0.0/24", "vlan101", "connect", active="false"),
        entry("10.101.0.0/24", "vlan101", "connect", **{"routing-table": "guests"}),
    ],
)
def test_these_compete_with_none(fine: dict[str, str]) -> None:
    assert found(fine, entry("192.0.2.0/24", "ether1", "connect")) == []


@pytest.mark.parametrize(
    ("bad", "vnet", "kind"),
    [
        (entry("10.101.0.0/24", "vlan101", "connect"), "vnet101", "connected"),
        (entry("fd00:101::/64", "vlan101", "connect"), "vnet101", "connected"),
        (entry("fd00:100::1/128", "vlan100", "connect"), "vnet100", "connected"),
        (entry("10.101.0.128/25", "10.10.0.3", "static", distance="1"), "vnet101", "static"),
        (entry("10.101.0.7", "10.10.0.3", "static"), "vnet101", "static"),
        (entry("2600:1700:ab1a:500e::/64", "", "dhcp", blackhole=""), "vnet101", "DHCP, unreachable"),
        (entry("2600:1700:ab1a:500e::/64", "", "static", "blackhole"), "vnet101", "static, unreachable"),
        (entry("2600:1700:ab1a:500e::/65", "ether1", "slaac"), "vnet101", "SLAAC"),
        (entry("10.101.0.0/24", "10.10.0.11", "ospf"), "vnet101", "OSPF"),
        (entry("10.101.0.0/24", "10.10.0.77", "bgp"), "vnet101", "BGP"),
        (entry("10.101.0.0/24", "10.255.0.1,10.10.0.77", "bgp"), "vnet101", "BGP"),
        (entry("10.101.0.0/24", "", "bgp"), "vnet101", "BGP"),
        (entry("10.101.0.0/24", "10.255.0.1", "bgp", "blackhole"), "vnet101", "BGP, unreachable"),
        (entry("10.101.0.0/24", "10.255.0.1", "static"), "vnet101", "static"),
        (entry("10.101.0.0/24", "sstp1"), "vnet101", "of unknown origin"),
    ],
)
def test_these_compete(bad: dict[str, str], vnet: str, kind: str) -> None:
    network = str(ip_network(bad["dst-address"], strict=False))
    assert found(bad) == [(vnet, network, kind)]


def test_an_interface_is_a_gateway_where_no_other_is_named() -> None:
    (route,) = routes("edge1", {V6: [entry("10.101.0.0/24", "", "connect", **{"immediate-gw": "vlan101"})], V4: []})
    assert (route.gateway, route.distance) == ("vlan101", None)


@pytest.mark.parametrize("text", ["", "nonsense", "10.101.0.0/33", "10.0.0.0/8@guests"])
def test_a_destination_that_means_nothing_is_refused_and_not_passed_over(text: str) -> None:
    with pytest.raises(RouterosProblem, match="a route has a destination"):
        routes("edge1", {V6: [], V4: [entry(text, "ether1", "connect"), entry("10.0.0.0/8", "ether1", "connect")]})


@pytest.mark.parametrize("said", [[], [entry("10.101.0.0/24", "vlan101", "connect", active="yes, of course")]])
def test_a_table_without_any_active_route_is_an_answer_that_was_not_understood(said: list[dict[str, str]]) -> None:
    with pytest.raises(RouterosProblem, match="an edge has active routes"):
        routes("edge1", {V6: [], V4: said})


KINDS = ("connected", "static", "DHCP", "SLAAC", "OSPF", "BGP")


@st.composite
def networks(draw: st.DrawFn) -> Any:
    """A destination near a VNet's subnet: the same, a part, what holds it, or its neighbour."""
    near = draw(st.sampled_from([prefix for prefixes in VNETS.values() for prefix in prefixes]))
    length = draw(st.integers(near.prefixlen - 8, near.max_prefixlen))
    beyond = draw(st.integers(-1, 1)) << (near.max_prefixlen - near.prefixlen)
    return ip_network((int(near.network_address) + beyond, length), strict=False)


TABLES = st.lists(
    st.builds(
        Route,
        networks(),
        st.sampled_from((*HOSTS, "10.10.0.77", "vlan101", "")),
        st.sampled_from((0, 1, 20, 110, None)),
        st.sampled_from(KINDS),
    ),
    max_size=12,
)


@given(TABLES)
def test_of_any_table_those_compete_that_lie_within_a_vnet_and_are_not_from_a_host(
    table: list[Route],
) -> None:
    told = {(one.vnet, one.route) for one in competing(VNETS, HOSTS, table)}
    for route in table:
        # Said anew: the first and the last address of the route are the VNet's.
        ends = (route.destination.network_address, route.destination.broadcast_address)
        of = {vnet for vnet, prefixes in VNETS.items() if any(all(end in one for end in ends) for one in prefixes)}
        from_a_host = route.kind == "BGP" and route.gateway in HOSTS
        assert {vnet for vnet, known in told if known == route} == (set() if from_a_host else of)
    assert all(route in table for _, route in told)
