"""``trellis guests discover``: the site's guests beside the VMs in Proxmox, and entries for those that it lacks.

What is compared is ``trellis.operations.discovery``'s, what is proposed ``trellis.operations.proposals``'.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from trellis.cli.console import complain, out, print_json
from trellis.cli.stack import FileOption, StackOption, read_prefix_file, stack_file

if TYPE_CHECKING:
    from trellis.operations.discovery import Discovery, Found, Undeclared
    from trellis.operations.proposals import Proposal
    from trellis.site import Site

_COLOURS = {"as declared": "green", "differs": "red", "absent": "red", "unknown": "yellow"}
_NO_NEED = {
    "open": "none is needed: its VNet is open to anybody",
    "nobody": "none is needed: nobody is heard on its VNet",
}


def add_to(app: typer.Typer) -> None:
    """Add this module's command to ``app``."""
    app.command()(discover)


def discover(
    stack: StackOption = "dev",
    file: FileOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    yaml: Annotated[bool, typer.Option("--yaml", help="Print the proposed entries alone, for the stack file.")] = False,
) -> None:
    """Compare VMs, network cards, nodes and tags in Proxmox with the site, and propose an entry for who is not in it.

    Proxmox's API is asked, with the token in PROXMOX_VE_API_TOKEN (it needs VM.Audit); no host is, and nothing is
    changed. Exit code 1 if a guest differs or is absent, if somebody is on a VNet undeclared, or if a VM was not read.

    Examples:

      trellis guests discover

      trellis guests discover --yaml

      trellis guests discover --json | jq '.guests[] | select(.state != "as declared")'
    """
    site, found, proposals = discovered(stack, file)
    if json:
        print_json(_as_json(found, proposals))
    else:
        needed = tuple(one for one in proposals if one.of.heard == "bound")
        _print_yaml(needed) if yaml else _print(site, found, needed)
    if not found.same:
        raise typer.Exit(1)


def discovered(stack: str, file: Any) -> tuple[Site, Discovery, tuple[Proposal, ...]]:
    """A stack's site, how it compares with its Proxmox, and what it could say of strangers.

    Raises:
        Mistake: Proxmox can't be asked.
    """
    from trellis.cli.proxmox import machines_of
    from trellis.operations.discovery import compare
    from trellis.operations.proposals import propose
    from trellis.site import load_site, site_data_of_stack, with_prefixes

    path = stack_file(stack, file)
    data = with_prefixes(site_data_of_stack(path.read_bytes()), read_prefix_file(path))
    site = load_site(data)
    found = compare(site, machines_of(site))
    return site, found, propose(data, site, found.undeclared)


def _as_json(found: Discovery, proposals: tuple[Proposal, ...]) -> dict[str, Any]:
    of = {(one.of.vmid, one.of.nic): one for one in proposals}
    undeclared = [{"card": card, "proposal": _proposed(of.get((card.vmid, card.nic)))} for card in found.undeclared]
    return {"same": found.same, "guests": found.guests, "undeclared": undeclared, "unread": found.unread}


def _proposed(proposal: Proposal | None) -> dict[str, Any] | None:
    if proposal is None:
        return None
    return {"name": proposal.name, "entry": proposal.entry, "refused": proposal.refused}


def _print_yaml(proposals: tuple[Proposal, ...]) -> None:
    from trellis.operations.proposals import as_yaml

    sys.stdout.write(as_yaml(proposals))
    for one in proposals:
        if one.refused:
            complain(f"{one.name}, VM {one.of.vmid}: the site would be refused with it\n{_reasons(one)}")


def _print(site: Site, found: Discovery, proposals: tuple[Proposal, ...]) -> None:
    table = Table("guest", "state", "VM", "card", "node", "runs", title=f"Guests of {site.name}, and VMs in Proxmox")
    for guest in found.guests:
        table.add_row(guest.guest, f"[{_COLOURS[guest.state]}]{guest.state}[/]", *_place(guest))
    out.print(table)
    for guest in found.guests:
        for line in (*map(str, guest.differences), *filter(None, [guest.why])):
            out.print(f"{guest.path}: {line}", markup=False)
    for vm in found.unread:
        out.print(f"VM {vm.vmid} ({vm.name}) on {vm.node} was not read: {vm.why}", markup=False)
    if found.undeclared:
        _print_undeclared(found.undeclared, proposals)
    good = sum(guest.state == "as declared" for guest in found.guests)
    wanted = sum(card.heard == "bound" for card in found.undeclared)
    out.print(f"{good} of {len(found.guests)} guests are as declared; {wanted} network card(s) want an entry")


def _place(guest: Found | Undeclared) -> tuple[str, ...]:
    runs = {True: "yes", False: "no", None: "?"}[guest.running] if guest.vmid is not None else "-"
    return str(guest.vmid or "-"), guest.nic or "-", guest.node or "-", runs


def _print_undeclared(undeclared: tuple[Undeclared, ...], proposals: tuple[Proposal, ...]) -> None:
    from trellis.operations.proposals import as_yaml

    columns = ("VM", "card", "node", "runs", "name", "VNet", "MAC", "tags", "entry")
    table = Table(*columns, title="On VNets of the site, and not declared")
    refused = {(one.of.vmid, one.of.nic) for one in proposals if one.refused}
    for card in undeclared:
        below = "refused, below" if (card.vmid, card.nic) in refused else "proposed below"
        entry = _NO_NEED.get(card.heard, below)
        cells = escape(card.name), card.vnet, card.mac, escape(" ".join(card.tags))
        table.add_row(*_place(card), *cells, entry)
    out.print(table)
    for one in proposals:
        if one.refused:
            out.print(f"\nVM {one.of.vmid} ({one.of.name}): the site would be refused with it:", markup=False)
            out.print(_reasons(one), markup=False)
    if text := as_yaml(proposals):
        out.print("\nThe site would be accepted with these entries (`--yaml` prints them alone):\n")
        out.print(text, markup=False)


def _reasons(proposal: Proposal) -> str:
    return "\n".join(map(str, proposal.refused))
