"""What a port of a VNet may send, judged by this machine's kernel: frames in, the rule that dropped each one out.

The text is the homelab's for pve01; the bridge and its ports have the names that Proxmox gives them.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest

from tests.firewall.namespaces import for_this_kernel, knows_bridges
from tests.golden.files import bundle_of
from trellis.render.firewall import FIREWALL

pytestmark = [
    pytest.mark.host,
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("nft") is None, reason="frames in a network namespace need root, and nft"
    ),
]

OWN, FOREIGN, OTHER = "bc:24:11:01:01:06", "02:00:00:00:00:99", "bc:24:11:01:01:11"
TIED, FREE, TUNNEL = "tap1006i0", "tap9i0", "vxlan_vnet101"
"""The port of debian-test-1, that of a VM which nobody declared, and the way to the other hosts."""
CONTROLPLANE = "tap1011i0"
"""The port of solcp01, whose MAC is ``OTHER``; control planes share the addresses of their VIP."""
VIP4, VIP6 = "10.101.0.100", "fd00:101::100"
INNER = "fwln1006i0"
"""The port of the bridge between a VM and Proxmox's firewall by which packets of the VNet come to it."""
CARD = "eno1"
ELSEWHERE = (INNER, CARD)
GATEWAY = "bc:24:11:aa:aa:aa"
VLAN_7 = bytes.fromhex("81000000"), bytes.fromhex("81000007")

_SEND = """
import socket, sys
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind((sys.argv[1], 0))
wire.send(bytes.fromhex(sys.argv[2]))
"""


def ethernet(mac: str, kind: int, payload: bytes) -> bytes:
    return b"\xff" * 6 + bytes.fromhex(mac.replace(":", "")) + struct.pack("!H", kind) + payload.ljust(46, b"\0")


def ipv4(mac: str, source: str) -> bytes:
    head = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 28, 1, 0, 64, 17, 0, IPv4Address(source).packed, bytes([10, 101, 0, 12])
    )
    return ethernet(mac, 0x0800, head + struct.pack("!HHHH", 9, 9, 8, 0))


def ipv6(mac: str, source: str, payload: bytes = struct.pack("!HHHH", 9, 9, 8, 0), following: int = 17) -> bytes:
    head = struct.pack("!IHBB", 6 << 28, len(payload), following, 255)
    return ethernet(mac, 0x86DD, head + IPv6Address(source).packed + IPv6Address("fd00:101::12").packed + payload)


def arp(mac: str, claimed_mac: str, address: str) -> bytes:
    sender = bytes.fromhex(claimed_mac.replace(":", "")) + IPv4Address(address).packed
    return ethernet(
        mac, 0x0806, struct.pack("!HHBBH", 1, 0x0800, 6, 4, 2) + sender + b"\0" * 6 + IPv4Address(address).packed
    )


def advertisement(mac: str, target: str) -> bytes:
    return ipv6(mac, "fe80::9", struct.pack("!BBHI", 136, 0, 0, 0x20000000) + IPv6Address(target).packed, 58)


def router_advertisement(mac: str) -> bytes:
    return ipv6(mac, "fe80::9", struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0), 58)


def router_solicitation(mac: str) -> bytes:
    return ipv6(mac, "fe80::9", struct.pack("!BBHI", 133, 0, 0, 0), 58)


def tagged(frame: bytes, *tags: int) -> bytes:
    """The frame behind tags of VLAN 0, which receivers take off, outermost first."""
    return frame[:12] + b"".join(struct.pack("!HH", kind, 0) for kind in tags) + frame[12:]


def by_snap(frame: bytes) -> bytes:
    """The frame with its type behind LLC and SNAP (RFC 1042), as some receivers take it, too."""
    inside = bytes.fromhex("aaaa03000000") + frame[12:]
    return frame[:12] + struct.pack("!H", len(inside)) + inside


def own_local(mac: str) -> str:
    raw = bytes.fromhex(mac.replace(":", ""))
    return str(IPv6Address(b"\xfe\x80" + bytes(6) + bytes([raw[0] ^ 2]) + raw[1:3] + b"\xff\xfe" + raw[3:]))


