"""What no text that a host gets may hold, whoever's defect it is: refused before anything is sent.

FRR takes most of these without a word: it ignores what follows a stray ``exit``, hangs at a line of 4096 characters,
and lets a session with an undefined filter pass nothing or all.  Only the text is judged here, never the plan; what
sessions and filters mean is judged by ``trellis.plan.rules``.  Blocks that hosts share are read once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from trellis.render.sound_sessions import global_router, router_faults
from trellis.site.refusal import Refusal


class Fault(NamedTuple):
    """A line that may not be there, and why."""

    line: str
    rule: str
    why: str


LONGEST_LINE = 4095
"""Characters in a line; at 4096 `vtysh -f` hangs (measured with FRR 10.3)."""

_REMEDY = "this is a defect of the rendered text, not of the site: report it with this message"
_PLACEHOLDER = re.compile(r" +neighbor \S+ password \{\{secret:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\}\}")
_STATEMENT = re.compile(r"^[ \t]*[^ \t\n!#]", re.MULTILINE)
_UNRESOLVED = ("Output object at 0x", "__str__ on an Output", "<class '", "<object object", "Undefined")


def faults_of_lines(text: str) -> Iterator[Fault]:
    """Yield what is wrong with any line of a file, whatever program reads it.

    Args:
        text: Whole lines.
    """
    # All of them are asked at once first: line by line this would take as long as rendering them.
    lines = text.split("\n")
    if max(map(len, lines)) > LONGEST_LINE:
        for line in (line for line in lines if len(line) > LONGEST_LINE):
            why = "`vtysh -f` hangs at a longer one"
            yield Fault(f"{line[:60]}... ({len(line)})", f"a line has at most {LONGEST_LINE} characters", why)
    if not (text.isascii() and "".join(lines).isprintable()):
        for line in (line for line in lines if not (line.isascii() and line.isprintable())):
            yield Fault(line, "a line holds printable ASCII only", "programs cut, split or misread it at anything else")
    if "{{" in text:
        for line in (line for line in lines if "{{" in line and not _PLACEHOLDER.fullmatch(line)):
            why = "the agent would put a secret where others read it, or FRR would get a piece of a template"
            yield Fault(line, "a placeholder is a neighbour's whole password, and stands nowhere else", why)
    if any(sign in text for sign in _UNRESOLVED):
        for line in (line for line in lines if any(sign in line for sign in _UNRESOLVED)):
            why = "the host would get the name of a Python object where its value belongs"
            yield Fault(line, "every value is known before anything is rendered", why)


@dataclass(frozen=True, slots=True)
class _Block:
    """What a part of a frr.conf says: its faults, the names that it defines, and those that it refers to."""

    faults: tuple[Fault, ...]
    defined: frozenset[str]
    used: frozenset[str]
    numbered: frozenset[str]


class Soundness:
    """Judges the files of many hosts, each part that they share once."""

    def __init__(self) -> None:
        self._blocks: dict[str, _Block] = {}
        self._lines: dict[str, tuple[Fault, ...]] = {}

    def refusals(
        self, host: str, files: Iterable[tuple[str, tuple[str, ...]]], own_config: str, running: str
    ) -> Iterator[Refusal]:
        """Yield a refusal for each fault in the files of a host.

        Args:
            host: Name of the host.
            files: Path and parts of each, every part whole blocks.
            own_config: Path of the FRR configuration that is ours alone; what Proxmox adds to it is Proxmox's.
            running: The whole text that FRR runs: sessions of the global router are of both authors.
        """
        sessions = [Fault(*fault) for fault in router_faults(global_router(running))]
        for path, parts in files:
            faults = [fault for part in parts for fault in self._of_lines(part)]
            if not any(map(_STATEMENT.search, parts)):
                why = "FRR and nft take an empty file with status 0, and everything that ran is gone"
                faults.append(Fault("(nothing but comments)", "a file that a host gets says something", why))
            if path == own_config:
                faults += (*self._of_frr(parts), *sessions)
            for fault in dict.fromkeys(faults):
                yield Refusal(f"{host}:{path}", fault.line, fault.rule, fault.why, _REMEDY)

    def _block(self, text: str) -> _Block:
        if text not in self._blocks:
            self._blocks[text] = _read(text)
        return self._blocks[text]

    def _of_lines(self, part: str) -> tuple[Fault, ...]:
        if part not in self._lines:
            self._lines[part] = tuple(faults_of_lines(part))
        return self._lines[part]

    def _of_frr(self, parts: tuple[str, ...]) -> Iterator[Fault]:
        if not any(part.startswith("router bgp ") or "\nrouter bgp " in part for part in parts):
            why = "the host would drop every session, and FRR takes it with status 0"
            yield Fault("(no `router bgp`)", "a host's FRR configuration speaks BGP", why)
        for part in parts:
            if part not in self._blocks:
                self._blocks[part] = _together(map(self._block, part.split("\n!\n")))
        whole = _together(self._blocks[part] for part in parts)
        yield from whole.faults
        for name in sorted(whole.used - whole.defined):
            why = "FRR takes the name with status 0; the filter then permits nothing, or everything"
            yield Fault(name, "every filter, list and profile that is used is defined in the same file", why)


_NUMBERED = re.compile(
    r"^(?:(ip|ipv6) prefix-list (\S+)|(?:bgp community-list standard) (\S+)) seq (\d+) .*$", re.MULTILINE
)
_LENGTHS = re.compile(r"^(?:ip|ipv6) prefix-list \S+ seq \d+ \w+ \S+/(\d+)(?: ge (\d+))?(?: le (\d+))?$", re.MULTILINE)
_ROUTE_MAP = re.compile(r"^(route-map (\S+) (?:permit|deny) (\d+))$", re.MULTILINE)
_USED_MAP = re.compile(r" route-map (\S+)")
_USED_LIST = re.compile(
    r"^ match (ip|ipv6) address prefix-list (\S+)|^ (?:match community|set comm-list) (\S+)", re.MULTILINE
)
_PATHS = re.compile(r"^ *(bgp as-path access-list (\S+) seq (\d+) .*)$", re.MULTILINE)
_USED_PATHS = re.compile(r"^ +(?:neighbor \S+ filter-list|match as-path) (\S+)", re.MULTILINE)
_PROFILE = re.compile(r"^ +profile (\S+)$", re.MULTILINE)
_USED_PROFILE = re.compile(r" bfd profile (\S+)$", re.MULTILINE)


def _together(blocks: Iterable[_Block]) -> _Block:
    faults: list[Fault] = []
    defined, used, numbered = set[str](), set[str](), set[str]()
    for block in blocks:
        faults += block.faults
        if not numbered.isdisjoint(block.numbered):
            faults += map(_twice, sorted(block.numbered & numbered))
        defined |= block.defined
        used |= block.used
        numbered |= block.numbered
    return _Block(tuple(faults), frozenset(defined), frozenset(used), frozenset(numbered))


def _read(block: str) -> _Block:
    faults = [*_nesting_faults(block), *_vrf_router_faults(block)]
    defined, used, numbered = set[str](), set[str](), set[str]()
    # Most blocks are of one kind: what another kind would hold is not looked for in them.
    if " seq " in block:
        for found in _NUMBERED.finditer(block):
            family, prefix_list, community_list, number = found.groups()
            name = f"{family} prefix-list {prefix_list}" if prefix_list else f"community-list {community_list}"
            faults += [_twice(found[0])] if f"{name} {number}" in numbered else []
            defined.add(name)
            numbered.add(f"{name} {number}")
        faults += _length_faults(block)
    if "route-map " in block:
        for line, name, number in _ROUTE_MAP.findall(block):
            faults += _route_map_faults(line, int(number), f"route-map {name} {number}" in numbered)
            defined.add(f"route-map {name}")
            numbered.add(f"route-map {name} {number}")
        used.update(f"route-map {name}" for name in _USED_MAP.findall(block))
        for family, prefix_list, community_list in _USED_LIST.findall(block):
            used.add(f"{family} prefix-list {prefix_list}" if prefix_list else f"community-list {community_list}")
    if "bgp as-path " in block:
        for line, name, number in _PATHS.findall(block):
            faults += [_twice(line)] if f"AS-path list {name} {number}" in numbered else []
            defined.add(f"AS-path list {name}")
            numbered.add(f"AS-path list {name} {number}")
    if " filter-list " in block or " as-path " in block:
        used.update(f"AS-path list {name}" for name in _USED_PATHS.findall(block))
    if "profile " in block:
        defined.update(f"BFD profile {name}" for name in _PROFILE.findall(block))
        used.update(f"BFD profile {name}" for name in _USED_PROFILE.findall(block))
    return _Block(tuple(faults), frozenset(defined), frozenset(used), frozenset(numbered))


def _vrf_router_faults(block: str) -> Iterator[Fault]:
    # A block may begin with the comments of the one before.
    start = block.find("router bgp ")
    heading = block[start : block.find("\n", start)]
    if start >= 0 and " vrf " in heading:
        yield from (Fault(*fault) for fault in router_faults(block[start:]))


def _route_map_faults(line: str, number: int, again: bool) -> Iterator[Fault]:
    if again:
        yield _twice(line)
    if not 1 <= number <= 65535:
        yield Fault(line, "entries of a route-map are numbered 1-65535", "FRR refuses any other number")


def _twice(line: str) -> Fault:
    why = "FRR keeps the later of two entries without a word"
    return Fault(line, "each number stands once in a list or a route-map", why)


_OPENS = re.compile(r"(router|interface|vrf|route-map|bfd|address-family|profile|peer|segment-routing|key chain)\b")


def _nesting_faults(block: str) -> Iterator[Fault]:
    """Yield each ``exit`` that closes nothing."""
    if block.count("exit") == 1 and block.endswith("\nexit") and _OPENS.match(block):
        return  # as most blocks are: one that is opened and closed
    depth = 0
    for line in block.split("\n"):
        statement = line.strip()
        if line[:1] not in (" ", "!", "") and not statement.startswith("exit"):
            depth = 0  # a statement of the first level: vtysh leaves whatever was open
        if statement.startswith("exit"):
            depth -= 1
            if depth < 0:
                why = "FRR ignores the rest of the file after it, with status 0"
                yield Fault(line, "each exit closes what was opened", why)
        elif _OPENS.match(statement) and (line[0] != " " or statement[:2] in ("ad", "pr", "pe")):
            depth += 1


def _length_faults(block: str) -> Iterator[Fault]:
    for found in _LENGTHS.finditer(block):
        length, ge, le = (int(number) if number else None for number in found.groups())
        longest = 32 if found[0].startswith("ip ") else 128
        order = [number for number in (length, ge, le, longest) if number is not None]
        if order != sorted(order) or ge == length:
            why = "FRR takes it with status 0 and drops other entries, or refuses it as it is applied"
            yield Fault(found[0], "an entry's lengths rise: prefix < ge <= le <= the family's longest", why)
