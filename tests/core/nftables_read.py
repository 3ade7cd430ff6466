"""Reads the nftables text of a host or an edge as the kernel would, for the few words that ours is written in.

A word that is not known here is an error, so that no rule is passed over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

_WORDS = re.compile(
    r"""\s*(?:
    iifname\ vmap\ \{(?P<vmap>[^}]*)\}
    | iifname\ \{(?P<iifs>[^}]*)\}
    | (?P<family>ip6?)\ (?P<side>saddr|daddr)\ (?P<no>!=\ )?(?P<addresses>\{[^}]*\}|\S+)
    | (?P<transport>tcp|udp)\ dport\ (?P<ports>\{[^}]*\}|\d+)
    | (?P<flags>tcp\ flags\ &\ \(ack\ \|\ rst\)\ !=\ 0)
    | (?P<icmp>icmp|icmpv6)\ type\ (?P<types>\{[^}]*\}|\S+)
    | meta\ l4proto\ \{(?P<protocols>[^}]*)\}
    | (?P<counter>counter)
    | comment\ "(?P<comment>[^"]*)"
    | (?P<move>jump|goto)\ (?P<chain>\w+)
    | (?P<verdict>accept|drop|return)
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Seen:
    """A packet as a filter sees it."""

    iif: str
    source: str
    target: str
    protocol: str
    port: int = 0
    answer: bool = False

    @property
    def version(self) -> int:
        return ip_address(self.target).version


class Ruleset:
    """The chains and sets of a table."""

    def __init__(self, text: str) -> None:
        self._sets = {
            name: [ip_network(element) for element in re.findall(r"[0-9a-f:.]+/\d+", body)]
            for name, body in re.findall(r"\n    set (\w+) \{(.*?)\n    \}", text, re.DOTALL)
        }
        self._chains = {
            name: _statements(body)
            for name, body in re.findall(r"\n    chain (\w+) \{\n(.*?)\n    \}", text, re.DOTALL)
        }

    def passes(self, chain: str, packet: Seen) -> bool:
        """Return whether a packet passes a base chain, whose policy is to accept."""
        return self._run(chain, packet) != "drop"

    def _run(self, chain: str, packet: Seen) -> str | None:
        for statement in self._chains[chain]:
            outcome = self._statement(statement, packet)
            if outcome is not None:
                return None if outcome == "return" else outcome
        return None

    def _statement(self, statement: str, packet: Seen) -> str | None:
        position = 0
        while position < len(statement.rstrip()):
            found = _WORDS.match(statement, position)
            assert found is not None, f"unknown words: {statement[position:]}"
            position = found.end()
            word = {key: value for key, value in found.groupdict().items() if value is not None}
            if "vmap" in word:
                jumps = dict(re.findall(r'"(\w+)" : jump (\w+)', word["vmap"]))
                return self._run(jumps[packet.iif], packet) if packet.iif in jumps else None
            if "move" in word:
                # After a goto the chain it stood in is not gone on with: at its end the policy accepts.
                outcome = self._run(word["chain"], packet)
                return (outcome or "accept") if word["move"] == "goto" else outcome
            if "verdict" in word:
                return word["verdict"]
            if not self._matches(word, packet):
                return None
        return None

    def _matches(self, word: dict[str, Any], packet: Seen) -> bool:
        found = True
        if "iifs" in word:
            found = f'"{packet.iif}"' in word["iifs"]
        elif "family" in word:
            found = self._has_address(word, packet)
        elif "transport" in word:
            found = word["transport"] == packet.protocol and str(packet.port) in _listed(word["ports"])
        elif "flags" in word:
            found = packet.protocol == "tcp" and packet.answer
        elif "icmp" in word:
            ours = "icmp" if packet.version == 4 else "icmpv6"
            kind = "echo-reply" if packet.answer else "echo-request"
            found = packet.protocol == "icmp" and word["icmp"] == ours and kind in _listed(word["types"])
        elif "protocols" in word:
            name = packet.protocol if packet.protocol != "icmp" or packet.version == 4 else "ipv6-icmp"
            found = name in _listed(word["protocols"])
        return found

    def _has_address(self, word: dict[str, Any], packet: Seen) -> bool:
        if packet.version != (4 if word["family"] == "ip" else 6):
            return False  # a match of one family holds of no packet of the other, negated or not
        address = ip_address(packet.source if word["side"] == "saddr" else packet.target)
        inside = any(address in prefix for prefix in self._prefixes(word["addresses"]))
        return inside != ("no" in word)

    def _prefixes(self, text: str) -> list[Any]:
        if text.startswith("@"):
            return self._sets[text[1:]]
        return [ip_network(element) for element in _listed(text)]


def _listed(text: str) -> list[str]:
    return [element.strip() for element in text.strip("{} ").split(",") if element.strip()]


def _statements(body: str) -> list[str]:
    """Return the rules of a chain, each on one line; the line that says what kind of chain it is goes."""
    found: list[str] = []
    for line in body.splitlines():
        if not line.strip() or line.strip().startswith(("#", "type ")):
            continue
        if found and found[-1].count("{") > found[-1].count("}"):
            found[-1] += " " + line.strip()
        else:
            found.append(line.strip())
    return found
