"""The timer that takes a change back, and the unit that does so at boot, as systemd is asked for them."""

from __future__ import annotations

import re

import pytest

from trellis.agent import timer
from trellis.agent.process import Ended
from trellis.agent.recovery import UNITS
from trellis.agent.report import Fault

DIGEST = "d" * 64


class Systemd:
    """What was asked of it; it refuses as many timers as it is told to."""

    def __init__(self, refuses: int = 0) -> None:
        self.asked: list[list[str]] = []
        self.refuses = refuses

    def __call__(self, argv: list[str], _: float) -> Ended:
        self.asked.append(argv)
        if argv[0] == "systemd-run" and self.refuses:
            self.refuses -= 1
            return Ended(1, "", "Unit trellis-take-back.timer was already loaded\n")
        return Ended(0, "", "")


def test_the_timer_is_monotonic_and_calls_the_agent_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    systemd = Systemd()
    monkeypatch.setattr(timer, "run", systemd)
    timer.arm(DIGEST)
    [argv] = systemd.asked
    assert argv[0] == "systemd-run"
    assert argv[-3:] == ["/usr/local/lib/trellis/agent.py", "take-back", DIGEST]
    # Setting the date moves calendar timers alone.
    assert {"--on-active=10", "--on-unit-inactive=10"} <= set(argv)
    assert not [word for word in argv if "calendar" in word]


def test_a_timer_that_an_earlier_run_has_left_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    systemd = Systemd(refuses=1)
    monkeypatch.setattr(timer, "run", systemd)
    timer.arm(DIGEST)
    assert [argv[:2] for argv in systemd.asked[1:3]] == [["systemctl", "stop"], ["systemctl", "reset-failed"]]
    assert systemd.asked[-1] == systemd.asked[0]


def test_a_change_must_not_begin_without_its_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timer, "run", Systemd(refuses=2))
    with pytest.raises(Fault, match="the timer that would take the change back cannot be set: Unit trellis-take-back"):
        timer.arm(DIGEST)


def test_at_boot_files_are_back_before_anything_reads_them() -> None:
    text = UNITS["trellis-recover.service"]
    first = set(" ".join(re.findall("^Before=(.*)$", text, re.MULTILINE)).split())
    readers = {"systemd-sysctl.service", "network-pre.target", "networking.service", "frr.service"}
    assert readers | {"trellis-firewall.service", "pve-sdn-commit.service"} <= first
    assert "After=local-fs.target" in text
    assert "DefaultDependencies=no" in text
    assert "ConditionPathExists=/var/lib/trellis/under-way.json" in text
