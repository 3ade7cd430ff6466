"""``trellis bench``: what rendering, a run on the engine and the agent cost, beside the least that they could cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from trellis.bench import agent as agent_bench
from trellis.bench import engine as engine_bench
from trellis.bench import rendering
from trellis.bench.machine import machine
from trellis.bench.processes import BenchError, Median
from trellis.bench.sites import Size
from trellis.cli.bench_guests import guests
from trellis.cli.bench_scale import Plot, scale
from trellis.cli.console import Mistake, err, out, print_json, say
from trellis.engine import EngineMissingError, find
from trellis.lab.errors import LabError
from trellis.lab.scratch import ScratchError

app = typer.Typer(no_args_is_help=True)

app.command()(guests)
app.command()(scale)


@app.callback(invoke_without_command=True)
def bench(context: typer.Context, plot: Plot = None) -> None:
    """Measure the product beside the least that the same work can cost.

    With --plot alone, `trellis bench scale --plot`.
    """
    if plot is not None and context.invoked_subcommand is not None:
        raise Mistake("--plot belongs after `trellis bench scale`, or alone after `trellis bench`")
    if plot is not None:
        scale(plot=plot)


Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Sizes = Annotated[str, typer.Option("--sizes", help="Hosts x tenants, comma-separated.")]
Runs = Annotated[int, typer.Option("--runs", min=1, help="Counted runs of each side; one more comes before.")]

_RENDER_SIZES = ",".join(map(str, rendering.SIZES))
_ENGINE_SIZES = ",".join(map(str, engine_bench.SIZES))


@app.command()
def render(
    sizes: Sizes = _RENDER_SIZES,
    runs: Runs = rendering.REPETITIONS,
    json: Json = False,
) -> None:
    """Validate, plan and render beside a bare-Jinja floor that writes the same bytes; exit 1 over the budget.

    Examples:

      trellis bench render

      trellis bench render --sizes 3x1,128x16 --json
    """
    try:
        compared = rendering.compare([_size(text) for text in sizes.split(",")], runs, say)
    except BenchError as error:
        raise Mistake(str(error), exit_code=1) from None
    missed = rendering.misses(compared)
    if json:
        print_json({**_heading(rendering.EVENTS), "budget_missed": missed, "sizes": [asdict(one) for one in compared]})
    else:
        out.print(_comparisons(compared))
        _print_heading(rendering.EVENTS)
    if missed:
        raise Mistake("\n".join(missed), exit_code=1)


@app.command()
def engine(
    sizes: Annotated[str, typer.Option("--sizes", help="Hosts x tenants, comma-separated.")] = ",".join(
        map(str, engine_bench.SIZES)
    ),
    runs: Annotated[
        int, typer.Option("--runs", min=1, help="Counted runs of each program.")
    ] = engine_bench.REPETITIONS,
    json: Json = False,
) -> None:
    """Run the program on the real engine beside a floor with the same resources; exit 1 over the budget.

    The floor reads the inputs of its resources from a file.  Beside it runs an empty program with as many resources
    and no inputs.  The ratio to that one is printed and not judged: the engine writes what is sent to it into its
    state at each checkpoint, whoever computed it, so it is mostly what sending the site's texts costs any program.

    Examples:

      trellis bench engine

      trellis bench engine --sizes 3x1 --runs 5 --json
    """
    try:
        compared = engine_bench.compare(find(say).path, [_size(text) for text in sizes.split(",")], runs, say)
    except (BenchError, EngineMissingError) as error:
        raise Mistake(str(error), exit_code=1) from None
    missed = engine_bench.misses(compared)
    if json:
        content = [asdict(one) for one in compared]
        print_json({**_heading(engine_bench.EVENTS), "budget_missed": missed, "comparisons": content})
    else:
        out.print(_programs(compared))
        _print_heading(engine_bench.EVENTS)
    if missed:
        raise Mistake("\n".join(missed), exit_code=1)


@app.command()
def agent(
    sizes: Annotated[str, typer.Option("--sizes", help="Hosts x tenants, comma-separated.")] = ",".join(
        map(str, agent_bench.SIZES)
    ),
    runs: Runs = agent_bench.REPETITIONS,
    json: Json = False,
) -> None:
    """Run the agent on a host that has nothing to do beside frr-reload.py on the same text; exit 1 over the budget.

    The host is a scratch FRR on this machine, native, so this needs root.  A first deploy and an added guest come
    before, and their steps are printed.

    Examples:

      trellis bench agent

      trellis bench agent --sizes 3x1 --runs 10 --json
    """
    try:
        measured = agent_bench.measure([_size(text) for text in sizes.split(",")], runs, say)
    except (BenchError, LabError, ScratchError) as error:
        raise Mistake(str(error), exit_code=1) from None
    missed = agent_bench.misses(measured)
    if json:
        content = [asdict(one) for one in measured]
        print_json({**_heading(agent_bench.EVENTS), "budget_missed": missed, "sizes": content})
    else:
        out.print(_no_ops(measured))
        out.print(_commits(measured))
        _print_heading(agent_bench.EVENTS)
    if missed:
        raise Mistake("\n".join(missed), exit_code=1)


def _size(text: str) -> Size:
    try:
        return Size.parse(text.strip())
    except ValueError as error:
        raise Mistake(str(error)) from None


def _heading(events: Mapping[str, str]) -> dict[str, object]:
    return {"machine": machine(), "events": events}


def _print_heading(events: Mapping[str, str]) -> None:
    for name, text in {**machine(), **events}.items():
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


def _programs(compared: tuple[engine_bench.Comparison, ...]) -> Table:
    heads = ("hosts x tenants", "operation", "resources", "MB sent", "program", "wall s (fastest-slowest)")
    more = ("CPU s (program's)", "peak MB: program", "engine", "trellis x wall", "trellis x CPU")
    table = Table(*heads, *more, title="On the real engine; the budget is for the ratio to the floor")
    for one in compared:
        about = (one.size, one.operation, f"{one.resources:,}", f"{one.sent_bytes / 1e6:.2f}")
        floor = (f"{one.ratio:.2f}", f"{one.cpu_ratio:.2f}")
        empty = (f"{one.empty_ratio:.2f}", f"{one.empty_cpu_ratio:.2f}")
        table.add_row(*about, "trellis", *_taken(one.program), "1", "1")
        table.add_row("", "", "", "", "floor", *_taken(one.floor), *floor)
        table.add_row("", "", "", "0", "empty", *_taken(one.empty), *empty, end_section=True)
    return table


def _taken(side: engine_bench.Taken) -> tuple[str, ...]:
    wall, cpu, _ = _figures(side.time)
    return (
        wall,
        f"{cpu} ({side.program_cpu_s:.2f})",
        f"{side.program_peak_bytes / 1e6:.1f}",
        f"{side.engine_peak_bytes / 1e6:.1f}",
    )


def _no_ops(measured: tuple[agent_bench.Measured, ...]) -> Table:
    heads = ("hosts x tenants", "lines", "manifest KB", "command", "wall s (fastest-slowest)", "CPU s", "peak MB")
    title = f"Nothing to do on a host; budget {agent_bench.MOST_BEYOND_S} s beyond frr-reload.py --test"
    table = Table(*heads, "beyond, wall s", "beyond, CPU s", title=title)
    for one in measured:
        about = (one.size, f"{one.lines:,}", f"{one.manifest_bytes / 1e3:.0f}")
        table.add_row(*about, "agent", *_figures(one.no_op), f"{one.beyond_s:.2f}", f"{one.beyond_cpu_s:.2f}")
        table.add_row("", "", "", "frr-reload --test", *_figures(one.test), "0", "0")
        table.add_row("", "", "", "frr-reload --reload", *_figures(one.reload), "", "", end_section=True)
    return table


def _commits(measured: tuple[agent_bench.Measured, ...]) -> Table:
    """Where the time of a real change goes: one column for each change, one row for each step."""
    columns = [(one.size, commit) for one in measured for commit in one.commits]
    heads = [f"{size}: {commit.what}" for size, commit in columns]
    table = Table("step", *heads, title="A real change, seconds of each step by the agent's report")
    for name in dict.fromkeys(step.name for _, commit in columns for step in commit.steps):
        found = ([step.seconds for step in commit.steps if step.name == name] for _, commit in columns)
        table.add_row(name, *(f"{sum(seconds):.2f}" if seconds else "" for seconds in found))
    table.add_section()
    table.add_row("the whole command", *(f"{commit.wall_s:.2f}" for _, commit in columns))
    table.add_row("without frr-reload", *(f"{commit.wall_s - commit.reload_s:.2f}" for _, commit in columns))
    return table
