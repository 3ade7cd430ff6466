"""What of a host's FRR configuration is ours, and the least text that puts it back; values in, values out.

On a Proxmox host frr.conf is made of what Proxmox generates and of our frr.conf.local. Ours are the lines of that
file. Where some of a route-map, list or BFD profile of ours are missing, whatever else stands in it has taken their
place, and goes (incident I12: the entries of a route-map renumbered, a guard unreachable). Every other line is
somebody else's: it is told, and stays.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from trellis.agent.manifest import RUNNING_CONFIG, Manifest
from trellis.agent.normalise import ConfigLine, in_order, normalise, opens_stanza

FRR_CONF_LOCAL = "/etc/frr/frr.conf.local"

_OBJECT = re.compile(
    r"(route-map|ip prefix-list|ipv6 prefix-list|bgp as-path access-list|"
    r"bgp (?:large-|ext)?community-list (?:standard|expanded)) (\S+)"
)
_CLOSING = {"vrf": "exit-vrf", "address-family": "exit-address-family", "vni": "exit-vni"}


@dataclass(frozen=True, slots=True)
class Split:
    """In what a configuration differs from the intent, by whose the lines are.

    Attributes:
        missing: Ours that are not there, in the order in which FRR must get them.
        surplus: Lines that nobody intended in objects of ours of which lines are missing as well.
        foreign: Lines that nobody of ours intended elsewhere: they stay.
        gone: Lines that Proxmox was to generate, and does not: its SDN is another one.
    """

    missing: tuple[ConfigLine, ...] = ()
    surplus: tuple[ConfigLine, ...] = ()
    foreign: tuple[ConfigLine, ...] = ()
    gone: tuple[ConfigLine, ...] = ()

    @property
    def is_ours(self) -> bool:
        """Whether anything of ours is not as intended."""
        return bool(self.missing or self.surplus)


def own_lines(manifest: Manifest) -> Counter[ConfigLine]:
    """The lines of the intended configuration that are ours: all of them on a host without Proxmox."""
    paths = {file.path for file in manifest.files}
    own = FRR_CONF_LOCAL if manifest.kind == "pve" and FRR_CONF_LOCAL in paths else RUNNING_CONFIG
    return Counter(in_order(manifest.file(own).text))


def split(intent: str, own: Counter[ConfigLine], found: str, also: str = "") -> Split:
    """Compare a configuration with the intent, by whose the lines are.

    Args:
        intent: The configuration as intended.
        own: Which of its lines are ours.
        found: The configuration as it is.
        also: A text whose lines count as ours where they are intended too: what frr.conf says must run as well.
    """
    wanted, actual = _meaning(intent), _meaning(found)
    lacking = _left(wanted, Counter(actual))
    beyond = _left(actual, Counter(wanted))
    ours = own | Counter(in_order(also))
    missing = tuple(line for line in lacking if line in ours)
    # Where nothing of ours is missing, somebody has added to it: that is told as any other line of theirs.
    objects = _objects(own) & _objects(missing)
    surplus = tuple(line for line in beyond if _object(line) in objects)
    return Split(
        missing=missing,
        surplus=surplus,
        foreign=tuple(line for line in beyond if _object(line) not in objects),
        gone=tuple(line for line in lacking if line not in ours),
    )


def patch(found: Split) -> str:
    """What FRR is to be told so that ours are as intended: first what goes, then what comes."""
    whole = set(found.surplus)
    going = [
        (*line[:-1], _negated(line[-1]))
        for line in found.surplus
        # With its stanza a line goes as well.
        if not any(line[:depth] in whole for depth in range(1, len(line)))
    ]
    return written([*going, *found.missing])


def mended(text: str, found: Split, displaced: Iterable[ConfigLine] = ()) -> str:
    """A frr.conf with ours as intended, and what others have in it.

    Args:
        text: The file as it is.
        found: How it differs from the intent.
        displaced: Foreign lines that had the place of some of ours, and go.
    """
    lines = _left(_meaning(text), Counter([*found.surplus, *displaced]))
    for line in found.missing:
        lines.insert(_place(lines, line), line)
    head = [line for line in text.splitlines() if line.startswith("frr version ")][:1]
    return "".join(f"{line}\n" for line in [*head, written(lines).removesuffix("\n"), "line vty"])


def is_whole(text: str) -> bool:
    """Whether a frr.conf was not cut short: Proxmox ends it with `line vty` and `!`, FRR itself with `!` or `end`."""
    last = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
    return last in ("!", "line vty", "end")


def written(lines: Iterable[ConfigLine]) -> str:
    """Lines as a text that FRR reads to the same, each stanza opened and closed."""
    out: list[str] = []
    stack: list[str] = []

    def close_to(depth: int) -> None:
        while len(stack) > depth:
            word = stack.pop().split()[0]
            out.append(f"{' ' * len(stack)}{_CLOSING.get(word, 'exit')}")

    for line in lines:
        around = list(line[:-1])
        common = 0
        while common < min(len(stack), len(around)) and stack[common] == around[common]:
            common += 1
        close_to(common)
        for opener in around[common:]:
            out.append(f"{' ' * len(stack)}{opener}")
            stack.append(opener)
        out.append(f"{' ' * len(stack)}{line[-1]}")
        if opens_stanza(line):
            stack.append(line[-1])
    close_to(0)
    return "".join(f"{line}\n" for line in out)


def _meaning(text: str) -> list[ConfigLine]:
    """The lines that mean something, in their order."""
    telling = normalise(text)
    return [line for line in in_order(text) if line in telling]


def _place(lines: list[ConfigLine], line: ConfigLine) -> int:
    """Where a line of ours goes: into its stanza where that is open already, before what is nested in it."""
    around = line[:-1]
    if not around:
        return len(lines)
    depth = len(around)
    inside = [at for at, other in enumerate(lines) if other[:depth] == around]
    if not inside:
        return len(lines)
    if opens_stanza(line):
        return inside[-1] + 1
    direct = [
        at for at in inside if lines[at] == around or (len(lines[at]) == len(line) and not opens_stanza(lines[at]))
    ]
    return direct[-1] + 1 if direct else inside[0]


def _left(lines: list[ConfigLine], taken: Counter[ConfigLine]) -> list[ConfigLine]:
    """The lines, in order, without as many of each as were taken; the first ones of equal ones are."""
    rest = Counter(taken)
    left = []
    for line in lines:
        if rest[line] > 0:
            rest[line] -= 1
        else:
            left.append(line)
    return left


def _object(line: ConfigLine) -> tuple[str, str] | None:
    """The filter or profile that a line belongs to: what it is, and its name."""
    if line[0] == "bfd" and len(line) > 1 and line[1].startswith("profile "):
        return "bfd profile", line[1].removeprefix("profile ")
    match = _OBJECT.match(line[0])
    return (match[1], match[2]) if match else None


def _objects(own: Iterable[ConfigLine]) -> frozenset[tuple[str, str]]:
    return frozenset(found for line in own if (found := _object(line)) is not None)


def _negated(line: str) -> str:
    return line.removeprefix("no ") if line.startswith("no ") else f"no {line}"
