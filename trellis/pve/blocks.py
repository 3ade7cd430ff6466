"""The verbatim merge of a frr.conf.local that is in the grammar: whole blocks are put where they go.

``verbatim`` follows Proxmox's parser line by line, whatever it is given; a text in the grammar needs no such care,
because each of its blocks goes to one place.  A property test holds the two to the same result.  What is taken apart
is a piece of a file, and once, however many hosts' files it stands in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

from trellis.pve.generated import DEFAULT_VRF, Generated, Instance
from trellis.pve.grammar import BLOCK, holds_stray_family

_FAMILY = re.compile(r" address-family (.+)\n((?:.*\n)*?) exit-address-family\n")
_SEPARATOR = re.compile(r"^ ++!\n", re.MULTILINE)
_STRIPPED_FROM_LINES = (" \n", "\t\n", "\r\n", "\f\n", "\v\n")


@dataclass(frozen=True, slots=True)
class _Family:
    """An address family: what is in it, and the whole of it for where Proxmox does not generate it."""

    name: str
    inside: str
    whole: str

    @classmethod
    def of(cls, name: str, text: str) -> _Family:
        inside = _without_separators(text)
        return cls(name, inside, f" address-family {name}\n{inside} exit-address-family\n")


@dataclass(frozen=True, slots=True)
class _Router:
    """A ``router bgp`` block: its own statements and its families as text, for where Proxmox generates it."""

    asn: str
    vrf: str
    header: str
    statements: str
    families: tuple[_Family, ...]

    def whole(self) -> str:
        """The block where Proxmox does not generate it."""
        families = "".join(family.whole for family in self.families)
        return f"{self.header}{self.statements}{families}exit\n!\n"


@dataclass(frozen=True, slots=True)
class _Vrf:
    """A ``vrf`` block: its statements, and the whole of it for where Proxmox does not generate it."""

    name: str
    statements: str
    whole: str


@dataclass(frozen=True, slots=True)
class _RouteMaps:
    """All route-maps of a piece by name, with the `!` behind each entry."""

    texts: dict[str, str]


_Block = str | _Router | _Vrf | _RouteMaps


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole blocks of a frr.conf.local.

    Attributes:
        text: The blocks, each line ended.
        blocks: What they are; None if one is not in the grammar, so that the file has to be merged line by line.
    """

    text: str
    blocks: tuple[_Block, ...] | None = field(repr=False)

    @classmethod
    def of(cls, text: str) -> Piece:
        """Take a text apart.

        Args:
            text: Whole blocks, each line ended.
        """
        return cls(text, _blocks(text))


def _blocks(text: str) -> tuple[_Block, ...] | None:
    if holds_stray_family(text) or any(end in text for end in _STRIPPED_FROM_LINES):
        return None
    others: list[_Block] = []
    maps: dict[str, list[str]] = {}
    position = 0
    while position < len(text):
        match = BLOCK.match(text, position)
        if match is None:
            return None
        position = match.end()
        if match.lastgroup == "entry":
            entries = maps.setdefault(match["map"], [])
            if match["seq"] != str(len(entries) + 1):
                return None
            entries.append(f"{match[0]}!\n")
        else:
            others.extend(_other(match))
    texts = {name: "".join(entries) for name, entries in maps.items()}
    joined = _joined(others)
    return (*joined, _RouteMaps(texts)) if texts else tuple(joined)


def _joined(blocks: list[_Block]) -> Iterator[_Block]:
    """Join neighbours that pass as they are: a policy has hundreds of lists."""
    for passes, run in groupby(blocks, lambda block: isinstance(block, str)):
        neighbours = list(run)
        yield from ["".join(map(str, neighbours))] if passes else neighbours


