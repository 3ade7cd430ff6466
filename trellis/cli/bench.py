"""``trellis bench``: what rendering and a run on the engine cost, beside the least that they could cost."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from trellis.bench import rendering
from trellis.bench.processes import BenchError, Median
from trellis.bench.sites import Size
from trellis.cli.console import Mistake, err, out, print_json, say

app = typer.Typer(no_args_is_help=True, help="Measure the product beside the least that the same work can cost.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Runs = Annotated[int, typer.Option("--runs", min=1, help="Counted runs of each side; one more comes before.")]


@app.command()
def render(
    sizes: Annotated[str, typer.Option("--sizes", help="Hosts x tenants, comma-separated.")] = ",".join(
        map(str, rendering.SIZES)
    ),
    scale: Annotated[bool, typer.Option("--scale", help="The product alone up to 256 hosts: is time linear?")] = False,
    runs: Runs = rendering.REPETITIONS,
    json: Json = False,
) -> None:
    """Validate, plan and render beside a bare-Jinja floor that writes the same bytes; exit 1 over the budget.

    Examples:

      trellis bench render

      trellis bench render --sizes 3x1,128x16 --json

      trellis bench render --scale
    """
    try:
        if scale:
            _print_growth(rendering.scale(rendering.SCALE, runs, say), json)
            return
        compared = rendering.compare([_size(text) for text in sizes.split(",")], runs, say)
    except BenchError as error:
        raise Mistake(str(error), exit_code=1) from None
    missed = rendering.misses(compared)
    if json:
        print_json({**_heading(), "budget_missed": missed, "sizes": [asdict(one) for one in compared]})
    else:
        out.print(_comparisons(compared))
        _print_events()
    if missed:
        raise Mistake("\n".join(missed), exit_code=1)


def _size(text: str) -> Size:
    try:
        return Size.parse(text.strip())
    except ValueError as error:
        raise Mistake(str(error)) from None


def _heading() -> dict[str, object]:
    return {"machine": rendering.machine(), "events": rendering.EVENTS}


def _print_events() -> None:
    for name, text in {**rendering.machine(), **rendering.EVENTS}.items():
        err.print(f"[dim]{name:>10}[/]  ", end="")
        err.print(text, markup=False)


def _comparisons(compared: tuple[rendering.Comparison, ...]) -> Table:
    heads = ("hosts x tenants", "guests", "lines", "MB", "side", "wall s (fastest-slowest)", "CPU s", "peak MB")
    table = Table(*heads, "x floor, wall", "x floor, CPU", title="Validate + plan + render, cold processes")
    for one in compared:
        about = (one.size, f"{one.guests:,}", f"{one.lines:,}", f"{one.output_bytes / 1e6:.1f}")
        table.add_row(*about, "trellis", *_figures(one.product), f"{one.ratio:.2f}", f"{one.cpu_ratio:.2f}")
        table.add_row("", "", "", "", "floor", *_figures(one.floor), "1", "1", end_section=True)
    return table


def _figures(taken: Median) -> tuple[str, str, str]:
    wall = f"{taken.wall_s:.2f} ({taken.fastest_s:.2f}-{taken.slowest_s:.2f})"
    return wall, f"{taken.cpu_s:.2f}", f"{taken.peak_bytes / 1e6:.1f}"


def _print_growth(growth: tuple[rendering.Growth, ...], json: bool) -> None:
    if json:
        print_json({**_heading(), "sizes": [asdict(one) for one in growth]})
        return
    heads = ("hosts x tenants", "guests", "lines", "wall s (fastest-slowest)", "CPU s", "peak MB", "CPU us per line")
    table = Table(*heads, "exponent since the size before", title="Time by size; an exponent of 1 is linear")
    for one in growth:
        exponent = "" if one.exponent is None else f"{one.exponent:.2f}"
        about = (one.size, f"{one.guests:,}", f"{one.lines:,}")
        table.add_row(*about, *_figures(one.product), f"{one.cpu_us_per_line:.2f}", exponent)
    out.print(table)
    _print_events()
