"""A BGP speaker that says what it is told, message by message, and writes down what becomes of it.

Reads a JSON object from its standard input::

    {"source": ..., "gateway": ..., "asn": ..., "router_id": ..., "hold_time_s": 9, "linger_s": 5, "again_s": null,
     "tries": 1, "cases": [{"name": ..., "messages": [hex, ...]}, ...]}

Each case has a connection of its own, tried so often until its messages are said.  After them it stays for `linger_s`;
with `again_s` it dials again, so often, until that time is up.  One JSON object a line is printed for all that happens.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Mapping
from typing import Any

from trellis.lab.attacks.wire import messages

_DIAL_S = 2.0


def _tell(case: str, what: str, **more: Any) -> None:
    print(json.dumps({"at_s": round(time.time(), 3), "case": case, "what": what, **more}), flush=True)


def _converse(link: socket.socket, asked: Mapping[str, Any], case: Mapping[str, Any], until: float) -> bool:
    """Open a session on a connection, say what there is to say, and stay until the time is up or it is over.

    Returns whether all was said.
    """
    name, rest, told, spoke_at = str(case["name"]), b"", False, time.monotonic()
    link.sendall(messages.open_message(asked["asn"], asked["router_id"], asked["hold_time_s"]))
    link.settimeout(0.2)
    while time.monotonic() < until:
        if told and time.monotonic() - spoke_at > asked["hold_time_s"] / 3:
            link.sendall(messages.keepalive())
            spoke_at = time.monotonic()
        try:
            received = link.recv(65536)
        except TimeoutError:
            continue
        if not received:
            _tell(name, "closed")
            return told
        found, rest = messages.parted(rest + received)
        for kind, body in found:
            if kind == messages.NOTIFICATION:
                _tell(name, "notification", code=body[0], subcode=body[1], data=body[2:].hex())
            elif kind == messages.OPEN:
                link.sendall(messages.keepalive())
            elif kind == messages.KEEPALIVE and not told:
                told = True
                _tell(name, "established")
                for text in case["messages"]:
                    link.sendall(bytes.fromhex(text))
                _tell(name, "said", messages=len(case["messages"]))
    _tell(name, "stayed")
    return told


def _dial(asked: Mapping[str, Any], case: Mapping[str, Any], until: float) -> bool:
    name = str(case["name"])
    with socket.socket(socket.AF_INET6 if ":" in asked["gateway"] else socket.AF_INET) as link:
        link.settimeout(_DIAL_S)
        try:
            link.bind((asked["source"], 0))
            link.connect((asked["gateway"], 179))
            _tell(name, "connected")
            return _converse(link, asked, case, until)
        except TimeoutError:
            _tell(name, "no answer")
        except OSError as error:
            _tell(name, "refused", why=str(error))
    return False


def main() -> None:
    """Do what the standard input asks for."""
    asked = json.load(sys.stdin)
    for case in asked["cases"]:
        for number in range(asked["tries"]):
            until = time.monotonic() + asked["linger_s"]
            if _dial(asked, case, until):
                break
            if number + 1 < asked["tries"]:
                time.sleep(1)
        while asked["again_s"] is not None and time.monotonic() < until:
            time.sleep(asked["again_s"])
            _dial(asked, case, until)
    _tell("", "done")


if __name__ == "__main__":
    main()
