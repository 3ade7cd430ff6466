"""The agent's comparison sees every difference: any one line of a golden deleted, altered or added is noticed.

One line of each kind is tried (names and numbers left aside), since two prefix-list entries are compared in the same
way; and on the hosts that between them hold every stanza and both of Proxmox's merges.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.golden.files import FOLDER
from trellis.agent.normalise import difference, normalise

HOSTS = [("homelab", "pve01"), ("guest-peering", "vr1"), ("mixed", "pve01"), ("mixed", "pve03"), ("mixed", "rtr01")]

UNNOTICED_WHEN_DELETED = {
    r"\s*!.*": "a comment or a separator: FRR drops it",
    r"\s*exit": "the next line's indentation closes the stanza as well",
    r"\s*exit-vrf": "as exit",
    r"\s*exit-address-family": "as exit: `vtysh` climbs out of the family by itself",
    r"frr version .*": "Proxmox writes it; FRR prints its own version",
    r"line vty": "Proxmox writes it; FRR prints no empty one",
}
"""The lines of a golden that may go or come without the comparison seeing it, each with the reason."""

UNNOTICED_WHEN_ALTERED = {r"\s*!.*": "a comment stays one", r"frr version .*": "FRR prints its own version"}

_UNNOTICED = {"deleted": UNNOTICED_WHEN_DELETED, "doubled": UNNOTICED_WHEN_DELETED, "altered": UNNOTICED_WHEN_ALTERED}


def _lines(example: str, host: str) -> list[str]:
    return (FOLDER / example / host / "frr.conf").read_text(encoding="utf-8").splitlines()


def _kinds(lines: list[str]) -> Iterator[int]:
    """Yield the position of one line of each kind, judged by its stanza and its words without their numbers."""
    seen: set[str] = set()
    stanza = ""
    for position, line in enumerate(lines):
        stanza = line if line[:1] not in ("", " ", "!") else stanza
        kind = re.sub(r"\S*\d\S*|TL-\S+", "#", f"{stanza} | {line}")
        if kind not in seen:
            seen.add(kind)
            yield position


def _changed(lines: list[str], position: int, change: str) -> list[str]:
    line = lines[position]
    replacement = {"deleted": [], "altered": [f"{line}x"], "doubled": [line, line]}[change]
    return [*lines[:position], *replacement, *lines[position + 1 :]]


def _matches(line: str, patterns: dict[str, str]) -> bool:
    return any(re.fullmatch(pattern, line) for pattern in patterns)


@pytest.mark.parametrize("change", ["deleted", "altered", "doubled"])
@pytest.mark.parametrize(("example", "host"), HOSTS)
def test_any_one_line_that_changes_is_noticed_except_those_with_a_reason(example: str, host: str, change: str) -> None:
    lines = _lines(example, host)
    running = normalise("\n".join(lines))
    tried = list(_kinds(lines))
    assert len(tried) > 50
    unnoticed = [
        lines[position] for position in tried if normalise("\n".join(_changed(lines, position, change))) == running
    ]
    assert [line for line in unnoticed if not _matches(line, _UNNOTICED[change])] == []


@pytest.mark.parametrize("pattern", UNNOTICED_WHEN_DELETED)
def test_no_reason_stands_in_the_list_that_nothing_needs(pattern: str) -> None:
    found = (
        (lines, position)
        for example, host in HOSTS
        for lines in (_lines(example, host),)
        for position, line in enumerate(lines)
        if re.fullmatch(pattern, line)
    )
    lines, position = next(found)
    assert difference("\n".join(_changed(lines, position, "deleted")), "\n".join(lines)) == ([], [])


def test_a_line_that_nobody_planned_is_noticed_wherever_it_stands() -> None:
    lines = _lines("guest-peering", "vr1")
    for position in range(len(lines)):
        added = [*lines[:position], "ip route 0.0.0.0/0 192.0.2.66", *lines[position:]]
        assert difference("\n".join(lines), "\n".join(added)) != ([], []), position
