"""The product's rendering beside the floor: the same bytes, cold processes, in turn, in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from trellis.bench.processes import Launcher, Median, Run, launcher
from trellis.bench.sides import floor_side, product_side, refuse_different
from trellis.bench.sites import PLACEMENT, Size, site_data

SIZES = (Size(3, 1), Size(32, 16), Size(128, 16))
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


def _compared(folder: Path, launch: Launcher, size: Size, repetitions: int, say: Callable[[str], None]) -> Comparison:
    say(f"{size}: product and floor in turn, {repetitions} runs each")
    data = site_data(size)
    sides = product_side(folder, launch, data), floor_side(folder, launch, data)
    runs: list[list[Run]] = [[], []]
    digests: set[str] = set()
    for repetition in range(repetitions + 1):
        for side, taken in zip(sides, runs, strict=True):
            run, digest = side.run()
            digests.add(digest)
            if repetition > 0:  # the first of each fills the system's cache
                taken.append(run)
    refuse_different(str(size), sides, digests)
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
