"""A trace as JSON: the schema that programs may rely on, apart from the values of this package.

``schema_version`` rises when a key goes or changes its meaning; keys may be added.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from trellis.reach.path import Hop, Path
from trellis.reach.trace import FamilyTrace, Trace

SCHEMA_VERSION = 1


def trace_json(found: Trace) -> dict[str, Any]:
    """Return a trace as JSON types."""
    return {
        "schema_version": SCHEMA_VERSION,
        "source": {"name": found.source.name, "kind": found.source.kind, "owner": found.source.owner},
        "target": {"name": found.target.name, "kind": found.target.kind, "owner": found.target.owner},
        "protocol": found.protocol,
        "port": found.port or None,
        "answered": found.answered,
        "families": [_family(family) for family in found.families],
        "missing_families": list(found.missing),
    }


def _family(family: FamilyTrace) -> dict[str, Any]:
    return {
        "family": family.family,
        "source": str(family.source),
        "target": str(family.target),
        "arrives": family.arrives,
        "answered": family.answered,
        "asymmetric": family.asymmetric,
        "mtu": family.mtu,
        "there": [_path(path) for path in family.there],
        "back": [_path(path) for path in family.back],
    }


def _path(path: Path) -> dict[str, Any]:
    return {
        "arrives": path.arrives,
        "nodes": list(path.nodes),
        "mtu": path.mtu if path.arrives else None,
        "stop": None if path.stop is None else asdict(path.stop),
        "hops": [_hop(hop) for hop in path.hops],
    }


def _hop(hop: Hop) -> dict[str, Any]:
    return {
        "node": hop.node,
        "place": hop.place,
        "table": hop.table,
        "route": None
        if hop.prefix is None
        else {
            "prefix": hop.prefix,
            "learned": hop.learned,
            "next_hops": list(hop.next_hops),
            "filters": [asdict(passed) for passed in hop.passed],
        },
        "packet_filters": [asdict(check) for check in hop.checks],
        "onward": None if hop.onward is None else asdict(hop.onward),
        "mtu": hop.mtu,
        "note": hop.note,
    }
