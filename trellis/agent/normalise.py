"""Comparing FRR configurations: as bags of lines, each with the stanzas it stands in.

The project renders what FRR prints, so little is forgiven here. A line counts with its stanzas, its words and how
often it occurs; the order of stanzas and of lines does not (FRR sorts them its own way, and where order has a
meaning it is a number in the line: `seq 10`, `permit 20`). Stanzas are followed as FRR follows them, by the lines
that open and close them. How far a line is indented means nothing to FRR (Proxmox flattens it), except here for a
line in the first column: it stands in no stanza, even if nothing has closed the last one.

Deliberately elsewhere: whether FRR would read the text at all (`vtysh -C`, which also warns of a stray `exit`, after
which FRR ignores the rest of a file).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

ConfigLine = tuple[str, ...]
"""A line of a configuration, last, behind the lines that open the stanzas around it, outermost first."""

IGNORED: dict[str, str] = {
    r"!.*": "a comment or a separator",
    r"exit|exit-vrf|exit-address-family|exit-vni|end": "closes a stanza; a stray one is found by `vtysh -C`",
    r"frr version \S+": "FRR prints its own; where another one changes a default, FRR prints that as a line",
    r"line vty": "FRR does not print an empty one; Proxmox writes it",
}
"""Lines that say nothing about what the daemons do, each with the reason; all others count."""

EMPTY_MEANS_NOTHING = ("interface ", "vrf ", "bfd")
"""Stanzas that FRR prints or leaves out as it likes when nothing is in them: a deleted VRF leaves one behind, and so
do the last peer and the last profile of BFD (measured with FRR 10.3)."""

STANZAS: dict[str, tuple[str, ...]] = {
    "": ("bfd", "interface ", "key chain ", "nexthop-group ", "pbr-map ", "route-map ", "router ", "rpki", "vrf "),
    "router": ("address-family ",),
    "address-family": ("vni ",),
    "bfd": ("peer ", "profile "),
    "key": ("key ",),
    "vrf": ("rpki",),
}
"""How the lines begin that open a stanza, by the first word of the stanza they stand in (none at top level).

One that is missing here costs nothing as long as the text is laid out as FRR prints it on both sides of a
comparison: its lines then count as lines of the stanza around it.
"""

PLAIN: dict[str, tuple[str, ...]] = {"peer": ("profile ",)}
"""Plain lines of a stanza that look like the beginning of one further out."""

OUTERMOST = ("bgp as-path access-list ", "bgp community-list ", "bgp large-community-list ")
"""How lines begin that FRR knows at top level alone: one in a stanza ends it, as we have some carried past Proxmox."""

OUTERMOST_OR_VRF = ("ip nht ", "ipv6 nht ")
"""How lines begin that FRR knows at top level and in a VRF: one in any other stanza ends it."""

_IGNORED = re.compile("|".join(IGNORED))
_CLOSING = ("exit", "exit-vrf", "exit-address-family", "exit-vni")
_BEGINNINGS = {around: tuple(start for start in starts if start[-1] == " ") for around, starts in STANZAS.items()}
"""The beginnings in `STANZAS` that words follow; the others are whole lines.  Asked for each line of each host."""


def normalise(text: str) -> Counter[ConfigLine]:
    """The lines of a configuration that mean something, each with its stanzas, and how often it occurs."""
    lines = list(_with_stanzas(text))
    filled = {line[:-1] for line in lines}
    return Counter(
        line for line in lines if line in filled or len(line) > 1 or not line[0].startswith(EMPTY_MEANS_NOTHING)
    )


def difference(intent: str, running: str) -> tuple[list[ConfigLine], list[ConfigLine]]:
    """What an intended configuration has that the running one lacks, and the reverse; both empty if they agree."""
    wanted, found = normalise(intent), normalise(running)
    return sorted((wanted - found).elements()), sorted((found - wanted).elements())


def in_order(text: str) -> list[ConfigLine]:
    """The same lines in the order of the text, those of empty stanzas too."""
    return list(_with_stanzas(text))


def opens_stanza(line: ConfigLine) -> bool:
    """Whether a line opens a stanza where it stands."""
    return _depth_opened(line[-1], list(line[:-1])) == len(line) - 1


def shown(lines: list[ConfigLine]) -> list[str]:
    """Lines as an operator would name them: `router bgp 65000 > address-family ipv4 unicast > maximum-paths 4`."""
    return [" > ".join(line) for line in lines]


def _with_stanzas(text: str) -> Iterator[ConfigLine]:
    """Each line that means something, with the stanzas that are open where it stands."""
    stanzas: list[str] = []
    for raw in text.splitlines():
        line = " ".join(raw.split())
        if line in _CLOSING:
            del stanzas[-1:]
        if not line or _IGNORED.fullmatch(line):
            continue
        if not raw[0].isspace() or line.startswith(OUTERMOST) or _ends_all_but_a_vrf(line, stanzas):
            stanzas.clear()
        opens_at = _depth_opened(line, stanzas)
        if opens_at is not None:
            del stanzas[opens_at:]
        yield (*stanzas, line)
        if opens_at is not None:
            stanzas.append(line)


def _ends_all_but_a_vrf(line: str, stanzas: list[str]) -> bool:
    return line.startswith(OUTERMOST_OR_VRF) and not (stanzas and stanzas[0].startswith("vrf "))


def _depth_opened(line: str, stanzas: list[str]) -> int | None:
    """Below how many of the open stanzas a line opens one; like FRR, the innermost that knows the line has it."""
    for depth in range(len(stanzas), -1, -1):
        around = stanzas[depth - 1].partition(" ")[0] if depth else ""
        if line.startswith(PLAIN.get(around, ())):
            return None
        if line in STANZAS.get(around, ()) or line.startswith(_BEGINNINGS.get(around, ())):
            return depth
    return None
