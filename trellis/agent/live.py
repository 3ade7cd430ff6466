"""What this host does now, for `trellis check --live`: what its control plane says, and which pings come back.

One JSON object, beside the version and the host: what `control_plane` reads, and ``pings``.  What is to be pinged
comes on standard input: addresses and sizes that the plan promises between them, whole packets that nobody may cut.
Nothing is changed, no lock is taken.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from trellis.agent.control_plane import Daemons, control_plane
from trellis.agent.process import end_with_the_agent
from trellis.agent.report import Fault
from trellis.agent.shape import field_problems

SCHEMA_VERSION = 1
MOST_PINGS = 4096
"""Pings of one run: a link and a VTEP of each of 1,000 other hosts, in both families."""

WAIT_S = 3
"""Seconds in which one of three requests must be answered."""

SMALL_BYTES = 84
"""What an unanswered ping is tried with again: what `ping` sends by itself, over IPv4."""

_AT_ONCE = 64
_BYTES = {4: 28, 6: 48}
"""Bytes of an echo request beside what it carries, by family: the IP header and ICMP's."""

_LEAST, _MOST = 84, 65535


@dataclass(frozen=True, slots=True)
class Ping:
    """A packet that is to be answered.

    Attributes:
        size: Bytes of the whole IP packet.
    """

    source: str
    target: str
    size: int

    def argv(self, size: int) -> list[str]:
        """The command that sends it; IPv6 is never cut on the way, IPv4 must not be either."""
        payload = str(size - _BYTES[ip_address(self.target).version])
        waiting = ["-c", "1", "-w", str(WAIT_S)]
        return ["ping", "-n", "-q", "-M", "do", *waiting, "-s", payload, "-I", self.source, self.target]


def live(text: str) -> dict[str, Any]:
    """What this host does now.

    Args:
        text: What to ping.

    Raises:
        Fault: It is none.
    """
    pings = parse(text)
    with Daemons() as daemons:
        found = control_plane(daemons.ask)
    return {**found, "pings": list(pinged(pings))}


def parse(text: str) -> list[Ping]:
    """Read what to ping.

    Raises:
        Fault: It is none; every reason is given.
    """
    try:
        given = json.loads(text)
    except ValueError as error:
        raise _bad([str(error)]) from None
    problems = field_problems("", given, {"schema_version": int, "pings": list})
    if not problems and given["schema_version"] != SCHEMA_VERSION:
        problems = [f"schema_version: {given['schema_version']}, not {SCHEMA_VERSION}"]
    if not problems and len(given["pings"]) > MOST_PINGS:
        problems = [f"pings: {len(given['pings'])}, at most {MOST_PINGS}"]
    if problems:
        raise _bad(problems)
    problems = [problem for number, ping in enumerate(given["pings"]) for problem in _problems(f"pings.{number}", ping)]
    if problems:
        raise _bad(problems)
    return [Ping(ping["source"], ping["target"], ping["size"]) for ping in given["pings"]]


def pinged(pings: list[Ping]) -> Iterator[dict[str, Any]]:
    """Send pings, and those that nobody answers once more as small ones: was it the size, or is nobody there?"""
    large = _sent((ping, ping.size) for ping in pings)
    lost = [ping for ping in pings if not large[ping]]
    small = _sent((ping, SMALL_BYTES) for ping in lost)
    for ping in pings:
        ends = {"source": ping.source, "target": ping.target, "size": ping.size}
        yield {**ends, "answered": large[ping], "answered_small": large[ping] or small[ping]}


def _sent(wanted: Iterable[tuple[Ping, int]]) -> dict[Ping, bool]:
    """Which pings are answered; some are sent at once, and each ends by itself."""
    left, answered = list(wanted), {}
    while left:
        now, left = left[:_AT_ONCE], left[_AT_ONCE:]
        running = [(ping, _started(ping.argv(size))) for ping, size in now]
        for ping, process in running:
            answered[ping] = process.wait() == 0
    return answered


def _started(argv: list[str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=end_with_the_agent,  # noqa: PLW1509 - unsafe beside threads only; there are none
        )
    except OSError as error:
        raise Fault("ping", error.strerror or str(error), "install iputils-ping") from None


def _problems(where: str, ping: object) -> list[str]:
    problems = field_problems(where, ping, {"source": str, "target": str, "size": int})
    if problems or not isinstance(ping, dict):
        return problems
    versions = set()
    for name in ("source", "target"):
        try:
            versions.add(ip_address(ping[name]).version)
        except ValueError:
            problems.append(f"{where}.{name}: {ping[name]!r} is no address")
    if len(versions) > 1:
        problems.append(f"{where}: its ends are of two families")
    if not _LEAST <= ping["size"] <= _MOST:
        problems.append(f"{where}.size: {ping['size']} is not {_LEAST}-{_MOST} bytes")
    return problems


def _bad(problems: list[str]) -> Fault:
    return Fault("live", "; ".join(problems), "ask by `trellis check --live`, which makes this from the plan")
