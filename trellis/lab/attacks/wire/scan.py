"""A scanner: asks ports for TCP connections by frames of its own, and tells which answer.

Reads a JSON object from its standard input::

    {"device": "eth0", "mac": ..., "gateway_mac": ..., "per_s": 4000, "wait_s": 2,
     "probes": [{"source": ..., "target": ..., "ports": [[1, 65535]]}]}

and prints one: per target how many ports were asked, those that are open and those that answered to be closed.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from ipaddress import ip_address
from typing import Any

from trellis.lab.attacks.wire import frames

_PORT = 54321
"""The scanner's own."""


class _Listener(threading.Thread):
    """Takes note of who answers."""

    def __init__(self, device: str) -> None:
        super().__init__(daemon=True)
        self.answers: dict[str, dict[int, str]] = {}
        self._link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self._link.bind((device, 0))

    def run(self) -> None:
        """Listen until the process ends."""
        while True:
            frame, about = self._link.recvfrom(2048)
            if about[2] != socket.PACKET_OUTGOING:
                self._note(frame)

    def _note(self, frame: bytes) -> None:
        kind = int.from_bytes(frame[12:14], "big")
        if kind == frames.IPV6 and frame[20] == frames.TCP:
            sender, segment = frame[22:38], frame[54:]
        elif kind == frames.IPV4 and frame[23] == frames.TCP:
            sender, segment = frame[26:30], frame[34:]
        else:
            return
        if int.from_bytes(segment[2:4], "big") == _PORT:
            state = "open" if segment[13] & 0x12 == 0x12 else "closed"
            self.answers.setdefault(str(ip_address(sender)), {})[int.from_bytes(segment[:2], "big")] = state


def _send(link: socket.socket, asked: dict[str, Any]) -> dict[str, int]:
    """Ask every port once, not faster than told; return how many of each target."""
    counts: dict[str, int] = {}
    began, sent = time.monotonic(), 0
    for probe in asked["probes"]:
        kind = frames.IPV6 if ":" in probe["target"] else frames.IPV4
        for first, last in probe["ports"]:
            for port in range(first, last + 1):
                syn = frames.syn(probe["source"], probe["target"], _PORT, port)
                link.send(frames.ethernet(asked["gateway_mac"], asked["mac"], kind, syn))
                sent += 1
                if sent % 100 == 0:
                    time.sleep(max(0.0, began + sent / asked["per_s"] - time.monotonic()))
            counts[probe["target"]] = counts.get(probe["target"], 0) + last - first + 1
    return counts


def main() -> None:
    """Do what the standard input asks for."""
    asked = json.load(sys.stdin)
    listener = _Listener(asked["device"])
    listener.start()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as link:
        link.bind((asked["device"], 0))
        counts = _send(link, asked)
    time.sleep(asked["wait_s"])
    found = {
        target: {
            "asked": count,
            "open": sorted(port for port, state in listener.answers.get(target, {}).items() if state == "open"),
            "closed": sum(1 for state in listener.answers.get(target, {}).values() if state == "closed"),
        }
        for target, count in counts.items()
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
