"""The comparison of an intended configuration with the one that FRR prints."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.agent.mutations import mutants, unnoticed
from trellis.agent.normalise import difference, normalise, shown

REALISTIC = (Path(__file__).parent / "configs" / "dual-stack-evpn.conf").read_text()

_WORD = st.text("abcdefghij0123456789.:/", min_size=1, max_size=8)
_LINE = st.lists(_WORD, min_size=1, max_size=4).map(" ".join).map("set {}".format)


def _stanza(opening: str, body: list[str], closing: str = "exit") -> list[str]:
    return [opening, *(f" {line}" for line in body), closing]


_BODY = st.lists(_LINE, min_size=1, max_size=4)
_ROUTER = st.builds(
    lambda number, body, family, inner: _stanza(
        f"router bgp {number}", [*body, *_stanza(f"address-family {family} unicast", inner, "exit-address-family")]
    ),
    st.integers(1, 9),
    _BODY,
    st.sampled_from(["ipv4", "ipv6"]),
    _BODY,
)
_ROUTE_MAP = st.builds(
    lambda name, number, body: _stanza(f"route-map {name} permit {number}", body),
    _WORD,
    st.integers(1, 65535),
    st.lists(_LINE, max_size=3),
)
_PLAIN = st.builds(lambda line: [f"ip prefix-list {line}"], _LINE)
STANZAS = st.lists(st.one_of(_ROUTER, _ROUTE_MAP, _PLAIN), min_size=1, max_size=6)


def _text(stanzas: list[list[str]], between: str = "!") -> str:
    return "\n".join(line for stanza in stanzas for line in [*stanza, between]) + "\n"


@given(STANZAS)
def test_a_configuration_equals_itself_and_any_change_of_one_line_is_noticed(stanzas: list[list[str]]) -> None:
    text = _text(stanzas)
    assert difference(text, text) == ([], [])
    assert unnoticed(text, text) == []


@given(STANZAS, st.randoms(use_true_random=False))
def test_the_order_of_stanzas_and_what_separates_them_mean_nothing(stanzas, random) -> None:
    shuffled = random.sample(stanzas, len(stanzas))
    assert difference(_text(stanzas), _text(shuffled, between="")) == ([], [])


@given(STANZAS, STANZAS)
def test_the_two_sides_of_a_difference_swap_with_its_arguments(one, other) -> None:
    missing, unexpected = difference(_text(one), _text(other))
    assert difference(_text(other), _text(one)) == (unexpected, missing)


def test_any_change_of_one_line_of_a_realistic_host_is_noticed() -> None:
    assert len(list(mutants(REALISTIC))) > 1000
    assert unnoticed(REALISTIC, REALISTIC) == []


def test_a_line_counts_with_the_stanzas_around_it() -> None:
    text = "router bgp 1 vrf a\n address-family ipv4 unicast\n  maximum-paths 4\n exit-address-family\nexit\n"
    missing, unexpected = difference(text, text.replace("vrf a", "vrf b"))
    assert shown(missing) == [
        "router bgp 1 vrf a",
        "router bgp 1 vrf a > address-family ipv4 unicast",
        "router bgp 1 vrf a > address-family ipv4 unicast > maximum-paths 4",
    ]
    assert len(unexpected) == 3


def test_a_line_that_stands_twice_is_not_the_same_as_once() -> None:
    assert difference("hostname a\nhostname a\n", "hostname a\n") == ([("hostname a",)], [])


@pytest.mark.parametrize("kind", ["interface eth0", "vrf blue"])
def test_an_empty_stanza_that_means_nothing_is_ignored_but_not_what_stands_in_it(kind: str) -> None:
    assert normalise(f"{kind}\nexit\n") == {}
    assert len(normalise(f"{kind}\n description x\nexit\n")) == 2


def test_an_empty_route_map_entry_counts() -> None:
    assert list(normalise("route-map A deny 65535\nexit\n")) == [("route-map A deny 65535",)]


def test_what_proxmox_writes_around_a_configuration_means_nothing() -> None:
    assert difference("hostname a\n", "frr version 10.4.1\nhostname a\n!\nline vty\n!\nend\n") == ([], [])


def test_a_profile_that_no_exit_closes_ends_where_the_next_begins() -> None:
    as_written = "router ospf6\n ospf6 router-id 1.1.1.1\n bfd\n  profile a\n   passive-mode\n  profile b\nexit\n"
    as_printed = (
        "router ospf6\n ospf6 router-id 1.1.1.1\nexit\n!\n"
        "bfd\n profile a\n  passive-mode\n exit\n !\n profile b\n exit\n !\nexit\n!\nend\n"
    )
    assert difference(as_written, as_printed) == ([], [])


def test_a_stanza_that_proxmox_flattened_is_read_as_frr_reads_it() -> None:
    flat = "router ospf6\n bfd\n profile a\n passive-mode\n profile b\n receive-interval 100\nexit\n!\nhostname x\n"
    printed = (
        "hostname x\nrouter ospf6\nexit\nbfd\n profile a\n  passive-mode\n exit\n !\n"
        " profile b\n  receive-interval 100\n exit\n !\nexit\n"
    )
    assert difference(flat, printed) == ([], [])


def test_how_next_hops_are_looked_up_is_said_at_top_level_or_in_a_vrf() -> None:
    carried = (
        "router ospf6\n ospf6 router-id 10.255.0.1\n ip nht bgp route-map M\n bfd\n  profile a\n   passive-mode\nexit\n"
    )
    printed = (
        "router ospf6\n ospf6 router-id 10.255.0.1\nexit\nbfd\n profile a\n  passive-mode\n exit\n !\nexit\n"
        "ip nht bgp route-map M\n"
    )
    assert difference(carried, printed) == ([], [])
    in_a_vrf = "vrf red\n ip nht bgp route-map M\nexit-vrf\n"
    assert difference(in_a_vrf, "ip nht bgp route-map M\n") == (
        [("vrf red",), ("vrf red", "ip nht bgp route-map M")],
        [("ip nht bgp route-map M",)],
    )


def test_statements_carried_in_a_stanza_by_indented_exits_are_read_as_frr_reads_them() -> None:
    carried = (
        "interface lo\n exit\nbgp large-community-list standard L seq 5 permit 1:0:1\n"
        "bfd\n profile fast\n  receive-interval 310\n exit\n exit\nip nht resolve-via-default\n interface lo\nexit\n"
    )
    printed = (
        "bgp large-community-list standard L seq 5 permit 1:0:1\nip nht resolve-via-default\n"
        "bfd\n profile fast\n  receive-interval 310\n exit\n !\nexit\n"
    )
    assert difference(carried, printed) == ([], [])


def test_a_peer_s_profile_is_a_line_of_the_peer_and_no_profile() -> None:
    text = "bfd\n peer 10.0.0.1\n  profile fast\n exit\n profile fast\n exit\nexit\n"
    assert ("bfd", "peer 10.0.0.1", "profile fast") in normalise(text)
    assert ("bfd", "profile fast") in normalise(text)
