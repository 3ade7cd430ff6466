"""BGP messages as bytes, right and wrong ones (RFC 4271, 4760, 6793, 8950)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from ipaddress import IPv6Address, ip_address, ip_network

MARKER = b"\xff" * 16
OPEN, UPDATE, NOTIFICATION, KEEPALIVE = 1, 2, 3, 4
_LONGEST = 4096
_AS_TRANS = 23456
WELL_KNOWN, OPTIONAL = 0x40, 0x80
ORIGIN, AS_PATH, NEXT_HOP, MP_REACH = 1, 2, 3, 14
AS_SEQUENCE = 2


def message(kind: int, body: bytes, *, marker: bytes = MARKER, length: int | None = None) -> bytes:
    """Return a message; marker and length are right unless they are given."""
    return marker + struct.pack("!HB", 19 + len(body) if length is None else length, kind) + body


def open_message(asn: int, router_id: str, hold_time_s: int) -> bytes:
    """Return an OPEN with IPv4 and IPv6 unicast, an IPv6 next hop for IPv4, and a number of 32 bits.

    Args:
        asn: The speaker's own.
        router_id: As an IPv4 address.
        hold_time_s: Seconds, 3 or more.
    """
    capabilities = (
        bytes((1, 4)) + struct.pack("!HBB", 1, 0, 1),
        bytes((1, 4)) + struct.pack("!HBB", 2, 0, 1),
        bytes((5, 6)) + struct.pack("!HHH", 1, 1, 2),
        bytes((65, 4)) + struct.pack("!I", asn),
    )
    optional = b"".join(bytes((2, len(found))) + found for found in capabilities)
    short = asn if asn < 1 << 16 else _AS_TRANS
    body = struct.pack("!BHH", 4, short, hold_time_s) + ip_address(router_id).packed
    return message(OPEN, body + bytes((len(optional),)) + optional)


def keepalive() -> bytes:
    """Return a KEEPALIVE."""
    return message(KEEPALIVE, b"")


def attribute(code: int, value: bytes, flags: int = WELL_KNOWN) -> bytes:
    """Return a path attribute, with a length of two bytes where it needs one."""
    if len(value) > 255:
        return struct.pack("!BBH", flags | 0x10, code, len(value)) + value
    return struct.pack("!BBB", flags, code, len(value)) + value


def as_path(asns: Sequence[int], segment: int = AS_SEQUENCE) -> bytes:
    """Return the attribute AS_PATH with one segment, whose numbers have 32 bits."""
    return attribute(AS_PATH, bytes((segment, len(asns))) + b"".join(struct.pack("!I", asn) for asn in asns))


def prefix(text: str) -> bytes:
    """Return a prefix as NLRI has it: its length in bits, and as many bytes as hold that."""
    network = ip_network(text)
    return bytes((network.prefixlen,)) + network.network_address.packed[: (network.prefixlen + 7) // 8]


def update(attributes: bytes, nlri: bytes = b"", withdrawn: bytes = b"") -> bytes:
    """Return an UPDATE of the parts that RFC 4271 gives it."""
    body = struct.pack("!H", len(withdrawn)) + withdrawn + struct.pack("!H", len(attributes)) + attributes + nlri
    return message(UPDATE, body)


def reach(prefixes: Iterable[str], next_hop: str, path: Sequence[int], *others: bytes) -> bytes:
    """Return an UPDATE that announces IPv6 prefixes.

    Args:
        prefixes: As many as fit into one message.
        next_hop: The IPv6 address.
        path: The AS path.
        others: Attributes beside ORIGIN, AS_PATH and MP_REACH_NLRI.
    """
    hop = IPv6Address(next_hop).packed
    nlri = b"".join(map(prefix, prefixes))
    reached = attribute(MP_REACH, struct.pack("!HBB", 2, 1, len(hop)) + hop + b"\0" + nlri, OPTIONAL)
    return update(attribute(ORIGIN, b"\0") + as_path(path) + b"".join(others) + reached)


def flood(prefixes: Sequence[str], next_hop: str, path: Sequence[int]) -> list[bytes]:
    """Return UPDATEs that announce IPv6 prefixes, as many in each as fit."""
    each = (_LONGEST - 100 - 4 * len(path)) // 17
    return [reach(prefixes[first : first + each], next_hop, path) for first in range(0, len(prefixes), each)]


def parted(received: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Part what was received into whole messages (kind and body) and a rest."""
    found = []
    while len(received) >= 19 and len(received) >= (length := max(19, struct.unpack("!H", received[16:18])[0])):
        found.append((received[18], received[19:length]))
        received = received[length:]
    return found, received
