"""What the simulated router has and how it answers; how that gets onto a wire is ``trellis.lab.routeros.server``'s."""

from __future__ import annotations

import base64
import hmac
import json
import os
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from trellis.lab.errors import LabError

FaultKind = Literal["status", "hang", "drip", "cut", "truncate", "redirect", "close"]
"""``status``: an HTTP status instead of an answer; ``hang``: not a word; ``drip``: one byte at a time; ``cut``: the
connection ends within the body; ``truncate``: a body that ends too early, and says it is whole; ``redirect``: to
elsewhere; ``close``: the connection ends before the answer."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A DHCPv6 client and the pool that it fills.

    Attributes:
        pool: The pool's name.
        interface: Where it asks.
        prefixes: What it was given: one prefix, none while the delegation is lost.
        status: As RouterOS calls it.
    """

    pool: str
    interface: str
    prefixes: tuple[str, ...] = ()
    status: str = "bound"


@dataclass(frozen=True, slots=True)
class RouteEntry:
    """A route of its tables.

    Attributes:
        destination: Where to, as a prefix; its family says in which table it is.
        gateway: By whom: an address or an interface.
        distance: How near.
        flags: RouterOS's own, as ``connect``, ``static``, ``bgp``, ``dhcp``, ``blackhole``; each is "true".
        active: Whether it is taken.
    """

    destination: str
    gateway: str
    distance: int
    flags: tuple[str, ...]
    active: bool = True


UPLINK = (
    RouteEntry("0.0.0.0/0", "192.0.2.1", 1, ("dhcp", "dynamic")),
    RouteEntry("192.0.2.0/24", "ether1", 0, ("connect", "dynamic")),
    RouteEntry("::/0", "fe80::1%ether1", 1, ("slaac", "dynamic")),
    RouteEntry("fe80::%ether1/64", "ether1", 0, ("connect", "dynamic")),
)
"""What a router has that is on the internet and knows of no VNet."""


@dataclass(frozen=True, slots=True)
class FaceFault:
    """How an answer fails.

    Attributes:
        kind: In which way.
        path: Of which question, as ``ipv6/pool``; empty for each.
        times: For how many questions from now on; None for all.
        status: The HTTP status, where it is one.
    """

    kind: FaultKind
    path: str = ""
    times: int | None = None
    status: int = 503


@dataclass(frozen=True, slots=True)
class Face:
    """All that the router's REST face is at one moment.

    Attributes:
        user: Who may read.
        password: Their password.
        leases: Its DHCPv6 clients.
        routes: Its routes, of both families.
        entries: Whole answers by path, in place of those that follow from the leases.
        fault: How it fails now.
    """

    user: str = "trellis"
    password: str = field(default="", repr=False)
    leases: tuple[Lease, ...] = ()
    routes: tuple[RouteEntry, ...] = UPLINK
    entries: dict[str, Any] = field(default_factory=dict)
    fault: FaceFault | None = None

    def answer(self, path: str) -> Any:
        """The answer to a question; None where RouterOS has no such path."""
        if path in self.entries:
            return self.entries[path]
        answers: dict[str, Callable[[], list[dict[str, str]]]] = {
            "ipv6/pool": self._pools,
            "ipv6/dhcp-client": self._clients,
            "ipv6/route": lambda: self._routes(6),
            "ip/route": lambda: self._routes(4),
        }
        return answers[path]() if path in answers else None

    def _pools(self) -> list[dict[str, str]]:
        filled = [(lease.pool, prefix) for lease in self.leases for prefix in lease.prefixes]
        return [
            {
                ".id": f"*{number:X}",
                "dynamic": "true",
                "expires-after": "23h59m12s",
                "name": pool,
                "prefix": prefix,
                "prefix-length": "64",
            }
            for number, (pool, prefix) in enumerate(filled, start=1)
        ]

    def _clients(self) -> list[dict[str, str]]:
        found = []
        for number, lease in enumerate(self.leases, start=1):
            leased = {"prefix": ", ".join(f"{prefix}, 23h59m12s" for prefix in lease.prefixes)}
            found.append(
                {
                    ".id": f"*{number:X}",
                    "add-default-route": "false",
                    "disabled": "false",
                    "dynamic": "false",
                    "interface": lease.interface,
                    "pool-name": lease.pool,
                    "pool-prefix-length": "64",
                    **(leased if lease.prefixes else {}),
                    "request": "prefix",
                    "status": lease.status if lease.prefixes else "searching...",
                }
            )
        return found

    def _routes(self, version: int) -> list[dict[str, str]]:
        found = [one for one in self.routes if (":" in one.destination) == (version == 6)]
        return [
            {
                ".id": f"*{number:X}",
                **({"active": "true"} if one.active else {"inactive": "true"}),
                "disabled": "false",
                "distance": str(one.distance),
                "dst-address": one.destination,
                "gateway": one.gateway,
                "immediate-gw": one.gateway,
                "routing-table": "main",
                **dict.fromkeys(one.flags, "true"),
            }
            for number, one in enumerate(found, start=1)
        ]

    def lets_in(self, authorization: str | None) -> bool:
        """Whether a request's Authorization is the user's."""
        wanted = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return hmac.compare_digest((authorization or "").encode(), f"Basic {wanted}".encode())


class RestFace:
    """A face that can be changed while it is served, by its process or, through a file, by others.

    Args:
        face: What it is at first.
        file: Where others write what it is from now on (`write`); looked at before each answer.
    """

    def __init__(self, face: Face, file: Path | None = None) -> None:
        self._face, self._file = face, file
        self._lock = threading.Lock()
        self._failed = 0
        self._seen: tuple[int, int] | None = None
        self.asked: list[str] = []
        """Each question, as "GET ipv6/pool", with its status; no credentials."""

    def become(self, face: Face) -> None:
        """Be this from now on."""
        with self._lock:
            self._face, self._failed = face, 0

    def now(self) -> Face:
        """What it is now."""
        with self._lock:
            self._look()
            return self._face

    def fault_of(self, path: str) -> FaceFault | None:
        """How the answer to this question fails; each call is a question."""
        with self._lock:
            self._look()
            fault = self._face.fault
            if fault is None or fault.path not in ("", path):
                return None
            if fault.times is not None and self._failed >= fault.times:
                return None
            self._failed += 1
            return fault

    def _look(self) -> None:
        if self._file is None:
            return
        found = self._file.stat()
        if (found.st_ino, found.st_mtime_ns) != self._seen:
            self._face, self._failed = read(self._file), 0
            self._seen = (found.st_ino, found.st_mtime_ns)


def write(face: Face, file: Path) -> None:
    """Write what a served face is from now on; whole, and for its owner only, since it holds the password."""
    fresh = file.with_name(f".{file.name}.fresh")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        json.dump(asdict(face), opened)
    fresh.replace(file)


def read(file: Path) -> Face:
    """Read what a face is from now on.

    Raises:
        LabError: The file is missing, or not one that `write` wrote.
    """
    try:
        found = json.loads(file.read_text())
        leases = tuple(Lease(**{**one, "prefixes": tuple(one["prefixes"])}) for one in found.pop("leases"))
        routes = tuple(RouteEntry(**{**one, "flags": tuple(one["flags"])}) for one in found.pop("routes", ()))
        fault = found.pop("fault")
        return Face(leases=leases, routes=routes, fault=FaceFault(**fault) if fault else None, **found)
    except (OSError, ValueError, TypeError, KeyError) as error:
        remedy = "write it with trellis.lab.routeros.router.write"
        raise LabError(f"the router's face {file}", why=f"{type(error).__name__}: {error}", remedy=remedy) from None
