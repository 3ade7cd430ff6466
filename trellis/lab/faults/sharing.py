"""Faults shared among labs that run side by side: most of a fault is waiting, for sessions, confirmations and boots.

Each lab takes the next fault that nobody has; within a lab one follows the other.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from trellis.engine import find as find_engine
from trellis.lab.faults import bench as benches
from trellis.lab.faults.fault import Fault, Verdict
from trellis.lab.faults.trial import tried
from trellis.lab.images import ensure_images
from trellis.lab.processes import Say

LABS = 2
"""As many as a machine of two processors bears: BFD's and BGP's clocks are real."""


def run(
    folder: Path, project: Path, faults: Sequence[Fault], say: Say, *, labs: int = LABS, keep: bool = False
) -> list[Verdict]:
    """Bring labs up, carry faults out in them, and take them down.

    Args:
        folder: Where the labs' stack file is.
        project: Folder of the program.
        faults: Which ones.
        say: Takes progress.
        labs: How many labs at most, 1 or more.
        keep: Whether the labs stay for the next run.

    Returns:
        A verdict per fault, in the given order.

    Raises:
        LabError: A lab did not come up.
        DeploymentError: The program failed on one.
    """
    ensure_images("trixie", say)
    find_engine(say)  # Once here: labs that find neither would build both at the same time.
    waiting, verdicts = deque(enumerate(faults)), dict[int, Verdict]()
    stopped = threading.Event()

    def work(name: str) -> None:
        def tell(text: str) -> None:
            say(f"{name}: {text}")

        try:
            bench = benches.up(folder, project, tell, name)
            while waiting and not stopped.is_set():
                number, fault = waiting.popleft()
                verdicts[number] = _told(tried(bench, fault), tell)
        finally:
            if not keep:
                benches.down(tell, name)

    names = [benches.lab_name(number) for number in range(1, min(labs, len(faults)) + 1)]
    with ThreadPoolExecutor(len(names)) as pool:
        try:
            list(pool.map(work, names))
        except BaseException:
            stopped.set()
            raise
    return [verdict for _, verdict in sorted(verdicts.items(), key=lambda entry: entry[0])]


def _told(verdict: Verdict, say: Say) -> Verdict:
    recovered = "" if verdict.recovered_s is None else f", whole again after {verdict.recovered_s:.1f} s"
    ended = "as written" if verdict.ok else "NOT AS WRITTEN"
    say(f"fault {verdict.fault.name}: {verdict.fault.what}: {ended}{recovered} ({verdict.seconds:.0f} s in all)")
    for problem in verdict.problems:
        say(f"  {problem}")
    return verdict
