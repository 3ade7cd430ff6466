"""What a site renders, read as a foreign cluster is, gives a site with the same plan.

What no text of a host holds stands in ``NOWHERE`` as data, each with the reason; all else has to come back.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.adoption.rendered import adopted_of
from tests.sites import EXAMPLES, site_data
from trellis.plan import Plan, plan
from trellis.render import render
from trellis.site import load_site

NOWHERE: dict[str, str] = {
    "edges.*.kind": "what the edge runs is known at the edge alone",
    "edges.*.rest_api": "`trellis prefixes` asks there; no host does",
    "edges.*.routeros": "what the edge runs is known at the edge alone",
    "edges.*.accepts": "hosts have one list of all that is accepted from any edge",
    "links.*.ends.<edge>": "the edge's own interface and addresses are configured at the edge",
    "vnets.*.alias": "a plain FRR host has nowhere to keep it; on Proxmox it comes back",
    "vnets.*.delegation": "the pool has its name at the edge, and no text has a VNet's pool that is empty",
    "delegated.*.deprecated.*.remove_after": "the date stands in the prefix file alone",
    "tenants.*.guest_bgp.asns": "only the filter of an open VNet has it",
    "guests.*.vmid": "the VM has a number in Proxmox even where the site does not say it",
    "guests.*.global_address=slaac": "a guest makes these addresses itself, and no host knows beforehand",
    "clusters.*.talos": "machine configurations are the nodes' own",
    "clusters.*.cilium": "Cilium's resources are the cluster's own",
    "clusters.*.nodes.*.vmid": "the VM has a number in Proxmox even where the site does not say it",
}
"""Paths of a site that no text of a host holds, each with the reason; `=VALUE` means that value alone."""

NAMES: dict[str, str] = {
    "links": "a link has no name on a host: its ends tell which it is",
    "tenants": "a tenant is named only by the filter of guests that speak: its id tells which it is",
    "clusters": "a cluster is named only by the filter of its services: its id tells which it is",
}
"""Nouns whose names no text of a host holds, where nothing else makes them known."""


@pytest.mark.parametrize("example", EXAMPLES)
def test_what_a_site_renders_is_read_as_a_site_with_the_same_plan(example: str) -> None:
    imported = adopted_of(example)
    data = copy.deepcopy(imported.data) | {"delegated": copy.deepcopy(imported.prefixes)}
    assert _parts(_plan_of(site_data(example), data)) == _parts(plan(load_site(data)))


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_line_that_a_site_renders_is_rendered_again(example: str) -> None:
    found = adopted_of(example).unexpressed
    assert [f"{one.host} {one.place}:{one.number} {one.line}" for one in found] == []


@pytest.mark.parametrize("path", NOWHERE)
def test_what_is_said_to_stand_in_no_text_stands_in_an_example(path: str) -> None:
    assert any(list(_places(site_data(example), path)) for example in EXAMPLES), "no example has it: leave it out"


def _plan_of(original: dict[str, Any], imported: dict[str, Any]) -> Plan:
    """Return the plan of an original with all in it that no text holds as the import has it."""
    for noun in NAMES:
        _rename(original, noun, _known_as(original, imported, noun))
    for path in NOWHERE:
        for keys in {*_places(original, path), *_places(imported, path)}:
            _transplant(original, imported, keys)
    return plan(load_site(original))


def _parts(found: Plan) -> dict[str, Any]:
    """Return a plan by its fields, and what it renders, so that a difference is short."""
    fields = {name: getattr(found, name) for name in found.__dataclass_fields__}
    texts = {bundle.host: {file.path: file.text for file in bundle.files} for bundle in render(found)}
    return fields | {"texts": texts}


def _known_as(original: dict[str, Any], imported: dict[str, Any], noun: str) -> dict[str, str]:
    """Return by the name in the original the one in the import of what is the same."""

    def identity(entry: dict[str, Any]) -> object:
        if noun != "links":
            return entry["id"]
        return min(f"{name} {end['interface']}" for name, end in entry["ends"].items() if name in original["hosts"])

    names = {identity(entry): name for name, entry in imported.get(noun, {}).items()}
    return {name: names.get(identity(entry), name) for name, entry in original.get(noun, {}).items()}


def _rename(data: dict[str, Any], noun: str, names: dict[str, str]) -> None:
    if noun in data:
        data[noun] = {names[name]: entry for name, entry in data[noun].items()}
    if noun == "tenants":
        for vnet in data["vnets"].values():
            vnet["tenant"] = names[vnet["tenant"]]


def _places(data: dict[str, Any], path: str) -> Iterator[tuple[Any, ...]]:
    """Yield the keys that lead to each value that a path means."""
    words, _, value = path.partition("=")
    found: list[tuple[tuple[Any, ...], Any]] = [((), data)]
    for word in words.split("."):
        step = []
        for keys, entry in found:
            inside = entry.items() if isinstance(entry, dict) else enumerate(entry) if isinstance(entry, list) else ()
            wanted = data.get("edges", {}) if word == "<edge>" else None
            step += [
                ((*keys, key), below)
                for key, below in inside
                if (key in wanted if wanted is not None else word in ("*", key))
            ]
        found = step
    yield from (keys for keys, entry in found if not value or re.fullmatch(value, str(entry)))


def _transplant(original: dict[str, Any], imported: dict[str, Any], keys: tuple[Any, ...]) -> None:
    """Give the original what the import has at a place, or take it away there."""
    there, here = original, imported
    for key in keys[:-1]:
        try:
            there, here = there[key], here[key]
        except (KeyError, IndexError):
            return
    if isinstance(here, dict) and keys[-1] not in here:
        there.pop(keys[-1], None)
    else:
        there[keys[-1]] = here[keys[-1]]
