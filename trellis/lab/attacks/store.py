"""The store of guests' routes as an operator has it: `trellis observe run` beside the lab, and `trellis guests`."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from trellis.lab import command_line, from_site, network
from trellis.lab.attacks.attack import Attack, Speech
from trellis.lab.attacks.bench import Bench
from trellis.lab.processes import run

_PROGRAM = (sys.executable, "-P", "-c", "from trellis.cli import main; main()")
_WITHIN_S = 15.0
"""Seconds in which the store has what the hosts saw: an observer looks every second, on a busy machine every few."""
_ENDS_WITHIN_S = 10.0
"""Seconds in which the collector closes its connections and ends, once asked to."""


def _url(bench: Bench) -> str:
    return f"sqlite:///{bench.twin.lab.state / 'guests.db'}"


@contextlib.contextmanager
def collecting(bench: Bench) -> Iterator[None]:
    """Run the collector on the lab's controller for as long as the block lasts, and see its end."""
    twin = bench.twin
    inside = ["ip", "netns", "exec", network.namespace_of(twin.stack, from_site.CONTROLLER)]
    words = ["observe", "run", "--store", _url(bench), "--file", str(command_line.stack_file_of(twin))]
    with (twin.lab.state / "observe.log").open("wb") as log:
        process = subprocess.Popen(
            # It does not outlive a run that is killed; a new session, so that Ctrl-C ends the run before it.
            [*inside, "setpriv", "--pdeathsig", "TERM", *_PROGRAM, *words],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "TRELLIS_SSH_KEY": twin.lab.program_key.read_text()},
            start_new_session=True,
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def asked(bench: Bench, *words: str) -> list[dict[str, Any]]:
    """The entries that a command of `trellis guests` prints; none where there is no store yet."""
    done = run([*_PROGRAM, "guests", *words, "--store", _url(bench), "--json"], check=False)
    try:
        items: list[dict[str, Any]] = json.loads(done.stdout)["items"]
    except (ValueError, KeyError):
        return []
    return items


def unrecorded(bench: Bench, speeches: Sequence[Speech]) -> tuple[list[str], str]:
    """Wait until the store has each refused route with its reason; returns those that lack, and what it says."""
    wanted = {(speech.guest, route.prefix) for speech in speeches for route in speech.refused}
    deadline = time.monotonic() + _WITHIN_S
    found: dict[tuple[str, str], str] = {}
    while wanted - found.keys() and time.monotonic() < deadline:
        for name in {speech.guest for speech in speeches}:
            for row in asked(bench, "routes", "--guest", bench.place(name).source, "--state", "Rejected"):
                if row.get("rejection_reason"):
                    found[name, row["prefix"]] = row["rejection_reason"]
        time.sleep(0.5)
    lacking = [f"the store has no reason for {name}'s {prefix}" for name, prefix in sorted(wanted - found.keys())]
    return lacking, "; ".join(dict.fromkeys(found[key] for key in sorted(wanted & found.keys())))


def recorded(bench: Bench, attack: Attack, since: float) -> tuple[list[str], str]:
    """Wait until the store has the event of an attack; returns what lacks, and what it says of the attackers.

    Args:
        bench: The lab.
        attack: The attack.
        since: When it began, by this machine's clock.
    """
    moment = datetime.fromtimestamp(since, UTC).isoformat()
    addresses = {bench.place(name).source for name in attack.attackers}
    deadline = time.monotonic() + _WITHIN_S
    while True:
        # By kind: ten thousand refused routes are as many events.
        found = asked(bench, "events", "--since", moment, "--kind", attack.event)
        told = [f"{row['kind']} of {row['guest_ip']}: {row['detail']}" for row in found if row["guest_ip"] in addresses]
        if told:
            return [], "; ".join(dict.fromkeys(told))
        if time.monotonic() > deadline:
            return [f"the store has no {attack.event} of it"], "; ".join(dict.fromkeys(told))
        time.sleep(0.5)
