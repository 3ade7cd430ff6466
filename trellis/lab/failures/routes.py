"""When a route went from a kernel's table: iproute2's monitor writes each change down with its time.

An edge's table is the one that packets behind it are sent by; a guest's says when it knows that its default is gone.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from datetime import datetime
from ipaddress import ip_network
from typing import TYPE_CHECKING

from trellis.lab import network
from trellis.lab.failures.failure import Gone
from trellis.lab.failures.streams import guest_of

if TYPE_CHECKING:
    from trellis.lab.twin import Twin

_DELETED = re.compile(r"^\[(\S+)\] Deleted (?:(?:unreachable|blackhole|prohibit) )?(\S+) (?!.*\bproto kernel\b)", re.M)


def deletions(output: str) -> Iterator[tuple[float, str]]:
    """Each route that went: when, as seconds since the epoch, and its prefix.

    Args:
        output: Of ``ip -ts -o monitor route``.
    """
    for found in _DELETED.finditer(output):
        yield datetime.fromisoformat(found[1]).timestamp(), found[2]


def gone_after_ms(output: str, prefixes: frozenset[str], since_s: float) -> int | None:
    """How long after a moment the last of some prefixes went for the first time; None if one did not.

    Args:
        output: Of ``ip -ts -o monitor route``.
        prefixes: As iproute2 writes them: a host route without its length.
        since_s: The moment, as seconds since the epoch.
    """
    first: dict[str, float] = {}
    for at_s, prefix in deletions(output):
        if prefix in prefixes and at_s >= since_s:
            first.setdefault(prefix, at_s)
    return round(1000 * (max(first.values()) - since_s)) if first.keys() == prefixes and first else None


class Tables:
    """The tables that a failure watches, for as long as the ``with`` block lasts."""

    def __init__(self, twin: Twin, wanted: Mapping[str, Gone]) -> None:
        self._twin, self._wanted = twin, wanted
        self._watched: dict[str, _Watched] = {}

    def __enter__(self) -> Tables:
        for place in {entry.at for entry in self._wanted.values()}:
            self._watched[place] = _Watched(self._twin, place)
        return self

    def __exit__(self, *_: object) -> None:
        for watched in self._watched.values():
            watched.end()

    def end(self, since_s: float) -> dict[str, int | None]:
        """End it, and say how many ms after a moment each route was gone; None if it was not."""
        said = {place: watched.end() for place, watched in self._watched.items()}
        return {
            name: gone_after_ms(said[entry.at], _prefixes(self._twin, entry), since_s)
            for name, entry in self._wanted.items()
        }


class _Watched:
    """iproute2's monitor in an edge's namespace, or in a guest on its host, where it writes into a file."""

    def __init__(self, twin: Twin, place: str) -> None:
        # Of both families only without one: `monitor` takes it for IPv4 where it is named.
        watch = ["stdbuf", "-oL", "ip", "-ts", "-o", "monitor", "route"]
        self._access, self._said = twin.lab.access, ""
        self._host = None if place in twin.site.edges else twin.host_of(place)
        self._file = f"/run/trellis-routes-{place}"
        self._process: subprocess.Popen[str] | None = None
        if self._host is None:
            inside = ["ip", "netns", "exec", network.namespace_of(twin.stack, place)]
            self._process = subprocess.Popen(
                [*inside, *watch], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
            )
        else:
            words = f"ip netns exec {place} {' '.join(watch)} > {self._file} 2>&1 & echo $! > {self._file}.pid"
            self._access.run(self._host, words)

    def end(self) -> str:
        """What it said; the same when it is asked again."""
        if self._process is not None:
            self._process.terminate()
            self._said, self._process = self._process.communicate(timeout=30)[0], None
        elif self._host is not None:
            script = f"kill $(cat {self._file}.pid); cat {self._file}; rm {self._file} {self._file}.pid"
            self._said, self._host = self._access.run(self._host, script, check=False).stdout, None
        return self._said


def _prefixes(twin: Twin, wanted: Gone) -> frozenset[str]:
    if wanted.of == "default":
        return frozenset({"default"})
    return frozenset(_written(str(prefix)) for prefix in guest_of(twin, wanted.of).loopbacks)


def _written(prefix: str) -> str:
    network_ = ip_network(prefix)
    return str(network_.network_address) if network_.prefixlen == network_.max_prefixlen else str(network_)
