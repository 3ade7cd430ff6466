"""What of a site can still be judged when some of its entries are wrong: the site without them.

Rules between entries forbid: a collision, an overlap or a name that points at nothing in a part of a site is one in
the whole of it as well.  So a wrong entry is left out together with everything that refers to it, and what is then
said of the rest holds, unless it speaks of what is missing.  Fabric and Proxmox cannot be left out: they are
replaced, and nothing that speaks of them is repeated.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

from trellis.site.refusal import Refusal

Location = tuple[str, ...]
"""Where in a site: the keys from its root."""

_FAMILIES = (
    "hosts",
    "links",
    "edges",
    "zones",
    "tenants",
    "vnets",
    "guests",
    "clusters",
    "leaks",
    "firewall",
    "delegated",
)
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
        self._whole = data
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
                # What could not be left out would be found for ever; without hosts there is nothing to judge.
                self.data = left if left != self.data and _family(left, "hosts") else None
            else:
                self.data = None
        return [misfit.refusal for misfit in found]

    def still_true(self, refusals: Iterable[Refusal]) -> list[Refusal]:
        """Return those of ``refusals`` that do not speak of anything that was left out or replaced."""
        return [found for found in refusals if not self._is_in(f"{found.path} {found.rule} {found.remedy}")]

    def _is_in(self, text: str) -> bool:
        """Return whether a text speaks of what was left out; most do not, and long patterns take long."""
        said = (entry for entry in self._left_out if entry in text)
        return any(re.search(rf"(?<![\w.]){re.escape(entry)}\b", text) for entry in said)

    def _drop_what_refers(self, left: dict[str, Any]) -> None:
        """Drop what refers to an entry that was left out; what refers to none is for the next gate to tell."""
        if not self._left_out:
            return
        # What a leak or a service may name follows from everything else: with less there, less could be named.
        left.pop("leaks", None)
        left.pop("firewall", None)
        while (gone := _Gone(self._whole, left)) and (entries := list(gone.referring(left))):
            for family, name in entries:
                family.pop(name, None)
        reflectors = _family(left, "fabric").get("route_reflectors")
        if isinstance(reflectors, list) and any(_is_text(name) and name in gone.hosts for name in reflectors):
            left["fabric"]["route_reflectors"] = [
                name for name in reflectors if not _is_text(name) or name not in gone.hosts
            ]
            self._left_out.add("fabric.route_reflectors")


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
    if location[0] not in _FAMILIES or first == location:
        return False  # without a whole family nobody knows what refers to it
    entry = location[: _depth_of_entry(left, location)]
    _delete(left, entry)
    left_out.add(".".join(entry))
    return True


def _depth_of_entry(left: dict[str, Any], location: Location) -> int:
    """Return how many keys lead to the entry that a location is in; one if the entries stand in no mapping by name."""
    if not isinstance(left.get(location[0], {}), dict):
        return 1
    if location[0] == "clusters" and location[2:3] == ("nodes",):
        cluster = _family(left, "clusters").get(location[1])
        return 4 if isinstance(cluster, dict) and isinstance(cluster.get("nodes"), dict) else 2
    return 2


def _delete(left: Any, location: Location) -> None:
    for part in location[:-1]:
        if not isinstance(left, dict | list):
            return  # it went with another misfit
        left = left[int(part)] if isinstance(left, list) else left.get(part)
    if isinstance(left, dict):
        left.pop(location[-1], None)


class _Gone:
    """The names of the entries that were in the whole site and are not in what is left."""

    def __init__(self, whole: Mapping[str, Any], left: Mapping[str, Any]) -> None:
        self.hosts, self.edges, self.zones, self.tenants, self.vnets = (
            _family(whole, family).keys() - _family(left, family).keys()
            for family in ("hosts", "edges", "zones", "tenants", "vnets")
        )

    def referring(self, left: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
        """Yield each entry that refers to one that is gone, as its family and its name."""
        rules: tuple[tuple[str, Callable[[Any], bool]], ...] = (
            ("links", lambda link: any(end in self.hosts or end in self.edges for end in _family(link, "ends"))),
            ("zones", lambda zone: _without(zone, "nodes", self.hosts)),
            ("vnets", lambda vnet: _names(vnet, "zone", self.zones) or _names(vnet, "tenant", self.tenants)),
            ("vnets", lambda vnet: _delegated_by(vnet, self.edges)),
            ("clusters", lambda cluster: _names(cluster, "vnet", self.vnets)),
            ("guests", lambda guest: _names(guest, "vnet", self.vnets)),
            ("edges", lambda edge: _forget_delegation(_family(edge, "routeros"), self.vnets)),
        )
        for family, refers in rules:
            entries = _family(left, family)
            yield from [(entries, name) for name, entry in entries.items() if refers(entry)]
        prefixes = _family(left, "delegated")
        yield from [(prefixes, name) for name in prefixes if name in self.vnets]
        for entries in _attached(left):
            for name, entry in entries.items():
                if _names(entry, "host", self.hosts) or _without(entry, "placement", self.hosts):
                    yield entries, name


def _names(entry: Any, key: str, gone: AbstractSet[str]) -> bool:
    name = entry.get(key) if isinstance(entry, dict) else None
    return isinstance(name, str) and name in gone


def _without(entry: Any, key: str, gone: AbstractSet[str]) -> bool:
    """Take names that are gone out of a list; return whether none is left, for an empty list would mean all."""
    names = entry.get(key) if isinstance(entry, dict) else None
    if not isinstance(names, list) or not any(_is_text(name) and name in gone for name in names):
        return False
    entry[key] = [name for name in names if not _is_text(name) or name not in gone]
    return not entry[key]


def _forget(entry: Any, key: str, gone: AbstractSet[str]) -> bool:
    """Take names that are gone out of a mapping by name; what has the mapping can do without them."""
    by_name = _family(entry, key)
    for name in by_name.keys() & gone:
        by_name.pop(name)
    return False


def _delegated_by(vnet: Any, gone: AbstractSet[str]) -> bool:
    """Return whether a VNet gets its prefix from an edge that is gone, or may: who names none means the only one."""
    delegation = _family(vnet, "delegation")
    edge = delegation.get("edge")
    return bool(gone and delegation) and (edge is None or (_is_text(edge) and edge in gone))


def _forget_delegation(routeros: dict[str, Any], gone: AbstractSet[str]) -> bool:
    """Take out of an edge what makes sense with VNets alone, some of which are gone."""
    for key in ("nat66", "webhook") if gone else ():
        routeros.pop(key, None)
    return _forget(routeros, "replaces", gone)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _attached(left: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the mappings by name that hold guests or nodes."""
    return [_family(left, "guests"), *(_family(cluster, "nodes") for cluster in _family(left, "clusters").values())]


def _family(parent: Any, name: str) -> dict[str, Any]:
    found = parent.get(name) if isinstance(parent, Mapping) else None
    return found if isinstance(found, dict) else {}
