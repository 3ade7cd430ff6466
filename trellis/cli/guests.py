"""``trellis guests``: sessions, routes and events of guests, out of the store alone; no host is asked.

What Proxmox says of guests is ``trellis.cli.discover``'s, a command of the same group.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from trellis.cli import discover
from trellis.cli.console import Mistake, out, print_json
from trellis.cli.store import StoreOption, reading

if TYPE_CHECKING:
    from trellis.observe.queries import Page
    from trellis.observe.tables import ObservedHost

app = typer.Typer(
    help="Sessions, routes and events of guests that speak BGP, as `trellis observe run` recorded them; their VMs.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
discover.add_to(app)

NetworkOption = Annotated[str | None, typer.Option("--network", "-n", help="A VNet's id.")]
GuestOption = Annotated[str | None, typer.Option("--guest", "-g", help="A guest's name, or its address.")]
HostOption = Annotated[str | None, typer.Option("--host", help="A host.")]
StateOption = Annotated[str | None, typer.Option("--state", help="A state, as Established or Rejected.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="Most entries.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_COLOURS = {
    "Established": "green",
    "Accepted": "green",
    "Rejected": "red",
    "Penalty": "red",
    "Unknown": "yellow",
    "Withdrawn": "dim",
}


@app.command()
def sessions(
    network: NetworkOption = None,
    guest: GuestOption = None,
    state: StateOption = None,
    host: HostOption = None,
    removed: Annotated[bool, typer.Option("--removed", help="Those that left the site, or whose VM is gone.")] = False,
    limit: LimitOption = 1000,
    store: StoreOption = None,
    json: Json = False,
) -> None:
    """Show each guest's session: where it is, since when, and why it is not.

    Examples:

      trellis guests sessions

      trellis guests sessions --network vnet101 --state Penalty

      trellis guests sessions --json | jq -r '.items[] | select(.state != "Established") | .guest'
    """
    from trellis.observe.queries import PeeringFilter, hosts, peerings
    from trellis.observe.tables import PeeringState

    wanted = PeeringFilter(network, None, guest, host, _one_of(PeeringState, state, "--state"), None, removed)
    with reading(store) as db:
        page, read = peerings(db, wanted, 1, limit), hosts(db)
        if json:
            print_json(_as_json(page, [_columns(row) for row in page.items]))
            return
        table = Table("VNet", "guest", "address", "VM", "ASN", "host", "state", "for", "in", "out", "last error")
        for row in page.items:
            vm = row.vm_id if row.vm_id == "unknown" else f"{row.vm_id} {row.nic_id}"
            counts = str(row.prefixes_received), str(row.prefixes_sent)
            up_for = "-" if row.uptime_seconds is None else _span(row.uptime_seconds)
            cells = row.network_id, row.guest, row.guest_ip, vm, str(row.guest_asn), row.host or "-"
            table.add_row(*cells, _coloured(row.state), up_for, *counts, escape(row.last_error or "-"))
        _print(table, page, read)


@app.command()
def routes(
    network: NetworkOption = None,
    guest: GuestOption = None,
    state: StateOption = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Why it was refused, as outside_range.")] = None,
    host: HostOption = None,
    prefix: Annotated[str | None, typer.Option("--prefix", help="A prefix, exactly.")] = None,
    limit: LimitOption = 1000,
    store: StoreOption = None,
    json: Json = False,
) -> None:
    """Show what guests announce, and why some of it is refused; with --state Withdrawn, what they announced before.

    Examples:

      trellis guests routes --guest debian-test-1

      trellis guests routes --state Rejected

      trellis guests routes --reason infrastructure --json
    """
    from trellis.observe.queries import RouteFilter, hosts
    from trellis.observe.queries import routes as routes_of
    from trellis.observe.tables import RouteState
    from trellis.reach.reasons import Code

    code, wanted_state = _one_of(Code, reason, "--reason"), _one_of(RouteState, state, "--state")
    wanted = RouteFilter(None, network, guest, host, wanted_state, code, prefix)
    with reading(store) as db:
        page, read = routes_of(db, wanted, 1, limit), hosts(db)
        if json:
            owners = [{"network_id": of.network_id, "guest": of.guest, "guest_ip": of.guest_ip} for _, of in page.items]
            rows = [{**owner, **_columns(route)} for owner, (route, _) in zip(owners, page.items, strict=True)]
            print_json(_as_json(page, rows))
            return
        table = Table("VNet", "guest", "prefix", "next hop", "AS path", "state", "since", "reason")
        for route, of in page.items:
            since = route.withdrawn_at or route.accepted_at or route.received_at
            name = of.guest if of.guest != "unknown" else of.guest_ip
            cells = of.network_id, name, route.prefix, route.next_hop, escape(route.as_path)
            table.add_row(*cells, _coloured(route.state), _moment(since), escape(route.rejection_reason or "-"))
        _print(table, page, read)


@app.command()
def events(
    network: NetworkOption = None,
    guest: GuestOption = None,
    kind: Annotated[str | None, typer.Option("--kind", help="What happened, as session_down.")] = None,
    host: HostOption = None,
    since: Annotated[str | None, typer.Option("--since", help="A moment (ISO 8601), or a span: 30m, 12h, 7d.")] = None,
    limit: LimitOption = 100,
    store: StoreOption = None,
    json: Json = False,
) -> None:
    """Show what happened to guests' sessions and routes and to the hosts that are read, the newest first.

    Examples:

      trellis guests events --since 1h

      trellis guests events --guest debian-test-1 --kind session_down
    """
    from trellis.observe.queries import EventFilter, hosts
    from trellis.observe.queries import events as events_of
    from trellis.observe.tables import EventKind

    wanted = EventFilter(network, guest, host, _one_of(EventKind, kind, "--kind"), _since(since))
    with reading(store) as db:
        page, read = events_of(db, wanted, 1, limit), hosts(db)
        if json:
            print_json(_as_json(page, [_columns(row) for row in page.items]))
            return
        table = Table("at", "what", "host", "VNet", "guest", "prefix", "detail")
        for row in page.items:
            who = row.guest if row.guest not in ("", "unknown") else row.guest_ip
            cells = row.host or "-", row.network_id or "-", who or "-", row.prefix or "-", escape(row.detail)
            table.add_row(_moment(row.at), row.kind, *cells)
        _print(table, page, read)


def _one_of(kinds: Any, value: str | None, option: str) -> str | None:
    """A value of an enumeration, in any case of letters.

    Raises:
        Mistake: It is none.
    """
    if value is None:
        return None
    found: str | None = next((str(kind) for kind in kinds if str(kind).lower() == value.lower()), None)
    if found is None:
        raise Mistake(f"{option} {value}: it is one of {', '.join(map(str, kinds))}")
    return found


def _since(text: str | None) -> datetime | None:
    if text is None:
        return None
    units = {"m": 60, "h": 3600, "d": 86400}
    if text[:-1].isdigit() and text[-1] in units and len(text) < 9:
        return datetime.now(UTC) - timedelta(seconds=int(text[:-1]) * units[text[-1]])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Mistake(f"--since {text}: it is a moment as 2026-11-28T12:00, or a span as 30m, 12h, 7d") from None
    return moment if moment.tzinfo else moment.astimezone()


def _print(table: Table, page: Page[Any], hosts: Sequence[ObservedHost]) -> None:
    out.print(table)
    more = f"; --limit shows {page.page_size}" if page.total > len(page.items) else ""
    out.print(f"{len(page.items)} of {page.total}{more}")
    for host in hosts:
        if not host.reached:
            last = f"; read last at {_moment(host.last_read)}" if host.last_read else ""
            out.print(f"{host.name} is not read: {host.error}{last}", markup=False)


def _columns(row: Any) -> dict[str, Any]:
    found = {column.key: getattr(row, column.key) for column in row.__mapper__.column_attrs}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in found.items()}


def _as_json(page: Page[Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"items": rows, "total": page.total, "page": page.page, "page_size": page.page_size}


def _coloured(state: str) -> str:
    colour = _COLOURS.get(state)
    return f"[{colour}]{state}[/]" if colour else state


def _moment(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _span(seconds: int) -> str:
    days, rest = divmod(seconds, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, left = divmod(rest, 60)
    return f"{days}d {hours}h" if days else f"{hours}h {minutes}m" if hours else f"{minutes}m {left}s"
