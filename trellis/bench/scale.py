"""How validate + plan + render grow with hosts and guests, and what the program costs on the engine.

Each size runs beside the floor of ``trellis bench render``, the same bytes or no figures.  Judged is whether time is
linear in what is rendered: the slope of processor time over lines, both as logarithms, less what an interpreter takes
to start.  The picture of it is ``trellis.bench.scale_plot``'s.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import TypeAdapter, ValidationError

from trellis.bench.engine import Alone, alone
from trellis.bench.machine import machine
from trellis.bench.processes import BenchError, Launcher, Median, Run, launcher
from trellis.bench.scale_sites import FEW, Growth, grown_site
from trellis.bench.sides import Side, floor_side, product_side, refuse_different

SCHEMA_VERSION = 1

HOSTS = (8, 32, 128, 256)
GUESTS = (1000, 4000)
PLACEMENTS = (FEW, None)
REPETITIONS = 3

MOST_PLACED = 128_000
"""Guests times the hosts that each may run on, 64 lines each: 8 million lines, 330 MB.  What is beyond is left out."""

MOST_EXPONENT = 1.1
"""Of processor seconds by lines.  1 is linear; the rest is for caches that grow too small, and for the clock."""

START = Growth(1, 0, None, tenants=1)
"""The smallest site: nearly all that it takes is an interpreter's start and the compiling of templates."""

ENGINE = (Growth(8, 32, FEW, tenants=4), Growth(16, 64, FEW, tenants=4), Growth(32, 128, FEW, tenants=4))
"""The engine writes its state anew after each step: beyond 32 hosts in one stack a measurement takes an hour."""

EVENTS = {
    "start": "before the process is spawned: nothing of Python or of either side is loaded",
    "stop": "its end is seen: the text of every file of every host is written",
    "trellis": "site as JSON in; load_site (every check), plan, render (Proxmox's merge included); every file out",
    "floor": "resolved data as JSON in; one Jinja template per host kind; the same bytes out (trellis/bench/floor.py)",
    "placement": "on how many hosts a guest may run and is rendered; 16 tenants, a zone and a VNet each on every host",
    "judged": f"the exponent of processor time less the smallest site's, by lines: at most {MOST_EXPONENT}",
    "peak": "largest resident set of the process in any of its runs (ru_maxrss)",
    "engine": "trellis/bench/own on the real engine with plugins that make every resource at once; 4 tenants; "
    "the engine's and the plugins' time included; state: the file of the stack after `up`, secrets encrypted",
}
"""What is measured, for whoever reads a figure."""


@dataclass(frozen=True, slots=True)
class Row:
    """One size.

    Attributes:
        placement: On how many hosts each guest may run; None for its zone's nodes, which are all hosts.
        placed_on: The same as a number.
        reflected: Whether iBGP has route reflectors; a full mesh otherwise.
        sha256: Of the output, which both sides have written in each run.
    """

    hosts: int
    guests: int
    placement: int | None
    placed_on: int
    reflected: bool
    lines: int
    output_bytes: int
    sha256: str
    product: Median
    floor: Median

    @property
    def bytes_per_host(self) -> int:
        """What is rendered for a host, on average."""
        return self.output_bytes // self.hosts


@dataclass(frozen=True, slots=True)
class Fit:
    """How time grows with lines, over all rows of one placement.

    Attributes:
        exponent: 1 is linear.
        rows: How many.
    """

    placement: int | None
    side: str
    exponent: float
    rows: int


@dataclass(frozen=True, slots=True)
class OnEngine:
    """The program on the real engine at one size."""

    hosts: int
    guests: int
    placement: int | None
    tenants: int
    taken: Alone


@dataclass(frozen=True, slots=True)
class Result:
    """All of it, as it is kept beside the picture.

    Attributes:
        start_cpu_s: Processor seconds of the smallest site, product and floor: the start, which is no growth.
        left_out: Sizes that were not measured, with the reason.
    """

    schema_version: int
    machine: dict[str, str]
    most_exponent: float
    start_cpu_s: tuple[float, float]
    rows: tuple[Row, ...]
    fits: tuple[Fit, ...]
    left_out: tuple[str, ...]
    engine: tuple[OnEngine, ...]


def sizes(hosts: Iterable[int], guests: Iterable[int]) -> tuple[tuple[Growth, ...], tuple[str, ...]]:
    """Return the sizes to measure, and those that are left out, each with the reason.

    Args:
        hosts: How many hosts there are.
        guests: How many guests there are, for each number of hosts.
    """
    numbers, counts = sorted(set(hosts)), sorted(set(guests))
    every = [Growth(host, guest, placement) for placement in PLACEMENTS for host in numbers for guest in counts]
    left_out = tuple(
        f"{one.hosts} hosts x {one.guests:,} guests on each: {one.guests * one.placed_on:,} neighbours to render, "
        f"of which {one.guests:,} on every host; at most {MOST_PLACED:,} are measured"
        for one in every
        if one.guests * one.placed_on > MOST_PLACED
    )
    return tuple(one for one in every if one.guests * one.placed_on <= MOST_PLACED), left_out


