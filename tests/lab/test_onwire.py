"""Crafted packets: right to the last checksum, and told apart when they come in."""

from __future__ import annotations

import struct

import pytest

from trellis.lab.proof import onwire

FOUR, SIX = ("10.101.0.6", "10.200.0.6"), ("fd00:101::6", "fd00:200::6")
ADVERTISED = ("fe80::7e11", "ff02::1")
KIND = {4: 0x0800, 6: 0x86DD}  # linux/if_ether.h


def parts(packet: bytes) -> tuple[int, bytes, bytes]:
    """The protocol, what its checksum is taken over beside the payload, and the payload."""
    if packet[0] >> 4 == 4:
        assert onwire.checksum(packet[:20]) == 0
        assert struct.unpack("!H", packet[2:4])[0] == len(packet)
        pseudo = packet[12:20] + struct.pack("!BBH", 0, packet[9], len(packet) - 20)
        return packet[9], b"" if packet[9] == 1 else pseudo, packet[20:]
    assert struct.unpack("!H", packet[4:6])[0] == len(packet) - 40
    return packet[6], packet[8:40] + struct.pack("!II", len(packet) - 40, packet[6]), packet[40:]


@pytest.mark.parametrize(
    "packet",
    [
        *(onwire.echo(*ends, 41000, 1) for ends in (FOUR, SIX)),
        *(onwire.syn(*ends, 41000, 179, 1) for ends in (FOUR, SIX)),
        onwire.advertisement(),
    ],
    ids=["echo4", "echo6", "syn4", "syn6", "advertisement"],
)
def test_a_crafted_packet_has_lengths_and_checksums_that_a_kernel_accepts(packet: bytes) -> None:
    _, pseudo, payload = parts(packet)
    assert onwire.checksum(pseudo + payload) == 0


def test_a_router_advertisement_comes_from_a_link_local_address_with_the_hop_limit_that_hosts_ask_for() -> None:
    packet = onwire.advertisement()
    assert packet[7] == 255  # RFC 4861 6.1.2
    assert (packet[8:10].hex(), packet[24:26].hex(), packet[40]) == ("fe80", "ff02", 134)


@pytest.mark.parametrize("ends", [FOUR, SIX])
def test_a_packet_is_known_by_its_ends_and_its_mark(ends: tuple[str, str]) -> None:
    kind = KIND[6 if ":" in ends[0] else 4]
    assert onwire.read(onwire.echo(*ends, 42001, 3), kind) == (*ends, 42001, "icmp")
    assert onwire.read(onwire.syn(*ends, 42001, 22, 3), kind) == (*ends, 42001, "tcp")


@pytest.mark.parametrize("ends", [FOUR, SIX])
def test_its_answer_is_known_by_the_same_mark(ends: tuple[str, str]) -> None:
    kind = KIND[6 if ":" in ends[0] else 4]
    answer = onwire.syn(*ends, 22, 42001, 1)  # from the port that was asked, to the mark
    assert onwire.read(answer, kind) == (*ends, 42001, "tcp")
    request = bytearray(onwire.echo(*ends, 42001, 1))
    request[20 if kind == KIND[4] else 40] = 0 if kind == KIND[4] else 129
    assert onwire.read(bytes(request), kind) == (*ends, 42001, "icmp")


@pytest.mark.parametrize("frame", [b"", b"\x45" + b"\0" * 10, onwire.advertisement()])
def test_what_is_cut_off_or_of_another_kind_is_none_of_ours(frame: bytes) -> None:
    assert [onwire.read(frame, kind) for kind in (*KIND.values(), 0x0806)] == [None] * 3
