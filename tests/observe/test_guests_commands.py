"""`trellis guests` and `trellis observe` as an operator meets them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.observe.seen import BAD, GOOD, Store, at, line, off, peer, stranger
from trellis.cli import console, main
from trellis.cli import guests as commands
from trellis.observe.store import open_store

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `trellis` on a store of the test's."""
    monkeypatch.setenv("TRELLIS_STORE", f"sqlite:///{tmp_path}/state/guests.db")
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setattr(commands, "out", Console(width=400, soft_wrap=True, highlight=False))

    def run_it(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["trellis", *words])
        status = 0
        try:
            main()
        except SystemExit as ended:
            status = int(ended.code or 0)
        told = capsys.readouterr()
        return status, told.out, told.err

    return run_it


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Store]:
    """A store of a morning: a guest with a refused route, one that never came, a stranger that is kept off."""
    engine = open_store(f"sqlite:///{tmp_path}/state/guests.db")
    store = Store(engine).declared()
    store.saw(line(1, "pve01", peer("Established", 1, GOOD, BAD), stranger(1)))
    store.saw(line(9, "pve01", peer("Established", 9, GOOD, BAD), penalized=off()))
    store.recorder.unreached("pve03", "connect: no answer within 10 s", at(10))
    yield store
    engine.dispose()


def _items(run: Run, *words: str) -> list[dict[str, Any]]:
    status, told, _ = run("guests", *words, "--json")
    assert status == 0
    found: list[dict[str, Any]] = json.loads(told)["items"]
    return found


def test_a_store_that_has_nothing_yet_says_what_fills_it_and_is_not_made(run: Run, tmp_path: Path) -> None:
    for word in ("sessions", "routes", "events"):
        status, _, said = run("guests", word)
        assert status == 1
        assert "has nothing yet" in said
        assert "trellis observe run" in said
    assert list(tmp_path.iterdir()) == []
    assert run("observe", "migrate")[0] == 0
    assert run("guests", "sessions")[0] == 1


def test_sessions_are_shown_with_their_state_and_hosts_that_are_not_read(run: Run, filled: Store) -> None:
    status, told, said = run("guests", "sessions")
    assert (status, said) == (0, "")
    assert "\x1b" not in told
    for words in ("web", "Established", "Penalty", "Max-prefix limit (10) exceeded", "3 of 3"):
        assert words in told
    assert "pve03 is not read: connect: no answer within 10 s" in told


@pytest.mark.parametrize(
    ("words", "guests"),
    [
        ((), ["db", "web", "unknown"]),
        (("--network", "vnet102"), ["unknown"]),
        (("--guest", "web"), ["web"]),
        (("--guest", "fd00:102::50"), ["unknown"]),
        (("--state", "penalty"), ["unknown"]),
        (("--host", "pve01"), ["web", "unknown"]),
        (("--removed",), []),
        (("--limit", "1"), ["db"]),
    ],
)
def test_sessions_are_filtered(run: Run, filled: Store, words: tuple[str, ...], guests: list[str]) -> None:
    assert [row["guest"] for row in _items(run, "sessions", *words)] == guests


@pytest.mark.parametrize(
    ("words", "prefixes"),
    [
        ((), [GOOD.prefix, BAD.prefix]),
        (("--state", "Rejected"), [BAD.prefix]),
        (("--reason", "not_this_guests"), [BAD.prefix]),
        (("--reason", "infrastructure"), []),
        (("--prefix", GOOD.prefix, "--network", "vnet101", "--host", "pve01"), [GOOD.prefix]),
        (("--state", "Withdrawn"), []),
    ],
)
def test_routes_are_filtered(run: Run, filled: Store, words: tuple[str, ...], prefixes: list[str]) -> None:
    assert [row["prefix"] for row in _items(run, "routes", *words)] == prefixes


def test_a_refused_route_is_shown_with_its_reason(run: Run, filled: Store) -> None:
    status, told, _ = run("guests", "routes", "--state", "Rejected")
    assert status == 0
    assert "fd00:ff::7/128 is guest db's, not web's" in told


def test_events_are_shown_the_newest_first_and_filtered(run: Run, filled: Store) -> None:
    kinds = [row["kind"] for row in _items(run, "events")]
    assert kinds[0] == "host_unreachable"
    assert set(kinds) >= {"session_up", "route_rejected", "penalty_begun", "session_down"}
    assert [row["host"] for row in _items(run, "events", "--kind", "host_unreachable")] == ["pve03"]
    assert _items(run, "events", "--since", "2030-01-01") == []
    assert len(_items(run, "events", "--since", "2026-11-28T12:00:05+00:00", "--guest", "fd00:102::50")) == 2
    assert run("guests", "events", "--since", "7d")[0] == 0


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("sessions", "--state", "Up"), "it is one of Idle, Connect"),
        (("routes", "--reason", "bad"), "it is one of outside_range"),
        (("routes", "--state", "Up"), "it is one of Received"),
        (("events", "--kind", "x"), "it is one of session_up"),
        (("events", "--since", "yesterday"), "a span as 30m"),
        (("sessions", "--store", "mysql://x/y"), "SQLite or PostgreSQL"),
    ],
)
def test_what_is_no_filter_is_refused_with_what_there_is(
    run: Run, filled: Store, words: tuple[str, ...], why: str
) -> None:
    status, _, said = run("guests", *words)
    assert status in (1, 2)
    assert why in said


def test_what_a_guest_says_is_no_markup(run: Run, filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    filled.saw(
        line(20, "pve03", peer("Active", last_notification="[red]Cease[/] [link=x]", resets=1, address="fd00:101::7"))
    )
    status, told, _ = run("guests", "sessions", "--guest", "db")
    assert status == 0
    assert "[red]Cease[/]" in told
    assert "[link=x]" in told


def test_the_help_has_examples(run: Run) -> None:
    for words in (("guests", "sessions"), ("guests", "routes"), ("guests", "events"), ("observe", "run")):
        assert f"trellis {' '.join(words)}" in run(*words, "--help")[1]
    assert console.out is not None
