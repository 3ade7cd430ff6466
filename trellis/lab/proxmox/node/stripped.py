"""How pve-network up to 1.2.5 merges frr.conf.local: lines lose their indentation and are collected by kind.

The whole file is then written from the collections, sorted: VRFs, interfaces (their lines sorted too),
routers with their address families, access-lists, prefix-lists (numbers sorted as text), community-lists,
route-maps. A block ends only at a line `exit`, and only a router or a route-map ends at all: whatever
follows the `exit` of another block still belongs to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .generated import Generated, MergeError

_ROUTE_MAP = re.compile(r"route-map (.+) (permit|deny) (\d+)")
_ACCESS_LIST = re.compile(r"access-list (.+) seq (\d+) (.+)$")
_PREFIX_LIST = re.compile(r"(ip|ipv6) prefix-list (.+) seq (\d+) (.*)$")


@dataclass
class _RouterBlock:
    lines: list[str] = field(default_factory=list)
    families: dict[str, list[str]] = field(default_factory=dict)


@dataclass
class _Collected:
    """Everything by kind, as it is written out afterwards."""

    vrfs: dict[str, list[str]] = field(default_factory=dict)
    interfaces: dict[str, list[str]] = field(default_factory=dict)
    routers: dict[str, _RouterBlock] = field(default_factory=dict)
    access_lists: dict[str, dict[str, str]] = field(default_factory=dict)
    prefix_lists: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    community_lists: list[str] = field(default_factory=list)
    maps: dict[str, list[tuple[str, list[str]]]] = field(default_factory=dict)


@dataclass
class _OpenMap:
    """A route-map entry that has begun and is lost unless an `exit` ends it.

    Args:
        name: Of the route-map.
        action: `permit` or `deny`.
        lines: What it matches and sets.
        entries: The place of entries, to know whether it is still the current place.
    """

    name: str
    action: str
    lines: list[str] = field(default_factory=list)
    entries: list[str] = field(default_factory=list)


class _Reader:
    """The place to which the next line goes, and what is open."""

    def __init__(self, collected: _Collected) -> None:
        self.out = collected
        self.place: list[str] = []
        self.router: str | None = None
        self.map: _OpenMap | None = None

    def read(self, line: str) -> None:
        """Take one line, without blanks at either end."""
        if not (self._opens(line) or self._listed(line)):
            self._other(line)

    def _opens(self, line: str) -> bool:
        if match := re.match(r"router (.+)$", line):
            self.router = match[1]
            self.place = self.out.routers.setdefault(match[1], _RouterBlock()).lines
        elif match := re.match(r"vrf (.+)$", line):
            self.place = self.out.vrfs.setdefault(match[1], [])
        elif match := re.match(r"interface (.+)$", line):
            self.place = self.out.interfaces.setdefault(match[1], [])
        elif line.startswith("bgp community-list "):
            self.out.community_lists.append(line)
        elif match := re.search(r"address-family (.+)$", line):
            block = self.out.routers.setdefault(self.router or "", _RouterBlock())
            self.place = block.families.setdefault(match[1], [])
        elif match := _ROUTE_MAP.match(line):
            self.map = _OpenMap(match[1], match[2])
            self.place = self.map.entries
        else:
            return False
        return True

    def _listed(self, line: str) -> bool:
        if match := _ACCESS_LIST.match(line):
            self.out.access_lists.setdefault(match[1], {})[match[2]] = match[3]
        elif match := _PREFIX_LIST.match(line):
            self.out.prefix_lists.setdefault((match[1], match[2]), {})[match[3]] = match[4]
        else:
            return False
        return True

    def _other(self, line: str) -> None:
        if line == "exit":
            self._close()
        elif line == "exit-address-family" or "!" in line:
            return
        elif self.map is not None:
            self.map.lines.append(line)
        else:
            self.place.append(line)

    def _close(self) -> None:
        if self.router is not None:
            self.router = None
            self.place = []
        elif self.map is not None:
            # Proxmox puts the entry where the last opened block is: it is lost, or stands there as a
            # Perl reference, if another block was opened before the `exit`.
            if self.place is self.map.entries:
                self.out.maps.setdefault(self.map.name, []).append((self.map.action, self.map.lines))
            else:
                self.place.append("HASH(0x55d0c0de0000)")
            self.map = None
            self.place = []


def merge(generated: Generated, local: str) -> list[str]:
    """The body of frr.conf: what Proxmox generates, with frr.conf.local merged into it.

    Args:
        generated: What Proxmox generates.
        local: The text of frr.conf.local; empty where there is none.

    Raises:
        MergeError: Proxmox's generator would stop.
    """
    out = _Collected()
    out.vrfs.update({name: list(lines) for name, lines in generated.vrfs.items()})
    for router in generated.routers.values():
        families = {name: list(lines) for name, lines in router.families.items()}
        out.routers[router.head] = _RouterBlock(list(router.lines), families)
    for key, entries in generated.prefix_lists.items():
        out.prefix_lists[key] = {str(number): rule for number, rule in entries}
    for name, maps in generated.maps.items():
        out.maps[name] = [(entry.action, list(entry.lines)) for entry in maps]
    reader = _Reader(out)
    for line in local.splitlines():
        if text := line.strip():
            reader.read(text)
    return [
        *_vrfs(out),
        *_interfaces(out),
        *_routers(out),
        *_lists(out),
        *_maps(out),
    ]


def _vrfs(out: _Collected) -> list[str]:
    text: list[str] = []
    for name, lines in sorted(out.vrfs.items()):
        text += ["!", f"vrf {name}", *(f" {line}" for line in lines), "exit-vrf"]
    return text


def _interfaces(out: _Collected) -> list[str]:
    text: list[str] = []
    for name, lines in sorted(out.interfaces.items()):
        if not lines:
            raise MergeError(f"an empty block of interface {name} in frr.conf.local")
        text += ["!", f"interface {name}", *(f" {line}" for line in sorted(lines))]
    return text


def _routers(out: _Collected) -> list[str]:
    text: list[str] = []
    for head, block in sorted(out.routers.items()):
        text += ["!", f"router {head}", *(f" {line}" for line in block.lines)]
        for name, lines in sorted(block.families.items()):
            text += [" !", f" address-family {name}", *(f"  {line}" for line in lines), " exit-address-family"]
        text.append("exit")
    return text


def _lists(out: _Collected) -> list[str]:
    access = [
        f"access-list {name} seq {number} {rule}"
        for name, entries in sorted(out.access_lists.items())
        for number, rule in sorted(entries.items())
    ]
    prefixes = {
        word: [
            f"{word} prefix-list {name} seq {number} {rule}"
            for (family, name), entries in sorted(out.prefix_lists.items())
            if family == word
            for number, rule in sorted(entries.items())
        ]
        for word in ("ip", "ipv6")
    }
    text: list[str] = []
    for lines in (access, prefixes["ip"], prefixes["ipv6"], sorted(out.community_lists)):
        if lines:
            text += ["!", *lines]
    return text


def _maps(out: _Collected) -> list[str]:
    text: list[str] = []
    for name, entries in sorted(out.maps.items()):
        for number, (action, lines) in enumerate(entries, start=1):
            text += ["!", f"route-map {name} {action} {number}", *(f" {line}" for line in lines), "exit"]
    return text
