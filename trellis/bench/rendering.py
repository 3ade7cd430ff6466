"""The product's rendering beside the floor: the same bytes, cold processes, in turn, in one call."""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory

from trellis.bench.floor_input import floor_input
from trellis.bench.processes import BenchError, Launcher, Median, Run, launcher
from trellis.bench.sites import PLACEMENT, Size, site_data
from trellis.plan import plan
from trellis.site import load_site

SIZES = (Size(3, 1), Size(32, 16), Size(128, 16))
SCALE = (Size(32, 16), Size(64, 16), Size(128, 16), Size(256, 16))
REPETITIONS = 5

JUDGED = Size(128, 16)
MOST_TIMES_THE_FLOOR = 4.0
MOST_PEAK_BYTES = 90_000_000
"""Design section 13: 128x16 within 4 times the floor, and under 90 MB."""

EVENTS = {
    "start": "before the process is spawned: nothing of Python or of either side is loaded",
    "stop": "its end is seen: the text of every file of every host has been written to a file in memory or on disk",
    "cold": "each run is a new interpreter; bytecode of modules and the files read are in the system's cache",
    "product": "site as JSON in; load_site (every check), plan, render (Proxmox's merge included); every file out",
    "floor": "resolved data as JSON in; one Jinja template per host kind; the same bytes out (trellis/bench/floor.py)",
    "peak": "largest resident set of the process in any of its runs (ru_maxrss)",
}
"""What is measured, for whoever reads a figure."""

_FLOOR = Path(__file__).with_name("floor.py")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both sides at one size.

    Attributes:
        sha256: Of the output, which both sides have written in each run.
        ratio: The product's wall seconds by the floor's, of the medians.
        cpu_ratio: The same of processor seconds, which other load on the machine blurs less.
    """

    size: str
    hosts: int
    tenants: int
    guests: int
    placement: int
    lines: int
    output_bytes: int
    sha256: str
    product: Median
    floor: Median
    ratio: float
    cpu_ratio: float


@dataclass(frozen=True, slots=True)
class Growth:
    """The product alone at one size, and how its time has grown since the size before.

    Attributes:
        exponent: Of processor seconds by lines; 1 is linear, less is start-up that weighs less. None for the first.
    """

    size: str
    guests: int
    lines: int
    product: Median
    cpu_us_per_line: float
    exponent: float | None


def compare(sizes: Sequence[Size], repetitions: int, say: Callable[[str], None]) -> tuple[Comparison, ...]:
    """Measure product and floor in turn.

    Args:
        sizes: The sites.
        repetitions: Runs of each side and size, after one that is not counted.
        say: Where progress goes.

    Raises:
        BenchError: If a side fails, or the two do not write the same bytes.
    """
    with TemporaryDirectory(prefix="trellis-bench-") as folder, launcher() as launch:
        return tuple(_compared(Path(folder), launch, size, repetitions, say) for size in sizes)


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two, at one size."""

    launch: Launcher
    argv: tuple[str, ...]
    read: Path
    written: Path

    def run(self) -> tuple[Run, str]:
        """Run it once; return what it took, and the digest of what it wrote."""
        taken = self.launch.run(self.argv, self.read, self.written)
        return taken, hashlib.sha256(self.written.read_bytes()).hexdigest()


def _product(folder: Path, launch: Launcher, size: Size) -> _Side:
    site = folder / "site.json"
    site.write_text(json.dumps(site_data(size)), encoding="utf-8")
    return _Side(launch, (sys.executable, "-I", "-m", "trellis.bench.product"), site, folder / "product.txt")


def _floor(folder: Path, launch: Launcher, size: Size) -> _Side:
    resolved = folder / "resolved.json"
    resolved.write_text(json.dumps(floor_input(plan(load_site(site_data(size))))), encoding="utf-8")
    return _Side(launch, (sys.executable, "-I", str(_FLOOR)), resolved, folder / "floor.txt")


def _compared(folder: Path, launch: Launcher, size: Size, repetitions: int, say: Callable[[str], None]) -> Comparison:
    say(f"{size}: product and floor in turn, {repetitions} runs each")
    sides = _product(folder, launch, size), _floor(folder, launch, size)
    runs: list[list[Run]] = [[], []]
    digests: set[str] = set()
    for repetition in range(repetitions + 1):
        for side, taken in zip(sides, runs, strict=True):
            run, digest = side.run()
            digests.add(digest)
            if repetition > 0:  # the first of each fills the system's cache
                taken.append(run)
    if len(digests) != 1:
        raise BenchError(
            f"{size}: product and floor did not write the same bytes ({_first_difference(*sides)}), so that their "
            "times can't be compared; a file that changed needs the same change in trellis/bench/templates"
        )
    product, floor = map(Median.of, runs)
    written = sides[0].written.read_bytes()
    return Comparison(
        size=str(size),
        hosts=size.hosts,
        tenants=size.tenants,
        guests=size.guests,
        placement=min(PLACEMENT, size.hosts),
        lines=written.count(b"\n"),
        output_bytes=len(written),
        sha256=digests.pop(),
        product=product,
        floor=floor,
        ratio=round(product.wall_s / floor.wall_s, 2),
        cpu_ratio=round(product.cpu_s / floor.cpu_s, 2),
    )


def _first_difference(product: _Side, floor: _Side) -> str:
    lines = (side.written.read_text(encoding="utf-8").splitlines() for side in (product, floor))
    for number, (ours, theirs) in enumerate(zip_longest(*lines, fillvalue=""), start=1):
        if ours != theirs:
            return f"line {number}: product {ours!r}, floor {theirs!r}"
    return "not in the last run"


def misses(comparisons: Iterable[Comparison]) -> list[str]:
    """Return what of the budget is missed, one sentence each; only 128x16 has a budget."""
    found = []
    for one in (one for one in comparisons if one.size == str(JUDGED)):
        for ratio, what in ((one.ratio, "time"), (one.cpu_ratio, "processor time")):
            if ratio > MOST_TIMES_THE_FLOOR:
                found.append(f"{one.size}: {ratio} times the floor's {what}, budget {MOST_TIMES_THE_FLOOR}")
        if one.product.peak_bytes >= MOST_PEAK_BYTES:
            found.append(f"{one.size}: peak of {one.product.peak_bytes} bytes, budget below {MOST_PEAK_BYTES}")
    return found


def scale(sizes: Sequence[Size], repetitions: int, say: Callable[[str], None]) -> tuple[Growth, ...]:
    """Measure the product at growing sizes; see ``compare`` for the arguments."""
    found: list[tuple[Size, int, Median]] = []
    with TemporaryDirectory(prefix="trellis-bench-") as folder, launcher() as launch:
        for size in sizes:
            say(f"{size}: the product, {repetitions} runs")
            side = _product(Path(folder), launch, size)
            side.run()
            runs = Median.of([side.run()[0] for _ in range(repetitions)])
            found.append((size, side.written.read_bytes().count(b"\n"), runs))
    exponents = [None, *(_exponent(before, after) for before, after in pairwise(found))]
    return tuple(
        Growth(str(size), size.guests, lines, runs, round(runs.cpu_s / lines * 1e6, 3), exponent)
        for (size, lines, runs), exponent in zip(found, exponents, strict=True)
    )


def _exponent(before: tuple[Size, int, Median], after: tuple[Size, int, Median]) -> float:
    return round(math.log(after[2].cpu_s / before[2].cpu_s) / math.log(after[1] / before[1]), 3)
