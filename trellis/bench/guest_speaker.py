"""Many guests in one process: each a BGP session of its own, from an address and with an ASN of its own.

It exists to load a host's bgpd with as many sessions as are asked for, on a machine that could not hold as many
bgpds, and says when it did what.  It is no router: what it hears is counted as sessions' life and otherwise ignored.

``python -m trellis.bench.guest_speaker`` reads a JSON object a line: first the guests, then requests.  Each is
answered by one line.  Times are seconds of the monotonic clock, which all processes of a machine share.  It ends with
its standard input.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import Any

from trellis.bench.bgp_messages import (
    KEEPALIVE,
    NOTIFICATION,
    OPEN,
    announcements,
    keepalive,
    open_message,
    split,
    withdrawals,
)

HOLD_S = 30
"""Hold time that guests offer, in seconds; a third of it between keepalives, as hosts have it."""
AGAIN_S = 1.0
"""Seconds between attempts to connect: what ``trellis`` has guests do."""
_AT_ONCE = 16_384  # octets in a read: more than bgpd sends to a guest in one piece


@dataclass(slots=True)
class Guest:
    """A guest: who it is, and how its session is.

    Attributes:
        gateway: Where its host listens.
        attempts: Connections that were tried.
        connect_at: When the first attempt since it was told to connect began.
        established: Set while the host's OPEN and KEEPALIVE have come.
        established_at: When that was.
    """

    address: IPv6Address
    asn: int
    gateway: str
    router_id: IPv4Address
    prefixes: list[IPv6Network]
    attempts: int = 0
    connect_at: float = 0.0
    established_at: float = 0.0
    established: asyncio.Event = field(default_factory=asyncio.Event)
    said: str = ""
    _writer: asyncio.StreamWriter | None = None
    _task: asyncio.Task[None] | None = None

    def connect(self) -> None:
        """Begin to connect, and connect again whenever the session ends."""
        self.attempts, self.connect_at = 0, time.monotonic()
        self._task = asyncio.create_task(self._live())

    def send(self, messages: Iterable[bytes]) -> float:
        """Send messages; return the time right before."""
        if self._writer is None or not self.established.is_set():
            raise ValueError(f"{self.address} has no session: {self.said}")
        at = time.monotonic()
        self._writer.write(b"".join(messages))
        return at

    def reset(self) -> float:
        """Die: the connection is reset, and nothing is tried again.  Return the time right before."""
        if self._writer is None or self._task is None:
            raise ValueError(f"{self.address} has no connection to reset")
        stream: socket.socket = self._writer.get_extra_info("socket")
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        at = time.monotonic()
        self._writer.transport.abort()
        self._task.cancel()
        self.established.clear()
        return at

    async def _live(self) -> None:
        while True:
            self.attempts += 1
            try:
                await self._session()
            except (OSError, EOFError, ValueError) as error:
                self.said = str(error) or type(error).__name__
            self.established.clear()
            await asyncio.sleep(AGAIN_S)

    async def _session(self) -> None:
        reader, writer = await asyncio.open_connection(self.gateway, 179, local_addr=(str(self.address), 0))
        self._writer = writer
        beat = asyncio.create_task(_beat(writer))
        try:
            writer.write(open_message(self.asn, HOLD_S, self.router_id))
            received = bytearray()
            while some := await reader.read(_AT_ONCE):
                received += some
                for message in split(received):
                    self._hear(message.kind, message.content, writer)
            raise EOFError("the host closed the connection")
        finally:
            beat.cancel()
            writer.close()
            self._writer = None

    def _hear(self, kind: int, content: bytes, writer: asyncio.StreamWriter) -> None:
        if kind == OPEN:
            writer.write(keepalive())
        elif kind == NOTIFICATION:
            raise ValueError(f"notification {content[0]}/{content[1]}")
        elif kind == KEEPALIVE and not self.established.is_set():
            self.established_at = time.monotonic()
            self.established.set()
            writer.write(b"".join(announcements(self.asn, self.address, self.prefixes)))


async def _beat(writer: asyncio.StreamWriter) -> None:
    while True:
        await asyncio.sleep(HOLD_S / 3)
        writer.write(keepalive())


async def _answer(guests: list[Guest], request: dict[str, Any]) -> dict[str, Any]:
    """Do what a request says, to the guests whose numbers it has; return its answer."""
    chosen = [guests[number] for number in request["guests"]]
    prefixes = [IPv6Network(prefix) for prefix in request.get("prefixes", ())]
    match request["do"]:
        case "connect":
            return await _connect(chosen, request["within_s"])
        case "announce":
            return {"at": max(guest.send(announcements(guest.asn, guest.address, prefixes)) for guest in chosen)}
        case "withdraw":
            return {"at": max(guest.send(withdrawals(prefixes)) for guest in chosen)}
        case "reset":
            return {"at": max(guest.reset() for guest in chosen)}
    return {"failed": f"{request['do']} is nothing that guests do"}


async def _connect(chosen: list[Guest], within_s: float) -> dict[str, Any]:
    for guest in chosen:
        guest.connect()
    try:
        async with asyncio.timeout(within_s):
            await asyncio.gather(*(guest.established.wait() for guest in chosen))
    except TimeoutError:
        missing = [f"{guest.address}: {guest.said}" for guest in chosen if not guest.established.is_set()]
        return {"failed": f"{len(missing)} have no session, the first {missing[0] if missing else ''}"}
    return {
        "connect_at": [guest.connect_at for guest in chosen],
        "established_at": [guest.established_at for guest in chosen],
        "attempts": sum(guest.attempts for guest in chosen),
    }


def _guest(given: dict[str, Any]) -> Guest:
    return Guest(
        address=IPv6Address(given["address"]),
        asn=given["asn"],
        gateway=given["gateway"],
        router_id=IPv4Address(given["router_id"]),
        prefixes=[IPv6Network(prefix) for prefix in given["prefixes"]],
    )


async def _serve() -> None:
    """Answer requests, one at a time, until there are no more."""
    reader = asyncio.StreamReader(limit=1 << 26)  # the first line holds every guest
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    _print({"ready": True})
    guests = [_guest(given) for given in json.loads(await reader.readline() or "[]")]
    _print({"guests": len(guests)})
    while line := await reader.readline():
        try:
            _print(await _answer(guests, json.loads(line)))
        except (ValueError, IndexError) as error:
            _print({"failed": str(error)})


def _print(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_serve())
