"""As much of a RouterOS as an edge's script uses: address-lists and raw rules by family, and how packets pass them.

Written from MikroTik's manual of the raw table and of scripts, not from what renders the script.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

Entry = dict[str, str]

_ADD = re.compile(r"/(\S+) firewall (raw|address-list) add (.*)")
_REMOVE = re.compile(r"/(\S+) firewall (raw|address-list) remove \[find where (.*)\]")
_UNLESS = re.compile(r':if \(\[:len \[/(\S+) firewall raw find where comment="(.*)"\]\] = 0\) do=\{')
_FIND = re.compile(r'(!\()?comment~"([^"]*)"')
_WORD = re.compile(r'([a-z-]+)=("[^"]*"|\[[^\]]*\]|\S+)')


@dataclass(frozen=True)
class Packet:
    """A packet as the raw table sees it; ``flags`` are TCP's."""

    source: str
    to: str
    protocol: str = "tcp"
    port: int = 0
    flags: frozenset[str] = frozenset()
    icmp_type: int | None = None

    @property
    def menu(self) -> str:
        """The menu of the packet's family."""
        return "ipv6" if ":" in self.to else "ip"


@dataclass
class Router:
    """Its tables: entries in order, by menu and kind."""

    tables: dict[tuple[str, str], list[Entry]] = field(default_factory=dict)

    def table(self, menu: str, kind: str) -> list[Entry]:
        return self.tables.setdefault((menu, kind), [])

    def run(self, script: str) -> Iterator[str]:
        """Import a script; yields each command that changes something, after it was done."""
        generation, skipped, first_of_all = "", False, False
        for raw in script.splitlines():
            line = raw.strip().replace("$generation", generation)
            if line.startswith(":local generation "):
                generation = line.split('"')[1]
            elif unless := _UNLESS.fullmatch(line):
                skipped = any(rule.get("comment") == unless[2] for rule in self.table(unless[1], "raw"))
            elif line.startswith(":local first "):
                menu = line.split("/")[1].split()[0]
                first_of_all = not any(rule["chain"] == "prerouting" for rule in self.table(menu, "raw"))
            elif raw == "}":
                skipped = False
            elif added := _ADD.fullmatch(line):
                # Of the two that make the script's rules active, each stands in one branch.
                other_branch = line.count(" active") and ("place-before" in line) == first_of_all
                if not skipped and not other_branch:
                    self._add(added[1], added[2], added[3])
                    yield line
            elif (removed := _REMOVE.fullmatch(line)) and not skipped:
                if self._remove(removed[1], removed[2], removed[3]):
                    yield line
            else:
                assert skipped or line[:1] in {"", "#", "{", "}"} or line.startswith(":if ([:len $first]"), line

    def _add(self, menu: str, kind: str, words: str) -> None:
        entry = {key: value.strip('"') for key, value in _WORD.findall(words)}
        assert kind == "raw" or entry not in self.table(menu, kind), f"RouterOS has {entry} already"
        table = self.table(menu, kind)
        place = 0 if entry.pop("place-before", "") else len(table)
        if place == 0 and kind == "raw":
            place = next((n for n, rule in enumerate(table) if rule["chain"] == "prerouting"), len(table))
        table.insert(place, entry)

    def _remove(self, menu: str, kind: str, condition: str) -> bool:
        wanted = [(bool(negated), pattern) for negated, pattern in _FIND.findall(condition)]
        before = self.table(menu, kind)
        kept = [
            entry
            for entry in before
            if not all((re.search(pattern, entry.get("comment", "")) is None) == negated for negated, pattern in wanted)
        ]
        self.tables[menu, kind] = kept
        return kept != before

    def by_chain(self) -> dict[tuple[str, str], list[Entry]]:
        """Return the tables with each chain's rules together: which chain stands first means nothing."""
        return {key: sorted(entries, key=lambda entry: entry.get("chain", "")) for key, entries in self.tables.items()}

    def passes(self, packet: Packet, chain: str = "prerouting") -> bool | None:
        """Return whether a packet gets through a chain of the raw table; None if the chain lets it go on."""
        for rule in self.table(packet.menu, "raw"):
            if rule["chain"] == chain and self._matches(rule, packet):
                if rule["action"] == "drop":
                    return False
                if rule["action"] == "return":
                    return None
                decided = self.passes(packet, rule["jump-target"])
                if decided is not None:
                    return decided
        return True if chain == "prerouting" else None

    def _matches(self, rule: Entry, packet: Packet) -> bool:
        lists = (("src-address-list", packet.source), ("dst-address-list", packet.to))
        return (
            all(key not in rule or self._holds(packet.menu, rule[key], address) for key, address in lists)
            and rule.get("protocol", packet.protocol) == packet.protocol
            and ("dst-port" not in rule or str(packet.port) in rule["dst-port"].split(","))
            and ("tcp-flags" not in rule or set(rule["tcp-flags"].split(",")) <= packet.flags)
            and ("icmp-options" not in rule or rule["icmp-options"] == f"{packet.icmp_type}:0-255")
        )

    def _holds(self, menu: str, name: str, address: str) -> bool:
        entries = [entry for entry in self.table(menu, "address-list") if entry["list"] == name]
        assert entries, f"no address-list {name}"
        return any(ip_address(address) in ip_network(entry["address"]) for entry in entries)
