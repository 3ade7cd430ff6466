"""The way that a packet really took through a lab: at which devices it was seen, in or out, in VXLAN or as it is.

Every host and edge listens on all of its devices for echo requests and replies between two addresses, also inside
VXLAN, while one end pings the other. What is told of a node are its links, its guests' taps and an edge's devices;
bridges and VRFs in between are the node's own affair. `trellis trace` foretells the same from the plan.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trellis.lab import network
from trellis.lab.failures.streams import guest_of
from trellis.lab.guests import vm_number
from trellis.lab.processes import run

if TYPE_CHECKING:
    from trellis.lab.twin import Twin

LISTENED_S = 8.0
_PINGS = 5

# Runs on hosts and edges, whose Python has its standard library alone. linux/if_ether.h, RFC 7348 (UDP port 4789).
_LISTEN = """
import ipaddress, json, socket, sys, time
pairs, until = json.loads(sys.argv[1]), time.monotonic() + float(sys.argv[2])
ways = [b"".join(ipaddress.ip_address(end).packed for end in pair) for pair in pairs]
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)
wire.settimeout(0.2)
seen = set()
print("listening", file=sys.stderr, flush=True)
while time.monotonic() < until:
    try:
        frame, (device, _, kind, *_) = wire.recvfrom(4096)
    except TimeoutError:
        continue
    for number, way in enumerate(ways):
        at = frame.find(way)
        if at < 0:
            continue
        vni = None
        for header, udp in ((b"\\x08\\x00", 34), (b"\\x86\\xdd", 54)):
            if frame[12:14] == header and frame[udp + 2 : udp + 4] == b"\\x12\\xb5" and at > udp + 8:
                vni = int.from_bytes(frame[udp + 12 : udp + 15], "big")
        seen.add((number, device, {0: "in", 4: "out"}.get(kind, "past"), vni))
print(json.dumps(sorted(seen, key=str)))
"""


@dataclass(frozen=True, slots=True, order=True)
class Hop:
    """A packet at a device.

    Args:
        node: A host or an edge.
        device: Its device.
        direction: `in` or `out`.
        vni: Of the VXLAN that it was in; None where it travelled as it is.
    """

    node: str
    device: str
    direction: str
    vni: int | None = None


def between(twin: Twin, guest: str, source: str, target: str) -> tuple[frozenset[Hop], frozenset[Hop]]:
    """Ping from a guest, and tell where its requests were seen, and where the answers.

    Args:
        twin: The lab, converged.
        guest: Who pings.
        source: One of its addresses.
        target: Who is pinged.

    Raises:
        LabError: A node does not answer, or nobody answers the ping.
    """
    nodes = [*sorted(twin.site.hosts), *sorted(twin.site.edges)]
    arguments = [json.dumps([[source, target], [target, source]]), str(LISTENED_S)]
    with ThreadPoolExecutor(len(nodes)) as pool:
        listening = {node: pool.submit(_listen, twin, node, arguments) for node in nodes}
        time.sleep(LISTENED_S / 3)  # until all of them listen
        words = ["ip", "netns", "exec", guest, "ping", "-n", "-c", str(_PINGS), "-i", "0.3", "-I", source, target]
        twin.lab.access.run(twin.host_of(guest), words)
        found = [
            (number, Hop(node, device, "in" if direction == "past" else direction, vni))
            for node, future in listening.items()
            for number, device, direction, vni in future.result()
            # What is for another's hardware address comes in at a bridge's port, and by a link nobody takes it: of what
            # a host's kernel sends it hears itself there.
            if device in _told_of(twin, node) and (direction != "past" or device.startswith("tap"))
        ]
    requests, answers = (frozenset(hop for number, hop in found if number == wanted) for wanted in (0, 1))
    return requests, answers


def tap(twin: Twin, guest: str) -> str:
    """The host's end of a guest's network card."""
    found = guest_of(twin, guest)
    return f"tap{vm_number(found)}i{found.nic}"


def _listen(twin: Twin, node: str, arguments: Sequence[str]) -> list[tuple[int, str, str, int | None]]:
    if node in twin.site.edges:
        inside = ["ip", "netns", "exec", network.namespace_of(twin.stack, node)]
        said = run([*inside, sys.executable, "-I", "-c", _LISTEN, *arguments], timeout_s=60).stdout
    else:
        said = twin.lab.access.run(node, ["python3", "-", *arguments], stdin=_LISTEN, timeout_s=60).stdout
    return [(entry[0], entry[1], entry[2], entry[3]) for entry in json.loads(said)]


def _told_of(twin: Twin, node: str) -> frozenset[str]:
    links = {link.ends[node].interface for link in twin.site.links.values() if node in link.ends}
    taps = {tap(twin, guest.name) for guest in twin.guests}
    own = {entry.name for spec in twin.lab.topology.namespaces if spec.name == node for entry in spec.interfaces}
    return frozenset({*links, *taps, *own})
