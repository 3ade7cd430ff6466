"""How pve-network's parser sees one line of frr.conf.local: the first rule that matches wins.

Both parsers try the same rules in the same order; they differ in what they strip first and in what closes a
block.  What a match *does* is in ``verbatim`` and ``sorted_text``.
"""

import re
from enum import Enum
from functools import lru_cache
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


class Parsed(NamedTuple):
    """A line's rule and what the rule took out of the line (empty strings for groups that did not match)."""

    rule: Rule
    groups: tuple[str, ...] = ()


_BGP = (Rule.ROUTER_BGP, re.compile(r"^router bgp (\S+)(?: vrf (.+))?$", re.ASCII))
_OPENERS: tuple[tuple[Rule, re.Pattern[str]], ...] = (
    (Rule.ROUTER, re.compile(r"^router (.+)$")),
    (Rule.VRF, re.compile(r"^vrf (.+)$")),
    (Rule.INTERFACE, re.compile(r"^interface (.+)$")),
    (Rule.COMMUNITY_LIST, re.compile(r"^bgp community-list (.+)$")),
    # Unanchored: an address family is seen in the middle of a description as well.
    (Rule.FAMILY, re.compile(r"address-family (.+)$")),
    (Rule.ROUTE_MAP, re.compile(r"^route-map (.+) (permit|deny) (\d+)", re.ASCII)),
    (Rule.NUMBERED_LIST, re.compile(r"^(access-list) (.+) seq (\d+) (.+)$", re.ASCII)),
    (Rule.NUMBERED_LIST, re.compile(r"^(ip prefix-list) (.+) seq (\d+) (.*)$", re.ASCII)),
    (Rule.NUMBERED_LIST, re.compile(r"^(ipv6 prefix-list) (.+) seq (\d+) (.*)$", re.ASCII)),
)
_VERBATIM = (
    _BGP,
    *_OPENERS,
    (Rule.EXIT_FAMILY, re.compile(r"exit-address-family$")),
    (Rule.EXIT, re.compile(r"^exit")),
    (Rule.EXCLAMATION, re.compile(r"!")),
)
_SORTED = (
    *_OPENERS,
    (Rule.EXIT_FAMILY, re.compile(r"^exit-address-family$")),
    (Rule.EXIT, re.compile(r"^exit$")),
    (Rule.EXCLAMATION, re.compile(r"!")),
)

_SPACE = " \t\n\r\f\v"
_STATEMENT = Parsed(Rule.STATEMENT)


def _first_match(rules: tuple[tuple[Rule, re.Pattern[str]], ...], line: str) -> Parsed:
    for rule, pattern in rules:
        match = pattern.search(line)
        if match is not None:
            return Parsed(rule, match.groups(default=""))
    return _STATEMENT


@lru_cache(maxsize=65536)
def parsed_verbatim(line: str) -> Parsed:
    """What the parser of pve-network 1.3.0 takes a line for; trailing white space is already stripped."""
    return _first_match(_VERBATIM, line)


@lru_cache(maxsize=65536)
def parsed_sorted(line: str) -> Parsed:
    """What the parser up to pve-network 1.2.5 takes a line for; all outer white space is already stripped."""
    return _first_match(_SORTED, line)


def numbered(local: tuple[str, ...], *, strip_indentation: bool) -> list[tuple[int, str]]:
    """The lines that the parser sees at all, with their 1-based numbers: blank ones are not seen.

    Args:
        local: Lines of frr.conf.local, without line ends.
        strip_indentation: The old parser also strips leading white space.

    Returns:
        Line numbers and stripped lines, in order.
    """
    seen = []
    for number, raw in enumerate(local, 1):
        line = raw.strip(_SPACE) if strip_indentation else raw.rstrip(_SPACE)
        if line:
            seen.append((number, line))
    return seen
