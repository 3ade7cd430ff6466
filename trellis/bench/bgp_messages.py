"""The messages of BGP that a guest needs to load a host with: OPEN, KEEPALIVE, UPDATE with IPv6 prefixes.

RFC 4271 (messages), RFC 4760 (MP_REACH_NLRI, MP_UNREACH_NLRI), RFC 5492 (capabilities), RFC 6793 (ASNs of 4 octets).
Nothing else is spoken: no IPv4, no graceful restart, no route refresh.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network

OPEN, UPDATE, NOTIFICATION, KEEPALIVE = 1, 2, 3, 4
"""Types of messages (RFC 4271, 4.1)."""

LONGEST = 4096
"""Most octets of a message (RFC 4271, 4.1)."""

_MARKER = b"\xff" * 16
_HEADER = struct.Struct("!16sHB")
_IPV6_UNICAST = struct.pack("!HB", 2, 1)  # AFI, SAFI
_AS_TRANS = 23456
_TRANSITIVE, _OPTIONAL, _EXTENDED = 0x40, 0x80, 0x10
_ORIGIN, _AS_PATH, _MP_REACH, _MP_UNREACH = 1, 2, 14, 15
_SEQUENCE = 2
_PER_UPDATE = 200
"""Prefixes in one UPDATE: 200 of at most 17 octets are well below ``LONGEST``."""


class MessageError(ValueError):
    """What came is no message of BGP."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message that came: its type, and what follows the header."""

    kind: int
    content: bytes


def open_message(asn: int, hold_s: int, router_id: IPv4Address) -> bytes:
    """Return an OPEN that offers IPv6 unicast and ASNs of 4 octets.

    Args:
        asn: The sender's.
        hold_s: Hold time that it offers, in seconds.
        router_id: Its router id.
    """
    capabilities = _capability(1, struct.pack("!HBB", 2, 0, 1)) + _capability(65, struct.pack("!I", asn))
    parameters = struct.pack("!BB", 2, len(capabilities)) + capabilities
    short = asn if asn < 1 << 16 else _AS_TRANS
    return _message(OPEN, struct.pack("!BHH4sB", 4, short, hold_s, router_id.packed, len(parameters)) + parameters)


def keepalive() -> bytes:
    """Return a KEEPALIVE."""
    return _message(KEEPALIVE, b"")


def announcements(asn: int, next_hop: IPv6Address, prefixes: Sequence[IPv6Network]) -> Iterator[bytes]:
    """Yield the UPDATEs that announce ``prefixes``, all with one path of one ASN.

    Args:
        asn: The sender's, the whole of the path.
        next_hop: The sender's address.
        prefixes: What is announced.
    """
    path = _attribute(_TRANSITIVE, _ORIGIN, b"\x00")
    path += _attribute(_TRANSITIVE, _AS_PATH, struct.pack("!BBI", _SEQUENCE, 1, asn))
    for some in _portions(prefixes):
        reach = _IPV6_UNICAST + bytes([16]) + next_hop.packed + b"\x00" + some
        yield _update(path + _attribute(_OPTIONAL, _MP_REACH, reach))


def withdrawals(prefixes: Sequence[IPv6Network]) -> Iterator[bytes]:
    """Yield the UPDATEs that withdraw ``prefixes``."""
    for some in _portions(prefixes):
        yield _update(_attribute(_OPTIONAL, _MP_UNREACH, _IPV6_UNICAST + some))


def split(received: bytearray) -> Iterator[Message]:
    """Yield the whole messages at the beginning of ``received`` and take them out of it.

    Args:
        received: What has come so far; a message that is not whole yet stays in it.

    Raises:
        MessageError: What stands there is no message.
    """
    while len(received) >= _HEADER.size:
        marker, length, kind = _HEADER.unpack_from(received)
        if marker != _MARKER or not _HEADER.size <= length <= LONGEST:
            raise MessageError(f"no message of BGP: {bytes(received[:19]).hex()}")
        if len(received) < length:
            return
        content = bytes(received[_HEADER.size : length])
        del received[:length]
        yield Message(kind, content)


def _message(kind: int, content: bytes) -> bytes:
    return _HEADER.pack(_MARKER, _HEADER.size + len(content), kind) + content


def _capability(code: int, value: bytes) -> bytes:
    return struct.pack("!BB", code, len(value)) + value


def _update(attributes: bytes) -> bytes:
    return _message(UPDATE, struct.pack("!HH", 0, len(attributes)) + attributes)


def _attribute(flags: int, code: int, value: bytes) -> bytes:
    if len(value) > 255:
        return struct.pack("!BBH", flags | _EXTENDED, code, len(value)) + value
    return struct.pack("!BBB", flags, code, len(value)) + value


def _portions(prefixes: Sequence[IPv6Network]) -> Iterator[bytes]:
    for start in range(0, len(prefixes), _PER_UPDATE):
        yield b"".join(map(_encoded, prefixes[start : start + _PER_UPDATE]))


def _encoded(prefix: IPv6Network) -> bytes:
    return bytes([prefix.prefixlen]) + prefix.network_address.packed[: (prefix.prefixlen + 7) // 8]