def measure(
    hosts: Sequence[int], guests: Sequence[int], repetitions: int, engine: Path | None, say: Callable[[str], None]
) -> Result:
    """Measure product and floor in turn at each size, and the program on the engine.

    Args:
        hosts: How many hosts there are.
        guests: How many guests there are, for each number of hosts.
        repetitions: Counted runs of each side and size.
        engine: The `pulumi` executable; None measures without the engine.
        say: Where progress goes.

    Raises:
        BenchError: If a side fails, or the two do not write the same bytes.
    """
    chosen, left_out = sizes(hosts, guests)
    with TemporaryDirectory(prefix="trellis-bench-") as folder, launcher() as launch:
        _row(Path(folder), launch, START, 1)  # not counted: it fills the system's cache
        start = _row(Path(folder), launch, START, max(repetitions, REPETITIONS))
        rows = []
        for one in chosen:
            say(f"{one.hosts} hosts, {one.guests:,} guests on {one.placed_on}: product and floor, {repetitions} runs")
            rows.append(_row(Path(folder), launch, one, repetitions))
    on_engine = tuple(_on_engine(engine, one, repetitions, say) for one in ENGINE) if engine is not None else ()
    starts = start.product.cpu_s, start.floor.cpu_s
    return Result(
        schema_version=SCHEMA_VERSION,
        machine=machine(),
        most_exponent=MOST_EXPONENT,
        start_cpu_s=starts,
        rows=tuple(rows),
        fits=fits(rows, starts),
        left_out=left_out,
        engine=on_engine,
    )


def fits(rows: Sequence[Row], start_cpu_s: tuple[float, float]) -> tuple[Fit, ...]:
    """Return the exponents of each placement, of product and floor; none where there is only one size.

    Args:
        rows: What was measured.
        start_cpu_s: What the start takes, of product and floor.
    """
    found = []
    for placement in PLACEMENTS:
        own = [row for row in rows if row.placement == placement]
        lines = [row.lines for row in own]
        if len(set(lines)) > 1:
            for side, start, cpu in (
                ("trellis", start_cpu_s[0], [row.product.cpu_s for row in own]),
                ("floor", start_cpu_s[1], [row.floor.cpu_s for row in own]),
            ):
                seconds = [max(one - start, 0.001) for one in cpu]
                found.append(Fit(placement, side, round(exponent(lines, seconds), 3), len(own)))
    return tuple(found)


def exponent(amounts: Sequence[float], seconds: Sequence[float]) -> float:
    """Return the slope of the least-squares line through the logarithms.

    Args:
        amounts: At least two different ones.
        seconds: What each took.
    """
    xs, ys = [math.log(one) for one in amounts], [math.log(one) for one in seconds]
    middle_x, middle_y = sum(xs) / len(xs), sum(ys) / len(ys)
    over = sum((x - middle_x) * (y - middle_y) for x, y in zip(xs, ys, strict=True))
    return over / sum((x - middle_x) ** 2 for x in xs)


def misses(result: Result) -> list[str]:
    """Return where time grows faster than what is rendered, one sentence each."""
    return [
        f"guests on {_hosts(fit.placement)}: processor time grows with lines to the power of {fit.exponent}, "
        f"bound {result.most_exponent}"
        for fit in result.fits
        if fit.side == "trellis" and fit.exponent > result.most_exponent
    ]


def from_json(text: str) -> Result:
    """Return a result that was kept.

    Args:
        text: Its JSON.

    Raises:
        BenchError: If it is none, or one of another version.
    """
    try:
        found = TypeAdapter(Result).validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        raise BenchError(
            f"no result of trellis bench scale: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        ) from None
    if found.schema_version != SCHEMA_VERSION:
        raise BenchError(f"a result of version {found.schema_version}; this Trellis reads {SCHEMA_VERSION}")
    return found


def as_data(result: Result) -> dict[str, Any]:
    """Return a result as it is kept."""
    return asdict(result)


def _hosts(placement: int | None) -> str:
    return "their zone's nodes" if placement is None else f"{placement} hosts"


def _row(folder: Path, launch: Launcher, size: Growth, repetitions: int) -> Row:
    data = grown_site(size)
    sides: tuple[Side, Side] = product_side(folder, launch, data), floor_side(folder, launch, data)
    runs: tuple[list[Run], list[Run]] = [], []
    digests = set()
    for _ in range(repetitions):
        for side, taken in zip(sides, runs, strict=True):
            run, digest = side.run()
            taken.append(run)
            digests.add(digest)
    refuse_different(data["name"], sides, digests)
    with sides[0].written.open("rb") as written:
        lines = sum(1 for _ in written)
        output_bytes = written.tell()
    product, floor = map(Median.of, runs)
    return Row(
        hosts=size.hosts,
        guests=size.guests,
        placement=size.placement,
        placed_on=size.placed_on,
        reflected=size.reflected,
        lines=lines,
        output_bytes=output_bytes,
        sha256=digests.pop(),
        product=product,
        floor=floor,
    )


def _on_engine(engine: Path, size: Growth, repetitions: int, say: Callable[[str], None]) -> OnEngine:
    say(f"{size.hosts} hosts, {size.guests} guests, {size.tenants} tenants on the engine")
    taken = alone(engine, grown_site(size), repetitions)
    return OnEngine(size.hosts, size.guests, size.placement, size.tenants, taken)
