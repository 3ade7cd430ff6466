"""Units of systemd that are to come up at boot, and to be up now: one that is not up misses what others tell it.

(Debian's nftables.service empties every table when it is restarted, and hands that on to units that are up.)
"""

from __future__ import annotations

import contextlib

from trellis.agent.process import run
from trellis.agent.report import Fault, some

ANSWER_S = 90.0
"""What one order to systemd may take."""

NOT_ENABLED = "not enabled"
NOT_ACTIVE = "not active"

OFF = (NOT_ENABLED, NOT_ACTIVE)
"""What a unit is that is nobody's any more."""


def systemctl(*words: str) -> str:
    """Give systemd an order, and return what it says.

    Raises:
        Fault: It fails.
    """
    ended = run(["systemctl", *words], ANSWER_S)
    if ended.status:
        raise Fault(f"systemctl {' '.join(words)}", some(ended.complaints), "see `systemctl status` and the journal")
    return ended.out


def lacking(units: tuple[str, ...]) -> dict[str, list[str]]:
    """What each unit is not: enabled, active."""
    found = {}
    for unit in units:
        said = systemctl("show", "--property=UnitFileState,ActiveState", unit).split()
        pairs = {"UnitFileState=enabled": NOT_ENABLED, "ActiveState=active": NOT_ACTIVE}
        found[unit] = [what for fact, what in pairs.items() if fact not in said]
    return found


def differences(units: tuple[str, ...]) -> list[str]:
    """The units that are not as they should be."""
    return [f"{unit} is {' and '.join(what)}" for unit, what in lacking(units).items() if what]


def bring_up(units: tuple[str, ...]) -> list[str]:
    """Enable and start what is not yet, and say what that took."""
    orders = []
    for unit, what in lacking(units).items():
        orders += [("enable", unit)] if NOT_ENABLED in what else []
        orders += [("start", unit)] if NOT_ACTIVE in what else []
    for order in orders:
        systemctl(*order)
    return [" ".join(order) for order in orders]


def reload(unit: str) -> None:
    """Have a unit read its files again, or start where it is down.

    Raises:
        Fault: It refuses them.
    """
    systemctl("reload-or-restart", unit)


def put_back(earlier: dict[str, list[str]]) -> None:
    """Take back what `bring_up` did; call it before the units' files go.

    Args:
        earlier: What `lacking` said before.

    Raises:
        Fault: systemd refuses.
    """
    for unit, what in lacking(tuple(earlier)).items():
        if NOT_ACTIVE in earlier[unit] and NOT_ACTIVE not in what:
            systemctl("stop", unit)
        if NOT_ENABLED in earlier[unit] and NOT_ENABLED not in what:
            systemctl("disable", unit)


def bring_back(earlier: dict[str, list[str]]) -> list[str]:
    """Enable and start again what was, and is not now; call it when the units' files are back.

    Args:
        earlier: What `lacking` said before.

    Returns:
        The units that had to be started.

    Raises:
        Fault: systemd refuses.
    """
    started = []
    for unit, what in lacking(tuple(earlier)).items():
        if NOT_ENABLED in what and NOT_ENABLED not in earlier[unit]:
            systemctl("enable", unit)
        if NOT_ACTIVE in what and NOT_ACTIVE not in earlier[unit]:
            systemctl("start", unit)
            started.append(unit)
    return started


def put_back_at_boot(earlier: dict[str, list[str]]) -> None:
    """Have this boot, too, not start what was not to come up; call it before the units' files go.

    The boot has queued its jobs already, and systemd may not be ready to be asked so early: all of it is tried.

    Args:
        earlier: What `lacking` said before.
    """
    for unit in (unit for unit, what in earlier.items() if NOT_ENABLED in what):
        for order in (("disable", unit), ("--no-block", "stop", unit)):
            with contextlib.suppress(Fault):
                systemctl(*order)


def bring_back_at_boot(earlier: dict[str, list[str]]) -> None:
    """Have this boot, too, start what was to come up, in its own place; call it when the units' files are back.

    Args:
        earlier: What `lacking` said before.
    """
    for unit, was in earlier.items():
        with contextlib.suppress(Fault):
            if NOT_ENABLED not in was and NOT_ENABLED in lacking((unit,))[unit]:
                systemctl("enable", unit)
                systemctl("--no-block", "start", unit)
