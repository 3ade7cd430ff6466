"""The engine's events during a run: progress for a person, and what the result of the run is made of.

The run itself is in `trellis.lab.program`. Nothing here imports pulumi at run time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from trellis.lab.deployment import Problem, Step

if TYPE_CHECKING:
    from pulumi.automation import EngineEvent

_UNCHANGED = frozenset(("same", "refresh", "read"))
# What the engine says of each launcher, twice a run; `plugins()` has said it once already.
_NOISE = "using pulumi-resource-"
_SUMMARIES = frozenset(("update failed", "preview failed", "refresh failed", "destroy failed"))


class Watcher:
    """Listens to the engine's events: tells of progress, and keeps what the result needs."""

    def __init__(self, say: Callable[[str], None], *, refreshing: bool) -> None:
        self._say = say
        self._refreshing = refreshing
        self.steps: list[Step] = []
        self.problems: list[Problem] = []
        self.changes: dict[str, int] = {}

    def __call__(self, event: EngineEvent) -> None:
        """Take one event."""
        if event.resource_pre_event is not None:
            self._step(event.resource_pre_event.metadata, planning=bool(event.resource_pre_event.planning))
        elif event.res_outputs_event is not None and self._refreshing:
            # What a refresh found is known only after it has looked; before, every step is a "refresh".
            self._step(event.res_outputs_event.metadata, planning=True)
        elif event.diagnostic_event is not None:
            self._diagnostic(event.diagnostic_event)
        elif event.policy_event is not None:
            self._policy(event.policy_event)
        elif event.summary_event is not None:
            self.changes = {
                str(getattr(op, "value", op)): count for op, count in event.summary_event.resource_changes.items()
            }

    def _step(self, metadata: Any, *, planning: bool) -> None:
        """Note a step that changes something, and say it while it is done."""
        step = _step(metadata, op=str(metadata.op.value))
        if step.op in _UNCHANGED or step.type.startswith("pulumi:"):
            return  # the stack itself and the providers are the engine's own
        self.steps.append(step)
        if not planning:
            self._say(f"{step.op} {step.name} ({step.type})")

    def _policy(self, event: Any) -> None:
        """Keep what a policy pack refuses; pass on what it only advises."""
        name, text = _name(event.resource_urn or ""), f"{event.policy_name}: {str(event.message).strip()}"
        if event.enforcement_level == "mandatory":
            self.problems.append(Problem(name, event.resource_urn or "", text))
        else:
            self._say(f"{name}: {text}" if name else text)

    def _diagnostic(self, event: Any) -> None:
        """Pass on what the program and the plugins say; keep errors."""
        name = _name(event.urn or "")
        text = str(event.message).rstrip()
        if event.severity == "error":
            self.problems.append(Problem(name, event.urn or "", text))
        elif text and event.severity != "debug" and not text.startswith(_NOISE):
            self._say(f"{name}: {text}" if name else text)


def told_once(problems: list[Problem]) -> tuple[Problem, ...]:
    """The problems without repetitions: the engine sums up ("update failed"), and says a program's error twice.

    Args:
        problems: What the engine reported, in order.

    Returns:
        Each problem once; empty if there is nothing but summaries.
    """
    told: list[Problem] = []
    for one in problems:
        repeats = any(other.message in one.message for other in told if other.name in ("", one.name))
        if not repeats and (one.name or one.message not in _SUMMARIES):
            told.append(one)
    return tuple(told)


def _step(metadata: Any, *, op: str) -> Step:
    paths = tuple(sorted(metadata.detailed_diff or ()))
    return Step(op, str(metadata.type), _name(metadata.urn), str(metadata.urn), paths)


def _name(urn: str) -> str:
    """The name in a URN (`urn:pulumi:STACK::PROJECT::TYPE::NAME`)."""
    return urn.split("::", 3)[3] if urn.count("::") >= 3 else ""
