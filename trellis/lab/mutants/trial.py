"""Each mutant in turn: seeded, looked for by the proof, judged, and taken away again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trellis.lab.errors import LabError
from trellis.lab.mutants import seeding
from trellis.lab.mutants.catalogue import Mutant
from trellis.lab.mutants.seeding import Seeded
from trellis.lab.processes import Say
from trellis.lab.proof import Group, Row, compare, prove, sessions, wait_until_converged
from trellis.lab.proof.prove import ROUNDS, TRAFFIC_ROUNDS, Round

if TYPE_CHECKING:
    from trellis.lab.twin import Twin


_TRIES = 4
"""How often the rows are asked for at most; on a machine of its own the lab needs one."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant.

    Args:
        mutant: The defect.
        seeded: The rules that were taken away.
        red: The rows that failed.
        green: How many rows did not.
        seconds: Wall time from seeding it to having taken it away.
    """

    mutant: Mutant
    seeded: tuple[Seeded, ...]
    red: tuple[Row, ...]
    green: int
    seconds: float

    @property
    def unnoticed(self) -> tuple[Group, ...]:
        """The groups that should have turned red and did not."""
        return tuple(sorted(self.mutant.red - {row.group for row in self.red}))

    @property
    def strange(self) -> tuple[Row, ...]:
        """The rows that turned red and should not have."""
        return tuple(row for row in self.red if row.group not in self.mutant.red)

    @property
    def killed(self) -> bool:
        """Whether exactly its rows turned red."""
        return not self.unnoticed and not self.strange


@dataclass(frozen=True, slots=True)
class Outcome:
    """A whole run.

    Args:
        verdicts: One per mutant.
        after: The rows that fail when all are gone again; none is left then of a sound lab.
        restored: Whether every filter is printed by nft as it was before.
    """

    verdicts: tuple[Verdict, ...]
    after: tuple[Row, ...]
    restored: bool

    @property
    def ok(self) -> bool:
        """Whether every mutant was noticed by its own rows alone, and the lab is as it was."""
        return all(verdict.killed for verdict in self.verdicts) and not self.after and self.restored


def run(twin: Twin, mutants: Sequence[Mutant], say: Say) -> Outcome:
    """Try mutants on a lab; it is left as it was found.

    Args:
        twin: The lab, converged and green.
        mutants: Which ones.
        say: Takes progress.

    Raises:
        LabError: The lab is not green to begin with, or a mutant could not be seeded.
    """
    whole = seeding.listed(twin)
    say("before: every row must hold")
    if red := _red(_proven(twin, TRAFFIC_ROUNDS, say)):
        named = "; ".join(f"{row.group}: {row.name}: {row.seen}" for row in red[:3])
        raise LabError("mutants", why=f"{len(red)} rows fail without any: {named}", remedy="trellis demo")
    verdicts = []
    with seeding.unguarded(twin):
        for mutant in mutants:
            say(f"{mutant.name}: {mutant.what}")
            verdicts.append(_try(twin, mutant, say))
            say(f"  {_told(verdicts[-1])} ({verdicts[-1].seconds:.1f} s)")
    say("after: every row must hold again")
    after = _red(_proven(twin, ROUNDS, say))
    return Outcome(tuple(verdicts), after, seeding.listed(twin) == whole)


def _try(twin: Twin, mutant: Mutant, say: Say) -> Verdict:
    began = time.monotonic()
    try:
        seeded = seeding.seed(twin, mutant)
        rows = _proven(twin, TRAFFIC_ROUNDS, say)
    finally:
        seeding.put_back(twin)
    red = _red(rows)
    return Verdict(mutant, seeded, red, len(rows) - len(red), time.monotonic() - began)


def _proven(twin: Twin, rounds: Sequence[Round], say: Say) -> tuple[Row, ...]:
    """The rows of a time in which every session held: no mutant touches one, but a busy machine starves BFD."""
    for _ in range(_TRIES - 1):
        before = sessions(twin)
        rows = prove(twin, _quiet, rounds)
        changes = compare(before, sessions(twin))
        if not (changes.reset or changes.came_up or changes.gone):
            return rows
        lost = [" ".join(key) for key in (*changes.reset, *changes.came_up, *changes.gone)]
        say(f"  once more: the machine was too busy for {', '.join(lost[:3])}")
        wait_until_converged(twin, _quiet)
    return prove(twin, _quiet, rounds)


def _red(rows: Sequence[Row]) -> tuple[Row, ...]:
    return tuple(row for row in rows if row.fails)


def _told(verdict: Verdict) -> str:
    count = f"{len(verdict.seeded)} rules gone, {len(verdict.red)} rows red, {verdict.green} as before"
    if verdict.unnoticed:
        return f"SURVIVED, {', '.join(verdict.unnoticed)} did not notice: {count}"
    if verdict.strange:
        return f"other rows turned red too, {verdict.strange[0].group}: {verdict.strange[0].name}: {count}"
    return f"noticed: {count}"


def _quiet(_text: str) -> None:
    """The rounds of the proof are not told of: there are three for each mutant."""
