"""Carry statements of the top level through the merge, which knows no rule for them there and drops them.

BFD profiles, large-community lists, AS-path lists and `ip nht` are such statements.  Both techniques hide them
inside a block of our own, where every line passes:

* ``carry_in_router`` writes them as the last lines of a router, with no `exit` of their own.  vtysh tries a line
  that the current node does not know in the parent node (so it has read files since before FRR printed `exit`),
  and ``frr-reload.py`` reads the file through vtysh.  It survives every release's merge.
* ``carry`` closes an interface block by an *indented* `exit`, which Proxmox does not see, writes the statements,
  and opens the interface again so that the closing `exit` at column 0 closes something: a stray one would make
  FRR ignore the rest of the file.  Only from pve-network 1.3.0 on; older parsers strip the indentation and sort.

The interface must have statements of its own (``dummy_underlay`` has): an empty one, ``interface lo`` for
example, is listed as to add by every reload.
"""

from trellis.pve.nodes import read_positions


class NotCarriable(ValueError):
    """Statements that can't be carried so; the message says which and why."""


def carry(interface: str, interface_lines: tuple[str, ...], statements: tuple[str, ...]) -> tuple[str, ...]:
    """Write an interface block that carries statements of the top level (pve-network 1.3.0 and later).

    Args:
        interface: An interface that has statements of its own.
        interface_lines: Those statements.
        statements: Top-level statements, blocks with their own `exit`; indentation is kept below ours.

    Returns:
        The block for frr.conf.local; without statements a plain interface block.

    Raises:
        NotCarriable: The interface has no statement, or a statement would not survive.
    """
    if not interface_lines:
        raise NotCarriable(
            f"interface {interface}: a carrier needs a statement of its own, for frr-reload adds an empty interface "
            "for ever; take an interface that has one, such as dummy_underlay"
        )
    _refuse_exclamation(statements)
    head = (f"interface {interface}", *(f" {line.strip()}" for line in interface_lines))
    if not statements:
        return (*head, "exit")
    block = (*head, " exit", *(f" {line}" for line in statements), f" interface {interface}", "exit")
    stray = read_positions(block).stray_exit
    if stray is not None:
        raise NotCarriable(
            f"statement {stray - len(head)} is an `exit` that closes nothing, and FRR ignores everything after it; "
            "end each block once"
        )
    return block


def carry_in_router(router: str, router_lines: tuple[str, ...], statements: tuple[str, ...]) -> tuple[str, ...]:
    """Write a router block of our own that carries statements of the top level, for every release.

    Args:
        router: What stands behind `router `, e.g. ``ospf6``; not one that Proxmox generates.
        router_lines: The router's own statements.
        statements: Top-level statements; blocks without nested `exit` lines, which are left out here.

    Returns:
        The block for frr.conf.local.

    Raises:
        NotCarriable: The router may be one that Proxmox generates, or a statement would not survive.
    """
    if router.startswith("bgp"):
        raise NotCarriable(
            f"router {router}: Proxmox may generate it and then writes its own statements behind ours; "
            "take a router that only we write, such as ospf6"
        )
    _refuse_exclamation(statements)
    carried = [line for line in statements if line.strip() not in _ENDS]
    _refuse_other_places(statements, carried)
    own = (f" {line.strip()}" for line in router_lines)
    return (f"router {router}", *own, *(f" {line}" for line in carried), "exit")


_ENDS = ("exit", "exit-vrf", "exit-address-family", "exit-vni")


def _refuse_other_places(statements: tuple[str, ...], carried: list[str]) -> None:
    """Refuse statements that FRR would put elsewhere once the `exit` lines between them are gone."""
    for line in carried:
        # `profile` is a statement of a BFD peer as well as a block beside it.
        if line.strip().startswith("peer "):
            raise NotCarriable(
                f"`{line.strip()}`: what follows a BFD peer can't be told from its own statements without `exit`; "
                "carry profiles only, and let the BGP neighbours make the sessions"
            )
    with_ends = [p for p in read_positions(statements).positions if p is not None]
    without = [p for p in read_positions(carried).positions if p is not None]
    for line, meant, now in zip(carried, with_ends, without, strict=True):
        if len(meant) != len(now):
            raise NotCarriable(
                f"`{line.strip()}`: without the `exit` before it FRR takes it for a statement of the block above; "
                "write top-level statements before the blocks"
            )


def _refuse_exclamation(statements: tuple[str, ...]) -> None:
    for line in statements:
        if "!" in line or "address-family" in line or not line.strip():
            raise NotCarriable(
                f"`{line.strip()}`: inside a block Proxmox drops blank lines and lines with `!`, and takes "
                "`address-family` for the opening of one; write the statement without them"
            )
