"""What attackers send is what they mean to send: messages and frames, taken apart again by their RFCs."""

from __future__ import annotations

import re
import struct
from ipaddress import ip_address
from pathlib import Path

import pytest

from trellis.lab.attacks import packets, speakers, strange_dials
from trellis.lab.attacks.attack import Said
from trellis.lab.attacks.dialling import flood_of, happenings, told
from trellis.lab.attacks.speakers import Place
from trellis.lab.attacks.wire import frames, messages

GOLDEN = Path(__file__).parents[1] / "golden"
PLACE = Place(
    name="mallory",
    host="pve01",
    vnet="vnet101",
    vrf="vrf_evpnz1",
    source="fd00:101::66",
    ipv4="10.101.0.66",
    mac="bc:24:11:01:01:66",
    port="tap1066i0",
    asn=4200101066,
    router_id="10.101.254.66",
    gateway="fd00:101::fffe",
    gateway_asn=4200001000,
)
FORGED = Said("2001:db8::1/128", (4200000000,), ("65000:1",), ("4200001000:0:200",), ("65000:4097",))


def test_a_message_says_its_own_length_and_messages_are_parted_again() -> None:
    both = messages.keepalive() + messages.open_message(4200101066, "10.0.0.1", 9)
    found, rest = messages.parted(both + b"\xff" * 7)
    assert [kind for kind, _ in found] == [messages.KEEPALIVE, messages.OPEN]
    assert found[1][1][:5] == struct.pack("!BHH", 4, 23456, 9)
    assert rest == b"\xff" * 7


@pytest.mark.parametrize(
    ("text", "packed"),
    [("::/0", b"\0"), ("fd00:101::/64", b"\x40\xfd\0\1\1\0\0\0\0"), ("10.0.0.0/9", b"\x09\x0a\0")],
)
def test_a_prefix_takes_as_many_bytes_as_hold_its_length(text: str, packed: bytes) -> None:
    assert messages.prefix(text) == packed


def test_a_flood_is_whole_messages_of_legal_length_with_every_prefix_once() -> None:
    prefixes = tuple(f"2001:db8::{number:x}/128" for number in range(1, 1001))
    flood = flood_of(PLACE, prefixes)
    assert all(len(found) <= 4096 and struct.unpack("!H", found[16:18])[0] == len(found) for found in flood)
    assert sum(found.count(b"\x80\x20\x01\x0d\xb8") for found in flood) == len(prefixes)


def test_broken_messages_have_names_of_their_own_and_differ() -> None:
    found = dict(strange_dials.malformed(PLACE.asn, PLACE.source))
    assert len(found) == len(list(strange_dials.malformed(PLACE.asn, PLACE.source))) == len(set(found.values()))


def test_a_packet_has_the_checksum_that_its_receiver_computes() -> None:
    for source, target in (("fd00:101::66", "fd00:101::fffe"), ("10.101.0.66", "10.101.0.254")):
        packet = frames.syn(source, target, 20000, 179)
        head = 40 if ":" in source else 20
        pseudo = ip_address(source).packed + ip_address(target).packed
        assert frames.checksum(pseudo + struct.pack("!II", len(packet) - head, frames.TCP) + packet[head:]) == 0
        if head == 20:
            assert frames.checksum(packet[:20]) == 0


def test_a_frame_goes_as_it_is_and_behind_one_and_two_tags() -> None:
    frame = frames.ethernet(frames.BROADCAST, PLACE.mac, frames.ARP, frames.gratuitous_arp("10.101.0.7", PLACE.mac))
    plain, once, twice = packets.behind_tags([frame])
    assert plain == frame
    assert once == frames.ethernet(frames.BROADCAST, PLACE.mac, frames.ARP, frame[14:], tags=1)
    assert twice == frames.ethernet(frames.BROADCAST, PLACE.mac, frames.ARP, frame[14:], tags=2)


def test_a_link_local_address_is_the_kernels() -> None:
    assert ip_address(packets.link_local("BC:24:11:01:01:66")) == ip_address("fe80::be24:11ff:fe01:166")


def test_each_speaker_is_told_all_there_is_to_say() -> None:
    bird = speakers.bird(PLACE, [FORGED])
    assert "route 2001:db8::1/128 blackhole { bgp_path.prepend(4200000000);" in bird
    assert "bgp_community.add((65000,1)); bgp_large_community.add((4200001000,0,200));" in bird
    exabgp = speakers.exabgp(PLACE, [FORGED], asn=7)
    assert "local-as 7; peer-as 4200001000" in exabgp
    assert "as-path [ 7 4200000000 ] community [ 65000:1 ]" in exabgp
    assert "extended-community [ target:65000:4097 ]" in exabgp
    frr = speakers.frr(PLACE, [FORGED])
    assert "network 2001:db8::1/128" in frr
    assert "set as-path prepend 4200000000" in frr


def test_what_an_attacker_has_its_frr_say_goes_through_the_map_that_its_session_sends_by() -> None:
    booted = (GOLDEN / "homelab" / "guests" / "debian-test-1.frr.conf").read_text()
    (sent_by,) = set(re.findall(r"neighbor \S+ route-map (\S+) out", booted))
    lists = {(keyword, name) for keyword, name in re.findall(r"^(ip|ipv6) prefix-list (\S+) seq", booted, re.MULTILINE)}
    said = speakers.frr(PLACE, [Said("::/0"), Said("0.0.0.0/0")])
    permitted = re.findall(
        rf"^route-map {sent_by} permit \d+\nmatch (ip|ipv6) address prefix-list (\S+)$", said, re.MULTILINE
    )
    assert permitted == [("ip", sent_by), ("ipv6", sent_by), ("ipv6", "SAID-10"), ("ip", "SAID-11")]
    assert {("ip", sent_by), ("ipv6", sent_by)} <= lists


def test_what_happened_to_a_speaker_is_told_once_in_its_order() -> None:
    lines = (
        '{"at_s": 1.0, "case": "a", "what": "connected"}',
        '{"at_s": 1.1, "case": "a", "what": "notification", "code": 2, "subcode": 2, "data": ""}',
        '{"at_s": 1.1, "case": "a", "what": "closed"}',
        "Traceback: of something else",
        '{"at_s": 2.0, "case": "a", "what": "no answer"}',
        '{"at_s": 3.0, "case": "a", "what": "no answer"}',
    )
    assert told(happenings("\n".join(lines))) == "notification 2/2, closed, no answer"
