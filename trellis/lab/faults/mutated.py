"""A fault carried out by a copy of the project that has a defect in it: `python -m trellis.lab.faults.mutated`.

Run from the copy, this process is that product whole: the agent that it installs, the digest that its calls name, the
program that it deploys and the connections that it makes are the copy's.  Reads one request as JSON on standard input
and answers with the verdict; `trellis.lab.faults.mutants` is the other end.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from trellis.lab import command_line
from trellis.lab.errors import LabError
from trellis.lab.faults import bench as benches
from trellis.lab.faults.catalogue import read_mutants
from trellis.lab.faults.fault import Verdict
from trellis.lab.faults.trial import Trial

HEARD_WITHIN_S = 90.0
"""Seconds for a deployment to one host whose end may never be heard of; sound ones of the faults take 60 at most."""


def main() -> int:
    """Carry the fault of the request out."""
    request = json.load(sys.stdin)
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)  # whatever else is printed is no answer
        json.dump(_tried(request["lab"], request["number"]), answers)
    return 0


def _tried(lab: str, number: int) -> dict[str, Any]:
    tree = Path(__file__).resolve().parents[3]
    folder = tree / "tests" / "lab" / "faults"
    fault, mutant = read_mutants(folder)[number]
    try:
        bench = benches.find(folder, tree, _say, lab)
        command_line.install(bench.twin, _say, bench.hosts if fault.everyone else [fault.host])
        trial = Trial(bench, fault)
    except LabError as error:
        return {"error": str(error)}
    trial.settled_within_s = mutant.settled_within_s
    trial.heard_within_s = HEARD_WITHIN_S
    verdict: Verdict = trial.run(until_red=True)
    return {"happened": verdict.happened, "proof": verdict.proof, "problems": list(verdict.problems)}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
