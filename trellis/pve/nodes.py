"""Where FRR puts each line of a configuration text: which block it ends up in, read as vtysh reads a file.

vtysh knows no indentation.  A line that the current node does not know is tried in the parent node, up to the
top; `exit` closes one node wherever it stands; and an `exit` at top level makes it ignore the rest of the file.
Only as much of FRR's grammar is here as tells one block from another: which statements are *valid* is FRR's
business, and is asked of a scratch FRR.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

# Blocks that open at top level, from whatever node the reader is in.
_BLOCK = re.compile(
    r"(?:router \S|vrf \S|interface \S|route-map \S+ (?:permit|deny) \d|bfd$|line vty$|key chain \S|"
    r"nexthop-group \S|pbr-map \S|segment-routing$|mpls ldp$|l2vpn \S+ type )"
)
# Statements that exist at top level only.
_TOP = re.compile(
    r"(?:no )?(?:(?:ip|ipv6) (?:prefix-list|forwarding|access-list) |access-list |frr |hostname |log |service |"
    r"password |bgp (?:community-list|large-community-list|extcommunity-list|as-path access-list) )"
)
# Statements of the top level and of a `vrf` block.
_TOP_OR_VRF = re.compile(r"(?:no )?(?:ip|ipv6) (?:route|nht|protocol|router-id) ")
# Blocks inside a block, by the line that opens the outer one.
_CHILDREN = {"bfd": re.compile(r"(?:profile|peer) \S"), "router bgp": re.compile(r"address-family \S")}
_VNI = re.compile(r"vni \d+$")
_CLOSE_ONE = {"exit": "", "exit-vrf": "vrf ", "exit-address-family": "address-family ", "exit-vni": "vni "}

Position = tuple[int, ...] | None
"""Indices of the lines that opened the enclosing blocks, outermost first; ``None`` for what is no statement."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as FRR reads it.

    Attributes:
        positions: For each line its place; the line that opens a block has the place of the block itself.
        stray_exit: Index of the first `exit` that closes nothing: FRR ignores what follows it.
    """

    positions: tuple[Position, ...]
    stray_exit: int | None


def is_comment(stripped: str) -> bool:
    """Whether FRR takes a stripped line for a comment or for nothing."""
    return not stripped or stripped[0] in "!#"


def read_positions(lines: Iterable[str]) -> Reading:
    """Read a text as vtysh reads a file.

    Args:
        lines: The text, without line ends.

    Returns:
        The place of each line.
    """
    positions: list[Position] = []
    stray: int | None = None
    stack: list[tuple[int, str]] = []
    for index, raw in enumerate(lines):
        line = raw.strip()
        if is_comment(line):
            positions.append(None)
        elif line in _CLOSE_ONE:
            positions.append(None)
            if not _close(stack, _CLOSE_ONE[line]) and line == "exit" and stray is None:
                stray = index
        elif line == "end":
            positions.append(None)
            stack.clear()
        else:
            opens = _descend(stack, line)
            positions.append(tuple(entry[0] for entry in stack))
            if opens:
                stack.append((index, line))
    return Reading(tuple(positions), stray)


def _close(stack: list[tuple[int, str]], opener: str) -> bool:
    """Close the innermost node; `exit-vrf` and the like do so only in a node of their kind or below it."""
    if not stack:
        return False
    if opener:
        depth = next((i for i in range(len(stack) - 1, -1, -1) if stack[i][1].startswith(opener)), None)
        if depth is None:
            return False
        del stack[depth:]
    else:
        stack.pop()
    return True


def _descend(stack: list[tuple[int, str]], line: str) -> bool:
    """Leave the nodes that don't know the line; say whether it opens a node."""
    if _BLOCK.match(line):
        stack.clear()
        return True
    in_vrf = bool(stack) and stack[0][1].startswith("vrf ")
    if _TOP.match(line) or (not in_vrf and _TOP_OR_VRF.match(line)):
        stack.clear()
    if not stack:
        return False
    outermost = stack[0][1]
    child = _CHILDREN.get("router bgp" if outermost.startswith("router bgp") else outermost)
    if child is not None and child.match(line):
        del stack[1:]
        return True
    return len(stack) == 2 and stack[1][1] == "address-family l2vpn evpn" and bool(_VNI.match(line))
