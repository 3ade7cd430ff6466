"""How pve-network's parser sees one line of frr.conf.local: the first rule that matches wins.

Both parsers try the same rules in the same order; they differ in what they strip first and in what closes a
block.  What a match *does* is in ``verbatim`` and ``sorted_text``.
"""

import re
from enum import Enum
from typing import NamedTuple


class Rule(Enum):
    """What a line is taken for."""

    ROUTER_BGP = "router bgp"
    ROUTER = "router"
    VRF = "vrf"
    INTERFACE = "interface"
    COMMUNITY_LIST = "bgp community-list"
    FAMILY = "address-family"
    ROUTE_MAP = "route-map"
    NUMBERED_LIST = "list with seq"
    EXIT_FAMILY = "exit-address-family"
    EXIT = "exit"
    EXCLAMATION = "exclamation mark"
    STATEMENT = "statement"


Groups = tuple[str, ...]
"""What a rule took out of a line; empty strings for groups that did not match."""

Parsed = tuple[Rule, Groups]
"""A line's rule and what the rule took out of it."""


class _Test(NamedTuple):
    """One rule: the word that a line must begin with for it ("" for any), and its pattern."""

    word: str
    rule: Rule
    pattern: re.Pattern[str]


def _test(word: str, rule: Rule, grammar: str) -> _Test:
    return _Test(word, rule, re.compile(grammar, re.ASCII))


def _named(word: str, rule: Rule) -> _Test:
    """A block that is opened by a word and a name."""
    return _test(word, rule, rf"{word} (.+)")


def _list(word: str, kind: str, entry: str) -> _Test:
    """A list entry: kind, name, sequence number, the rest."""
    return _test(word, Rule.NUMBERED_LIST, rf"({kind}) (.+) seq (\d+) ({entry})")


# All are tried at the start of the line.
_BGP = _test("router", Rule.ROUTER_BGP, r"router bgp (\S+)(?: vrf (.+))?\Z")
_COMMON = (
    _named("router", Rule.ROUTER),
    _named("vrf", Rule.VRF),
    _named("interface", Rule.INTERFACE),
    _test("bgp", Rule.COMMUNITY_LIST, r"bgp community-list ."),
    # Not only at the start: an address family is seen in the middle of a description as well.
    _test("", Rule.FAMILY, r".*?address-family (.+)"),
    _test("route-map", Rule.ROUTE_MAP, r"route-map (.+) (deny|permit) (\d+)"),
    _list("access-list", "access-list", ".+"),
    _list("ip", "ip prefix-list", ".*"),
    _list("ipv6", "ipv6 prefix-list", ".*"),
)
_VERBATIM = (
    _BGP,
    *_COMMON,
    _test("", Rule.EXIT_FAMILY, r".*exit-address-family\Z"),
    _test("", Rule.EXIT, r"exit"),
    _test("", Rule.EXCLAMATION, r".*!"),
)
_SORTED = (
    *_COMMON,
    _test("exit-address-family", Rule.EXIT_FAMILY, r"exit-address-family\Z"),
    _test("exit", Rule.EXIT, r"exit\Z"),
    _test("", Rule.EXCLAMATION, r".*!"),
)

_SPACE = " \t\n\r\f\v"
_STATEMENT: Parsed = (Rule.STATEMENT, ())


def _by_word(tests: tuple[_Test, ...]) -> dict[str, tuple[_Test, ...]]:
    """The few rules that can match a line beginning so, if it holds neither `!` nor an address family."""
    words = {test.word for test in _COMMON} - {""}
    return {word: tuple(test for test in tests if test.word == word) for word in words}


_QUICK_VERBATIM = {
    **_by_word(_VERBATIM),
    "exit": tuple(test for test in _VERBATIM if test.rule is Rule.EXIT),
}
_QUICK_SORTED = _by_word(_SORTED)


def _first_match(tests: tuple[_Test, ...], quick: dict[str, tuple[_Test, ...]], line: str) -> Parsed:
    if "!" not in line and "address-family" not in line:
        tests = quick.get(line.partition(" ")[0], tests)
    for test in tests:
        match = test.pattern.match(line)
        if match is not None:
            return test.rule, match.groups("")
    return _STATEMENT


def parsed_verbatim(line: str) -> Parsed:
    """What the parser of pve-network 1.3.0 takes a line for; trailing white space is already stripped."""
    return _first_match(_VERBATIM, _QUICK_VERBATIM, line)


def parsed_sorted(line: str) -> Parsed:
    """What the parser up to pve-network 1.2.5 takes a line for; all outer white space is already stripped."""
    return _first_match(_SORTED, _QUICK_SORTED, line)


def numbered(local: tuple[str, ...], *, strip_indentation: bool) -> list[tuple[int, str]]:
    """The lines that the parser sees at all, with their 1-based numbers: blank ones are not seen.

    Args:
        local: Lines of frr.conf.local, without line ends.
        strip_indentation: The old parser also strips leading white space.

    Returns:
        Line numbers and stripped lines, in order.
    """
    stripped = [line.strip(_SPACE) if strip_indentation else line.rstrip(_SPACE) for line in local]
    return [(number, line) for number, line in enumerate(stripped, 1) if line]
