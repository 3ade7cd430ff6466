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
    carried = tuple(f" {line}" for line in statements)
    block = (*head, " exit", *carried, f" interface {interface}", "exit")
    if read_positions((*head, " exit", *carried)).positions[-1] not in (None, ()):
        raise NotCarriable(
            f"`{statements[-1].strip()}` stands in a block that is not closed, so what follows would land in it; "
            "end each block with `exit`"
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
    carried = tuple(f" {line}" for line in statements if line.strip() != "exit")
    return (f"router {router}", *(f" {line.strip()}" for line in router_lines), *carried, "exit")


def _refuse_exclamation(statements: tuple[str, ...]) -> None:
    for line in statements:
        if "!" in line or "address-family" in line or not line.strip():
            raise NotCarriable(
                f"`{line.strip()}`: inside a block Proxmox drops blank lines and lines with `!`, and takes "
                "`address-family` for the opening of one; write the statement without them"
            )
