"""Packets on a lab's wire, crafted and watched: what neither ``ping`` nor a program's socket can send or see.

Runs by ``python3 -`` in a guest, on a host or on an edge, from whose Python nothing but the standard library is
taken; it is never imported there.  Each crafted packet carries a mark (echo identifier and TCP source port), so that
packets of one sender are told from those of another and from all other traffic.

    watch LIMIT AFTER [+]SRC,DST,MARK...       counts what comes in: {"SRC,DST,MARK": {"icmp": n, "tcp": n}}, until
                                               AFTER seconds after all that is marked + has come, at most LIMIT
    send DELAY NEXT-HOP,SRC,DST,PORT,MARK...   hands an echo request and a SYN of each to its next hop
    advertise DELAY DEVICE                     sends router advertisements out of a device
"""

from __future__ import annotations

import ipaddress
import json
import socket
import struct
import subprocess
import sys
import time

_ALL, _IPV4, _IPV6 = 3, 0x0800, 0x86DD  # linux/if_ether.h
_OUTGOING = 4  # linux/if_packet.h, PACKET_OUTGOING
_ICMP, _TCP, _ICMPV6 = 1, 6, 58
_REQUEST, _REPLY = {_ICMP: 8, _ICMPV6: 128}, {_ICMP: 0, _ICMPV6: 129}
_ADVERTISEMENT = 134  # RFC 4861 4.2
_SO_RCVBUFFORCE, _ROOM = 33, 32 << 20  # asm-generic/socket.h; bytes: a host's device takes 10 KB for each packet
_TIMES, _GAP_S = 16, 0.2


def checksum(data: bytes) -> int:
    """The checksum of the internet (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packet(source: str, target: str, protocol: int, payload: bytes, at: int, hops: int = 64) -> bytes:
    """An IP packet, the checksum of its payload written at the offset `at` in it."""
    src, dst = ipaddress.ip_address(source), ipaddress.ip_address(target)
    pseudo = src.packed + dst.packed + struct.pack("!II", len(payload), protocol)
    if protocol == _ICMP:
        pseudo = b""
    elif src.version == 4:
        pseudo = src.packed + dst.packed + struct.pack("!BBH", 0, protocol, len(payload))
    payload = payload[:at] + struct.pack("!H", checksum(pseudo + payload)) + payload[at + 2 :]
    if src.version == 6:
        return struct.pack("!IHBB", 6 << 28, len(payload), protocol, hops) + src.packed + dst.packed + payload
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, hops, protocol, 0) + src.packed + dst.packed
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def echo(source: str, target: str, mark: int, number: int) -> bytes:
    """An echo request with the mark as its identifier."""
    protocol = _ICMP if ipaddress.ip_address(source).version == 4 else _ICMPV6
    return packet(
        source, target, protocol, struct.pack("!BBHHH", _REQUEST[protocol], 0, 0, mark, number) + b"trellis.", 2
    )


def syn(source: str, target: str, mark: int, port: int, number: int) -> bytes:
    """A SYN from the port `mark`."""
    segment = struct.pack("!HHIIBBHHH", mark, port, 7919 * number + 1, 0, 5 << 4, 2, 1024, 0, 0)
    return packet(source, target, _TCP, segment, 16)


def advertisement() -> bytes:
    """A router advertisement that offers a default route for a minute (RFC 4861 4.2)."""
    return packet(
        "fe80::7e11", "ff02::1", _ICMPV6, struct.pack("!BBHBBHII", _ADVERTISEMENT, 0, 0, 64, 0, 60, 0, 0), 2, 255
    )


def neighbour(address: str) -> tuple[str, bytes]:
    """The device and the hardware address by which a neighbour is reached, asked for if they are not known."""
    version = f"-{ipaddress.ip_address(address).version}"
    for _ in range(3):
        said = subprocess.run(
            ["ip", "-j", version, "neighbour", "show", "to", address], capture_output=True, check=True
        )
        for entry in json.loads(said.stdout or b"[]"):
            if "lladdr" in entry:
                return entry["dev"], bytes.fromhex(entry["lladdr"].replace(":", ""))
        subprocess.run(["ping", "-n", "-q", "-c", "1", "-W", "1", address], capture_output=True, check=False)
    raise SystemExit(f"{address} is no neighbour here")


def send(delay: str, *packets: str) -> None:
    """Hand packets to neighbours as a router would, whatever their addresses."""
    asked = [entry.split(",") for entry in packets]
    known = {next_hop: neighbour(next_hop) for next_hop in {entry[0] for entry in asked}}
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM) as wire:
        time.sleep(float(delay))
        for number in range(1, _TIMES + 1):
            for next_hop, source, target, port, mark in asked:
                device, hardware = known[next_hop]
                kind = _IPV4 if ipaddress.ip_address(source).version == 4 else _IPV6
                for made in (
                    echo(source, target, int(mark), number),
                    syn(source, target, int(mark), int(port), number),
                ):
                    wire.sendto(made, (device, kind, 0, 0, hardware))
            time.sleep(_GAP_S)
    by = {next_hop: f"{device} {hardware.hex(':')}" for next_hop, (device, hardware) in known.items()}
    print(json.dumps({"sent_of_each": _TIMES, "next_hops": by}))


def advertise(delay: str, device: str) -> None:
    """Send router advertisements to all nodes."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM) as wire:
        time.sleep(float(delay))
        for _ in range(_TIMES):
            wire.sendto(advertisement(), (device, _IPV6, 0, 0, bytes.fromhex("333300000001")))
            time.sleep(_GAP_S)
    print(json.dumps({"device": device, "sent": _TIMES}))


