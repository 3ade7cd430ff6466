"""``trellis prefixes check``: the prefix file beside what edges have, and edges' routes beside those of hosts.

Which of an edge's routes compete is judged in ``trellis.routeros.routes``; the metrics are
``trellis.observe.prefix_metrics``'.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from ipaddress import IPv6Network, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from trellis.cli.console import Mistake, out, print_json
from trellis.cli.prefix_asking import Asking, AttemptsOption, Json, Means, PasswordOption, WaitOption
from trellis.cli.prefix_file import replace_whole
from trellis.cli.stack import FileOption, StackOption
from trellis.site import Site, load_site
from trellis.site.delegated import Prefixes, VnetPrefixes, with_prefixes

if TYPE_CHECKING:
    from trellis.routeros.routes import Competing, Route

_AS_DELEGATED = "as delegated"


def add_to(app: typer.Typer) -> None:
    """Add this module's command to ``app``."""
    app.command()(check)


def check(
    no_routes: Annotated[
        bool,
        typer.Option("--no-routes", help="Do not ask for routes, of which a full table has too many."),
    ] = False,
    metrics: Annotated[
        Path | None,
        typer.Option("--metrics", help="Also write a .prom file for the node exporter to collect."),
    ] = None,
    stack: StackOption = "dev",
    file: FileOption = None,
    password_file: PasswordOption = None,
    wait: WaitOption = 10.0,
    attempts: AttemptsOption = 3,
    json: Json = False,
) -> None:
    """Compare the prefix file with what the edge was delegated, and the edge's routes with those of the hosts.

    Exit code 1 if a VNet's prefix differs, or if the edge has a route into a VNet that is not by BGP from a host: it
    beats theirs, and guests are looked for elsewhere. Nothing is changed.

    Examples:

      trellis prefixes check

      trellis prefixes check --metrics /var/lib/prometheus/node-exporter/trellis-prefixes.prom

      trellis prefixes check --json | jq '.vnets[] | select(.state != "as delegated")'
    """
    if metrics is not None and (metrics.suffix != ".prom" or not metrics.parent.is_dir()):
        raise Mistake(f"--metrics {metrics}: the node exporter reads *.prom in a folder that is there")
    asking, means = Asking.of(stack, file), Means(password_file, wait, attempts)
    known = asking.file.prefixes()
    answered = asking.asked(means)
    rows = _compared(asking.site, known, {vnet: one.prefix for vnet, one in answered.items()})
    competing = {} if no_routes else _competing(asking, means)
    same = all(row["state"] == _AS_DELEGATED for row in rows)
    if metrics is not None:
        _write_metrics(metrics, rows, competing)
    if json:
        routes = [_shown(edge, one) for edge, found in competing.items() for one in found]
        print_json({"same": same, "file": str(asking.file.path), "vnets": rows, "competing": routes})
    else:
        _print_compared(rows)
        if not same:
            out.print("`trellis prefixes sync` takes over what the edge has", markup=False)
        _print_competing(competing)
    if not same or any(competing.values()):
        raise typer.Exit(1)


def _competing(asking: Asking, means: Means) -> dict[str, tuple[Competing, ...]]:
    """The competing routes of each edge that can be asked."""
    from trellis.plan import plan
    from trellis.routeros.of_site import routes_of_edges
    from trellis.routeros.routes import competing

    site = load_site(with_prefixes(asking.data, asking.file.content))
    planned = plan(site)
    vnets = {vnet.name: [ip_network(subnet) for subnet in vnet.every_subnet] for vnet in planned.vnets}
    hosts = {address for host in planned.hosts for address in (host.ipv4, host.ipv6)}
    hosts |= _on_links(site)
    found: dict[str, tuple[Route, ...]] = means.told(lambda *how: routes_of_edges(site, *how))
    return {edge: competing(vnets, hosts, routes) for edge, routes in found.items()}


def _on_links(site: Site) -> set[str]:
    """The addresses of hosts on links: a next hop of a session that is not between loopbacks."""
    ends = [end for link in site.links.values() for name, end in link.ends.items() if name in site.hosts]
    return {str(found.ip) for end in ends for found in (end.ipv4, end.ipv6) if found is not None}


def _shown(edge: str, one: Competing) -> dict[str, str | int | None]:
    return {
        "edge": edge,
        "vnet": one.vnet,
        "prefix": str(one.prefix),
        "route": str(one.route.destination),
        "gateway": one.route.gateway or None,
        "distance": one.route.distance,
        "kind": one.route.kind,
    }


def _write_metrics(
    file: Path, rows: list[dict[str, str | None]], competing: Mapping[str, tuple[Competing, ...]]
) -> None:
    from trellis.observe.prefix_metrics import prefix_metrics_text

    states = {str(row["vnet"]): str(row["state"]) for row in rows}
    counts = {edge: len({one.route for one in found}) for edge, found in competing.items()}
    try:
        replace_whole(file, prefix_metrics_text(states, counts, time.time()))
    except OSError as error:
        raise Mistake(f"{file} can't be written, and is as it was: {error.strerror}", exit_code=1) from None


def _compared(site: Site, known: Prefixes, delegated: Mapping[str, IPv6Network | None]) -> list[dict[str, str | None]]:
    """How each VNet's current prefix compares with what its edge has."""
    from trellis.routeros.merging import drifted
    from trellis.routeros.of_site import sources

    differing = {drift.vnet: drift for drift in drifted(known, delegated)}
    rows: list[dict[str, str | None]] = []
    for source in sources(site):
        configured, found = known.vnets.get(source.vnet, VnetPrefixes()).current, delegated[source.vnet]
        state = _AS_DELEGATED
        if source.vnet in differing:
            state = "lost" if found is None else "new" if configured is None else "changed"
        rows.append(
            {
                "vnet": source.vnet,
                "edge": source.edge,
                "pool": source.pool,
                "configured": str(configured) if configured is not None else None,
                "delegated": str(found) if found is not None else None,
                "state": state,
            }
        )
    return rows


def _print_compared(rows: list[dict[str, str | None]]) -> None:
    table = Table("VNet", "edge", "pool", "prefix file", "delegated", "state", title="Delegated prefixes")
    for row in rows:
        colour = "green" if row["state"] == _AS_DELEGATED else "red"
        cells = [row[key] or "-" for key in ("vnet", "edge", "pool", "configured", "delegated")]
        table.add_row(*cells, f"[{colour}]{row['state']}[/]")
    out.print(table)


def _print_competing(competing: Mapping[str, tuple[Competing, ...]]) -> None:
    rows = [_shown(edge, one) for edge, found in competing.items() for one in found]
    if not rows:
        return
    table = Table(
        "edge", "VNet", "prefix", "route there", "by", "distance", "origin", title="Routes that beat the hosts'"
    )
    for row in rows:
        keys = ("edge", "vnet", "prefix", "route", "gateway", "distance", "kind")
        table.add_row(*("-" if row[key] is None else str(row[key]) for key in keys))
    out.print(table)
    out.print(
        "take them away at the edge: addresses of the VLAN that a VNet replaces, static routes into it "
        "(`edges.X.routeros.replaces` and `trellis render EDGE --format rsc` do so for VLANs)",
        markup=False,
    )
