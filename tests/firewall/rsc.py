"""The language of RouterOS's scripts, as far as an edge's script uses it: text in, statements out; the rest is refused.

Written from MikroTik's manual of scripting.  Which menus, commands, properties and values there are is
``routeros_vocabulary.json``: what the consoles of four releases say of themselves (`/console inspect`, as kept in
github.com/tikoci/restraml), and of that what all four have.  What statements do is ``routeros.py``'s part.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

_TEXT = re.compile(r"[^\"\\$\n]+")
_WORD = re.compile(r"[A-Za-z0-9._:/,*@%-]+")
_NAME = re.compile(r"[a-z][a-z0-9.-]*")
_VARIABLE = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_OPERATORS = ("&&", "||", "!=", "<=", ">=", "=", "~", "<", ">", "+", "-", ".", "and", "or")
_BINDING = (("or", "||"), ("and", "&&"), ("=", "!=", "~", "<", ">", "<=", ">="), ("+", "-", "."))
"""Operators from the weakest to the strongest."""
GLOBAL = {"if", "local", "set", "global", "foreach", "error", "delay", "do", "len", "find", "typeof", "pick", "log"}
SETTINGS = {"routing/settings"}
"""Menus without entries: what there is one of."""
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$", "?": "?", "_": " "}


class Refused(Exception):
    """A script that RouterOS would not take, with the line where it stops making sense."""


@dataclass(frozen=True, slots=True)
class Text:
    """A string: pieces of text, and variables that are put in between."""

    pieces: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Word:
    """A word without quotes: a literal, or in a condition the name of a property."""

    text: str


@dataclass(frozen=True, slots=True)
class Variable:
    name: str


@dataclass(frozen=True, slots=True)
class Array:
    items: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator with its operands; ``!`` has one."""

    operator: str
    operands: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Block:
    statements: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a menu; ``menu`` is empty for one of the language itself, as in ``:len``.

    Attributes:
        named: Values by property; a property without one is True, one with ``!`` before it False.
    """

    menu: str
    verb: str
    named: tuple[tuple[str, Any], ...]
    given: tuple[Any, ...]
    where: Any = None


@cache
def vocabulary() -> dict[str, dict[str, Any]]:
    """Return by menu what each command takes, which properties entries have, and the values of some."""
    menus = json.loads(Path(__file__).with_name("routeros_vocabulary.json").read_text(encoding="utf-8"))["menus"]
    return {
        menu: {key: value if key == "values" else frozenset(value.split()) for key, value in found.items()}
        for menu, found in menus.items()
    }


def read(script: str) -> Block:
    """Return a script's statements.

    Args:
        script: As it would be imported.

    Raises:
        Refused: RouterOS does not know it, or this reader does not.
    """
    if not script.isascii() or "\r" in script or "\t" in script:
        raise Refused("something else than printed ASCII and line ends")
    return _Reader(script).block(closing="")


class _Reader:
    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0

    def refuse(self, why: str) -> NoReturn:
        line = self._text.count("\n", 0, self._at) + 1
        raise Refused(f"line {line}: {why}, at {self._text[self._at : self._at + 60]!r}")

    def _next(self, *texts: str) -> str:
        """Take one of some texts if it is next, a word only as a whole."""
        for text in texts:
            if self._text.startswith(text, self._at):
                end = self._at + len(text)
                if text.isalpha() and _WORD.match(self._text, end):
                    continue
                self._at = end
                return text
        return ""

    def _need(self, text: str) -> None:
        if not self._next(text):
            self.refuse(f"{text!r} is missing")

    def _take(self, pattern: re.Pattern[str], what: str) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            self.refuse(f"{what} is missing")
        self._at = found.end()
        return found[0]

    def _space(self) -> bool:
        before = self._at
        while self._text.startswith((" ", "\\\n"), self._at):
            self._at += 1 if self._text[self._at] == " " else 2
        return self._at > before

    def block(self, closing: str) -> Block:
        """Read statements up to ``closing``, or to the end."""
        statements: list[Any] = []
        while True:
            self._space()
            if closing and self._next(closing):
                return Block(tuple(statements))
            if self._at == len(self._text):
                if closing:
                    self.refuse(f"{closing!r} is missing")
                return Block(tuple(statements))
            if self._next("\n", ";"):
                continue
            if self._next("#"):
                self._at = end if (end := self._text.find("\n", self._at)) >= 0 else len(self._text)
                continue
            statements.append(self._statement(""))
            self._space()
            if not self._text.startswith(("\n", ";", "}"), self._at) and self._at < len(self._text):
                self.refuse("a statement ends before its line")

    def _statement(self, menu: str) -> Any:
        if self._next("{"):
            return self.block("}")
        if self._next(":"):
            verb = self._take(_NAME, "a command")
            if verb not in GLOBAL:
                self.refuse(f"the language has no :{verb}")
            return self._global(verb)
        if self._next("/"):
            menu = ""
        return self._of_menu(menu)

    def _global(self, verb: str) -> Command:
        given: list[Any] = []
        named: list[tuple[str, Any]] = []
        if verb in {"local", "set", "global", "foreach"}:
            self._space()
            given.append(self._variable_name())
        while self._space() and not self._ends():
            key = self._next("do=", "else=", "in=", "on-error=")
            if key:
                block = key != "in="
                if block:
                    self._need("{")
                named.append((key[:-1], self.block("}") if block else self._value("")))
            elif self._text.startswith("{", self._at) and verb == "do":
                self._at += 1
                given.append(self.block("}"))
            else:
                given.append(self._value(""))
        return Command("", verb, tuple(named), tuple(given))

    def _of_menu(self, above: str) -> Command:
        """Read a command by its path; inside of brackets one of the same menu needs none."""
        words = [self._take(_NAME, "a menu or a command")]
        menus = vocabulary()
        while not self._is_command(above, words):
            if not any(menu == (path := "/".join(words)) or menu.startswith(path + "/") for menu in menus):
                self.refuse(f"there is no menu or command {' '.join(words)}")
            if not (self._next("/") or self._space()):
                self.refuse("a command is missing")
            words.append(self._take(_NAME, "a menu or a command"))
        menu, verb = "/".join(words[:-1]) or above, words[-1]
        return self._arguments(menu, verb, menus[menu])

    def _is_command(self, above: str, words: list[str]) -> bool:
        menu = "/".join(words[:-1]) or above
        return menu in vocabulary() and words[-1] in vocabulary()[menu].keys() - {"properties", "values"}

    def _arguments(self, menu: str, verb: str, known: dict[str, Any]) -> Command:
        named: list[tuple[str, Any]] = []
        given: list[Any] = []
        where = None
        while self._space() and not self._ends():
            if verb == "find":
                self._need("where")
                self._space()
                where = self._expression(menu, known["properties"])
            elif (key := self._property()) is not None:
                name, value = key
                if verb not in {"get"} and name not in known[verb]:
                    self.refuse(f"/{menu} {verb} has no {name}")
                if name in known["values"] and isinstance(value, Word):
                    self._among(name, value.text, known["values"][name].split())
                named.append((name, value))
            elif verb == "get" and (given or menu in SETTINGS):
                given.append(Word(self._take(_NAME, "a property")))
                if given[-1].text not in known["properties"]:
                    self.refuse(f"/{menu} has no {given[-1].text}")
            else:
                given.append(self._value(menu))
        if len({name for name, _ in named}) < len(named):
            self.refuse("a property is set twice")
        return Command(menu, verb, tuple(named), tuple(given), where)

    def _among(self, name: str, text: str, values: list[str]) -> None:
        for value in text.split(","):
            if value not in values:
                self.refuse(f"{name} is one of {', '.join(values)}, not {value}")

    def _property(self) -> tuple[str, Any] | None:
        """Take a property with its value, or one that stands by itself; None if something else is next."""
        found = re.compile(r"(!?)([a-z][a-z0-9.-]*)(=?)").match(self._text, self._at)
        if found is None or (not found[3] and found[2] not in {"passive"}):
            return None
        self._at = found.end()
        return found[2], self._value("") if found[3] else not found[1]

    def _ends(self) -> bool:
        return self._at == len(self._text) or self._text.startswith(("\n", ";", "]", "}"), self._at)

    def _value(self, menu: str) -> Any:
        if self._next("("):
            value = self._expression(menu, None)
            self._space()
            self._need(")")
            return value
        if self._next("["):
            value = self._statement(menu)
            self._space()
            self._need("]")
            return value
        if self._next("{"):
            return self._array()
        if self._next('"'):
            return self._string()
        if self._next("$"):
            return Variable(self._variable_name())
        return Word(self._take(_WORD, "a value"))

    def _array(self) -> Array:
        items = []
        while not self._next("}"):
            items.append(self._value(""))
            if not self._next(";") and not self._text.startswith("}", self._at):
                self.refuse("';' is missing")
        return Array(tuple(items))

    def _variable_name(self) -> str:
        if not self._next('"'):
            return self._take(_VARIABLE, "a variable")
        name = self._take(re.compile(r"[A-Za-z0-9-]+"), "a variable")
        self._need('"')
        return name

    def _string(self) -> Text:
        pieces: list[Any] = []
        while not self._next('"'):
            if self._next("$"):
                pieces.append(Variable(self._variable_name()))
            elif self._next("\\\n"):
                self._at += len(self._text[self._at :]) - len(self._text[self._at :].lstrip(" "))
            elif self._next("\\"):
                escaped = self._take(re.compile(r"[a-z\"\\$?_]"), "an escape")
                if escaped not in _ESCAPES:
                    self.refuse(f"there is no escape \\{escaped}")
                pieces.append(_ESCAPES[escaped])
            else:
                pieces.append(self._take(_TEXT, "the end of a string"))
        return Text(tuple(pieces))

    def _expression(self, menu: str, properties: frozenset[str] | None, level: int = 0) -> Any:
        """Read operators of a level or stronger; ``properties`` are those of a condition's menu."""
        if level == len(_BINDING):
            return self._operand(menu, properties)
        left = self._expression(menu, properties, level + 1)
        while True:
            before = self._at
            self._space()
            operator = self._next(*_OPERATORS)
            if operator not in _BINDING[level]:
                self._at = before
                break
            self._space()
            literal = properties is not None and level == 2
            right = self._value(menu) if literal else self._expression(menu, properties, level + 1)
            left = Operation({"&&": "and", "||": "or"}.get(operator, operator), (left, right))
        if level == 0 and properties is not None:
            self._flags(menu, properties, left)
        return left

    def _operand(self, menu: str, properties: frozenset[str] | None) -> Any:
        if self._next("!"):
            return Operation("!", (self._operand(menu, properties),))
        if self._next("("):
            value = self._expression(menu, properties)
            self._space()
            self._need(")")
            return value
        if properties is not None and (found := _NAME.match(self._text, self._at)):
            self._at = found.end()
            return Word(found[0])
        return self._value(menu)

    def _flags(self, menu: str, properties: frozenset[str], condition: Any) -> None:
        """Refuse a condition on what entries of the menu do not have."""
        if isinstance(condition, Word) and condition.text not in properties:
            self.refuse(f"/{menu} has no {condition.text}")
        if isinstance(condition, Operation):
            logical = condition.operator in {"and", "or", "!"}
            for operand in condition.operands if logical else condition.operands[:1]:
                self._flags(menu, properties, operand)
