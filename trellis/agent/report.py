"""What the agent tells whoever called it: steps with their times, one outcome, and errors that can be acted on.

Progress goes to standard error line by line, the report to standard output as one JSON document. A connection that
is cut must not change what happens on the host, so a stream nobody reads any more is no error here.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Literal

SCHEMA_VERSION = 1

Outcome = Literal["applied", "unchanged", "refused", "restored", "broken"]

EXIT_STATUS: dict[Outcome, int] = {"applied": 0, "unchanged": 0, "refused": 3, "restored": 4, "broken": 5}
EXIT_BAD_MANIFEST = 2

_SECRET = re.compile(r"\b(password|md5|authentication-key|key-string)( [0-9])? (?!\{\{secret:[a-z0-9~-]+\}\}$)\S.*$")
_unspoken: set[str] = set()


def never_say(secrets: Iterable[str]) -> None:
    """Have none of these values in anything that is reported from here on, whoever put it there."""
    _unspoken.update(secrets)


def unsaid(text: str) -> str:
    """A text without the values that are never said; a longer one goes before one that it holds."""
    for secret in sorted(_unspoken, key=len, reverse=True):
        text = text.replace(secret, "****")
    return text


class Fault(Exception):
    """Something that stops the agent: what, why, and what to do about it."""

    def __init__(self, what: str, why: str, remedy: str) -> None:
        self.what, self.why, self.remedy = map(unsaid, (what, why, remedy))
        super().__init__(f"{self.what}: {self.why}")


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason why nothing is done, in the words of the site's own refusals."""

    path: str
    value: str
    rule: str
    why: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path}: {self.value}\n  rule:   {self.rule}\n  why:    {self.why}\n  remedy: {self.remedy}"


class Refused(Fault):
    """A host that lacks what is counted on, with every reason at once."""

    def __init__(self, refusals: list[Refusal]) -> None:
        what = f"this host lacks {len(refusals)} thing{'s' if len(refusals) != 1 else ''} that the site counts on"
        why = "; ".join(f"{refusal.value}: {refusal.rule}" for refusal in refusals)
        super().__init__(what, why, "; ".join(dict.fromkeys(refusal.remedy for refusal in refusals)))
        self.refusals = refusals


@dataclass(slots=True)
class Step:
    """One step of a run, as the report shows it."""

    name: str
    seconds: float = 0.0
    detail: str = ""


@dataclass(slots=True)
class Report:
    """The one JSON document that a run leaves on standard output."""

    host: str
    digest: str
    outcome: Outcome = "refused"
    failed_step: str | None = None
    error: dict[str, str] | None = None
    refusals: list[Refusal] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Time a step, say its end on standard error, and remember it as the one that failed if it did.

        Raises:
            Fault: The step failed, by a fault of its own or by any other exception, which is made one here.
        """
        step = Step(name)
        self.steps.append(step)
        began = time.monotonic()
        try:
            yield step
        except Exception as error:
            fault = error if isinstance(error, Fault) else _unforeseen(error)
            self.fail(name, fault)
            if isinstance(fault, Refused):
                self.refusals = fault.refusals
                say(f"{self.host}: {name}: FAILED: {fault.what}")
                say("\n".join(map(str, fault.refusals)))
            else:
                say(f"{self.host}: {name}: FAILED: {fault.what}: {fault.why}")
            raise fault from error
        finally:
            step.seconds = round(time.monotonic() - began, 3)
        say(f"{self.host}: {name}{': ' if step.detail else ''}{step.detail} ({step.seconds:.2f} s)")

    def fail(self, name: str, fault: Fault) -> None:
        """Remember the first thing that went wrong; a failing restore is added to it, not put in its place."""
        if self.error is None:
            self.failed_step = name
            self.error = {"what": fault.what, "why": fault.why, "remedy": fault.remedy}
        else:
            self.error["why"] += f"; then {name}: {fault.what}: {fault.why}"
            self.error["remedy"] = fault.remedy

    def fail_once(self, fault: Fault) -> None:
        """Remember a fault that struck between two steps (a signal) as the last one's."""
        if self.error is None:
            self.fail(self.steps[-1].name, fault)

    def text(self) -> str:
        """The report as indented JSON."""
        return json.dumps({"schema_version": SCHEMA_VERSION, **asdict(self)}, indent=2)


def _unforeseen(error: Exception) -> Fault:
    if isinstance(error, OSError):
        what = str(error.filename or "the operating system")
        return Fault(what, error.strerror or str(error), "see `df` and `findmnt`, mend it, run again")
    return Fault("the agent failed", f"{type(error).__name__}: {error}", "report this with the report's text")


def say(text: str) -> None:
    """Write a progress line for people, if anybody still listens."""
    with contextlib.suppress(OSError, ValueError):
        print(unsaid(text), file=sys.stderr, flush=True)


def answer(text: str) -> None:
    """Write the one document on standard output, if anybody still listens."""
    try:
        print(unsaid(text), flush=True)
    except (OSError, ValueError):
        # Else Python would complain a second time when it flushes the dead stream at its own end.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def masked(line: str) -> str:
    """A configuration line without the secret that it may hold."""
    return _SECRET.sub(lambda found: f"{found[1]}{found[2] or ''} ****", line)


def some(lines: list[str], limit: int = 8) -> str:
    """The first few of some lines, secrets masked, and how many more there are."""
    shown = "; ".join(masked(line.strip()) for line in lines[:limit])
    return shown if len(lines) <= limit else f"{shown}; and {len(lines) - limit} more"
