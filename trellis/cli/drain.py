"""``trellis drain`` and ``trellis undrain``: a host is emptied for maintenance, and taken back.

Guests move first, while their host routes as ever; then its routing becomes everybody's last choice; then it is waited
until traffic has left. Back it goes the other way round.
"""

from __future__ import annotations

import getpass
import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from trellis.cli.console import Mistake, complain, out, print_json
from trellis.cli.draining import hosts_seen, movable, move_all, transits, until_back, until_left
from trellis.cli.hosts import HostArgument, IdentityOption, Json, Yes, asked, changed, chosen, logins, may_change
from trellis.cli.proxmox import api_of, machines_of
from trellis.cli.stack import FileOption, StackOption, read_site
from trellis.plan import plan as make_plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trellis.operations.discovery import Discovery
    from trellis.operations.draining import Asked, Decision, Move
    from trellis.operations.leaving import Left
    from trellis.plan import Plan
    from trellis.reach.consequences import Consequences
    from trellis.remote import Login
    from trellis.site import Site

_PRIVILEGES = "VM.Audit and VM.Migrate"
Within = Annotated[float, typer.Option("--within-s", min=5, max=3600, help="Seconds that it is waited, 5-3600.")]


def add_to(app: typer.Typer) -> None:
    """Add this module's commands to ``app``."""
    app.command()(drain)
    app.command()(undrain)


