"""Why the merge loses a line of frr.conf.local, and what to write instead: one row per way to lose one."""

from dataclasses import dataclass
from enum import Enum


class LossKind(Enum):
    """What becomes of a line."""

    DROPPED = "dropped"
    RENUMBERED = "renumbered"
    MOVED = "moved"


class Reason(Enum):
    """A way to lose a line: why it happens, and what to do about it."""

    TOP_LEVEL = (
        "Proxmox's parser knows no rule for this statement at top level and drops it silently",
        "carry it inside a block of our own (trellis.pve.carry), or do without it",
    )
    NO_SEQ = (
        "Proxmox keeps list entries only with a sequence number",
        "give the entry a seq, e.g. `seq 5`",
    )
    EXCLAMATION = (
        "Proxmox takes any line with an exclamation mark that no other rule matches for a comment and drops it",
        "choose a value without `!`",
    )
    READ_AS_FAMILY = (
        "Proxmox finds `address-family ` in the middle of the line and opens an address family of that name",
        "choose a value without the word `address-family`",
    )
    ROUTE_MAP_TAIL = (
        "Proxmox keeps only `route-map NAME permit|deny NUMBER` of the line",
        "put nothing behind the number",
    )
    EMPTY_VRF = (
        "an empty block for a VRF that Proxmox generates hands its generator an undefined list: it can fail for "
        "the whole host",
        "write at least one statement in the block, or leave the block out",
    )
    EMPTY_INTERFACE = (
        "an interface block without a statement stops Proxmox's generator with an error: the host gets no "
        "configuration at all",
        "write at least one statement in the block, or leave the block out",
    )
    STRAY_EXIT_FAMILY = (
        "no address family is open here: Proxmox takes this as the end of one in a BGP instance that it does not "
        "generate, and its generator fails for the whole host",
        "close each address family exactly once, inside its router",
    )
    FAMILY_WITHOUT_ROUTER = (
        "no `router bgp` is open here, so Proxmox writes the address family outside every router",
        "write the address family inside its `router bgp` block, before the block's `exit`",
    )
    UNCLOSED_ROUTE_MAP = (
        "Proxmox keeps a route-map entry only when it is closed by `exit`, outside every router",
        "close each block with `exit` at column 0",
    )
    REPLACED = (
        "a later entry of the same list has the same sequence number, and Proxmox keeps the last one",
        "give each entry a number of its own",
    )
    EXIT_VRF = (
        "Proxmox keeps `exit-vrf` as a statement of the VRF and closes the VRF once more itself",
        "close the block with `exit`, which both parsers understand",
    )
    STRAY_EXIT = (
        "this `exit` stands at top level in the result, and FRR ignores everything after it",
        "open and close each block once",
    )
    AFTER_FAMILY = (
        "after the `exit-address-family` of an address family that Proxmox does not generate, it writes the "
        "router's next statements outside the router",
        "write a router's own statements before its address families",
    )
    ELSEWHERE = (
        "Proxmox's parser was still in (or no longer in) another block",
        "close each block with `exit` at column 0 and write nothing between blocks",
    )
    RENUMBERED = (
        "Proxmox numbers the entries of a route-map 1, 2, 3 in file order",
        "write them so",
    )
    BEHIND_PROXMOX = (
        "Proxmox's own entry of this route-map comes first and permits everything, so this one is never reached",
        "use a route-map of our own, set per neighbour (`neighbor ADDRESS route-map NAME out`)",
    )
    GOTO = (
        "Proxmox renumbers the entries but not the number in this line, so it points elsewhere",
        "number the entries 1, 2, 3 in file order, or use `on-match next`",
    )

    @property
    def why(self) -> str:
        """The rule behind the loss."""
        return self.value[0]

    @property
    def remedy(self) -> str:
        """What to write instead."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Loss:
    """A line of frr.conf.local that does not arrive as it was written.

    Attributes:
        line_number: 1-based, in frr.conf.local.
        line: The line.
        kind: What becomes of it.
        reason: Why, and what to do.
        detail: Where it goes or what it becomes, if anywhere.
    """

    line_number: int
    line: str
    kind: LossKind
    reason: Reason
    detail: str = ""

    @property
    def explanation(self) -> str:
        """Why and what to do, as one sentence for a person."""
        became = f" ({self.detail})" if self.detail else ""
        return f"{self.reason.why}{became}; {self.reason.remedy}"
