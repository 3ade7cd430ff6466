"""Alert rules: each asks what is really printed, fires when it should, and not for what is no trouble."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session as Database

from tests.cli.command_line import trellis
from tests.observe.promtool import EXPORTER, Labels, Scrapes, assert_firing
from tests.observe.shown import AT, homelab_store
from tests.sites import EXAMPLES, REPOSITORY, plan_of
from trellis.observe.metrics import StoreMetrics
from trellis.observe.prefix_metrics import prefix_metrics_text
from trellis.observe.tables import ObservedHost, Peering, PeeringState, Route, RouteState, Session
from trellis.render import metric_names as names
from trellis.render.alerts import Alert, Group, Recording, alert_rules, alerts_text
from trellis.render.dashboard import dashboard, panels_of

OBSERVER = "observer:8179"


def checked(states: dict[str, str], competing: int = 0, at: float = 0) -> Scrapes:
    """What a node exporter gives of a check; a promtool test begins at 0."""
    every = {"vnet100": "as delegated", "vnet101": "as delegated", **states}
    return {"ci:9100": prefix_metrics_text(every, {"edge1": competing}, at).decode()}


class Seen:
    """A store whose state a test changes, and what `/metrics` then prints, beside what a check of prefixes wrote."""

    def __init__(self, folder: Path) -> None:
        self.engine = homelab_store(folder, lost=None)
        with Database(self.engine) as database, database.begin():  # all is well
            up = {"state": PeeringState.ESTABLISHED}
            database.execute(update(Peering).values(**up))
            database.execute(update(Route).values(state=RouteState.ACCEPTED, rejection_code=None))
            for session, peering in database.query(Session, Peering).join(Peering):
                session.state = PeeringState.ESTABLISHED if session.host == peering.host else PeeringState.ACTIVE
            for peering in database.query(Peering).filter(Peering.guest.in_(("solwk01", "solwk02"))):
                for number in range(4):
                    database.add(_route(peering, f"fd00:101:fe::{number}/128"))

    def scrape(self, *, age_s: float = 5) -> Scrapes:
        metrics = StoreMetrics(self.engine, lambda: AT + timedelta(seconds=age_s))
        return {OBSERVER: metrics.text().decode(), **checked({})}

    def guest(self, name: str, state: PeeringState, **columns: Any) -> Labels:
        """Give a guest another state, on its host too, and return its labels."""
        with Database(self.engine) as database, database.begin():
            peering = database.query(Peering).filter_by(guest=name).one()
            database.execute(update(Peering).where(Peering.id == peering.id).values(state=state, **columns))
            own = (Session.peering_id == peering.id, Session.host == peering.host)
            database.execute(update(Session).where(*own).values(state=state))
            values = (peering.network_id, peering.tenant, peering.guest, peering.guest_ip)
            return dict(zip(names.OF_GUEST, values, strict=True))

    def host(self, name: str, *, reached: bool) -> None:
        with Database(self.engine) as database, database.begin():
            database.execute(update(ObservedHost).where(ObservedHost.name == name).values(reached=reached))


def _route(peering: Peering, prefix: str) -> Route:
    return Route(
        uuid=f"{peering.guest}{prefix}",
        peering_id=peering.id,
        prefix=prefix,
        prefix_length=128,
        next_hop=peering.guest_ip,
        state=RouteState.ACCEPTED,
        received_at=AT,
    )


@pytest.fixture
def seen(tmp_path: Path) -> Iterator[Seen]:
    made = Seen(tmp_path)
    yield made
    made.engine.dispose()


def rules() -> tuple[Group, ...]:
    return alert_rules(plan_of("homelab"))


def of_prefixes() -> tuple[Group, ...]:
    return tuple(group for group in rules() if group.name == "trellis-prefixes")


def firing(name: str, severity: str, labels: Labels, **more: str) -> Labels:
    """Return the labels of an alert that fires."""
    return {"alertname": name, "severity": severity, **labels, **more}


# ---- what they are


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_metric_and_label_that_is_asked_for_is_one_that_is_printed(name: str) -> None:
    groups = alert_rules(plan_of(name))
    asked = [rule.expr for group in groups for rule in group.rules if isinstance(rule, Alert)]
    asked += [panel.expr for panel in panels_of(plan_of(name))]
    known = {metric.name: set(metric.labels) for metric in names.ALL}
    labels = {label for metric in names.ALL for label in metric.labels} | {"instance"}
    for expr in asked:
        bare = re.sub(r'"[^"]*"', '""', expr)
        used = set(re.findall(r"\b(?:trellis|frr)_\w+", bare))
        assert used
        assert used <= set(known), expr
        for metric, inside in re.findall(r"\b((?:trellis|frr)_\w+)\{([^}]*)\}", bare):
            assert set(re.findall(r"(\w+)\s*[=!]", inside)) <= known[metric], expr
        for inside in re.findall(r"(?:on|by|group_left) \(([^)]*)\)", bare):
            assert set(inside.split(", ")) <= labels, expr


def test_what_is_said_of_an_alert_names_labels_that_it_has() -> None:
    labels = {label for metric in names.ALL for label in metric.labels} | {"instance"}
    for group in rules():
        for rule in group.rules:
            if isinstance(rule, Alert):
                assert set(re.findall(r"\$labels\.(\w+)", rule.summary + rule.description)) <= labels


def test_every_guest_host_and_session_of_the_plan_is_expected() -> None:
    planned = plan_of("homelab")
    made = [rule for group in rules() for rule in group.rules if isinstance(rule, Recording)]
    expected = {dict(rule.labels)["guest"] for rule in made if rule.record == names.GUEST_EXPECTED.name}
    listening = {vnet.name for vnet in planned.vnets if vnet.listens}
    assert expected == {guest.guest.name for guest in planned.guests if guest.guest.vnet in listening}
    hosts = {dict(rule.labels)["host"] for rule in made if rule.record == names.HOST_EXPECTED.name}
    assert hosts == {host.name for host in planned.hosts}
    for rule in made:
        metric = next(metric for metric in names.RECORDED if metric.name == rule.record)
        assert set(dict(rule.labels)) == set(metric.labels)


def test_the_command_prints_what_prometheus_and_grafana_read(tmp_path: Path) -> None:
    printed = trellis("alerts", cwd=REPOSITORY)
    assert printed.returncode == 0, printed.stderr
    assert printed.stdout == alerts_text(rules())
    as_json = json.loads(trellis("alerts", "--json", cwd=REPOSITORY).stdout)
    assert [group["name"] for group in as_json["groups"]] == [group.name for group in rules()]
    made = json.loads(trellis("dashboard", cwd=REPOSITORY).stdout)
    assert made == json.loads(json.dumps(dashboard(plan_of("homelab"))))


def test_the_documentation_lists_every_metric_and_alert() -> None:
    said = (REPOSITORY / "docs" / "monitoring.md").read_text(encoding="utf-8")
    for metric in (*names.OURS, *names.OF_CHECK, *names.OF_WEBHOOK, *names.RECORDED, names.PEER_STATE):
        assert f"`{metric.name}`" in said
    for group in rules():
        for rule in group.rules:
            assert not isinstance(rule, Alert) or f"`{rule.alert}`" in said


def test_panels_do_not_overlap() -> None:
    places = [panel["gridPos"] for panel in dashboard(plan_of("homelab"))["panels"]]
    cells = [(x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 23


# ---- when they fire, as Prometheus sees it

on_prometheus = pytest.mark.prometheus


@on_prometheus
@pytest.mark.parametrize("name", EXAMPLES)
def test_prometheus_takes_the_rules_of_each_example(name: str, tmp_path: Path) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(alerts_text(alert_rules(plan_of(name))))
    ended = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@on_prometheus
def test_prometheus_finds_nothing_wrong_with_what_is_scraped(seen: Seen) -> None:
    ended = subprocess.run(
        ["promtool", "check", "metrics"], input=seen.scrape()[OBSERVER], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout + ended.stderr) == (0, "")


@on_prometheus
def test_nothing_fires_while_all_is_well_though_most_hosts_have_most_sessions_idle(seen: Seen, tmp_path: Path) -> None:
    assert_firing(tmp_path, rules(), [(seen.scrape(), 10)], [])


@on_prometheus
def test_a_guest_on_no_host_fires_after_a_minute_and_a_node_is_critical(seen: Seen, tmp_path: Path) -> None:
    well = seen.scrape()
    node = seen.guest("solcp01", PeeringState.ACTIVE)
    guest = seen.guest("debian-test-1", PeeringState.IDLE)
    down = seen.scrape()
    assert_firing(tmp_path, rules(), [(well, 5), (down, 1)], [])  # not at once
    wanted = [
        firing("TrellisGuestSessionDown", "critical", node),
        firing("TrellisGuestSessionDown", "warning", guest),
    ]
    assert_firing(tmp_path, rules(), [(well, 5), (down, 2)], wanted)


@on_prometheus
def test_a_guest_that_moved_within_a_minute_fires_nothing(seen: Seen, tmp_path: Path) -> None:
    well = seen.scrape()
    seen.guest("solcp01", PeeringState.ACTIVE)
    between = seen.scrape()
    with Database(seen.engine) as database, database.begin():
        peering = database.query(Peering).filter_by(guest="solcp01").one()
        moved = (Session.peering_id == peering.id, Session.host == "pve02")
        database.execute(update(Session).where(*moved).values(state=PeeringState.ESTABLISHED))
        peering.host, peering.state = "pve02", PeeringState.ESTABLISHED
    assert_firing(tmp_path, rules(), [(well, 5), (between, 0.5), (seen.scrape(), 10)], [])


@on_prometheus
def test_a_guest_on_two_hosts_fires(seen: Seen, tmp_path: Path) -> None:
    guest = seen.guest("solcp01", PeeringState.ESTABLISHED)
    with Database(seen.engine) as database, database.begin():
        peering = database.query(Peering).filter_by(guest="solcp01").one()
        both = (Session.peering_id == peering.id, Session.host == "pve03")
        database.execute(update(Session).where(*both).values(state=PeeringState.ESTABLISHED))
    assert_firing(
        tmp_path,
        rules(),
        [(seen.scrape(), 3)],
        [firing("TrellisGuestSessionTwice", "warning", guest, instance=OBSERVER)],
    )


@on_prometheus
def test_a_stopped_guest_is_no_alarm_and_a_stopped_node_a_warning(seen: Seen, tmp_path: Path) -> None:
    seen.guest("debian-test-1", PeeringState.WITHDRAWN)
    node = seen.guest("solcp01", PeeringState.WITHDRAWN)
    wanted = [firing("TrellisGuestStopped", "warning", node)]
    assert_firing(tmp_path, rules(), [(seen.scrape(), 8)], wanted)


@on_prometheus
def test_a_host_that_is_not_read_makes_its_guests_unknown_and_not_down(seen: Seen, tmp_path: Path) -> None:
    well = seen.scrape()
    seen.host("pve03", reached=False)
    nodes = [seen.guest(name, PeeringState.UNKNOWN) for name in ("solcp03", "solwk03")]
    wanted = [
        firing("TrellisHostNotReached", "warning", {"host": "pve03"}, instance=OBSERVER),
        *(firing("TrellisGuestSessionUnknown", "warning", node) for node in nodes),
    ]
    assert_firing(tmp_path, rules(), [(well, 5), (seen.scrape(), 5)], wanted)


@on_prometheus
def test_without_an_observer_every_host_and_guest_is_unknown(tmp_path: Path) -> None:
    wanted = []
    for rule in (rule for group in rules() for rule in group.rules if isinstance(rule, Recording)):
        labels = dict(rule.labels)
        if rule.record == names.HOST_EXPECTED.name:
            wanted.append(firing("TrellisHostNotObserved", "warning", labels))
        elif rule.record == names.GUEST_EXPECTED.name:
            wanted.append(firing("TrellisGuestSessionUnknown", "warning", labels | {"severity": "warning"}))
    assert_firing(tmp_path, rules(), [({"pve01:9342": 'frr_collector_up{collector="bgp"} 1\n'}, 5)], wanted)


@on_prometheus
def test_a_collector_that_has_stopped_is_noticed_by_the_age_of_what_it_left(seen: Seen, tmp_path: Path) -> None:
    wanted = [
        firing("TrellisHostDataOld", "warning", {"host": f"pve0{number}"}, instance=OBSERVER) for number in (1, 2, 3)
    ]
    assert_firing(tmp_path, rules(), [(seen.scrape(age_s=80), 5)], [])
    assert_firing(tmp_path, rules(), [(seen.scrape(age_s=100), 5)], wanted)


@on_prometheus
def test_a_node_whose_routes_are_missing_fires_and_so_do_refused_ones(seen: Seen, tmp_path: Path) -> None:
    node = seen.guest("solcp01", PeeringState.ESTABLISHED)
    with Database(seen.engine) as database, database.begin():
        peering = database.query(Peering).filter_by(guest="solcp01").one()
        route = database.query(Route).filter_by(peering_id=peering.id).first()
        assert route is not None
        route.state, route.rejection_code = RouteState.REJECTED, "limit"
    wanted = [
        firing("TrellisGuestRoutesMissing", "critical", node),
        firing("TrellisGuestRoutesRefused", "warning", node, reason="limit", instance=OBSERVER),
    ]
    assert_firing(tmp_path, rules(), [(seen.scrape(), 5)], wanted)


@on_prometheus
def test_a_penalty_fires_at_once(seen: Seen, tmp_path: Path) -> None:
    node = seen.guest("solcp01", PeeringState.PENALTY)
    wanted = [firing("TrellisGuestPenalty", "warning", node, instance=OBSERVER)]
    assert_firing(tmp_path, rules(), [(seen.scrape(), 0.5)], wanted)


@on_prometheus
def test_what_the_exporter_prints_fires_for_fabric_sessions_alone(seen: Seen, tmp_path: Path) -> None:
    """The recorded host has pve02 up, pve03 and edge1 (IPv4) down, edge1 (IPv6) shut down."""
    scrapes = {**seen.scrape(), "pve01:9342": EXPORTER.read_text()}
    assert 'vrf="vrf_evpnz1"' in scrapes["pve01:9342"]  # guests' sessions, idle, are there
    peer = {"instance": "pve01:9342", "local_as": "4200001000", "vrf": "default"}
    mesh = {**peer, "peer_as": "4200001000", "to": "pve03", "kind": "ibgp"}
    edge = {**peer, "peer_as": "4200000000", "to": "edge1", "kind": "ebgp"}
    four, six = {"afi": "ipv4", "safi": "unicast"}, {"afi": "ipv6", "safi": "unicast"}
    evpn = {"afi": "l2vpn", "safi": "evpn"}
    wanted = [
        firing("TrellisMeshSessionDown", "critical", mesh, **four, peer="10.255.0.3"),
        firing("TrellisMeshSessionDown", "critical", mesh, **evpn, peer="10.255.0.3"),
        firing("TrellisMeshSessionDown", "critical", mesh, **six, peer="fd00:0:0:ffff::3"),
        firing("TrellisEdgeSessionDown", "critical", edge, **four, peer="10.255.0.254"),
    ]
    assert_firing(tmp_path, rules(), [(scrapes, 5)], wanted)
    shut = firing("TrellisSessionShutDown", "warning", edge, **six, peer="fd00:0:0:ffff::fffe")
    assert_firing(tmp_path, rules(), [(scrapes, 20)], [*wanted, shut])


def test_a_site_without_delegated_prefixes_has_no_rules_for_them() -> None:
    assert len(of_prefixes()) == 1
    without = {group.name for group in alert_rules(plan_of("leaks"))}
    assert without == {group.name for group in rules()} - {"trellis-prefixes"}


@on_prometheus
def test_prometheus_finds_nothing_wrong_with_what_a_check_writes() -> None:
    text = checked({"vnet101": "lost"}, 2)["ci:9100"]
    argv = ["promtool", "check", "metrics"]
    ended = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout + ended.stderr) == (0, "")


@on_prometheus
def test_drift_fires_after_ten_minutes_however_it_changes_and_no_more_once_it_is_gone(tmp_path: Path) -> None:
    well, groups = checked({}), of_prefixes()
    changed, lost = checked({"vnet101": "changed"}), checked({"vnet101": "lost"})
    wanted = [{"alertname": "TrellisPrefixDrift", "severity": "warning", "vnet": "vnet101"}]
    assert_firing(tmp_path, groups, [(well, 20)], [])
    assert_firing(tmp_path, groups, [(well, 5), (changed, 9)], [])
    assert_firing(tmp_path, groups, [(well, 5), (changed, 6), (lost, 6)], wanted)
    assert_firing(tmp_path, groups, [(changed, 15), (well, 5)], [])


@on_prometheus
def test_competing_routes_fire_after_ten_minutes(tmp_path: Path) -> None:
    wanted = [{"alertname": "TrellisCompetingRoutes", "severity": "critical", "edge": "edge1", "instance": "ci:9100"}]
    assert_firing(tmp_path, of_prefixes(), [(checked({}, 2), 9)], [])
    assert_firing(tmp_path, of_prefixes(), [(checked({}, 2), 12)], wanted)


@on_prometheus
def test_a_check_that_has_not_run_for_two_hours_or_never_fires(tmp_path: Path) -> None:
    wanted = [{"alertname": "TrellisPrefixesNotChecked", "severity": "warning"}]
    assert_firing(tmp_path, of_prefixes(), [(checked({}), 119)], [])
    assert_firing(tmp_path, of_prefixes(), [(checked({}), 130)], wanted)
    assert_firing(tmp_path, of_prefixes(), [(checked({}), 119), (checked({}, at=7100), 30)], [])
    assert_firing(tmp_path, of_prefixes(), [({"ci:9100": ""}, 4)], [])
    assert_firing(tmp_path, of_prefixes(), [({"ci:9100": ""}, 10)], wanted)


@on_prometheus
def test_a_request_that_nobody_takes_fires(tmp_path: Path) -> None:
    waiting = {**checked({}), OBSERVER: "trellis_prefix_sync_waiting 1\n"}
    wanted = [{"alertname": "TrellisPrefixSyncWaiting", "severity": "warning", "instance": OBSERVER}]
    assert_firing(tmp_path, of_prefixes(), [(waiting, 10)], [])
    assert_firing(tmp_path, of_prefixes(), [(waiting, 20)], wanted)


@on_prometheus
def test_the_seeds_own_rule_would_fire_for_a_session_that_is_up(seen: Seen, tmp_path: Path) -> None:
    seeds = Group("seed", (Alert("BGPSessionDown", "frr_bgp_peer_state != 6", "2m", None, "BGP session down", ""),))
    up = 'frr_bgp_peer_state{peer="10.255.0.2"} 1\n'
    wanted = {"alertname": "BGPSessionDown", "instance": "pve01:9342", "peer": "10.255.0.2"}
    assert_firing(tmp_path, (seeds,), [({"pve01:9342": up}, 5)], [wanted])