def drain(
    host: HostArgument,
    to: Annotated[str | None, typer.Option("--to", help="Where all guests go.", metavar="HOST")] = None,
    leave: Annotated[
        list[str] | None, typer.Option("--leave", help="A guest that stays; repeatable.", metavar="GUEST")
    ] = None,
    no_migrate: Annotated[bool, typer.Option("--no-migrate", help="Move nobody; Proxmox is not asked.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why; `trellis check` says it.")] = "maintenance",
    owner: Annotated[str | None, typer.Option("--owner", help="Whom to ask; by default who runs this.")] = None,
    within_s: Within = 60.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")] = False,
    stack: StackOption = "dev",
    file: FileOption = None,
    identity: IdentityOption = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Empty a host for maintenance: move its guests, make it everybody's last way, wait until traffic has left it.

    Guests are moved by Proxmox while they run (token in PROXMOX_VE_API_TOKEN: VM.Audit and VM.Migrate). The host stays
    drained over reboots and deploys until `trellis undrain`. Exit code 1 if traffic has not left in time, 2 if it is
    refused.

    Examples:

      trellis drain pve02 --dry-run

      trellis drain pve02 --reason 'new disks' --owner ada

      trellis drain pve02 --to pve03 --leave debian-test-1
    """
    from trellis.operations.draining import Asked
    from trellis.operations.leaving import own_prefixes

    site = read_site(stack, file)
    chosen(site, [host])
    plan, where = make_plan(site), {login.host: login for login in logins(site, list(site.hosts), identity)}
    decision = _decided(site, plan, host, where, Asked(to, tuple(leave or ()), migrate=not no_migrate))
    copied = movable(api_of(site, _PRIVILEGES), decision.moves) if decision.moves else {}
    found = _without(plan, host, decision)
    if not json:
        _print(host, decision, found)
    if dry_run:
        if json:
            print_json({"host": host, "done": False, "decision": decision, "without_it": found})
        return
    may_change(f"Drain {host}?", yes)
    if decision.moves:
        move_all(api_of(site, _PRIVILEGES), decision.moves, copied)
    done = changed(where[host], _order(reason, owner or getpass.getuser(), decision))
    own = own_prefixes(site, plan, host, [stay.guest for stay in decision.stays])
    gone, left = until_left(where, host, own, guests_stay=bool(decision.stays), within_s=within_s)
    if json:
        print_json({"host": host, "done": gone, "decision": decision, "left": left, "report": done.report})
    else:
        _print_left(host, decision, left, gone=gone)
    if not gone:
        raise typer.Exit(1)


def undrain(
    host: HostArgument,
    migrate_back: Annotated[
        bool, typer.Option("--migrate-back", help="Move back the guests that were moved away.")
    ] = False,
    within_s: Within = 60.0,
    stack: StackOption = "dev",
    file: FileOption = None,
    identity: IdentityOption = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Take a drained host back: wait until its sessions are as before, let traffic return, list who was moved away.

    Exit code 1 if a session is missing still: then it stays drained.

    Examples:

      trellis undrain pve02

      trellis undrain pve02 --migrate-back
    """
    site = read_site(stack, file)
    where = logins(site, chosen(site, [host]), identity)[0]
    content = transits([where])[host]
    if isinstance(content, str):
        raise Mistake(f"{host}: {content}; see `trellis check {host}`", exit_code=1)
    notice = content["drained"]
    if notice is None:
        print_json({"host": host, "was": None, "moved": []}) if json else out.print(f"{host} is not drained")
        return
    moves = _back(site, host, notice["moved"]) if migrate_back else ()
    copied = movable(api_of(site, _PRIVILEGES), moves) if moves else {}
    may_change(f"Take {host} back ({notice['reason']}, {notice['owner']}, since {notice['since']})?", yes)

    def lacking(now: Any) -> list[str]:
        return _lacking(site, notice, now)

    _refuse_while_missing(host, until_back(where, lacking, within_s), "it stays drained")
    changed(where, "undrain")
    _refuse_while_missing(host, until_back(where, lacking, within_s), "it is drained no more")
    if moves:
        move_all(api_of(site, _PRIVILEGES), moves, copied)
    if json:
        print_json({"host": host, "was": notice, "moved": notice["moved"], "moved_back": moves})
        return
    out.print(f"{host}: drained no more; its {len(notice['sessions'])} sessions are as before", markup=False)
    back = {move.guest for move in moves}
    for guest in notice["moved"]:
        out.print(f"{guest} was moved away{', and is back' if guest in back else ''}", markup=False)


def _order(reason: str, owner: str, decision: Decision) -> str:
    """The agent's command."""
    moved = ",".join(move.guest for move in decision.moves)
    return f"drain --reason {shlex.quote(reason)} --owner {shlex.quote(owner)} --moved {shlex.quote(moved)}"


def _decided(site: Site, plan: Plan, host: str, where: Mapping[str, Login], wanted: Asked) -> Decision:
    """Who moves where, asked of everybody.

    Raises:
        Mistake: Something speaks against it; all of it is said.
    """
    from trellis.operations.draining import decide

    found = _discovery(site) if wanted.migrate else None
    decision = decide(site, plan, found, host, hosts_seen(list(where.values())), wanted)
    if decision.refusals:
        count = len(decision.refusals)
        heading = f"{host} is not drained, for {count} reason{'s' if count != 1 else ''}; nothing was done"
        raise Mistake("\n".join([heading, *map(str, decision.refusals)]))
    # The transaction would refuse it too, but only when the guests have gone.
    if not asked(where[host], "check")["same"]:
        raise Mistake(
            f"{host} is not as it was deployed, so it is not drained; nothing was done\n"
            f"  why:    a drain puts lines over what was deployed, and no edit may hide behind them\n"
            f"  remedy: see `trellis check {host}`; put it into the site and deploy, or `trellis repair {host}`"
        )
    return decision


def _discovery(site: Site) -> Discovery:
    from trellis.operations.discovery import compare

    return compare(site, machines_of(site))


def _back(site: Site, host: str, moved: list[str]) -> tuple[Move, ...]:
    """The guests that were moved away and can come back, by where Proxmox has them now."""
    from trellis.operations.draining import Move

    found = (_discovery(site).guest(name) for name in moved)
    return tuple(
        Move(one.guest, one.vmid, one.node, host)
        for one in found
        if one is not None and one.vmid is not None and one.node not in (None, host) and one.running
    )


def _without(plan: Plan, host: str, decision: Decision) -> Consequences:
    """What follows if the host is then switched off."""
    from trellis.operations.draining import moved
    from trellis.reach.failure import down_of
    from trellis.reach.what_if import what_if

    planned = moved(plan, decision.moves)
    return what_if(planned, down_of(planned, [host]))


def _lacking(site: Site, notice: dict[str, Any], now: Any) -> list[str]:
    """What sessions and neighbours a host had when it was drained and lacks now, of those that the site still has."""
    from trellis.plan.sessions import loopbacks

    pairs = [loopbacks(site, name) for name in site.hosts]
    known = {address for pair in pairs for address in (pair.ipv4, pair.ipv6)}
    known |= {str(address) for edge in site.edges.values() for address in (edge.loopback.ipv4, edge.loopback.ipv6)}
    sessions = [peer for peer in notice["sessions"] if peer in known and peer not in now["sessions"]]
    neighbours = [one for one in notice["adjacent"] if one.split()[1] in known and one not in now["adjacent"]]
    return [*(f"the session with {peer}" for peer in sessions), *(f"OSPF's neighbour {one}" for one in neighbours)]


def _refuse_while_missing(host: str, missing: list[str], state: str) -> None:
    if missing:
        raise Mistake(
            f"{host}: {state}: without {', '.join(missing)} traffic would return to a host that it had before\n"
            f"  remedy: see `trellis check {host}` and the other end; an edge or host that is gone for good leaves the "
            "site,\n          and is not waited for then",
            exit_code=1,
        )


def _print(host: str, decision: Decision, found: Consequences) -> None:
    table = Table("guest", "VM", "to", title=f"Guests on {host}")
    for move in decision.moves:
        table.add_row(move.guest, str(move.vmid), move.target)
    for stay in decision.stays:
        table.add_row(stay.guest, "-", f"stays: {stay.why}")
    if decision.moves or decision.stays:
        out.print(table)
    else:
        out.print(f"no guest of the site is on {host}", markup=False)
    for lost in found.lost_redundancy:
        line = f"without {host}: {lost.who} has {lost.after} of {lost.before} {lost.what}"
        out.print(line, markup=False)
    for one in found.lost_upstream:
        out.print(f"without {host}: {one.guest} ({one.family}) reaches no edge: {one.why}", markup=False)
    for pair in found.separated:
        out.print(
            f"without {host}: guests on {pair.a} and {pair.b} ({pair.family}) are cut off: {pair.why}", markup=False
        )


def _print_left(host: str, decision: Decision, left: Left, *, gone: bool) -> None:
    out.print(f"{host}: drained; it forwards {left.packets_per_s:g} packets/s", markup=False)
    for stay in decision.stays:
        out.print(f"{host}: what {stay.guest} sends and gets goes through it: {stay.why}", markup=False)
    for way in left.alone:
        out.print(f"{host}: {way} by it: there is no other way", markup=False)
    if gone:
        return
    for way in left.avoidable:
        out.print(f"{host}: {way} by it, and has another way", markup=False)
    for name in left.unasked:
        out.print(f"{name} did not say which of its routes go by {host}", markup=False)
    if not left.quiet:
        complain(f"{host}: traffic has not left in time: see the edge's routes by it; `trellis undrain {host}` ends it")
