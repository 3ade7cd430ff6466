"""The config that a Proxmox node will run: what SDN generates, merged with frr.conf.local as its release merges.

``effective`` is what a plan asks.  It says what will stand in /etc/frr/frr.conf after the next SDN apply, network
reload or boot, and names every line of frr.conf.local that Proxmox would drop, renumber or move.  Nothing here
touches a host; comparing the result with one is the agent's business.
"""

from dataclasses import dataclass

from trellis.pve.blocks import Piece, merged_by_blocks
from trellis.pve.generated import Generated, Node, generated_config
from trellis.pve.grammar import surely_kept
from trellis.pve.losses import losses_of
from trellis.pve.model import SdnState
from trellis.pve.reading import read_generated
from trellis.pve.reasons import Loss
from trellis.pve.sorted_text import lay_out_sorted, place_sorted
from trellis.pve.verbatim import lay_out_verbatim, place_verbatim
from trellis.pve.versions import MergeStyle, PveVersion

NEVER_PRINTED = frozenset({"line vty"})
"""Lines of Proxmox's own that FRR takes but does not print: `frr-reload.py --test` lists them after every apply.

Its ``frr version`` line is such a line too wherever the installed FRR has another version.
"""


@dataclass(frozen=True, slots=True)
class Merge:
    """A frr.conf as Proxmox writes it.

    Attributes:
        parts: The file, each line ended, in parts that other hosts' files may share.
        losses: Lines of frr.conf.local that did not arrive as written, in file order; empty if all did.
    """

    parts: tuple[str, ...]
    losses: tuple[Loss, ...]

    @property
    def text(self) -> str:
        """The whole file."""
        return "".join(self.parts)

    @property
    def lines(self) -> tuple[str, ...]:
        """The file's lines, without line ends."""
        return tuple(self.text.split("\n")[:-1])


def generate(state: SdnState, node: Node) -> tuple[str, ...]:
    """The frr.conf that Proxmox writes for a node without a frr.conf.local.

    Args:
        state: The cluster's SDN objects.
        node: The node.

    Returns:
        Its lines.
    """
    return effective(state, node, ()).lines


def merge(generated: tuple[str, ...], local: tuple[str, ...], version: PveVersion) -> Merge:
    """Merge a frr.conf.local into a generated text.

    Args:
        generated: What ``generate`` gave, or a frr.conf that Proxmox wrote without a frr.conf.local.
        local: Lines of frr.conf.local, without line ends.
        version: The node's Proxmox release.

    Returns:
        The result and its losses.
    """
    return _merged(read_generated(generated), (Piece.of(_text_of(local)),), version)


def effective(state: SdnState, node: Node, local: tuple[str, ...]) -> Merge:
    """The frr.conf that a node will run.

    Args:
        state: The cluster's SDN objects.
        node: The node.
        local: Lines of its frr.conf.local, without line ends.

    Returns:
        The result and its losses.
    """
    return effective_of_pieces(state, node, (Piece.of(_text_of(local)),))


def effective_of_pieces(state: SdnState, node: Node, local: tuple[Piece, ...]) -> Merge:
    """The frr.conf that a node will run; many nodes' files may share pieces.

    Args:
        state: The cluster's SDN objects.
        node: The node.
        local: Its frr.conf.local.

    Returns:
        The result and its losses.
    """
    return _merged(generated_config(state, node), local, node.version)


class BrokenLine(ValueError):
    """A line of frr.conf.local holds a line break: the file would have another line than the plan knows."""


def _text_of(local: tuple[str, ...]) -> str:
    text = "".join([f"{line}\n" for line in local])
    if text.count("\n") != len(local) or "\r" in text:
        number, line = next((n, line) for n, line in enumerate(local, 1) if "\n" in line or "\r" in line)
        raise BrokenLine(
            f"frr.conf.local, line {number}, {line!r}: holds a line break, so FRR would read a statement that nobody "
            "planned; remove it from the value that it came from"
        )
    return text


def _merged(generated: Generated, local: tuple[Piece, ...], version: PveVersion) -> Merge:
    if version.merge_style is MergeStyle.VERBATIM:
        merged = merged_by_blocks(generated, local)
        if merged is not None:
            return Merge(merged, ())
    return merged_by_lines(generated, "".join(piece.text for piece in local), version)


def merged_by_lines(generated: Generated, text: str, version: PveVersion) -> Merge:
    """The result and its losses, Proxmox's parser followed line by line, whatever the text is.

    Args:
        generated: What Proxmox generates for the node.
        text: The frr.conf.local, each line ended.
        version: The node's Proxmox release.
    """
    local = tuple(text.split("\n")[:-1])
    if version.merge_style is MergeStyle.SORTED:
        kept = place_sorted(generated, local)
        merged, dropped, faults = lay_out_sorted(generated, kept), kept.dropped, kept.faults
    else:
        placed = place_verbatim(generated, local)
        merged, dropped, faults = lay_out_verbatim(generated, placed), placed.dropped, placed.faults
    result = "".join([f"{line}\n" for line, _ in merged])
    maps = frozenset(name for name, _ in generated.route_maps)
    if surely_kept(text, version.merge_style, maps):
        return Merge((result,), ())
    return Merge((result,), losses_of(local, merged, dropped, faults, maps))
