"""How the program confirms: beside a commit that may come later, and asked first where all hosts go together."""

from __future__ import annotations

from pathlib import Path

import pytest

from trellis.agent import confirm, state

DIGEST = "d" * 64


@pytest.fixture(autouse=True)
def _waiting_since_10_s(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A change waits, and every connection is newer than that; once it is confirmed it is in force."""
    monkeypatch.setattr(confirm, "_ASKED", tmp_path / "asked")
    monkeypatch.setattr(confirm, "_CONFIRMED", tmp_path / "confirmed")
    _wait_since(monkeypatch, 10.0)
    monkeypatch.setattr(confirm, "connected_since", state.clock)
    monkeypatch.setattr(confirm, "working_on", lambda: "" if (tmp_path / "confirmed").exists() else DIGEST)
    monkeypatch.setattr(state, "committed", lambda: state.Committed(DIGEST, 1, "", 1))


def _wait_since(monkeypatch: pytest.MonkeyPatch, since_s: float) -> None:
    change = state.UnderWay(DIGEST, 1, [], "awaiting confirmation", awaiting_since_s=since_s)
    monkeypatch.setattr(state, "under_way", lambda: change)


def test_the_first_to_come_is_told_to_come_again_however_new_its_connection_is() -> None:
    with pytest.raises(confirm.ComeAgain):
        confirm.confirm(DIGEST, 5, ask_first=True)
    assert confirm.confirm(DIGEST, 5, ask_first=True) == "confirmed"


def test_each_change_is_asked_for_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    for since_s in (10.0, 20.0):
        _wait_since(monkeypatch, since_s)
        with pytest.raises(confirm.ComeAgain):
            confirm.confirm(DIGEST, 5, ask_first=True)


def test_who_need_not_ask_confirms_at_once() -> None:
    assert confirm.confirm(DIGEST, 5) == "confirmed"


def test_a_digest_in_force_waits_for_the_commit_that_comes_with_its_confirmation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The host has lost something of it: the commit changes it again, and began after the confirmation."""
    monkeypatch.setattr(state, "under_way", lambda: None)
    at_work = iter(["", "", DIGEST, DIGEST, "", ""])
    monkeypatch.setattr(confirm, "working_on", lambda: next(at_work))
    assert confirm.confirm(DIGEST, 5, with_commit=True) == "already in force"
    assert len(list(at_work)) == 1, "it left once the commit had ended, and not before"


def test_a_digest_in_force_is_enough_where_no_commit_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "under_way", lambda: None)
    monkeypatch.setattr(confirm, "working_on", lambda: "")
    monkeypatch.setattr(confirm, "COMMIT_BEGINS_S", 0.3)
    assert confirm.confirm(DIGEST, 5, with_commit=True) == "already in force"
