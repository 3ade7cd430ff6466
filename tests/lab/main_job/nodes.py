"""A cluster's nodes while something is done to them: their sessions as hosts have them, and who answers meanwhile."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from trellis.lab import network
from trellis.lab.failures.streams import INTERVAL_MS, heard
from trellis.lab.twin import Twin
from trellis.site import AttachedGuest


@dataclass
class Streams:
    """What came of a stream of pings to each address.

    Attributes:
        silent_s: The longest time without an answer, in seconds, by address; complete when the watch is over.
    """

    silent_s: dict[str, float] = field(default_factory=dict)


@contextmanager
def pinged(dev: Twin, addresses: Iterable[str]) -> Iterator[Streams]:
    """Ping addresses from behind the edge for as long as the block lasts."""
    inside = ["ip", "netns", "exec", network.namespace_of(dev.stack, "upstream")]
    running = {
        address: subprocess.Popen(
            [*inside, "ping", "-n", "-D", "-i", str(INTERVAL_MS / 1000), address],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for address in addresses
    }
    streams = Streams()
    try:
        time.sleep(0.5)  # each has been answered before anything happens
        yield streams
    finally:
        ended_s = time.time()
        for child in running.values():
            child.send_signal(signal.SIGINT)  # it prints what it has
        for address, child in running.items():
            found = heard(child.communicate(timeout=10)[0], ended_s)
            streams.silent_s[address] = found.silent_ms / 1000 if found.answered else float("inf")


def node(dev: Twin, name: str) -> AttachedGuest:
    """A node of the site."""
    return next(guest for guest in dev.guests if guest.name == name)


def neighbour(dev: Twin, name: str) -> Mapping[str, Any]:
    """What the host that a node is on says of its session."""
    guest = node(dev, name)
    command = f"vtysh -c 'show bgp vrf vrf_{guest.zone} neighbors {guest.ipv6} json'"
    found: dict[str, Any] = json.loads(dev.lab.access.run(dev.host_of(name), command).stdout)
    said: dict[str, Any] = found.get(str(guest.ipv6), {})
    return said


def established(dev: Twin, name: str) -> bool:
    """Whether its session is."""
    return bool(neighbour(dev, name).get("bgpState") == "Established")


def inside(dev: Twin, name: str, script: str, *, check: bool = True) -> str:
    """Run a shell script in a node's network; returns what it printed."""
    line = f"ip netns exec {name} sh -s"
    return dev.lab.access.run(dev.host_of(name), line, stdin=script, check=check).stdout


def behind_the_edge(dev: Twin, command: str) -> str:
    """Run a command behind the edge, whatever its end; returns what it printed."""
    inside = ["ip", "netns", "exec", network.namespace_of(dev.stack, "upstream"), *command.split()]
    return subprocess.run(inside, capture_output=True, text=True, check=False, timeout=30).stdout


_ADVERTISE = """
import socket, struct, sys
address, card = sys.argv[1:]
mac = bytes.fromhex(open(f"/sys/class/net/{card}/address").read().strip().replace(":", ""))
wire = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
wire.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
wire.bind((address, 0, 0, socket.if_nametoindex(card)))
override = struct.pack("!BBHI", 136, 0, 0, 0x20000000) + socket.inet_pton(socket.AF_INET6, address)
wire.sendto(override + bytes((2, 1)) + mac, ("ff02::1", 0, 0, socket.if_nametoindex(card)))
"""


def take_over(dev: Twin, name: str, address: str) -> None:
    """Give a node an IPv6 address that another had, and have it say so to all (RFC 4861, 7.2.6), as Talos does."""
    script = f"ip address add {address}/128 dev eth0 nodad; exec python3 - {address} eth0 <<'END'\n{_ADVERTISE}END"
    inside(dev, name, script)


def took(what: Callable[[], bool], within_s: float) -> float:
    """Wait until something is so; returns the seconds that it took."""
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < within_s, f"not within {within_s} s"
        time.sleep(0.1)
    return round(time.monotonic() - began, 1)
