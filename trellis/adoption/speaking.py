"""BGP as a host speaks it: neighbours with what their peer-groups give them, by VRF.

A neighbour's own line counts before its group's, as FRR has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from ipaddress import ip_address

from trellis.adoption.statements import Statement

GLOBAL = ""
"""The name of the global table."""

_ROUTER = re.compile(r"router bgp (\d+)(?: vrf (\S+))?")
_LISTEN = re.compile(r"bgp listen range (\S+) peer-group (\S+)")


@dataclass(slots=True)
class Party:
    """A neighbour, a peer-group, or the range that a peer-group listens to.

    Attributes:
        said: What is said of it outside of address families: ``remote-as 65000``.
        families: The same by address family.
        lines: Every statement that names it.
    """

    name: str
    vrf: str
    group: str | None = None
    said: list[str] = field(default_factory=list)
    families: dict[str, list[str]] = field(default_factory=dict)
    lines: list[Statement] = field(default_factory=list)


@dataclass
class Speaking:
    """What a host's bgpd is told.

    Attributes:
        asns: The ASN of each table.
        plain: What is said of each table that names no neighbour.
        parties: Neighbours and groups, by VRF and name.
        listens: By VRF and prefix, the group.
    """

    asns: dict[str, int] = field(default_factory=dict)
    plain: dict[str, list[str]] = field(default_factory=dict)
    parties: dict[tuple[str, str], Party] = field(default_factory=dict)
    listens: dict[tuple[str, str], str] = field(default_factory=dict)

    def neighbours(self, vrf: str) -> Iterator[Party]:
        """Yield the neighbours of a table, by address."""
        for (table, name), party in self.parties.items():
            if table == vrf and _is_address(name):
                yield party

    def members(self, vrf: str, name: str) -> tuple[str, ...]:
        """Return whom a statement is about: the neighbour itself; of a group its members and what it listens to."""
        return (name,) if _is_address(name) else tuple(self._members.get((vrf, name), ()))

    @cached_property
    def _members(self) -> dict[tuple[str, str], list[str]]:
        found: dict[tuple[str, str], list[str]] = {}
        for party in self.parties.values():
            if party.group is not None:
                found.setdefault((party.vrf, party.group), []).append(party.name)
        for (vrf, prefix), group in self.listens.items():
            found.setdefault((vrf, group), []).append(prefix)
        return found

    def group_of(self, party: Party) -> Party | None:
        """Return the peer-group of a neighbour."""
        return self.parties.get((party.vrf, party.group)) if party.group else None

    def word(self, party: Party, key: str, family: str | None = None) -> str | None:
        """Return what follows ``key`` in what is said of a neighbour, or of its group; None where nothing does."""
        for one in (party, self.group_of(party)):
            if one is None:
                continue
            for said in one.said if family is None else one.families.get(family, ()):
                if said == key or said.startswith(f"{key} "):
                    return said[len(key) :].strip()
        return None

    def in_any_family(self, party: Party, key: str, end: str = "") -> list[str]:
        """Return what follows ``key`` in any family, of a neighbour or its group, where it ends so."""
        found = []
        for one in filter(None, (party, self.group_of(party))):
            for said in (said for own in one.families.values() for said in own):
                if said.startswith(f"{key} ") and said.endswith(end):
                    found.append(said[len(key) : len(said) - len(end)].strip())
        return found

    def remote_as(self, party: Party) -> int | None:
        """Return the ASN of a neighbour, the fabric's own for ``internal``; None where any is accepted."""
        said = self.word(party, "remote-as")
        if said == "internal":
            return self.asns.get(party.vrf)
        return int(said) if said is not None and said.isdigit() else None


def speaking(statements: Iterable[Statement]) -> Speaking:
    """Return what a host's bgpd is told.

    Args:
        statements: What its FRR reads.
    """
    told = Speaking()
    for statement in statements:
        found = _ROUTER.fullmatch(statement.path[0])
        if found is None:
            continue
        vrf = found[2] or GLOBAL
        if len(statement.path) == 1:
            told.asns[vrf] = int(found[1])
            told.plain.setdefault(vrf, [])
            continue
        words = statement.line.split(" ", 2)
        if words[0] == "neighbor" and len(words) == 3:
            _neighbour(told, vrf, words[1], words[2], statement)
        elif listen := _LISTEN.fullmatch(statement.line):
            told.listens[vrf, listen[1]] = listen[2]
        elif not statement.opens:
            told.plain.setdefault(vrf, []).append(" > ".join(statement.path[1:]))
    return told


def _neighbour(told: Speaking, vrf: str, name: str, said: str, statement: Statement) -> None:
    party = told.parties.setdefault((vrf, name), Party(name, vrf))
    party.lines.append(statement)
    if len(statement.around) > 1:
        family = statement.around[1].removeprefix("address-family ")
        party.families.setdefault(family, []).append(said)
    elif said.startswith("peer-group ") and _is_address(name):
        party.group = said.removeprefix("peer-group ")
    elif said != "peer-group":
        party.said.append(said)


@cache
def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