def _other(match: re.Match[str]) -> Iterator[_Block]:
    """What a block is that is no entry of a route-map; a comment is nothing."""
    form, text = match.lastgroup, match[0]
    if form == "lists":
        yield text
    elif form == "bgp":
        families = tuple(_Family.of(name, inside) for name, inside in _FAMILY.findall(match["families"]))
        header = text[: text.index("\n") + 1]
        statements = _without_separators(match["statements"])
        yield _Router(match["asn"], match["of"] or DEFAULT_VRF, header, statements, families)
    elif form == "vrf":
        yield _Vrf(match["device"], match["inside"], f"{text}!\n")
    elif form != "comment":
        yield f"{_without_separators(text)}!\n"


def _without_separators(text: str) -> str:
    return _SEPARATOR.sub("", text)


class _Places:
    """What goes to each place of a merged file."""

    def __init__(self, generated: Generated) -> None:
        self._asns = {instance.vrf: instance.asn for instance in generated.instances}
        self._families = {(instance.vrf, name) for instance in generated.instances for name, _ in instance.families}
        self._vrfs = {name for name, _ in generated.vrfs}
        self._generated_maps = {name for name, _ in generated.route_maps}
        self.custom: list[str] = []
        self.vrfs: dict[str, list[str]] = {}
        self.instances: dict[str, list[str]] = {}
        self.families: dict[tuple[str, str], list[str]] = {}
        self.maps: dict[str, str] = {}

    def take(self, block: _Block) -> bool:
        """Put a block where it goes; say whether it can be put there whole."""
        if isinstance(block, str):
            self.custom.append(block)
        elif isinstance(block, _RouteMaps):
            if not block.texts.keys().isdisjoint(self.maps.keys() | self._generated_maps):
                return False  # Proxmox would number its entries behind others
            self.maps |= block.texts
        elif isinstance(block, _Vrf):
            if block.name in self._vrfs:
                self.vrfs.setdefault(block.name, []).append(block.statements)
            else:
                self.custom.append(block.whole)
        elif self._asns.get(block.vrf) == block.asn:
            self._extend(block)
        else:
            self.custom.append(block.whole())
        return True

    def _extend(self, router: _Router) -> None:
        """Add to an instance that Proxmox generates; a family that it does not generate is one more statement."""
        own = self.instances.setdefault(router.vrf, [])
        own.append(router.statements)
        for family in router.families:
            key = router.vrf, family.name
            if key in self._families:
                self.families.setdefault(key, []).append(family.inside)
            else:
                own.append(family.whole)


def merged_by_blocks(generated: Generated, pieces: Iterable[Piece]) -> tuple[str, ...] | None:
    """The resulting frr.conf in parts, or None if the file has to be merged line by line.

    Args:
        generated: What Proxmox generates for the node.
        pieces: The frr.conf.local, in its order.
    """
    places = _Places(generated)
    for piece in pieces:
        if piece.blocks is None or not all(map(places.take, piece.blocks)):
            return None
    out = ["".join(f"{line}\n" for line in generated.header)]
    for name, statements in generated.vrfs:
        out += (f"!\nvrf {name}\n{_indented(statements, ' ')}", *places.vrfs.get(name, ()), "exit-vrf\n")
    for instance in generated.instances:
        out += _instance(instance, places)
    out += places.custom
    out += (text for _, text in sorted(places.maps.items()))
    for name, actions in generated.route_maps:
        out += (f"!\nroute-map {name} {action} {number}\nexit\n" for number, action in enumerate(actions, 1))
    out.append("!\nline vty\n!\n")
    return tuple(out)


def _instance(instance: Instance, places: _Places) -> Iterator[str]:
    yield f"!\n{instance.header}\n{_indented(instance.statements, ' ')}"
    yield from places.instances.get(instance.vrf, ())
    for name, statements in instance.families:
        yield f" !\n address-family {name}\n{_indented(statements, '  ')}"
        yield from places.families.get((instance.vrf, name), ())
        yield " exit-address-family\n"
    yield "exit\n"


def _indented(statements: tuple[str, ...], indentation: str) -> str:
    return "".join([f"{indentation}{line}\n" for line in statements])
