"""Ethernet frames as bytes: TCP's SYN, neighbour discovery, router advertisements, ARP, and tags around them."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, ip_address

IPV4, ARP, IPV6, VLAN = 0x0800, 0x0806, 0x86DD, 0x8100
TCP, ICMPV6 = 6, 58
SYN = 0x02
ALL_NODES = ("33:33:00:00:00:01", "ff02::1")
BROADCAST = "ff:ff:ff:ff:ff:ff"


def mac_bytes(text: str) -> bytes:
    """Return a MAC address as bytes."""
    return bytes.fromhex(text.replace(":", ""))


def ethernet(target: str, source: str, kind: int, payload: bytes, *, tags: int = 0) -> bytes:
    """Return a frame.

    Args:
        target: MAC address that it is for.
        source: MAC address that it says to be from.
        kind: Its EtherType.
        payload: What it carries.
        tags: How many 802.1Q tags of VLAN 0 stand before the EtherType.
    """
    return (
        mac_bytes(target) + mac_bytes(source) + struct.pack("!HH", VLAN, 0) * tags + struct.pack("!H", kind) + payload
    )


def checksum(text: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    padded = text + b"\0" * (len(text) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packet(source: str, target: str, protocol: int, payload: bytes, at: int) -> bytes:
    """Return an IP packet whose payload has its checksum put in.

    Args:
        source: Address that it says to be from.
        target: Address that it is for, of the same family.
        protocol: Number of what it carries.
        payload: That, with zeros where its checksum has to be.
        at: Where in the payload that is.
    """
    sender, receiver = ip_address(source), ip_address(target)
    pseudo = sender.packed + receiver.packed + struct.pack("!II", len(payload), protocol)
    payload = payload[:at] + struct.pack("!H", checksum(pseudo + payload)) + payload[at + 2 :]
    if isinstance(sender, IPv4Address):
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, protocol, 0)
        head += sender.packed + receiver.packed
        return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 255) + sender.packed + receiver.packed + payload


def syn(source: str, target: str, source_port: int, port: int) -> bytes:
    """Return an IP packet that asks for a TCP connection."""
    segment = struct.pack("!HHIIBBHHH", source_port, port, 0x5EED, 0, 0x60, SYN, 64240, 0, 0)
    return packet(source, target, TCP, segment + struct.pack("!BBH", 2, 4, 1440), 16)


def neighbour_advertisement(about: str, mac: str, source: str, target: str = ALL_NODES[1]) -> bytes:
    """Return an IPv6 packet that says: this address is at this MAC, whatever you knew (RFC 4861: Override)."""
    body = struct.pack("!BBHI", 136, 0, 0, 0x2000_0000) + ip_address(about).packed + bytes((2, 1)) + mac_bytes(mac)
    return packet(source, target, ICMPV6, body, 2)


def neighbour_solicitation(about: str, mac: str, source: str, target: str) -> bytes:
    """Return an IPv6 packet that asks for an address, and says by the way that its sender is at this MAC."""
    body = struct.pack("!BBHI", 135, 0, 0, 0) + ip_address(about).packed + bytes((1, 1)) + mac_bytes(mac)
    return packet(source, target, ICMPV6, body, 2)


def router_advertisement(source: str, mac: str, prefix: str) -> bytes:
    """Return an IPv6 packet that makes its sender everybody's router, with a prefix to take addresses from."""
    head = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + bytes((1, 1)) + mac_bytes(mac)
    option = struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 7200, 3600, 0) + ip_address(prefix).packed
    return packet(source, ALL_NODES[1], ICMPV6, head + option, 2)


def gratuitous_arp(address: str, mac: str, target: str = BROADCAST) -> bytes:
    """Return an ARP answer that nobody asked for: this address is at this MAC."""
    packed = IPv4Address(address).packed
    return struct.pack("!HHBBH", 1, IPV4, 6, 4, 2) + mac_bytes(mac) + packed + mac_bytes(target) + packed
