"""Streams of pings, one every 10 ms, and for how long nobody answered.

iputils' ``ping`` writes a line per answer, with the time by its own machine's clock; a silence is what lies between
two answers with unanswered requests in between. A guest's stream runs in the guest, and writes there.
"""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from trellis.lab import network
from trellis.lab.errors import LabError
from trellis.lab.failures.failure import INTERNET, Stream
from trellis.site import AttachedGuest

if TYPE_CHECKING:
    from trellis.lab.twin import Twin

INTERVAL_MS = 10
_ANSWER = re.compile(r"^\[(\d+\.\d+)\] \d+ bytes from .* icmp_seq=(\d+) ", re.MULTILINE)
_SENT = re.compile(r"^(\d+) packets transmitted, (\d+) received", re.MULTILINE)
_WRAP = 1 << 16
"""After this many, ping's numbers begin anew (its field has 16 bits)."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of a stream.

    Args:
        sent: Requests.
        answered: Of them.
        silent_ms: The longest time without an answer, while there were requests.
        silent_from_s: When that began, by the clock of who sent; 0 if everything was answered.
    """

    sent: int
    answered: int
    silent_ms: int
    silent_from_s: float = 0.0


def heard(output: str, ended_s: float) -> Heard:
    """What a stream's output says.

    Args:
        output: Of ``ping -D``.
        ended_s: When it ended, as its clock has it: a silence at its end lasts until then.

    Raises:
        ValueError: It has no summary: the stream did not end as it should.
    """
    summary = _SENT.search(output)
    if summary is None:
        raise ValueError(output[-200:] or "no output")
    longest, since = 0.0, 0.0
    at, number = 0.0, 0
    for found in _ANSWER.finditer(output):
        now, own = float(found[1]), int(found[2])
        while own < number - _WRAP // 2:
            own += _WRAP
        if at and own > number + 1 and now - at > longest:
            longest, since = now - at, at
        at, number = now, max(own, number)
    sent = int(summary[1])
    if number < sent - 1 and ended_s - at > longest:
        longest, since = ended_s - (at or ended_s), at
    return Heard(sent, int(summary[2]), max(0, round(1000 * longest) - INTERVAL_MS) if longest else 0, since)


class Streams:
    """All streams of a failure, in both families, for as long as the ``with`` block lasts."""

    def __init__(self, twin: Twin, wanted: Mapping[str, Stream]) -> None:
        self._twin = twin
        self._running: dict[tuple[str, int], _Running] = {}
        for name, stream in wanted.items():
            for version in (4, 6):
                if (way := _way(twin, stream, version)) is not None:
                    self._running[name, version] = _Running(twin, stream.source, way, _payload(stream, version))

    def __enter__(self) -> Streams:
        for running in self._running.values():
            running.start()
        return self

    def __exit__(self, *_: object) -> None:
        for running in self._running.values():
            running.kill()

    def end(self) -> dict[tuple[str, int], Heard]:
        """End them, and say what came of each, by name and family."""
        return {key: running.end() for key, running in self._running.items()}


def _way(twin: Twin, stream: Stream, version: int) -> tuple[str, str] | None:
    """Source and target address of a stream; None where one has no address of that family."""
    source = _address(twin, stream.source, version, on_vnet=False)
    target = _address(twin, stream.target, version, on_vnet=stream.on_vnet)
    return (source, target) if source is not None and target is not None else None


def _payload(stream: Stream, version: int) -> int | None:
    """What ping is to send in each request, beside the headers of IP (RFC 791, RFC 8200) and of ICMP."""
    return stream.bytes_ - {4: 20, 6: 40}[version] - 8 if stream.bytes_ is not None else None


def _address(twin: Twin, who: str, version: int, *, on_vnet: bool) -> str | None:
    if who == INTERNET:
        return next(address for address in twin.upstream if ip_address(address).version == version)
    guest = guest_of(twin, who)
    own = {4: guest.ipv4, 6: guest.ipv6}[version]
    loopback = next((one[0] for one in guest.loopbacks if one.version == version), None)
    found = own if on_vnet or loopback is None else loopback
    return str(found) if found is not None else None


def guest_of(twin: Twin, name: str) -> AttachedGuest:
    """A guest of the lab.

    Raises:
        LabError: The site has none of that name.
    """
    for guest in twin.guests:
        if guest.name == name:
            return guest
    raise LabError(f"guest {name}", why="the site has no such guest", remedy="mend the failure's file")


class _Running:
    """One ping, in the internet's namespace or in a guest on its host."""

    def __init__(self, twin: Twin, who: str, way: tuple[str, str], payload: int | None) -> None:
        source, target = way
        size = ["-M", "do", "-s", str(payload)] if payload is not None else []
        argv = ["ping", "-n", "-D", "-i", str(INTERVAL_MS / 1000), "-W", "1", *size, "-I", source, target]
        self._twin, self._who = twin, who
        self._host = None if who == INTERNET else twin.host_of(who)
        self._process: subprocess.Popen[str] | None = None
        namespace = network.namespace_of(twin.stack, "upstream") if self._host is None else who
        self._argv = ["ip", "netns", "exec", namespace, *argv]
        self._file = f"/run/trellis-ping-{who}-{target.replace(':', '.')}-{payload or 0}"

    def start(self) -> None:
        if self._host is None:
            self._process = subprocess.Popen(
                self._argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
            )
            return
        words = f"nice -n -5 {shlex.join(self._argv)} > {self._file} 2>&1 & echo $! > {self._file}.pid"
        self._twin.lab.access.run(self._host, words)

    def end(self) -> Heard:
        try:
            if self._host is None:
                assert self._process is not None
                self._process.send_signal(signal.SIGINT)
                output, ended = self._process.communicate(timeout=30)[0], time.time()
                self._process = None
            else:
                script = (
                    f"date +%s.%N; kill -INT $(cat {self._file}.pid); "
                    f"while [ -e /proc/$(cat {self._file}.pid) ]; do sleep 0.05; done; cat {self._file}; "
                    f"rm {self._file} {self._file}.pid"
                )
                first, _, output = self._twin.lab.access.run(self._host, script).stdout.partition("\n")
                self._host, ended = None, float(first)
            return heard(output, ended)
        except ValueError as error:
            raise LabError(f"pings from {self._who}", why=str(error), remedy="see `trellis lab status`") from error

    def kill(self) -> None:
        """End it, whatever it does; nothing to do where `end` has."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._host is not None and self._process is None:
            self._twin.lab.access.run(self._host, f"kill $(cat {self._file}.pid)", check=False)
