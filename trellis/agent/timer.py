"""The timer that takes a change back although its agent is gone: systemd's, so that it outlives the agent.

It is transient and monotonic: a boot forgets it (`recovery` has a unit of its own for that), and setting the date does
not move it. From its arming on it calls `take-back` again and again, which does nothing while the change's agent lives
and keeps its limits: so an agent that is killed has its change taken back within seconds, not at the last limit.
"""

from __future__ import annotations

import contextlib

from trellis.agent.itself import AGENT_PATH
from trellis.agent.process import Ended, run
from trellis.agent.report import Fault, some

UNIT = "trellis-take-back"

EVERY_S = 10
"""How often it looks whether the agent still lives."""

_ANSWER_S = 30.0


def arm(digest: str) -> None:
    """Have a change taken back should its agent die, from now on.

    Args:
        digest: The manifest's whose change it is.

    Raises:
        Fault: systemd refuses; the change must not begin.
    """
    if _run(digest).status == 0:
        return
    # One is left of an earlier run: it ended in failure, or the agent died before it disarmed it.
    disarm()
    ended = _run(digest)
    if ended.status:
        why = some(ended.complaints) or f"status {ended.status}"
        raise Fault("the timer that would take the change back cannot be set", why, "see `systemctl status`")


def disarm() -> None:
    """Stop the timer; where that fails, it finds nothing to take back and stops itself."""
    for order in (["stop", f"{UNIT}.timer"], ["reset-failed", f"{UNIT}.timer", f"{UNIT}.service"]):
        with contextlib.suppress(Fault):
            run(["systemctl", *order], _ANSWER_S)


def _run(digest: str) -> Ended:
    every = [f"--on-active={EVERY_S}", f"--on-unit-inactive={EVERY_S}", "--timer-property=AccuracySec=1s"]
    name = [f"--unit={UNIT}", "--description=Trellis: take back a change whose agent died"]
    # What the agent starts to take a change back must not be ended by another unit's limits.
    service = ["--property=Type=oneshot", "--property=TimeoutStartSec=infinity", "--quiet"]
    return run(["systemd-run", *name, *every, *service, AGENT_PATH, "take-back", digest], _ANSWER_S)
