"""A host whose change is taken back has its daemons again: what vtysh prints is no proof of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from trellis.agent import recovery
from trellis.agent.report import Fault

RUNNING = "router bgp 65000\n"


class Frr:
    """An FRR that prints the right configuration, and whose zebra comes back by some means alone."""

    def __init__(self, comes_back_by: str, *, alive: bool = False) -> None:
        self.comes_back_by, self.alive = comes_back_by, alive
        self.done: list[str] = []

    def does(self, what: str) -> Callable[..., object]:
        def act(*_: object) -> list[str]:
            self.done.append(what)
            self.alive = self.alive or what == self.comes_back_by
            return []

        return act

    def wait_alive(self, *_: object) -> dict[str, int]:
        if not self.alive:
            raise Fault("not running: zebra", "no answer on its vty", "start it")
        return {"zebra": 1}


def run_as_before(monkeypatch: pytest.MonkeyPatch, frr: Frr, *, alive: bool) -> list[str]:
    monkeypatch.setattr(recovery, "reload_text", frr.does("reload"))
    monkeypatch.setattr(recovery.frr, "restart", frr.does("restart"))
    monkeypatch.setattr(recovery.frr, "wait_alive", frr.wait_alive)
    monkeypatch.setattr(recovery.frr, "await_running", lambda *_: 1)
    return recovery._run_as_before(RUNNING, alive=alive)


def test_a_daemon_that_is_gone_for_good_is_brought_back_by_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    """watchfrr was stuck with another daemon for nine minutes, and the host was said to be as before without zebra."""
    frr = Frr("restart")
    assert run_as_before(monkeypatch, frr, alive=False) == []
    assert frr.done == ["restart"]


def test_a_daemon_that_dies_of_the_reload_is_not_taken_for_one_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    frr = Frr("restart")
    assert run_as_before(monkeypatch, frr, alive=True) == []
    assert frr.done == ["reload", "reload", "restart"]


def test_a_host_whose_daemons_run_is_reloaded_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    frr = Frr("", alive=True)
    assert run_as_before(monkeypatch, frr, alive=True) == []
    assert frr.done == ["reload"]


def test_a_daemon_that_nothing_brings_back_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert any("zebra" in problem for problem in run_as_before(monkeypatch, Frr(""), alive=False))
