"""Telling what guests' sessions and routes are, for as long as somebody listens: a line whenever something changed.

Each line is one JSON object: ``schema_version``, ``host``, ``at_s`` (the host's clock as it was at the start, then
going evenly, so that a clock that is set moves no session), ``whole`` (all neighbours, or those that changed),
``away`` (why bgpd can't be asked), ``peers`` (each with all of its routes), ``gone``, ``penalized`` (all that are kept
off now) and ``refused`` (attempts to connect that were refused since the last line).  The default VRF is left out: the
fabric's sessions are no guest's.

Nothing is changed, no lock is taken.  It ends when nobody reads what it writes, so a connection that breaks leaves
nothing behind on the host.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from typing import Any

from trellis.agent.peers import Key, Peer, Peers, printable
from trellis.agent.process import end_with_the_agent, run
from trellis.agent.report import Fault
from trellis.agent.vty import Away, Vty

SCHEMA_VERSION = 1
PENALTY_SET = ("inet", "trellis_peers", "penalized_ip6")
"""Family, table and set of the addresses that the kernel keeps off."""

PENALTY_EVERY_S = 5.0
"""How often the set is read while nobody is in it and no neighbour went."""

_ANSWER_S = 10.0
_REFUSED = re.compile(
    r"%NOTIFICATION(?:\([^)]*\))?: sent to neighbor ([0-9A-Fa-f:.]+)\S* (?:in vrf \S+ )?2/\d+ \(([^)]*)\)"
)
"""bgpd's word of an OPEN that it refused: the neighbour that the attempt was for does not show it."""


