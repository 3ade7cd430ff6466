"""The homelab's cluster with other Talos releases and speakers, and where Talos's published schemas may stand."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.sites import REPOSITORY, plan_of, site_data
from trellis.engine.pin import cache_dir
from trellis.plan import Plan, plan
from trellis.site import load_site
from trellis.verify.schemas import Schema, schema_of
from trellis.verify.talos import talos_nodes
from trellis.verify.verdict import NodePatches

NODES = ("solcp01", "solwk01")
"""A control plane and a worker stand for the others."""


def _frr(cluster: dict[str, Any]) -> None:
    cluster["speaker"] = "frr"
    del cluster["cilium"]


def _of_1_11(cluster: dict[str, Any]) -> None:
    _frr(cluster)
    del cluster["vip"]["ipv4"]


def _jsenecal(cluster: dict[str, Any]) -> None:
    _frr(cluster)
    cluster["talos"]["frr_extension"] = "jsenecal"
    _none_restarts(cluster)


def _native(cluster: dict[str, Any]) -> None:
    cluster["speaker"] = "talos-native"
    del cluster["cilium"], cluster["vip"]
    _none_restarts(cluster)


def _none_restarts(cluster: dict[str, Any]) -> None:
    for node in cluster["nodes"].values():
        node.pop("resilience", None)


def _as_it_is(cluster: dict[str, Any]) -> None:
    del cluster


VARIANTS: dict[str, tuple[str, Callable[[dict[str, Any]], None]]] = {
    "1.11-sulibot": ("1.11.6", _of_1_11),
    "1.12-sulibot": ("1.12.11", _frr),
    "1.12-jsenecal": ("1.12.11", _jsenecal),
    "1.13-bird2": ("1.13.9", _as_it_is),
    "1.13-sulibot": ("1.13.9", _frr),
    "1.13-jsenecal": ("1.13.9", _jsenecal),
    "1.14-bird2": ("1.14.0-rc.1", _as_it_is),
    "1.14-sulibot": ("1.14.0-rc.1", _frr),
    "1.14-native": ("1.14.0-rc.1", _native),
}
"""Release, and what of the cluster is otherwise; bird2 runs from 1.13.1, Talos's own speaker from 1.14."""

SIGNED = "1.13-jsenecal"
"""The variant whose sessions are signed."""


@cache
def variant(name: str) -> Plan:
    """Return the plan of a variant."""
    release, change = VARIANTS[name]
    site = site_data("homelab")
    cluster = site["clusters"]["sol"]
    cluster["talos"] = {"release": release}
    change(cluster)
    if name == SIGNED:
        site["tenants"]["tenant101"]["guest_bgp"]["md5"] = "tenant101-key"
    return plan(load_site(site))


def release_of_variant(name: str) -> str:
    """Return the Talos release of a variant."""
    return VARIANTS[name][0]


@cache
def nodes_of(name: str) -> tuple[NodePatches, ...]:
    """Return the patches of a variant's nodes."""
    return talos_nodes(variant(name))


@cache
def schema_here(release: str) -> Schema:
    """Return the published schema of a release where it is at hand, else skip: a fast test fetches nothing."""
    file = f"config-v{release}.schema.json"
    folders = [parent / "shared" / "data" / "talos" for parent in REPOSITORY.parents]
    folders.append(cache_dir("talos") / "schemas")
    for folder in folders:
        if (folder / file).is_file():
            return schema_of(release, [folder])
    pytest.skip(f"{file} is not at hand; `trellis verify talos` fetches it for a site of that release")


GOLDEN = Path(__file__).parent / "golden"

HOMELAB = plan_of("homelab")
