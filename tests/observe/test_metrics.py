"""What Prometheus is given: every metric of the table with its labels, and nothing for what is not known."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, delete, update
from sqlalchemy.orm import Session as Database

from tests.observe.shown import AT, homelab_store
from trellis.observe.metrics import StoreMetrics
from trellis.observe.tables import Event, EventKind, ObservedHost, Peering, PeeringState, Session
from trellis.render import metric_names as names

Series = dict[tuple[str, ...], float]


def scrape(metrics: StoreMetrics) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Return each metric's series, as a parser that is not ours reads them."""
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(metrics.text().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def of(metrics: StoreMetrics, metric: names.Metric, *labels: str) -> Series:
    """Return a metric's values by some of its labels."""
    return {tuple(shown[name] for name in labels): value for shown, value in scrape(metrics).get(metric.name, [])}


@pytest.fixture
def metrics(shown: Engine) -> StoreMetrics:
    return StoreMetrics(shown, lambda: AT + timedelta(seconds=12))


def test_every_metric_of_the_table_is_printed_with_its_labels_and_no_other(metrics: StoreMetrics) -> None:
    found = scrape(metrics)
    assert set(found) == {metric.name for metric in names.OURS}
    for metric in names.OURS:
        assert {frozenset(labels) for labels, _ in found[metric.name]} == {frozenset(metric.labels)}


def test_every_database_gives_the_same_numbers(url: str, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    one, other = homelab_store(url), homelab_store(tmp_path / "other")
    assert StoreMetrics(one, lambda: AT).text() == StoreMetrics(other, lambda: AT).text()
    one.dispose()
    other.dispose()


def test_help_and_type_are_the_tables(metrics: StoreMetrics) -> None:
    lines = metrics.text().decode().splitlines()
    for metric in names.OURS:
        assert f"# HELP {metric.name} {metric.meaning}" in lines
        assert f"# TYPE {metric.name} {metric.kind}" in lines


def test_a_session_is_one_on_its_host_and_zero_on_the_others(shown: Engine) -> None:
    everywhere = StoreMetrics(shown)
    found = of(everywhere, names.SESSION_ESTABLISHED, "guest", "host")
    assert found["solcp01", "pve01"] == 1
    assert found["solcp01", "pve02"] == 0
    assert of(everywhere, names.SESSION_HOSTS, "guest")["solcp01",] == 1


def test_of_a_host_that_is_not_read_nothing_is_said_of_any_session(metrics: StoreMetrics) -> None:
    assert "pve03" not in {host for (host,) in of(metrics, names.SESSION_ESTABLISHED, "host")}
    hosts = of(metrics, names.SESSION_HOSTS, "guest")
    assert ("solcp03",) not in hosts  # its session may be there
    assert ("solwk01",) not in hosts  # idle where it is seen, but it may have moved there
    assert hosts["solcp01",] == 1  # up where it is seen
    assert of(metrics, names.SESSION_UNKNOWN_HOSTS, "guest")["solwk01",] == 1
    for metric in (names.PREFIXES_ACCEPTED, names.PREFIXES_REJECTED, names.PENALTY):
        assert ("solcp03",) not in of(metrics, metric, "guest")


def test_with_every_host_read_a_guest_without_a_session_is_on_none(tmp_path: Path) -> None:
    metrics = StoreMetrics(homelab_store(tmp_path, lost=None))
    found = of(metrics, names.SESSION_HOSTS, "guest")
    assert found["solwk01",] == 0
    assert found["solcp03",] == 1
    assert set(of(metrics, names.SESSION_UNKNOWN_HOSTS, "guest").values()) == {0}


def test_a_guest_on_two_hosts_is_on_two(shown: Engine) -> None:
    with Database(shown) as database, database.begin():
        database.execute(update(Session).where(Session.host == "pve02").values(state=PeeringState.ESTABLISHED))
    assert of(StoreMetrics(shown), names.SESSION_HOSTS, "guest")["solcp01",] == 2


def test_routes_are_counted_and_refused_ones_by_reason(metrics: StoreMetrics) -> None:
    assert of(metrics, names.PREFIXES_ACCEPTED, "guest")["solcp01",] == 4
    assert of(metrics, names.PREFIXES_REJECTED, "guest_ip")["fd00:101::bad",] == 3
    assert of(metrics, names.REJECTED_ROUTES, "guest_ip", "reason") == {
        ("fd00:101::bad", "default_route"): 1,
        ("fd00:101::bad", "not_this_guests"): 1,
        ("fd00:101::bad", "outside_range"): 1,
    }


def test_a_guest_has_one_state_and_a_penalty_is_told(metrics: StoreMetrics) -> None:
    states = scrape(metrics)[names.PEERING_STATE.name]
    assert sorted(labels["guest"] for labels, _ in states) == sorted({labels["guest"] for labels, _ in states})
    assert {value for _, value in states} == {1}
    assert of(metrics, names.PENALTY, "guest")["solwk02",] == 1
    assert of(metrics, names.PENALTY, "guest")["solcp01",] == 0


def test_hosts_are_told_with_the_age_of_what_is_known(shown: Engine, metrics: StoreMetrics) -> None:
    with Database(shown) as database, database.begin():
        database.add(ObservedHost(name="pve04", reached=False))
    reached = {("pve01",): 1, ("pve02",): 1, ("pve03",): 0, ("pve04",): 0}
    assert of(metrics, names.HOST_REACHED, "host") == reached
    assert of(metrics, names.HOST_AGE, "host") == {("pve01",): 12, ("pve02",): 12, ("pve03",): 432}


def test_events_are_counted_as_they_come_and_never_fall(shown: Engine, metrics: StoreMetrics) -> None:
    refused = (EventKind.ROUTE_REJECTED.value,)
    assert set(of(metrics, names.EVENTS, "kind").values()) == {0}
    with Database(shown) as database, database.begin():
        for _ in range(3):
            database.add(Event(at=AT, kind=EventKind.ROUTE_REJECTED))
    assert of(metrics, names.EVENTS, "kind")[refused] == 3
    with Database(shown) as database, database.begin():
        database.execute(delete(Event).where(Event.id <= 5))  # the store forgets old ones
    assert of(metrics, names.EVENTS, "kind")[refused] == 3
    with Database(shown) as database, database.begin():
        database.execute(delete(Event))
        database.add(Event(at=AT, kind=EventKind.ROUTE_REJECTED))
    assert of(metrics, names.EVENTS, "kind")[refused] >= 3


def test_a_guest_that_has_left_is_not_told(shown: Engine, metrics: StoreMetrics) -> None:
    with Database(shown) as database, database.begin():
        database.execute(update(Peering).where(Peering.guest == "solcp01").values(removed=AT))
    assert "solcp01" not in metrics.text().decode()


def test_two_rows_of_one_guest_do_not_make_prometheus_refuse_all(shown: Engine, metrics: StoreMetrics) -> None:
    with Database(shown) as database, database.begin():
        peering = database.query(Peering).filter_by(guest="solcp01").one()
        values = {column.key: getattr(peering, column.key) for column in Peering.__table__.columns}
        database.add(Peering(**{**values, "id": None, "uuid": "another"}))
    lines = [line.rsplit(" ", 1)[0] for line in metrics.text().decode().splitlines() if not line.startswith("#")]
    assert len(lines) == len(set(lines))
