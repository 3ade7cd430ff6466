"""Each fault's own defect tried: a product that has it, installed on the lab's hosts and broken as the fault says.

A table of green rows proves nothing by itself: with the defect in the product the row must turn red, and for the
reason that the defect is.  Its other rows are not run for each defect: that would take a day.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from trellis.engine import find as find_engine
from trellis.lab.errors import LabError
from trellis.lab.faults import bench as benches
from trellis.lab.faults.fault import Fault
from trellis.lab.faults.mutant import Mutant, Seen, seed
from trellis.lab.faults.wholeness import Whole, keep
from trellis.lab.images import ensure_images
from trellis.lab.processes import Say

LAB: Final = "faultmutants"
"""The lab's name: `make faults` may run beside it."""

ENDS_WITHIN_S = 480.0
"""Seconds for one fault with a defect; the longest take 150 on a busy machine."""


@dataclass(frozen=True, slots=True)
class MutantVerdict:
    """What became of a defect.

    Args:
        fault: The fault that was to bring it to light.
        mutant: The defect.
        seen: What the fault looked like with it; None if the trial itself came to nothing.
        mended: What was done to have the lab whole again; empty for nothing.
        seconds: Wall time of all of it.
        failed: Why the trial came to nothing; empty otherwise.
    """

    fault: Fault
    mutant: Mutant
    seen: Seen | None
    mended: str
    seconds: float
    failed: str = ""

    @property
    def reason(self) -> str:
        """The problem that names the defect; empty if none does."""
        problems = self.seen.problems if self.seen is not None else ()
        return next((one for one in problems if re.search(self.mutant.because, one)), "")

    @property
    def otherwise(self) -> str:
        """What was seen, where the defect was not noticed."""
        if self.seen is None:
            return self.failed
        return f"{'; '.join(self.seen.problems) or 'the fault ended as written'} (the run: {self.seen.happened})"

    @property
    def noticed(self) -> bool:
        """Whether the fault's row turned red because of the defect."""
        return bool(self.reason)


def try_mutants(
    folder: Path,
    project: Path,
    mutants: Sequence[tuple[Fault, Mutant]],
    say: Say,
    *,
    keep_lab: bool = False,
    name: str = LAB,
) -> list[MutantVerdict]:
    """Bring a lab up, try defects in it one after the other, and take it down.

    Args:
        folder: Where the faults are, and the lab's stack file.
        project: Folder of the program.
        mutants: The defects, each with its fault.
        say: Takes progress.
        keep_lab: Whether the lab stays for the next run, whole and with the true agent.
        name: The lab's name.

    Raises:
        LabError: The lab did not come up, also when it was made anew.
        DeploymentError: The program failed on it.
    """
    ensure_images("trixie", say)
    find_engine(say)  # Here: what runs with a defect in it is to find it.
    verdicts = []
    try:
        whole = keep(benches.up(folder, project, say, name))
        for fault, mutant in mutants:
            say(f"fault {fault.name}, with a defect: {mutant.what}")
            verdict, whole = _tried(whole, folder, project, fault, mutant)
            verdicts.append(verdict)
            say(f"  {_told(verdict)} ({verdict.seconds:.0f} s)")
    finally:
        if not keep_lab:
            benches.down(say, name)
    return verdicts


def _tried(whole: Whole, folder: Path, project: Path, fault: Fault, mutant: Mutant) -> tuple[MutantVerdict, Whole]:
    bench, began = whole.bench, time.monotonic()
    seen, failed, mended = None, "", ""
    try:
        with tempfile.TemporaryDirectory(prefix="trellis-mutant-") as tree:
            seed(project, mutant, Path(tree))
            seen = carried_out(Path(tree), bench.twin.stack, fault.number)
    except LabError as error:
        failed = str(error)
    try:
        if failed:
            raise LabError("the lab", why=failed, remedy="it is made anew")  # a trial that was killed undid nothing
        mended = whole.restore()
    except LabError as error:
        bench.say(str(error))
        benches.down(bench.say, bench.twin.stack)
        whole, mended = keep(benches.up(folder, project, bench.say, bench.twin.stack)), "the lab was made anew"
    return MutantVerdict(fault, mutant, seen, mended, time.monotonic() - began, failed), whole


def carried_out(tree: Path, lab: str, number: int) -> Seen:
    """Have a copy of the project with a defect in it carry out that defect's fault.

    Args:
        tree: The copy.
        lab: The lab's name; it is up.
        number: The fault's.

    Raises:
        LabError: It came to nothing.
    """
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "trellis.lab.faults.mutated"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tree)},
        cwd=tree,
        start_new_session=True,
    )
    try:
        answer, _ = child.communicate(json.dumps({"lab": lab, "number": number}), timeout=ENDS_WITHIN_S)
        said = json.loads(answer)
    except (subprocess.TimeoutExpired, ValueError) as error:
        why = f"no verdict: {type(error).__name__}, exit status {child.poll()}"
        raise LabError(f"fault {number} with a defect", why=why, remedy="see what was said above") from None
    finally:
        if child.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    if "error" in said:
        raise LabError(f"fault {number} with a defect", why=said["error"], remedy="see the lab")
    return Seen(said["happened"], said["proof"], tuple(said["problems"]))


def _told(verdict: MutantVerdict) -> str:
    mended = f"; afterwards {verdict.mended}" if verdict.mended else ""
    if verdict.noticed:
        return f"noticed: {verdict.reason[:200]}{mended}"
    return f"NOT NOTICED, {verdict.otherwise[:600]}{mended}"
