"""``trellis bench scale``: how rendering and the engine's runs grow with hosts and guests, as a table and a picture."""

from __future__ import annotations

import json as json_text
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from trellis.bench import scale as scale_bench
from trellis.bench.processes import BenchError, Median
from trellis.bench.scale import Result
from trellis.bench.scale_plot import draw
from trellis.bench.scale_sites import MOST_GUESTS
from trellis.bench.sites import MOST_HOSTS
from trellis.cli.console import Mistake, err, out, print_json, say
from trellis.engine import EngineMissingError, find

Plot = Annotated[
    Path | None,
    typer.Option("--plot", help="An SVG file to draw; what was measured goes beside it, as NAME.json.", metavar="FILE"),
]


def scale(
    hosts: Annotated[str, typer.Option("--hosts", help="Numbers of hosts, comma-separated.")] = ",".join(
        map(str, scale_bench.HOSTS)
    ),
    guests: Annotated[str, typer.Option("--guests", help="Numbers of guests, comma-separated.")] = ",".join(
        map(str, scale_bench.GUESTS)
    ),
    runs: Annotated[
        int, typer.Option("--runs", min=1, help="Counted runs of each side and size.")
    ] = scale_bench.REPETITIONS,
    engine: Annotated[bool, typer.Option("--engine", help="Also run the program on the real engine.")] = False,
    plot: Plot = None,
    source: Annotated[
        Path | None, typer.Option("--from", help="What an earlier run left: nothing is measured.", metavar="FILE")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure validate + plan + render as hosts and guests grow; exit 1 if time grows faster than what is rendered.

    Each size runs beside the floor of `trellis bench render`.  A guest is rendered on the hosts where it may run: on
    three of them, or, where its placement is not stated, on all of its zone's nodes.

    Examples:

      trellis bench scale

      trellis bench scale --hosts 8,16 --guests 200 --runs 1 --json

      trellis bench scale --engine --plot docs/scale.svg

      trellis bench scale --from docs/scale.json --plot docs/scale.svg
    """
    try:
        result = _measured(hosts, guests, runs, engine) if source is None else scale_bench.from_json(_read(source))
    except (BenchError, EngineMissingError) as error:
        raise Mistake(str(error), exit_code=1) from None
    if plot is not None:
        _write(plot, draw(result))
        if source is None:
            _write(plot.with_suffix(".json"), json_text.dumps(scale_bench.as_data(result), indent=1) + "\n")
    missed = scale_bench.misses(result)
    if json:
        print_json({**scale_bench.as_data(result), "events": scale_bench.EVENTS, "bound_missed": missed})
    else:
        _print(result)
    if missed:
        raise Mistake("\n".join(missed), exit_code=1)


def _measured(hosts: str, guests: str, runs: int, engine: bool) -> Result:
    numbers = _numbers("--hosts", hosts, MOST_HOSTS), _numbers("--guests", guests, MOST_GUESTS)
    return scale_bench.measure(*numbers, runs, find(say).path if engine else None, say)


def _numbers(option: str, text: str, most: int) -> list[int]:
    found = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdecimal() and 1 <= int(part) <= most for part in found):
        raise Mistake(f"{option} '{text}': numbers of 1-{most}, comma-separated, for example 8,32")
    return [int(part) for part in found]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Mistake(f"{path} can't be read: {error}") from None


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Mistake(f"{path} can't be written: {error.strerror}", exit_code=1) from None
    say(f"{path} is written")


def _print(result: Result) -> None:
    out.print(_sizes(result))
    out.print(_fits(result))
    if result.engine:
        out.print(_engine(result))
    for text in result.left_out:
        out.print(f"not measured: {text}", markup=False)
    for name, text in {**result.machine, **scale_bench.EVENTS}.items():
        err.print(f"[dim]{name:>10}[/]  ", end="")
        err.print(text, markup=False)


def _sizes(result: Result) -> Table:
    heads = ("hosts", "guests", "guest on", "iBGP", "lines", "MB", "kB a host", "side", "CPU s", "wall s", "peak MB")
    table = Table(*heads, "us a line", title="Validate + plan + render, cold processes")
    for row in result.rows:
        on = f"{row.placed_on}" if row.placement is not None else f"{row.placed_on} (zone)"
        about = (f"{row.hosts}", f"{row.guests:,}", on, "reflectors" if row.reflected else "mesh", f"{row.lines:,}")
        sizes = (f"{row.output_bytes / 1e6:.1f}", f"{row.bytes_per_host / 1e3:.0f}")
        table.add_row(*about, *sizes, "trellis", *_figures(row.product, row.lines))
        table.add_row(*("",) * 7, "floor", *_figures(row.floor, row.lines), end_section=True)
    return table


def _figures(taken: Median, lines: int) -> tuple[str, str, str, str]:
    cpu = f"{taken.cpu_s:.2f}"
    return cpu, f"{taken.wall_s:.2f}", f"{taken.peak_bytes / 1e6:.0f}", f"{taken.cpu_s / lines * 1e6:.1f}"


def _fits(result: Result) -> Table:
    title = (
        f"CPU time by lines, less a start of {result.start_cpu_s[0]:.2f} s; 1 is linear, at most {result.most_exponent}"
    )
    table = Table("guest on", "side", "sizes", "exponent", title=title)
    for fit in result.fits:
        on = "its zone's nodes" if fit.placement is None else f"{fit.placement} hosts"
        table.add_row(on, fit.side, f"{fit.rows}", f"{fit.exponent:.2f}")
    return table


def _engine(result: Result) -> Table:
    heads = ("hosts", "guests", "guest on", "tenants", "resources", "preview: CPU s", "wall s", "up: CPU s", "wall s")
    more = ("nothing to do: CPU s", "wall s", "peak MB", "state MB", "state kB a host")
    table = Table(*heads, *more, title="The program on the real engine")
    for one in result.engine:
        taken = one.taken
        times: Sequence[Median] = (taken.preview, taken.up, taken.again)
        table.add_row(
            *(f"{one.hosts}", f"{one.guests:,}", f"{one.placement or one.hosts}", f"{one.tenants}"),
            f"{taken.resources:,}",
            *(text for time in times for text in (f"{time.cpu_s:.1f}", f"{time.wall_s:.1f}")),
            f"{taken.peak_bytes / 1e6:.0f}",
            *(f"{taken.state_bytes / 1e6:.1f}", f"{taken.state_bytes / one.hosts / 1e3:.0f}"),
        )
    return table
