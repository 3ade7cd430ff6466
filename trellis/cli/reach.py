"""``trellis trace`` and ``trellis what-if``: what becomes of a packet, and what if something fails; on the plan."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import typer

from trellis.cli.console import Mistake, print_json
from trellis.cli.stack import FileOption, StackOption, read_site
from trellis.plan import plan as make_plan
from trellis.reach.fabric import VERSIONS, Version
from trellis.reach.packets import Protocol
from trellis.reach.places import UnknownPlaceError

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Family = Annotated[Literal["ipv4", "ipv6"] | None, typer.Option("--family", help="One family; both if none is named.")]
Port = Annotated[int | None, typer.Option(min=1, max=65535, help="A destination port, instead of a ping.")]


def add_to(app: typer.Typer) -> None:
    """Add this module's commands to ``app``."""
    app.command()(trace)
    app.command(name="what-if")(what_if)


def trace(
    source: Annotated[str, typer.Argument(help="A guest, host or edge, an address of one, or `internet`.")],
    target: Annotated[str, typer.Argument(help="The same, or any address: a pod's, a service's, a gateway's.")],
    family: Family = None,
    tcp: Port = None,
    udp: Port = None,
    stack: StackOption = "dev",
    file: FileOption = None,
    json: Json = False,
) -> None:
    """Follow a packet and its answer hop by hop, on the plan alone. Exit code 1 if one of them does not arrive.

    A guest's name stands for its loopbacks; its own addresses are named as such.

    Examples:

      trellis trace solcp01 solcp02

      trellis trace solcp01 10.101.0.12

      trellis trace debian-test-1 internet --family ipv6

      trellis trace solcp01 10.10.0.11 --tcp 8006 --json
    """
    from trellis.reach.trace import trace as follow
    from trellis.reach.trace_json import trace_json
    from trellis.reach.trace_text import trace_text

    if tcp is not None and udp is not None:
        raise Mistake("a packet is either TCP or UDP: name one of --tcp and --udp")
    protocol: Protocol = "tcp" if tcp is not None else "udp" if udp is not None else "icmp"
    versions: tuple[Version, ...] = {"ipv4": (4,), "ipv6": (6,), None: VERSIONS}[family]  # type: ignore[assignment]
    planned = make_plan(read_site(stack, file))
    try:
        found = follow(planned, source, target, versions=versions, protocol=protocol, port=tcp or udp or 0)
    except UnknownPlaceError as unknown:
        raise Mistake(str(unknown)) from None
    if json:
        print_json(trace_json(found))
    else:
        sys.stdout.write(trace_text(found))
    if not found.answered:
        raise typer.Exit(1)


def what_if(
    down: Annotated[
        list[str],
        typer.Option("--down", help="A host, an edge, a link, or LINK:NODE for one port of it; repeatable."),
    ],
    stack: StackOption = "dev",
    file: FileOption = None,
    json: Json = False,
) -> None:
    """Show who loses what if something fails, on the plan alone. Exit code 1 if somebody loses reachability.

    Examples:

      trellis what-if --down pve02

      trellis what-if --down edge1 --json

      trellis what-if --down mesh-pve01-pve02 --down management:pve01
    """
    from trellis.reach.failure import down_of
    from trellis.reach.what_if import what_if as consider
    from trellis.reach.what_if_text import what_if_text

    planned = make_plan(read_site(stack, file))
    try:
        found = consider(planned, down_of(planned, down))
    except UnknownPlaceError as unknown:
        raise Mistake(str(unknown)) from None
    if json:
        print_json(found)
    else:
        sys.stdout.write(what_if_text(found))
    if not found.harmless:
        raise typer.Exit(1)
