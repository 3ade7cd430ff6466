"""Sends frames as they are.

Reads a JSON object from its standard input: `{"device": "eth0", "frames": [hex, ...], "rounds": 3, "pause_s": 0.5,
"per_s": 2000}`, and prints how many were sent.
"""

from __future__ import annotations

import json
import socket
import sys
import time


def main() -> None:
    """Do what the standard input asks for."""
    asked = json.load(sys.stdin)
    sent = 0
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as link:
        link.bind((asked["device"], 0))
        for number in range(asked["rounds"]):
            began, before = time.monotonic(), sent
            for text in asked["frames"]:
                link.send(bytes.fromhex(text))
                sent += 1
                if sent % 50 == 0:
                    time.sleep(max(0.0, began + (sent - before) / asked["per_s"] - time.monotonic()))
            if number + 1 < asked["rounds"]:
                time.sleep(asked["pause_s"])
    print(json.dumps({"sent": sent}))


if __name__ == "__main__":
    main()
