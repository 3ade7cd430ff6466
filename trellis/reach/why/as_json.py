"""What becomes of a route as JSON: the schema that programs may rely on, apart from the values of this package.

``schema_version`` rises when a key goes or changes its meaning; keys may be added.  ASNs are texts, as everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from trellis.reach.why.live import Live
from trellis.reach.why.model import Step, Why

SCHEMA_VERSION = 1


def why_json(found: Sequence[Why]) -> dict[str, Any]:
    """Return what becomes of some routes as JSON types."""
    return {
        "schema_version": SCHEMA_VERSION,
        "arrives": all(route.arrives for route in found),
        "routes": [_route(route) for route in found],
    }


def live_json(found: Sequence[Live]) -> dict[str, Any]:
    """Return what becomes of some routes, by the plan and on the hosts, as JSON types."""
    routes = [
        {
            **_route(route.why),
            "live": {
                "arrives": route.arrives,
                "differs": bool(route.differences),
                "doors": [{**asdict(door), "differs": door.differs} for door in route.beside],
            },
        }
        for route in found
    ]
    return {"schema_version": SCHEMA_VERSION, "arrives": all(route.arrives for route in found), "routes": routes}


def _route(found: Why) -> dict[str, Any]:
    stop = found.stop
    return {
        "guest": found.guest,
        "address": found.address,
        "vnet": found.vnet,
        "vrf": found.vrf,
        "host": found.host,
        "prefix": found.prefix,
        "asn": str(found.asn),
        "path": [str(asn) for asn in found.path],
        "communities": list(found.communities),
        "arrives": found.arrives,
        "arrives_at": list(found.edges),
        "marks": list(found.marks),
        "stops_at": None if stop is None else {"node": stop.node, "kind": stop.kind, "edge": stop.edge},
        "steps": [_step(step) for step in found.steps],
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "kind": step.kind,
        "node": step.node,
        "edge": step.edge,
        "verdict": step.verdict,
        "entry": asdict(step.entry),
        "why": step.why,
        "not_by": list(step.tried),
        "rule": step.rule,
        "remedy": step.remedy,
        "communities": list(step.communities),
    }