def read(frame: bytes, kind: int) -> tuple[str, str, int, str] | None:
    """Source, target, mark and protocol of a packet, request or answer; None if it can't be one of ours."""
    if kind == _IPV4 and len(frame) >= 28:
        protocol, start = frame[9], 4 * (frame[0] & 15)
        addresses = frame[12:16], frame[16:20]
    elif kind == _IPV6 and len(frame) >= 48:
        protocol, start = frame[6], 40
        addresses = frame[8:24], frame[24:40]
    else:
        return None
    source, target = (str(ipaddress.ip_address(address)) for address in addresses)
    payload = frame[start:]
    if protocol == _TCP:
        ports = struct.unpack("!HH", payload[:4])
        return source, target, max(ports), "tcp"  # a mark is above every port that is asked
    if protocol in _REQUEST and payload[0] in (_REQUEST[protocol], _REPLY[protocol]):
        return source, target, struct.unpack("!H", payload[4:6])[0], "icmp"
    return None


def watch(limit: str, after: str, *wanted: str) -> None:
    """Count the marked packets that come in on any device, until what has to come has, and a little longer."""
    counts = {entry.lstrip("+"): {"icmp": 0, "tcp": 0} for entry in wanted}
    awaited = {(entry[1:], kind) for entry in wanted if entry.startswith("+") for kind in ("icmp", "tcp")}
    end = time.monotonic() + float(limit)
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL)) as wire:
        wire.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _ROOM)
        while (left := end - time.monotonic()) > 0:
            wire.settimeout(left)
            try:
                frame, where = wire.recvfrom(256)
            except TimeoutError:
                break
            found = read(frame, where[1]) if where[2] != _OUTGOING else None
            if found is None or (key := ",".join(map(str, found[:3]))) not in counts:
                continue
            counts[key][found[3]] += 1
            if (key, found[3]) in awaited:
                awaited.remove((key, found[3]))
                if not awaited:
                    end = min(end, time.monotonic() + float(after))
    print(json.dumps(counts))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["watch", limit, after, *wanted]:
            watch(limit, after, *wanted)
        case ["send", delay, *packets]:
            send(delay, *packets)
        case ["advertise", delay, device]:
            advertise(delay, device)
        case _:
            raise SystemExit(__doc__)
