"""What of a site can still be judged when some of its entries are wrong: the site without them.

Rules between entries forbid: a collision, an overlap or a name that points at nothing in a part of a site is one in
the whole of it as well.  So a wrong entry is left out together with everything that refers to it, and what is then
said of the rest holds, unless it speaks of what is missing.  Fabric and Proxmox cannot be left out: they are
replaced, and nothing that speaks of them is repeated.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from trellis.site.refusal import Refusal

Location = tuple[str, ...]
"""Where in a site: the keys from its root."""

_FAMILIES = ("hosts", "links", "edges", "zones", "tenants", "vnets", "guests", "clusters", "leaks", "firewall")
"""What is a mapping by name, so that one entry can be left out."""

_STAND_INS: dict[str, Any] = {
    # Benchmarking ranges (RFC 2544, RFC 5180): no site has them, so that nothing overlaps with them.
    "fabric": {"asn": 4294967294, "loopbacks": {"ipv4": "198.18.0.0/16", "ipv6": "2001:2::/48"}},
    "proxmox": {"endpoint": "https://127.0.0.1:8006"},
    "name": "unnamed",
}


class Misfit(NamedTuple):
    """Something in a site that is refused, and where it stands.

    Attributes:
        alone: Whether it can be left out alone, because nothing follows from it: a key that does not exist.
    """

    location: Location
    refusal: Refusal
    alone: bool = False


class Remaining:
    """A raw site, and what is left of it after each gate.

    Attributes:
        data: What is left; None if nothing more can be said.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data: Mapping[str, Any] | None = data
        self._left_out: set[str] = set()

    def leave_out(self, misfits: Iterable[Misfit]) -> list[Refusal]:
        """Leave out what is refused, and all that refers to it; return the refusals.

        Args:
            misfits: What a gate found in ``data``.
        """
        found = list(misfits)
        if found and self.data is not None:
            left = copy.deepcopy(dict(self.data))
            if all(_drop(left, misfit, self._left_out) for misfit in found):
                self._drop_what_refers(left)
                self.data = left
            else:
                self.data = None
        return [misfit.refusal for misfit in found]

    def still_true(self, refusals: Iterable[Refusal]) -> list[Refusal]:
        """Return those of ``refusals`` that do not speak of anything that was left out or replaced."""
        if not self._left_out:
            return list(refusals)
        gone = re.compile(rf"(?<![\w.])({'|'.join(map(re.escape, sorted(self._left_out)))})\b")
        return [found for found in refusals if not gone.search(f"{found.path} {found.rule} {found.remedy}")]

    def _drop_what_refers(self, left: dict[str, Any]) -> None:
        if not self._left_out:
            return
        # What a leak or a service may name follows from everything else: with less there, less could be named.
        left.pop("leaks", None)
        left.pop("firewall", None)
        hosts, reflectors = _family(left, "hosts"), _family(left, "fabric").get("route_reflectors")
        if isinstance(reflectors, list) and any(name not in hosts for name in reflectors):
            left["fabric"]["route_reflectors"] = [name for name in reflectors if name in hosts]
            self._left_out.add("fabric.route_reflectors")
        for zone in _family(left, "zones").values():
            _keep_known(zone, "nodes", hosts)
        for attached in _attached(left):
            for entry in attached.values():
                _keep_known(entry, "placement", hosts)
        while gone := list(_referring(left)):
            for family, name in gone:
                del family[name]


def _drop(left: dict[str, Any], misfit: Misfit, left_out: set[str]) -> bool:
    """Take a misfit out of ``left``; return whether anything can be judged without it."""
    location, first = misfit.location, misfit.location[:1]
    if not location:
        return False
    if misfit.alone:
        _delete(left, location)
        return True
    if location[0] in _STAND_INS:
        left[location[0]] = copy.deepcopy(_STAND_INS[location[0]])
        left_out.update(first if location[0] != "name" else ())
        return True
    if location[0] not in _FAMILIES or first == location == ("hosts",):
        return False
    node = location[:2] == ("clusters", *location[1:2]) and location[2:3] == ("nodes",) and len(location) > 3
    entry = location[:4] if node else location[:2]
    _delete(left, entry)
    left_out.add(".".join(entry))
    return True


def _delete(left: Any, location: Location) -> None:
    for part in location[:-1]:
        if not isinstance(left, dict | list):
            return  # it went with another misfit
        left = left[int(part)] if isinstance(left, list) else left.get(part)
    if isinstance(left, dict):
        left.pop(location[-1], None)


def _referring(left: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield each entry that refers to something that is not there, as its family and its name."""
    hosts, edges, zones = (_family(left, name) for name in ("hosts", "edges", "zones"))
    tenants, vnets = _family(left, "tenants"), _family(left, "vnets")
    for family, refers in (
        ("links", lambda link: any(end not in hosts and end not in edges for end in link.get("ends") or ())),
        ("zones", lambda zone: zone.get("nodes") == [None]),
        ("vnets", lambda vnet: vnet.get("zone") not in zones or vnet.get("tenant") not in tenants),
        ("clusters", lambda cluster: cluster.get("vnet") not in vnets),
        ("guests", lambda guest: guest.get("vnet") not in vnets),
    ):
        entries = _family(left, family)
        yield from [(entries, name) for name, entry in entries.items() if isinstance(entry, dict) and refers(entry)]
    for entries in _attached(left):
        for name, entry in entries.items():
            if isinstance(entry, dict) and (entry.get("host") not in hosts or entry.get("placement") == [None]):
                yield entries, name


def _attached(left: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the mappings by name that hold guests or nodes."""
    return [_family(left, "guests"), *(_family(cluster, "nodes") for cluster in _family(left, "clusters").values())]


def _keep_known(entry: Any, key: str, known: Mapping[str, Any]) -> None:
    """Keep those names of a list that are known; ``[None]`` where none is left, for an empty list means all."""
    names = entry.get(key) if isinstance(entry, dict) else None
    if isinstance(names, list) and names:
        entry[key] = [name for name in names if name in known] or [None]


def _family(parent: Any, name: str) -> dict[str, Any]:
    found = parent.get(name) if isinstance(parent, dict) else None
    return found if isinstance(found, dict) else {}
