"""How long each part of a change may take."""

from __future__ import annotations

import pytest

from trellis.agent import limits
from trellis.agent.frr import CRASHED_DAEMON_S, RESTART_S
from trellis.agent.limits import BEFORE_S, RELOAD_BACK_S, TAKE_BACK_S, Limit, longest_run_s
from trellis.agent.preflight import LOAD_S
from trellis.agent.report import Fault
from trellis.agent.transaction import OTHER_RELOAD_S


def test_what_several_things_may_take_together_is_shared_among_them(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(limits.time, "monotonic", lambda: now[0])
    limit = Limit(30)
    assert limit.left() == 30
    now[0] += 12.5
    assert (limit.left(), limit.left(5.0)) == (18, 5.0)
    now[0] += 17.5
    with pytest.raises(Fault, match="all of it was to be done within 30 s"):
        limit.left()


def test_each_part_of_a_run_fits_into_the_limits_that_others_count_on() -> None:
    # Units and daemons are asked for in between, each within a second.
    assert 3 * RELOAD_BACK_S + RESTART_S + 2 * CRASHED_DAEMON_S + 30 <= TAKE_BACK_S
    assert OTHER_RELOAD_S + 4 * LOAD_S + 30 <= BEFORE_S
    assert longest_run_s(120, 60, 60) == BEFORE_S + 240 + TAKE_BACK_S
    assert longest_run_s(120, None, None) == BEFORE_S + 120 + TAKE_BACK_S
