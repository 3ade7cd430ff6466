"""The scratch FRR of a preflight keeps behind the host's own daemons: BFD allows them 300 ms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from trellis.agent import preflight
from trellis.agent.process import Ended


def test_the_scratch_frr_runs_behind_everything_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ran: list[Sequence[str]] = []

    def noted(argv: list[str], _within_s: float) -> Ended:
        ran.append(argv)
        return Ended(0, f"{preflight._BEGIN}\n", "")

    monkeypatch.setattr(preflight, "run", noted)
    monkeypatch.setattr(preflight, "_DRAFT", tmp_path / "trellis" / "preflight")
    preflight.load("hostname pve01\n", ("bgpd",))
    assert ran[0][:4] == ["nice", "-n", "19", "unshare"]
