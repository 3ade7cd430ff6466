"""Attacks by a speaker of our own, which says any bytes and writes down what it is answered."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trellis.lab.attacks.bench import Bench
from trellis.lab.attacks.speakers import Place
from trellis.lab.attacks.wire import messages

if TYPE_CHECKING:
    from trellis.lab.attacks.trial import Trial

HOLD_TIME_S = 9


@dataclass(frozen=True, slots=True)
class Happening:
    """What the speaker wrote down.

    Args:
        at_s: When, by the host's clock.
        case: In which case.
        what: `connected`, `established`, `said`, `notification`, `closed`, `no answer`, `refused`, `stayed`, `done`.
        code: Of a notification, code and subcode as `2/2`; empty otherwise.
    """

    at_s: float
    case: str
    what: str
    code: str


def asked(
    place: Place,
    cases: Mapping[str, Sequence[bytes]],
    *,
    source: str = "",
    gateway: str = "",
    asn: int | None = None,
    linger_s: float = 3,
    again_s: float | None = None,
    tries: int = 1,
) -> dict[str, Any]:
    """What the speaker is asked for.

    Args:
        place: Who speaks.
        cases: Messages by the name of their case; each has a connection of its own.
        source: Address to dial from; by default the guest's own.
        gateway: Whom to dial; by default its gateway.
        asn: The ASN to have; by default its own.
        linger_s: How long to stay in each case, in seconds.
        again_s: How long to wait before dialling again, in seconds; None for once.
        tries: How often to dial for a case until its messages are said.
    """
    return {
        "source": source or place.source,
        "gateway": gateway or place.gateway,
        "asn": asn or place.asn,
        "router_id": place.router_id,
        "hold_time_s": HOLD_TIME_S,
        "linger_s": linger_s,
        "again_s": again_s,
        "tries": tries,
        "cases": [{"name": name, "messages": [found.hex() for found in said]} for name, said in cases.items()],
    }


def dial(bench: Bench, name: str, what: Mapping[str, Any]) -> tuple[Happening, ...]:
    """Have the speaker speak to its end, in a namespace; returns what happened."""
    limit_s = 60 + len(what["cases"]) * (what["linger_s"] + 5)
    return happenings(bench.tool(name, "session", what, timeout_s=limit_s))


def begin(bench: Bench, name: str, what: Mapping[str, Any]) -> None:
    """Start the speaker in a namespace and leave it to itself."""
    bench.begin_tool(name, "session", what, log_of(bench, name))


def log_of(bench: Bench, name: str) -> str:
    """Where it writes then."""
    return f"{bench.place(name).folder}.session"


def so_far(bench: Bench, name: str) -> tuple[Happening, ...]:
    """What has happened to a speaker that was begun."""
    return happenings(bench.sh(bench.place(name).host, f"cat {log_of(bench, name)}", check=False).stdout)


def wait_for(bench: Bench, name: str, what: str, within_s: float) -> tuple[Happening, ...]:
    """Wait until something has happened to a speaker that was begun; returns all that has."""
    deadline = time.monotonic() + within_s
    while True:
        found = so_far(bench, name)
        if any(one.what == what for one in found) or time.monotonic() > deadline:
            return found
        time.sleep(0.5)


def happenings(output: str) -> tuple[Happening, ...]:
    """Of what the speaker printed."""
    found = []
    for line in output.splitlines():
        if line.startswith("{"):
            said = json.loads(line)
            code = f"{said['code']}/{said['subcode']}" if said["what"] == "notification" else ""
            found.append(Happening(said["at_s"], said["case"], said["what"], code))
    return tuple(found)


def told(found: Sequence[Happening]) -> str:
    """What happened, in a line; the same in a row is said once."""
    words: list[str] = []
    for one in found:
        word = f"{one.what} {one.code}".strip()
        if one.what not in ("done", "connected") and (not words or words[-1] != word):
            words.append(word)
    return ", ".join(words) or "nothing"


def note(trial: Trial, name: str, found: Sequence[Happening]) -> None:
    """Keep what happened to a speaker for the proof and the end."""
    trial.noted[name] = found
    trial.fact(f"{name} dialled: {told(found)}")


def flood_of(place: Place, prefixes: Sequence[str]) -> tuple[bytes, ...]:
    """Messages that announce many IPv6 prefixes."""
    return tuple(messages.flood(prefixes, place.source, (place.asn,)))