def observe(every_s: float, whole_every_s: float, *, once: bool) -> int:
    """Write lines to standard output until nobody reads them.

    Args:
        every_s: Seconds from look to look.
        whole_every_s: Seconds from one whole line to the next.
        once: Write one whole line and end.

    Returns:
        The exit status: 0, or 1 where `once` found bgpd away.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with contextlib.suppress(BrokenPipeError), Observer(whole_every_s) as observer:
        while True:
            began = time.monotonic()
            line = observer.look()
            if line is not None:
                _write(line)
            if once:
                return 1 if line is not None and line["away"] else 0
            if observer.nobody_reads(max(0.0, every_s - (time.monotonic() - began))):
                break
    # What is still buffered nobody wants; closing the stream would only complain of that.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


class Observer:
    """What is told, and what was told last.

    Args:
        whole_every_s: Seconds from one whole line to the next.
    """

    def __init__(self, whole_every_s: float) -> None:
        self._bgpd = Vty("bgpd")
        self._peers = Peers(self._bgpd)
        self._journal = Journal()
        self._whole_every_s = whole_every_s
        self._next_whole = 0.0
        self._next_penalties = 0.0
        self._said: dict[Key, tuple[Any, ...]] = {}
        self._off: dict[str, int] = {}
        self._away: str | None = None
        self._clock = time.time() - time.monotonic()

    def __enter__(self) -> Observer:
        return self

    def __exit__(self, *_: object) -> None:
        self._journal.close()
        self._bgpd.close()

    def look(self) -> dict[str, Any] | None:
        """The line that there is to write now, if there is one."""
        now = time.monotonic()
        whole = now >= self._next_whole
        try:
            self._peers.look(verify=whole)
        except Away as away:
            return self._bgpd_away(str(away))
        self._away = None
        said = {key: peer.said() for key, peer in self._peers.known.items()}
        gone = sorted(self._said.keys() - said.keys())
        changed = sorted(key for key in said if whole or said[key] != self._said.get(key))
        off, before = self._penalized(now, eager=bool(gone)), self._off
        refused = self._journal.refused()
        self._said, self._off = said, off
        if not (whole or changed or gone or refused or off.keys() != before.keys()):
            return None
        if whole:
            self._next_whole = now + self._whole_every_s
        self._find_macs(changed)
        return self._line(
            whole=whole,
            peers=[_told(self._peers.known[key]) for key in changed],
            gone=[] if whole else [{"vrf": vrf, "address": address} for vrf, address in gone],
            penalized=[{"address": address, "left_s": left_s} for address, left_s in sorted(off.items())],
            refused=refused,
        )

    def nobody_reads(self, within_s: float) -> bool:
        """Wait for the next look; returns whether the reader of standard output has gone."""
        waiting = select.poll()
        waiting.register(sys.stdout.fileno(), 0)
        return any(event & (select.POLLERR | select.POLLHUP) for _, event in waiting.poll(int(within_s * 1000)))

    def _bgpd_away(self, why: str) -> dict[str, Any] | None:
        """Say once that nothing is known; what was told before is told anew when bgpd is back."""
        self._peers.forget()
        self._said, self._next_whole = {}, 0.0
        if self._away is not None:
            return None
        self._away = why
        return self._line(whole=False, away=printable(why))

    def _line(self, *, whole: bool, away: str | None = None, **lists: list[dict[str, Any]]) -> dict[str, Any]:
        at_s = round(self._clock + time.monotonic(), 3)
        head = {"schema_version": SCHEMA_VERSION, "host": os.uname().nodename, "at_s": at_s}
        none: dict[str, Any] = {"peers": [], "gone": [], "penalized": [], "refused": []}
        return {**head, "whole": whole, "away": away, **none, **lists}

    def _penalized(self, now: float, *, eager: bool) -> dict[str, int]:
        """Who is kept off: by bgpd itself, or by the kernel."""
        by_bgpd = {key[1]: peer.off_s for key, peer in self._peers.known.items() if peer.off_s is not None}
        if eager or now >= self._next_penalties or self._off.keys() - by_bgpd.keys():
            self._next_penalties = now + PENALTY_EVERY_S
            return by_bgpd | penalized()
        return by_bgpd

    def _find_macs(self, keys: list[Key]) -> None:
        """Find the network cards of guests that nobody declared."""
        dynamic = [self._peers.known[key] for key in keys if self._peers.known[key].fields["dynamic"]]
        if any(peer.fields.get("mac") is None for peer in dynamic):
            there = neighbours()
            for peer in dynamic:
                peer.fields["mac"] = there.get(peer.fields["address"], peer.fields.get("mac"))
                self._said[peer.fields["vrf"], peer.fields["address"]] = peer.said()


class Journal:
    """bgpd's own words in the journal, as they come; none where there is no journal."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._unfinished = b""
        # FRR's lines have the daemon's name, however they got into the journal.
        argv = ["journalctl", "--follow", "--lines=0", "--output=cat", "--identifier=bgpd"]
        with contextlib.suppress(OSError):
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                preexec_fn=end_with_the_agent,  # noqa: PLW1509 - unsafe beside threads only; there are none
            )
            assert self._process.stdout is not None
            os.set_blocking(self._process.stdout.fileno(), False)

    def refused(self) -> list[dict[str, Any]]:
        """The attempts to connect that were refused since this was asked last."""
        counts: dict[tuple[str, str], int] = {}
        for line in self._lines():
            if found := _REFUSED.search(line):
                key = (found[1], printable(found[2]) or "")
                counts[key] = counts.get(key, 0) + 1
        return [{"address": address, "why": why, "count": count} for (address, why), count in sorted(counts.items())]

    def close(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _lines(self) -> list[str]:
        if self._process is None or self._process.stdout is None:
            return []
        text = self._unfinished
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(self._process.stdout.fileno(), 1 << 16):
                text += piece
        *lines, self._unfinished = text.split(b"\n")
        return [line.decode(errors="replace") for line in lines]


def penalized() -> dict[str, int]:
    """The addresses that the kernel keeps off, with the seconds that are left; none where the table is not there."""
    found: dict[str, int] = {}
    with contextlib.suppress(Fault, ValueError):
        for entry in json.loads(run(["nft", "-j", "list", "set", *PENALTY_SET], _ANSWER_S).out)["nftables"]:
            for element in entry.get("set", {}).get("elem", []):
                value = element["elem"] if isinstance(element, dict) else {"val": element}
                found[str(value["val"])] = int(value.get("expires", 0))
    return found


def neighbours() -> dict[str, str]:
    """The kernel's neighbours: address -> network card."""
    found: dict[str, str] = {}
    with contextlib.suppress(Fault, ValueError):
        for entry in json.loads(run(["ip", "-j", "-6", "neigh", "show"], _ANSWER_S).out or "[]"):
            if "lladdr" in entry:
                found[entry["dst"]] = str(entry["lladdr"]).lower()
    return found


def _told(peer: Peer) -> dict[str, Any]:
    return {**peer.fields, "routes": peer.routes}


def _write(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")
    sys.stdout.flush()
