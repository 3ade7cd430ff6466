"""Guests' sessions are measured with messages as the RFCs have them, on texts as they are rendered.

No test here looks at a stopwatch, as in ``test_bench_render``.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.command_line import trellis
from trellis.bench import bgp_messages as bgp
from trellis.bench import guest_sites, guests
from trellis.bench.guest_hosts import Memory, arrival
from trellis.bench.guest_sites import Load
from trellis.bench.guests import Idle, Measured, Result, Samples

MARKER = "ff" * 16
SMALLEST = Load(3, 2)


def test_a_keepalive_is_a_header_alone() -> None:
    assert bgp.keepalive().hex() == MARKER + "0013" + "04", "RFC 4271, 4.4: 19 octets of type 4"


def test_an_open_offers_ipv6_unicast_and_an_asn_of_four_octets() -> None:
    message = bgp.open_message(4200101001, 30, IPv4Address("10.101.252.1"))
    header = MARKER + "002b" + "01"
    fixed = "04" + "5ba0" + "001e" + "0a65fc01"  # RFC 6793, 9: AS_TRANS is 23456
    capabilities = "0104" + "00020001" + "4104" + "fa587489"  # RFC 4760, 8: AFI 2, reserved, SAFI 1; RFC 6793, 3
    assert message.hex() == header + fixed + "0e" + "020c" + capabilities
    assert "ff95" in bgp.open_message(65429, 30, IPv4Address("10.101.252.1")).hex(), "a short ASN stands for itself"


def test_an_announcement_has_origin_path_and_prefixes_with_their_next_hop() -> None:
    prefixes = [IPv6Network("fd00:101::a:1/128"), IPv6Network("2001:db8:40::/42")]
    (message,) = bgp.announcements(65201, IPv6Address("fd00:101::1"), prefixes)
    next_hop, host = "fd000101000000000000000000000001", "fd0001010000000000000000000a0001"
    reach = "0002" + "01" + "10" + next_hop + "00" + "80" + host + "2a" + "20010db80040"  # RFC 4760, 3 and 5
    attributes = "400101" + "00" + "400206" + "0201" + "0000feb1" + "800e2d" + reach  # RFC 4271, 4.3
    assert message.hex() == MARKER + f"{len(message):04x}" + "02" + "0000" + f"{len(attributes) // 2:04x}" + attributes


def test_a_withdrawal_has_the_prefixes_and_no_path() -> None:
    (message,) = bgp.withdrawals([IPv6Network("fd00:101::a:1/128")])
    unreach = "0002" + "01" + "80" + "fd0001010000000000000000000a0001"  # RFC 4760, 4
    assert message.hex() == MARKER + "002e" + "02" + "0000" + "0017" + "800f14" + unreach


def test_prefixes_of_any_number_go_into_messages_that_are_not_too_long() -> None:
    prefixes = list(IPv6Network("fd00:101::/119").subnets(new_prefix=128))
    messages = list(bgp.announcements(65201, IPv6Address("fd00:101::1"), prefixes))
    assert all(len(message) <= bgp.LONGEST for message in messages)
    sent = b"".join(messages)
    assert all(prefix.network_address.packed in sent for prefix in prefixes)
    assert len(messages) == 3


@given(st.lists(st.binary(max_size=300), max_size=5), st.integers(min_value=1, max_value=50))
def test_messages_are_found_however_they_are_cut(contents: list[bytes], cut: int) -> None:
    sent = b"".join(bytes.fromhex(MARKER) + (19 + len(one)).to_bytes(2) + b"\x02" + one for one in contents)
    received, found = bytearray(), []
    for start in range(0, len(sent), cut):
        received += sent[start : start + cut]
        found += [message.content for message in bgp.split(received)]
    assert (found, received) == (contents, bytearray())


def test_what_is_no_message_is_refused() -> None:
    with pytest.raises(bgp.MessageError, match="no message of BGP"):
        list(bgp.split(bytearray(b"HTTP/1.1 400 Bad Request\r\n")))


def test_a_bound_guest_announces_what_its_filter_permits() -> None:
    text = guest_sites.texts(SMALLEST, "bound").host
    for guest in guest_sites.light_guests(SMALLEST, "bound"):
        assert len(guest.prefixes) == SMALLEST.routes
        assert f" neighbor {guest.address} remote-as {guest.asn}\n" in text
        for prefix in guest.prefixes:
            assert re.search(rf"^ipv6 prefix-list \S+ seq \d+ permit {prefix}$", text, re.MULTILINE)


def test_an_open_vnets_guests_stand_nowhere_in_the_text() -> None:
    text = guest_sites.texts(SMALLEST, "open").host
    assert " bgp listen range fd00:101::/64 peer-group TL-vnet101-OPEN\n" in text
    for guest in guest_sites.light_guests(SMALLEST, "open"):
        assert guest.address not in text.split()
        assert guest.asn in range(65200, 65300)


def test_ranges_hold_the_same_guests_to_the_same_filters_without_a_static_neighbour() -> None:
    bound, ranges = (guest_sites.texts(SMALLEST, shape).host for shape in ("bound", "ranges"))
    for guest, name in zip(guest_sites.light_guests(SMALLEST, "ranges"), ("g1", "g2", "g3"), strict=True):
        assert f" neighbor {guest.address} " in bound
        assert f" neighbor {guest.address} " not in ranges
        assert f" bgp listen range {guest.address}/128 peer-group TL-G-{name}\n" in ranges
        assert f" neighbor TL-G-{name} remote-as {guest.asn}\n" in ranges
        assert ranges.count(f"  neighbor TL-G-{name} route-map TL-G-{name}-IN in\n") == 2, "one for each family"
    assert bound[bound.index("bgp as-path") :] == ranges[ranges.index("bgp as-path") :], "the same lists and route-maps"


def test_guests_beyond_one_vnet_have_addresses_and_prefixes_of_their_own() -> None:
    load = Load(510, 2)
    for shape in guest_sites.SHAPES:
        found = guest_sites.light_guests(load, shape)
        assert len({guest.address for guest in found}) == 510
        assert len({prefix for guest in found for prefix in guest.prefixes}) == 1020
        assert {guest.vnet for guest in found} == {"vnet101", "vnet102"}


def test_what_needs_devices_is_not_loaded_and_what_rides_in_it_is() -> None:
    text = "router ospf6\n ospf6 router-id 10.255.0.1\n bgp as-path access-list A seq 1 permit .*\nexit\n!\n"
    text += "interface vnet101\n ipv6 nd ra-lifetime 0\nexit\n!\nroute-map R permit 1\nexit\n!\nline vty\n!\n"
    assert guest_sites.loadable(text) == "bgp as-path access-list A seq 1 permit .*\nroute-map R permit 1\nexit\n"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (
            "[2026-11-28T12:00:00.250000] fd00:101:fe::1 nhid 20 via fd00:fffe::1 dev uplink proto bgp metric 20",
            ("fd00:101:fe::1/128", 1795867200.25, False),
        ),
        (
            "[2026-11-28T12:00:01.000000] Deleted fd00:101::/64 nhid 20 via fd00:fffe::1 dev uplink proto bgp",
            ("fd00:101::/64", 1795867201.0, True),
        ),
        ("[2026-11-28T12:00:01.000000] fd00:fffe::/64 dev uplink proto kernel metric 256 pref medium", None),
        ("", None),
    ],
)
def test_a_line_of_ip_monitor_is_a_route_of_bgp_or_nothing(line: str, found: object) -> None:
    assert arrival(line) == found


NONE = Idle(0.2, 0.01, Memory(20 * 2**20, 12 * 2**20), 0.1)
QUICK = Samples(3, 0.1, 0.2)
ONE = Measured(
    shape="bound",
    guests=100,
    routes=10,
    waiting=NONE,
    attempts=100,
    session_s=0.2,
    sessions_s=0.2,
    all_routes_s=0.4,
    burst_cpu_s=0.2,
    settled_cpu_s=0.3,
    steady_cpu_percent=0.3,
    memory_connected=NONE.memory,
    announced=QUICK,
    withdrawn=QUICK,
    killed=QUICK,
    memory_dead=NONE.memory,
    beyond_bytes=2**20,
    beyond_cpu_percent=0.2,
    observed=None,
)


def test_each_target_that_is_missed_is_named_for_what_is_rendered_and_up_to_the_targets_load() -> None:
    slow = replace(
        ONE,
        session_s=5.0,
        announced=Samples(1, 0.1, 2.5),
        killed=Samples(1, 0.1, 6.0),
        beyond_cpu_percent=20.5,
        beyond_bytes=300 * 2**20,
    )
    assert guests.misses(Result(NONE, (ONE,))) == []
    assert guests.misses(Result(NONE, (replace(slow, shape="ranges"), replace(slow, guests=1000)))) == []
    assert guests.misses(Result(NONE, (ONE, slow))) == [
        "bound, 100x10: a session takes 5 s, target below 5",
        "bound, 100x10: an announcement takes 2.5 s, target below 2",
        "bound, 100x10: a killed guest's routes stay 6 s, target below 5",
        "bound, 100x10: bgpd takes beyond none 20.5 % of a processor, target below 20",
        "bound, 100x10: bgpd holds beyond none 300 MiB, target below 256",
    ]


def test_a_shape_that_is_none_is_refused() -> None:
    done = trellis("bench", "guests", "--shapes", "bound,round")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("trellis: 'bound,round' are no shapes")


@pytest.mark.frr
def test_three_guests_of_each_shape_speak_with_a_real_bgpd_and_reach_the_edge() -> None:
    if os.geteuid() != 0:
        pytest.skip("namespaces need root")
    done = trellis("bench", "guests", "--guests", "3", "--routes", "2", "--steady", "1", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["targets_missed"] == []
    assert {"host", "text", "guests", "session", "announced", "killed", "judged"} <= set(answer["events"])
    assert [one["shape"] for one in answer["result"]["shapes"]] == ["bound", "open", "ranges"]
    for one in answer["result"]["shapes"]:
        assert one["attempts"] == 3, "nobody was refused"
        assert 0 < one["sessions_s"] < one["all_routes_s"]
        assert one["announced"]["count"] == one["killed"]["count"] == 3
        assert one["beyond_bytes"] > 0
