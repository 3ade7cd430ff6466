"""Units of systemd that are to come up at boot. What they do now, the agent does itself: none is started here."""

from __future__ import annotations

from trellis.agent.process import run
from trellis.agent.report import Fault, some

ANSWER_S = 90.0
"""What one order to systemd may take."""


def systemctl(*words: str) -> None:
    """Give systemd an order.

    Raises:
        Fault: It fails.
    """
    ended = run(["systemctl", *words], ANSWER_S)
    if ended.status:
        raise Fault(f"systemctl {' '.join(words)}", some(ended.complaints), "see `systemctl status` and the journal")


def enabled(units: tuple[str, ...]) -> list[str]:
    """Those of some units that come up at boot."""
    return [unit for unit in units if run(["systemctl", "is-enabled", unit], ANSWER_S).out.strip() == "enabled"]


def enable(units: tuple[str, ...]) -> list[str]:
    """Have units come up at boot, and return those that did not before."""
    there = enabled(units)
    added = [unit for unit in units if unit not in there]
    for unit in added:
        systemctl("enable", unit)
    return added


def put_back(earlier: dict[str, bool]) -> None:
    """Have units come up at boot or not, as they did; call it before their files go.

    Args:
        earlier: By unit, whether it came up.
    """
    now = enabled(tuple(earlier))
    for unit, was_enabled in earlier.items():
        if was_enabled != (unit in now):
            systemctl("enable" if was_enabled else "disable", unit)
