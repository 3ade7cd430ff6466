"""``trellis bench guests``: what the sessions of many guests cost a host, beside the same host with none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from trellis.bench import guests as guests_bench
from trellis.bench.guest_sites import MOST_GUESTS, MOST_ROUTES, SHAPES, Load, Shape
from trellis.bench.guests import Idle, Measured, Result
from trellis.bench.machine import machine
from trellis.bench.processes import BenchError
from trellis.cli.console import Mistake, err, out, print_json, say
from trellis.lab.errors import LabError
from trellis.lab.scratch import ScratchError

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def guests(
    guests: Annotated[
        int, typer.Option("--guests", min=1, max=MOST_GUESTS, help="Guests on the host.")
    ] = guests_bench.LOAD.guests,
    routes: Annotated[
        int, typer.Option("--routes", min=1, max=MOST_ROUTES, help="IPv6 prefixes of each guest.")
    ] = guests_bench.LOAD.routes,
    shapes: Annotated[str, typer.Option("--shapes", help="Of bound, open, ranges; comma-separated.")] = ",".join(
        SHAPES
    ),
    steady: Annotated[
        float, typer.Option("--steady", min=1.0, help="Seconds for which the steady state is watched.")
    ] = guests_bench.STEADY_S,
    json: Json = False,
) -> None:
    """Load a host's bgpd with the sessions of many guests; exit 1 if a target is missed.

    Host and edge are real FRRs on this machine, native, so this needs root; the guests are light speakers.  Beside
    them stands the same host with no guests.  Targets are judged up to 100 guests x 10 routes.

    Examples:

      trellis bench guests

      trellis bench guests --guests 10 --shapes bound --steady 5 --json

      trellis bench guests --guests 1000 --shapes bound,ranges
    """
    load = Load(guests, routes)
    try:
        result = guests_bench.measure(load, _shapes(shapes), steady, say)
    except (BenchError, LabError, ScratchError) as error:
        raise Mistake(str(error), exit_code=1) from None
    missed, events = guests_bench.misses(result), {**machine(), **guests_bench.EVENTS}
    if json:
        print_json(
            {"machine": machine(), "events": guests_bench.EVENTS, "targets_missed": missed, "result": asdict(result)}
        )
    else:
        out.print(_table(load, result))
        _print_events(events)
    if missed:
        raise Mistake("\n".join(missed), exit_code=1)


def _shapes(text: str) -> list[Shape]:
    named = [name.strip() for name in text.split(",")]
    chosen = [shape for shape in SHAPES if shape in named]
    if not named or len(chosen) != len(named):
        raise Mistake(f"'{text}' are no shapes; choose of {', '.join(SHAPES)}, each once")
    return chosen


def _print_events(events: Mapping[str, str]) -> None:
    for name, text in events.items():
        err.print(f"[dim]{name:>10}[/]  ", end="")
        err.print(text, markup=False)


def _table(load: Load, result: Result) -> Table:
    title = f"A host's bgpd with {load.guests:,} guests x {load.routes} routes; median (slowest)"
    table = Table("", "target", "none", *(one.shape for one in result.shapes), title=title)
    for name, target, of_none, of_shape in _rows():
        table.add_row(name, target, of_none(result.none), *(of_shape(one) for one in result.shapes))
    return table


def _observer(one: Measured) -> str:
    if one.observed is None:
        return "the agent has none"
    return f"{one.observed.cpu_percent:.2f} ({one.observed.memory.rss_bytes / 2**20:.1f})"


def _nothing(_: Idle) -> str:
    return ""


def _rows() -> Iterator[tuple[str, str, Callable[[Idle], str], Callable[[Measured], str]]]:
    mib = 2**20
    most = guests_bench.MOST_MEMORY_BYTES // mib
    yield "a session, s (slowest)", f"{guests_bench.MOST_SESSION_S:g}", _nothing, lambda one: f"{one.session_s:.2f}"
    yield "all sessions, s", "", _nothing, lambda one: f"{one.sessions_s:.2f} ({one.attempts} attempts)"
    yield "all routes at the edge, s", "", _nothing, lambda one: f"{one.all_routes_s:.2f}"
    yield "burst CPU, s (settled)", "", _nothing, lambda one: f"{one.burst_cpu_s:.2f} ({one.settled_cpu_s:.2f})"
    yield (
        "announced, s",
        f"{guests_bench.MOST_PROPAGATION_S:g}",
        _nothing,
        lambda one: f"{one.announced.median_s:.3f} ({one.announced.slowest_s:.3f})",
    )
    yield "withdrawn, s", "", _nothing, lambda one: f"{one.withdrawn.median_s:.3f} ({one.withdrawn.slowest_s:.3f})"
    yield (
        "killed, s",
        f"{guests_bench.MOST_CONVERGENCE_S:g}",
        _nothing,
        lambda one: f"{one.killed.median_s:.3f} ({one.killed.slowest_s:.3f})",
    )
    yield (
        "steady CPU, %",
        f"none + {guests_bench.MOST_CPU_PERCENT:g}",
        lambda none: f"{none.steady_cpu_percent:.2f}",
        lambda one: f"{one.steady_cpu_percent:.2f}",
    )
    yield (
        "RSS / PSS waiting, MiB",
        f"none + {most}",
        lambda none: f"{none.memory.rss_bytes / mib:.1f} / {none.memory.pss_bytes / mib:.1f}",
        lambda one: f"{one.waiting.memory.rss_bytes / mib:.1f} / {one.waiting.memory.pss_bytes / mib:.1f}",
    )
    yield (
        "RSS / PSS connected, MiB",
        f"none + {most}",
        _nothing,
        lambda one: f"{one.memory_connected.rss_bytes / mib:.1f} / {one.memory_connected.pss_bytes / mib:.1f}",
    )
    yield (
        "RSS / PSS dead, MiB",
        f"none + {most}",
        _nothing,
        lambda one: f"{one.memory_dead.rss_bytes / mib:.1f} / {one.memory_dead.pss_bytes / mib:.1f}",
    )
    yield "observer: CPU, % (RSS, MiB)", "", _nothing, _observer
    yield (
        "bgpd while observed, %",
        "",
        _nothing,
        lambda one: f"{one.observed.bgpd_cpu_percent:.2f}" if one.observed else "",
    )
    yield (
        "text loaded, s (CPU)",
        "",
        lambda none: f"{none.load_s:.2f} ({none.load_cpu_s:.2f})",
        lambda one: f"{one.waiting.load_s:.2f} ({one.waiting.load_cpu_s:.2f})",
    )
