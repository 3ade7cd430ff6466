"""The states that faults have to leave, each as what it is called and what tells whether it is there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from trellis.lab.faults.fault import End
from trellis.lab.faults.look import changes, lacking

if TYPE_CHECKING:
    from trellis.lab.faults.trial import Trial


def refused(*steps: str) -> End:
    """Nothing was touched, and the agent said so: status 3 at one of these steps."""
    return End("refused, nothing touched", lambda trial: [*_ended(trial, 3, steps), *_as_before(trial)])


def taken_back(*steps: str) -> End:
    """All is as before, byte for byte, after it failed at one of these steps."""
    text = "taken back: files byte for byte, FRR runs what it ran"
    return End(text, lambda trial: [*_ended(trial, 4, steps), *_as_before(trial)])


def as_before() -> End:
    """All is as before, whoever told whom."""
    return End("as before: files byte for byte, FRR runs what it ran", _as_before)


def applied() -> End:
    """The change is in force, whole."""
    return End("applied, running config as intended", _applied)


def whole() -> End:
    """Either the old or the new, never a mixture."""

    def check(trial: Trial) -> Sequence[str]:
        as_it_was, as_it_shall_be = _as_before(trial), _applied(trial)
        return [] if not as_it_was or not as_it_shall_be else ["neither old nor new:", *as_it_was, *as_it_shall_be]

    return End("old or new, never mixed", check)


def _as_before(trial: Trial) -> list[str]:
    return changes(trial.before[trial.host], trial.bench.look_at(trial.host))


def _applied(trial: Trial) -> list[str]:
    return lacking(trial.change, trial.bench.look_at(trial.host))


def _ended(trial: Trial, status: int, steps: Collection[str]) -> list[str]:
    told = trial.told
    if told is None or told.status != status:
        return [f"the agent's exit status is {told.status if told else None}, not {status}: {told.why if told else ''}"]
    if steps and told.step not in steps:
        return [f"it failed at `{told.step}`, not at {' or '.join(steps)}: {told.why}"]
    return []