FRAMES: tuple[tuple[str, str, bytes, str | None], ...] = (
    ("its own IPv4 address", TIED, ipv4(OWN, "10.101.0.6"), None),
    ("its own IPv6 address", TIED, ipv6(OWN, "fd00:101::6"), None),
    ("its own loopback", TIED, ipv6(OWN, "fd00:101:fe::6"), None),
    ("its link-local address", TIED, ipv6(OWN, "fe80::be24:11ff:fe01:106"), None),
    ("its own ARP", TIED, arp(OWN, OWN, "10.101.0.6"), None),
    ("its own neighbour advertisement", TIED, advertisement(OWN, "fd00:101::6"), None),
    ("a pod behind it", TIED, ipv4(OWN, "10.101.243.9"), None),
    ("another MAC", TIED, ipv4(FOREIGN, "10.101.0.77"), "R7 port"),
    ("another guest's MAC", TIED, ipv4(OTHER, "10.101.0.11"), "R7 port"),
    ("a tied MAC from another port", FREE, ipv4(OWN, "10.101.0.6"), "R7 MAC"),
    ("another guest's IPv4 address", FREE, ipv4(FOREIGN, "10.101.0.6"), "R7 address"),
    ("another guest's IPv6 address", FREE, ipv6(FOREIGN, "fd00:101::6"), "R7 address"),
    ("another guest's loopback", FREE, ipv6(FOREIGN, "fd00:101:fe::6"), "R7 address"),
    ("a loopback that nobody has", FREE, ipv4(FOREIGN, "10.101.254.200"), "R7 address"),
    ("the gateway's address", FREE, ipv6(FOREIGN, "fd00:101::fffe"), "R7 address"),
    ("ARP for another guest", FREE, arp(FOREIGN, FOREIGN, "10.101.0.6"), "R7 ARP"),
    ("ARP in another guest's name", FREE, arp(FOREIGN, OWN, "10.101.0.6"), "R7 ARP"),
    ("ARP for the gateway", FREE, arp(FOREIGN, FOREIGN, "10.101.0.254"), "R7 ARP"),
    ("a neighbour advertisement for another guest", FREE, advertisement(FOREIGN, "fd00:101::6"), "R7 ND"),
    ("a neighbour advertisement for the gateway", FREE, advertisement(FOREIGN, "fd00:101::fffe"), "R7 ND"),
    ("a second address of the VNet", TIED, ipv6(OWN, "fd00:101::77"), "R7 other address"),
    ("ARP for a second address", TIED, arp(OWN, OWN, "10.101.0.77"), "R7 other ARP"),
    ("a router advertisement", FREE, router_advertisement(FOREIGN), "R13 advertisement"),
    ("a router advertisement by another host", TUNNEL, router_advertisement(FOREIGN), "R13 other host"),
    ("a guest that asks for routers, to other hosts", FREE, router_solicitation(FOREIGN), "R13 other host"),
    ("another host's guest that asks for routers", TUNNEL, router_solicitation(FOREIGN), "R13 other host"),
    ("a guest of nobody's knowledge", FREE, ipv4(FOREIGN, "10.101.0.77"), None),
    ("what another host has judged already", TUNNEL, ipv6(OTHER, "fd00:101::11"), None),
    ("what is on its way to a VM behind Proxmox's firewall", INNER, ipv6(OTHER, "fd00:101::11"), None),
    ("a router advertisement by the host's own network card", CARD, router_advertisement(FOREIGN), None),
    ("the gateway's, on its way there", INNER, ipv6(FOREIGN, "fd00:101::fffe"), None),
    ("its own neighbour advertisement by its link-local address", TIED, advertisement(OWN, own_local(OWN)), None),
    ("another guest's link-local address", FREE, ipv6(FOREIGN, own_local(OWN)), "R7 address"),
    ("an advertisement of another's link-local address", FREE, advertisement(FOREIGN, own_local(OWN)), "R7 ND"),
    ("its own in a VLAN of its tenant's", TIED, tagged(ipv6(OWN, "fd00:101::6"), 0x8100).replace(*VLAN_7, 1), None),
    ("an advertisement behind one tag", FREE, tagged(advertisement(FOREIGN, "fd00:101::6"), 0x8100), "R7 tags"),
    ("one behind two", FREE, tagged(advertisement(FOREIGN, "fd00:101::6"), 0x8100, 0x8100), "R7 tags"),
    ("one behind a tag of providers", FREE, tagged(advertisement(FOREIGN, "fd00:101::6"), 0x88A8), "R7 tags"),
    ("a router advertisement behind a tag", FREE, tagged(router_advertisement(FOREIGN), 0x8100), "R7 tags"),
    ("ARP by SNAP", FREE, by_snap(arp(FOREIGN, FOREIGN, "10.101.0.6")), "R7 tags"),
    ("the host's own link-local address", FREE, ipv6(FOREIGN, own_local(GATEWAY)), "R7 gateway"),
    ("an advertisement of the host's own", FREE, advertisement(FOREIGN, own_local(GATEWAY)), "R7 gateway"),
    ("an address that control planes share, by one of them", CONTROLPLANE, ipv6(OTHER, VIP6), None),
    ("its ARP by one of them", CONTROLPLANE, arp(OTHER, OTHER, VIP4), None),
    ("its neighbour advertisement by one of them", CONTROLPLANE, advertisement(OTHER, VIP6), None),
    ("an address that control planes share, by nobody's guest", FREE, ipv6(FOREIGN, VIP6), "R7 address"),
    ("its ARP by nobody's guest", FREE, arp(FOREIGN, FOREIGN, VIP4), "R7 ARP"),
    ("its neighbour advertisement by nobody's guest", FREE, advertisement(FOREIGN, VIP6), "R7 ND"),
    ("an address that control planes share, by a guest of the VNet", TIED, ipv6(OWN, VIP6), "R7 address"),
    ("its ARP by a guest of the VNet", TIED, arp(OWN, OWN, VIP4), "R7 ARP"),
    ("a spanning tree", FREE, ethernet(FOREIGN, 0x0026, bytes.fromhex("424203") + bytes(35)), None),
)


