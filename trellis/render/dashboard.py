"""Plan -> a dashboard for Grafana, as the JSON model that it imports: guests, hosts and edges at a glance."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

from trellis.plan.model import Plan
from trellis.render import metric_names as names

_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_CHOSEN = '{network=~"$network", tenant=~"$tenant"}'
_EVERYONE = f"{names.GUEST_EXPECTED.name}{_CHOSEN}"
_ON_GUEST = f"on ({', '.join(names.OF_GUEST)})"

View = Literal["stat", "timeseries", "table", "state-timeline"]


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel.

    Attributes:
        expr: What it asks, in PromQL.
        legend: How each series is called, in Grafana's braces.
        width: Columns of 24.
        unit: Grafana's name of the unit.
        red_from: The value from which it is red; None has no colour.
        green_from: The value from which it is green, and red below it; None has no colour.
    """

    title: str
    view: View
    expr: str
    legend: str = ""
    width: int = 12
    height: int = 8
    unit: str = "short"
    red_from: float | None = None
    green_from: float | None = None
    description: str = ""


def panels_of(plan: Plan) -> tuple[Panel, ...]:
    """Return the panels of a plan.

    Args:
        plan: The plan.
    """
    hosts = len(plan.hosts)
    return (
        Panel(
            "Guests with a session",
            "stat",
            f"count({_EVERYONE} and {_ON_GUEST} ({names.SESSION_HOSTS.name} >= 1)) or vector(0)",
            width=4,
            height=4,
            description="Guests of the site whose session is Established on a host.",
        ),
        Panel(
            "Guests without one",
            "stat",
            f"count({_EVERYONE} and {_ON_GUEST} ({names.SESSION_HOSTS.name} == 0)) or vector(0)",
            width=4,
            height=4,
            red_from=1,
        ),
        Panel(
            "Guests of whom it is unknown",
            "stat",
            f"count({_EVERYONE} unless {_ON_GUEST} {names.SESSION_HOSTS.name}) or vector(0)",
            width=4,
            height=4,
            red_from=1,
            description="Neither up nor down: a host that may have the session is not read.",
        ),
        Panel(
            "Refused prefixes",
            "stat",
            f"sum({names.PREFIXES_REJECTED.name}{_CHOSEN}) or vector(0)",
            width=4,
            height=4,
            red_from=1,
        ),
        Panel(
            "Guests under a penalty",
            "stat",
            f"sum({names.PENALTY.name}{_CHOSEN}) or vector(0)",
            width=4,
            height=4,
            red_from=1,
        ),
        Panel(
            f"Hosts read, of {hosts}",
            "stat",
            f"sum({names.HOST_REACHED.name}) or vector(0)",
            width=4,
            height=4,
            green_from=hosts,
        ),
        Panel(
            "On how many hosts each guest's session is Established (1 is right)",
            "state-timeline",
            f"{names.SESSION_HOSTS.name}{_CHOSEN}",
            "{{network}} {{guest}} {{guest_ip}}",
            width=24,
            height=10,
        ),
        Panel(
            "Prefixes accepted",
            "timeseries",
            f"{names.PREFIXES_ACCEPTED.name}{_CHOSEN}",
            "{{network}} {{guest}} {{guest_ip}}",
        ),
        Panel(
            "Prefixes refused, by reason",
            "timeseries",
            f"sum by (reason) ({names.REJECTED_ROUTES.name}{_CHOSEN})",
            "{{reason}}",
        ),
        Panel(
            "Events in 5 minutes",
            "timeseries",
            f"sum by (kind) (increase({names.EVENTS.name}[5m])) > 0",
            "{{kind}}",
        ),
        Panel("Age of what is known of each host", "timeseries", names.HOST_AGE.name, "{{host}}", unit="s"),
        Panel(
            "Sessions with edges and between hosts that are not Established",
            "table",
            f"{names.PEER_STATE.name} * on (peer, vrf) group_left (to, kind) {names.PEER_EXPECTED.name}"
            f" != {names.ESTABLISHED}",
            width=24,
            description="0 is down, 2 is shut down by configuration. Guests' sessions are not judged by the exporter: "
            "each is configured on every host where the guest may run, and idle on all but one.",
        ),
        Panel(
            "Prefixes announced to edges",
            "timeseries",
            f"{names.PEER_ADVERTISED.name} * on (peer, vrf) group_left (to, kind) "
            f'{names.PEER_EXPECTED.name}{{kind="ebgp"}}',
            "{{instance}} to {{to}} {{afi}}",
        ),
        Panel(
            "Prefixes heard from edges",
            "timeseries",
            f"{names.PEER_RECEIVED.name} * on (peer, vrf) group_left (to, kind) "
            f'{names.PEER_EXPECTED.name}{{kind="ebgp"}}',
            "{{instance}} from {{to}} {{afi}}",
        ),
    )


def dashboard(plan: Plan) -> dict[str, Any]:
    """Return the dashboard of a plan as Grafana's JSON model.

    Args:
        plan: The plan.
    """
    panels = []
    x = y = row = 0
    for number, panel in enumerate(panels_of(plan), start=1):
        if x + panel.width > 24:
            x, y, row = 0, y + row, 0
        panels.append(_panel(number, panel, {"x": x, "y": y, "w": panel.width, "h": panel.height}))
        x, row = x + panel.width, max(row, panel.height)
    vnets = sorted({vnet.name for vnet in plan.vnets if vnet.listens})
    tenants = sorted({vnet.tenant for vnet in plan.vnets if vnet.listens})
    return {
        # Grafana keeps one dashboard for each uid of up to 40 letters: a site's is always the same.
        "uid": f"trellis-{hashlib.sha256(plan.site_name.encode()).hexdigest()[:12]}",
        "title": f"Trellis: guests of {plan.site_name}",
        "tags": ["trellis", "bgp"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "10s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {
            "list": [
                {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
                _choice("network", "VNet", vnets),
                _choice("tenant", "Tenant", tenants),
            ]
        },
        "annotations": {"list": []},
        "panels": panels,
    }


def _choice(name: str, label: str, values: list[str]) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "type": "custom",
        "query": ",".join(values),
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
        "options": [],
    }


def _panel(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    is_now = panel.view in ("stat", "table")
    target = {
        "refId": "A",
        "datasource": _SOURCE,
        "expr": panel.expr,
        "legendFormat": panel.legend or "__auto",
        "instant": is_now,
        "range": not is_now,
        "format": "table" if panel.view == "table" else "time_series",
    }
    defaults: dict[str, Any] = {"unit": panel.unit, "noValue": "none"}
    if panel.red_from is not None or panel.green_from is not None:
        steps: list[dict[str, Any]] = (
            [{"color": "green", "value": None}, {"color": "red", "value": panel.red_from}]
            if panel.red_from is not None
            else [{"color": "red", "value": None}, {"color": "green", "value": panel.green_from}]
        )
        defaults |= {"color": {"mode": "thresholds"}, "thresholds": {"mode": "absolute", "steps": steps}}
    return {
        "id": number,
        "title": panel.title,
        "type": panel.view,
        "description": panel.description,
        "datasource": _SOURCE,
        "gridPos": place,
        "targets": [target],
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {},
    }
