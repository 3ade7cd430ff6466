"""``trellis alerts`` and ``trellis dashboard``: what Prometheus and Grafana read, made from the plan."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from trellis.cli.console import print_json
from trellis.cli.stack import FileOption, StackOption, read_site
from trellis.plan import plan as make_plan
from trellis.render.alerts import alert_rules, alerts_document, alerts_text
from trellis.render.dashboard import dashboard as make_dashboard


def add_to(app: typer.Typer) -> None:
    """Add this module's commands to ``app``."""
    app.command()(alerts)
    app.command()(dashboard)


def alerts(
    stack: StackOption = "dev",
    file: FileOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print alert rules for Prometheus: each guest's session on exactly one host, its routes, hosts, edges.

    They ask the metrics of `trellis observe run` and those of prometheus-frr-exporter, which must run on each host with
    --collector.bgp6 --collector.bgpl2vpn.

    Examples:

      trellis alerts > /etc/prometheus/rules.d/trellis.yml && promtool check rules /etc/prometheus/rules.d/trellis.yml

      trellis alerts --stack prod --json | jq '.groups[].rules[].alert // empty'
    """
    groups = alert_rules(make_plan(read_site(stack, file)))
    if json:
        print_json(alerts_document(groups))
    else:
        sys.stdout.write(alerts_text(groups))


def dashboard(stack: StackOption = "dev", file: FileOption = None) -> None:
    """Print a dashboard for Grafana: guests' sessions, routes and refusals, hosts, and sessions with edges.

    Examples:

      trellis dashboard > /var/lib/grafana/dashboards/trellis.json

      trellis dashboard --stack prod | jq '.panels[].title'
    """
    print_json(make_dashboard(make_plan(read_site(stack, file))))