class Bridge:
    """A VNet's bridge with its ports in a network namespace, and pve01's tables in force there."""

    def __init__(self, firewall: Path) -> None:
        self._holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec cat"], stdin=-1, stdout=-1)
        assert self._holder.stdout is not None
        self._holder.stdout.readline()
        # The kernel would discover neighbours on each port by itself, from a MAC that is nobody's.
        self.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
        # And look for routers, which one that forwards, as hosts do, does not.
        self.run("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1", "net.ipv6.conf.default.forwarding=1")
        self.run("ip", "link", "add", "vnet101", "type", "bridge")
        self.run("ip", "link", "add", "vmbr0", "type", "bridge")
        self.run("ip", "link", "set", "vmbr0", "up")
        for port in (TIED, CONTROLPLANE, FREE, TUNNEL, INNER, CARD):
            self.run("ip", "link", "add", port, "type", "veth", "peer", "name", f"g-{port}"[:15])
            self.run("ip", "link", "set", port, "master", "vmbr0" if port in ELSEWHERE else "vnet101", "up")
            self.run("ip", "link", "set", f"g-{port}"[:15], "up")
        self.run("nft", "-f", str(firewall))
        self.run("sysctl", "-qw", "net.ipv6.conf.vnet101.disable_ipv6=0")
        self.run("ip", "link", "set", "vnet101", "address", GATEWAY, "up")
        self._say_something()

    def _say_something(self) -> None:
        """Have the host speak from its link-local address, as it does whenever it looks for a neighbour."""
        deadline = time.monotonic() + 5
        while "fe80" not in self.run("nft", "list", "set", "bridge", "trellis_gateways", "local"):
            ping = ["ping", "-c", "1", "-W", "0.1", f"{own_local(FOREIGN)}%vnet101"]
            subprocess.run(
                ["nsenter", f"--net=/proc/{self._holder.pid}/ns/net", *ping], check=False, capture_output=True
            )
            assert time.monotonic() < deadline, "the host's link-local address was not learned"

    def run(self, *argv: str) -> str:
        inside = ["nsenter", f"--net=/proc/{self._holder.pid}/ns/net", *argv]
        return subprocess.run(inside, check=True, capture_output=True, text=True).stdout

    def send(self, port: str, frame: bytes) -> None:
        self.run("python3", "-c", _SEND, f"g-{port}"[:15], frame.hex())

    def dropped(self) -> dict[str, int]:
        """Packets that each rule of the bridges' tables has dropped, by its name."""
        counts: dict[str, int] = {}
        tables = (self.run("nft", "-j", "list", "table", "bridge", name) for name in ("trellis", "trellis_gateways"))
        for entry in (entry for table in tables for entry in json.loads(table)["nftables"]):
            rule = entry.get("rule", {})
            for step in rule.get("expr", ()):
                if "counter" in step:
                    counts[rule["comment"]] = counts.get(rule["comment"], 0) + step["counter"]["packets"]
        return counts

    def close(self) -> None:
        assert self._holder.stdin is not None
        assert self._holder.stdout is not None
        self._holder.stdin.close()
        self._holder.wait(10)
        self._holder.stdout.close()


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    text = tmp_path_factory.mktemp("nft") / "firewall.nft"
    text.write_text(for_this_kernel(bundle_of("homelab", "pve01").text(FIREWALL)))
    found = Bridge(text)
    yield found
    found.close()


@pytest.mark.parametrize(("what", "port", "frame", "rule"), FRAMES, ids=[what for what, *_ in FRAMES])
def test_a_port_sends_what_is_its_guests_and_nothing_of_anybody_elses(
    bridge: Bridge, what: str, port: str, frame: bytes, rule: str | None
) -> None:
    if port in ELSEWHERE and not knows_bridges():
        pytest.skip("this machine's kernel can't tell bridges apart in nftables (NFT_BRIDGE_META); the lab's can")
    before = bridge.dropped()
    bridge.send(port, frame)
    after = bridge.dropped()
    changed = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    assert changed == ({} if rule is None else {rule: 1}), what


def test_every_rule_of_the_table_is_tried(bridge: Bridge) -> None:
    assert {rule for *_, rule in FRAMES if rule} == set(bridge.dropped())
