"""What no ``router bgp`` block may hold: groups that do not exist, neighbours without an ASN, eBGP without filters.

A subnet that a host listens to is bounded by its group: ASNs, prefixes, and how many of them.

FRR refuses the first two only as the text is applied, when half of it is in force, and takes the third in silence
unless it is told otherwise (RFC 8212).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_FAULT = tuple[str, str, str]
_HEADING = re.compile(r"router bgp (\d+)( vrf \S+)?\n")
_GLOBAL = re.compile(r"^router bgp \d+\n(?:[ !].*\n)*", re.MULTILINE)
_NEIGHBOUR = re.compile(
    r"^ +(?:address-family (.+)|neighbor (\S+) "
    r"(remote-as|peer-group|activate|route-map|filter-list|maximum-prefix)(?: (.+))?)$",
    re.M,
)
_LISTENS = re.compile(r"^ +bgp listen (range (\S+)(?: peer-group (\S+))?.*|.*)$", re.MULTILINE)


@dataclass(slots=True)
class _Speaker:
    """What a block says of one neighbour or group."""

    remote_as: str | None = None
    group: str | None = None
    is_group: bool = False
    filters: dict[str, set[str]] = field(default_factory=dict)
    bounds: dict[str, set[str]] = field(default_factory=dict)
    active: set[str] = field(default_factory=set)


def global_router(text: str) -> str:
    """Return the BGP router of the global table in a whole frr.conf; empty if there is none."""
    found = _GLOBAL.search(text)
    return found[0] if found is not None else ""


def router_faults(router: str) -> Iterator[_FAULT]:
    """Yield line, rule and reason of each fault in a BGP router.

    Args:
        router: The block; other text than a BGP router has no faults.
    """
    heading = _HEADING.match(router)
    if heading is None:
        return
    speakers = _speakers(router)
    for found in _LISTENS.finditer(router):
        bounded = heading[2] is not None and found[2] is not None and _bounded(found[2], speakers.get(found[3] or ""))
        if not bounded and not (heading[2] is not None and found[2] is None):
            rule = "a host listens to a subnet only by a group that bounds ASNs, prefixes and their number (R8)"
            yield found[0], rule, "a listen range takes any address with any ASN"
    for name, speaker in speakers.items():
        yield from _faults_of(heading[1], name, speaker, speakers)


def _speakers(block: str) -> dict[str, _Speaker]:
    speakers: dict[str, _Speaker] = {}
    family = ""
    for entered, name, statement, value in _NEIGHBOUR.findall(block):
        if entered:
            family = entered
            continue
        speaker = speakers.setdefault(name, _Speaker())
        if statement == "remote-as":
            speaker.remote_as = value
        elif statement == "activate":
            speaker.active.add(family)
        elif statement in ("filter-list", "maximum-prefix"):
            speaker.bounds.setdefault(family, set()).add(statement)
        elif statement == "route-map":
            speaker.filters.setdefault(family, set()).add(value.rpartition(" ")[2])
        elif value:
            speaker.group = value
        else:
            speaker.is_group = True
    return speakers


def _bounded(prefix: str, group: _Speaker | None) -> bool:
    """Return whether a range is not everything, and its group says what may come by it in each family."""
    if prefix.endswith("/0") or group is None or not group.is_group or not group.active:
        return False
    wanted = {"filter-list", "maximum-prefix"}
    return all(
        group.bounds.get(family, set()) >= wanted and group.filters.get(family, set()) >= {"in", "out"}
        for family in group.active
    )


def _faults_of(asn: str, name: str, speaker: _Speaker, speakers: dict[str, _Speaker]) -> Iterator[_FAULT]:
    if speaker.is_group:
        return
    group = speakers.get(speaker.group or "", _Speaker())
    if speaker.group is not None and not group.is_group:
        why = "FRR refuses the neighbour only as it is applied"
        yield f"neighbor {name} peer-group {speaker.group}", "a neighbour's peer-group is defined before it", why
    remote_as = speaker.remote_as or group.remote_as
    for family in sorted(speaker.active | group.active):
        if remote_as is None:
            why = "FRR refuses to activate it only as it is applied"
            yield f"neighbor {name} activate", "a neighbour that is activated has a remote-as", why
        elif remote_as != asn:
            filters = speaker.filters.get(family, set()) | group.filters.get(family, set())
            for direction in sorted({"in", "out"} - filters):
                rule = f"an eBGP session has a filter of what goes {direction}, in {family} too (RFC 8212)"
                yield f"neighbor {name} activate", rule, "without one it passes everything, or nothing"
