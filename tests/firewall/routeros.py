"""As much of a RouterOS as an edge's script uses: entries by menu, the commands on them, and how packets pass filters.

Written from MikroTik's manual of scripts and of the raw table, not from what renders the script.  Entries are as the
script left them; what the router would do with them (sessions, routes) is not played, except raw rules here and
filters of routes in ``route_filter.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from tests.firewall.rsc import SETTINGS, Array, Block, Command, Operation, Text, Variable, Word, read

Entry = dict[str, str]

_ONE_OF_A_NAME = {"routing/bgp/instance", "routing/bgp/template", "routing/bgp/connection", "system/script"}
_ONE_OF_A_NAME |= {"routing/ospf/instance", "routing/ospf/area"}
_ORDERED = ("/firewall/raw", "/firewall/nat", "routing/filter/rule")
"""Menus whose entries may be alike: the order of their rules counts."""


class Stopped(Exception):
    """The script stopped by itself, with ``:error``."""


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
    """Its entries in order, by menu; what it was asked to fetch, and what it logged."""

    tables: dict[str, list[Entry]] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    fetched: list[dict[str, str]] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)
    waited: list[str] = field(default_factory=list)

    def table(self, menu: str) -> list[Entry]:
        return self.tables.setdefault(menu, [])

    def run(self, script: str) -> Iterator[str]:
        """Import a script; yields each command that changes something, after it was done."""
        yield from self._run(read(script), [{}])

    def _run(self, block: Block, scopes: list[dict[str, Any]]) -> Iterator[str]:
        scopes = [*scopes, {}]
        for statement in block.statements:
            if isinstance(statement, Block):
                yield from self._run(statement, scopes)
            elif statement.menu:
                yield from self._changes(statement, scopes)
            else:
                yield from self._global(statement, scopes)

    def _global(self, command: Command, scopes: list[dict[str, Any]]) -> Iterator[str]:
        named, given = dict(command.named), command.given
        if command.verb in {"local", "global", "set"}:
            value = self._value(given[1], scopes) if len(given) > 1 else None
            self._declare(command.verb, given[0], value, scopes)
        elif command.verb == "if":
            branch = named.get("do" if self._value(given[0], scopes) is True else "else")
            yield from self._run(branch or Block(()), scopes)
        elif command.verb == "foreach":
            for item in list(self._value(named["in"], scopes)):
                yield from self._run(named["do"], [*scopes, {given[0]: item}])
        elif command.verb == "do":
            try:
                yield from self._run(given[0], scopes)
            except ConnectionError:
                yield from self._run(named["on-error"], scopes)
        elif command.verb == "delay":
            self.waited.append(self._value(given[0], scopes))
        else:
            assert command.verb == "error", f":{command.verb} changes nothing"
            raise Stopped(self._value(given[0], scopes))

    def _declare(self, verb: str, name: str, value: Any, scopes: list[dict[str, Any]]) -> None:
        if verb == "set":
            self._set(name, value, scopes)
        else:
            scopes[-1][name] = value if verb == "local" else _GLOBAL

    def _set(self, name: str, value: Any, scopes: list[dict[str, Any]]) -> None:
        scope = next((scope for scope in reversed(scopes) if name in scope), None)
        assert scope is not None, f"${name} was not declared here"
        if scope[name] is not _GLOBAL:
            scope[name] = value
        elif value is None:
            self.variables.pop(name, None)
        else:
            self.variables[name] = value

    def _changes(self, command: Command, scopes: list[dict[str, Any]]) -> Iterator[str]:
        """Do a command of a menu; yields it if that changed anything."""
        table, said = self.table(command.menu), f"/{command.menu} {command.verb}"
        words = {name: self._value(value, scopes) for name, value in command.named}
        given = [self._value(value, scopes) for value in command.given]
        found = [entry for value in given for entry in (value if isinstance(value, list) else [value])]
        found += self._settings(command.menu)
        if command.menu == "log":
            self.logged.append(given[0])
        elif command.verb == "fetch":
            self.fetched.append(words)
            if "unreachable" in self.variables:
                raise ConnectionError
        elif command.verb == "run":
            name = str(given[0])
            source = next(entry["source"] for entry in table if entry["name"] == name)
            yield from self._run(read(source), [{}])
        elif command.verb == "add":
            self._add(command.menu, words)
            yield f"{said} {words}"
        elif command.verb == "remove":
            assert all(any(entry is one for one in table) for entry in found)
            table[:] = [entry for entry in table if not any(entry is one for one in found)]
        elif command.verb in {"set", "enable", "disable"}:
            words |= {"enable": {"disabled": "no"}, "disable": {"disabled": "yes"}}.get(command.verb, {})
            assert command.verb != "set" or found, "set of nothing"
            for entry in found:
                entry.update(words)
        else:
            raise AssertionError(f"{said} changes nothing")
        if command.verb in {"remove", "set", "enable", "disable"} and found:
            yield f"{said} {words or found}"

    def _add(self, menu: str, words: dict[str, Any]) -> None:
        table, before = self.table(menu), words.pop("place-before", None)
        entry = {name: "yes" if value is True else str(value) for name, value in words.items()}
        if menu in _ONE_OF_A_NAME:
            assert all(other["name"] != entry["name"] for other in table), f"RouterOS has {entry['name']} already"
        elif not menu.endswith(_ORDERED):
            assert not any(_alike(entry, other) for other in table), f"RouterOS has {entry} already"
        place = next((n for n, other in enumerate(table) if other is before), None)
        assert before is None or place is not None
        table.insert(len(table) if place is None else place, entry)

    def _settings(self, menu: str) -> list[Entry]:
        """Return the one entry of a menu of settings; none of another's."""
        if menu in SETTINGS and not self.table(menu):
            self.table(menu).append({})
        return self.table(menu) if menu in SETTINGS else []

    def _value(self, value: Any, scopes: list[dict[str, Any]]) -> Any:
        if isinstance(value, Text):
            return "".join(str(self._value(piece, scopes)) for piece in value.pieces)
        if isinstance(value, Word):
            return int(value.text) if value.text.isdecimal() else value.text
        if isinstance(value, Array):
            return [self._value(item, scopes) for item in value.items]
        if isinstance(value, Variable):
            return self._variable(value.name, scopes)
        if isinstance(value, Operation):
            return self._operation(value, scopes)
        return self._asked(value, scopes) if isinstance(value, Command) else value

    def _variable(self, name: str, scopes: list[dict[str, Any]]) -> Any:
        scope = next((scope for scope in reversed(scopes) if name in scope), None)
        assert scope is not None, f"${name} was not declared here"
        return self.variables.get(name) if scope[name] is _GLOBAL else scope[name]

    def _operation(self, operation: Operation, scopes: list[dict[str, Any]]) -> Any:
        values = [self._value(operand, scopes) for operand in operation.operands]
        match operation.operator:
            case "!":
                return not values[0]
            case "and":
                return values[0] is True and values[1] is True
            case "or":
                return values[0] is True or values[1] is True
            case ".":
                return f"{values[0]}{values[1]}"
        return _compared(operation.operator, *values)

    def _asked(self, command: Command, scopes: list[dict[str, Any]]) -> Any:
        """Return what a command in brackets answers; none of these changes anything."""
        if command.menu and command.verb == "find":
            return [e for e in self.table(command.menu) if self._holds_for(e, command.where, scopes)]
        given = [self._value(value, scopes) for value in command.given]
        if command.menu:
            assert command.verb == "get", f"{command.verb} answers nothing"
            entry, *given = [*self._settings(command.menu), *given]
            assert isinstance(entry, dict), "get is of one entry"
            return entry.get(given[0], "")
        match command.verb:
            case "len":
                return len(given[0] or "")
            case "typeof":
                return _type(given[0])
            case "pick":
                return given[0][given[1]]
            case "find":
                at = given[0].find(given[1]) if isinstance(given[0], str) else -1
                return at if at >= 0 else _NIL
        raise AssertionError(f":{command.verb} answers nothing")

    def _holds_for(self, entry: Entry, where: Any, scopes: list[dict[str, Any]]) -> bool:
        if where is None:
            return True
        if isinstance(where, Word):
            return entry.get(where.text) == "yes"
        if where.operator in {"and", "or", "!"}:
            held = [self._holds_for(entry, operand, scopes) for operand in where.operands]
            return {"and": all(held), "or": any(held), "!": not held[0]}[where.operator]
        wanted = str(self._value(where.operands[1], scopes))
        return bool(_compared(where.operator, entry.get(where.operands[0].text, ""), wanted))

    def by_chain(self) -> dict[str, list[Entry]]:
        """Return the tables with each chain's rules together: which chain stands first means nothing."""
        return {key: sorted(entries, key=lambda entry: entry.get("chain", "")) for key, entries in self.tables.items()}

    def passes(self, packet: Packet, chain: str = "prerouting") -> bool | None:
        """Return whether a packet gets through a chain of the raw table; None if the chain lets it go on."""
        for rule in self.table(f"{packet.menu}/firewall/raw"):
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
            all(key not in rule or self.lists(packet.menu, rule[key], address) for key, address in lists)
            and rule.get("protocol", packet.protocol) == packet.protocol
            and ("dst-port" not in rule or str(packet.port) in rule["dst-port"].split(","))
            and ("tcp-flags" not in rule or set(rule["tcp-flags"].split(",")) <= packet.flags)
            and ("icmp-options" not in rule or rule["icmp-options"] == f"{packet.icmp_type}:0-255")
        )

    def lists(self, menu: str, name: str, address: str) -> bool:
        """Return whether a list of addresses, which has to be there, holds one."""
        entries = [entry for entry in self.table(f"{menu}/firewall/address-list") if entry["list"] == name]
        assert entries, f"no address-list {name}"
        return any(ip_address(address) in ip_network(entry["address"]) for entry in entries)


_GLOBAL, _NIL = object(), object()


def _alike(one: Entry, other: Entry) -> bool:
    return {**one, "comment": ""} == {**other, "comment": ""}


def _type(value: Any) -> str:
    if value is None:
        return "nothing"
    if value is _NIL:
        return "nil"
    return {str: "str", int: "num", bool: "bool", list: "array", dict: "id"}[type(value)]


def _compared(operator: str, one: Any, other: Any) -> Any:
    match operator:
        case "=":
            return one == other
        case "!=":
            return one != other
        case "~":
            return re.search(other, one) is not None
        case "+":
            return one + other
        case ">":
            return one > other
        case "<":
            return one < other
    raise AssertionError(operator)
