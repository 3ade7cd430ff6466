"""The read-only API: what it lists, how it is asked, and whom it answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, create_engine, func, select
from sqlalchemy.orm import Session as Database
from starlette.testclient import TestClient

from tests.observe.shown import HOSTILE, homelab_store
from tests.sites import plan_of, site_of
from trellis.observe import guard
from trellis.observe.api import create_app
from trellis.observe.live_map import live_map
from trellis.observe.tables import Peering, PeeringState, RouteState
from trellis.reach.reasons import Code

TOKEN = "only-for-this-test-0123456789"
LISTS = ("peerings", "sessions", "routes", "events", "hosts")


def client_of(engine: Engine) -> TestClient:
    app = create_app(engine, live_map(site_of("homelab"), plan_of("homelab")))
    return TestClient(app, base_url="http://127.0.0.1:8179")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Return a client of a server whose store nobody changes."""
    engine = homelab_store(tmp_path_factory.mktemp("store"))
    yield client_of(engine)
    engine.dispose()


def items(client: TestClient, path: str) -> list[dict[str, Any]]:
    answer = client.get(f"/api/v1/{path}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def test_the_seeds_operations_have_the_seeds_names_and_filters(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    operations = {operation["operationId"]: operation for path in paths.values() for operation in path.values()}
    asked = {name: {each["name"] for each in one.get("parameters", ())} for name, one in operations.items()}
    assert {"networkid", "vmid", "state", "page", "pagesize"} <= asked["listBgpPeeringSessions"]
    assert {"peeringid", "networkid", "state", "prefix", "reason"} <= asked["listBgpGuestRoutes"]
    assert {"listBgpGuestEvents", "listObservedHosts", "listBgpHostSessions", "getMetrics"} <= set(asked)


def test_a_peering_has_its_numbers_as_text_and_its_times_in_utc(client: TestClient) -> None:
    (found,) = items(client, "peerings?guest=solcp01")
    assert found["guest_asn"] == "4210101011"
    assert found["vr_asn"] == "4200001000"
    assert found["last_updated"] == "2026-01-31T12:00:00.000Z"
    assert (found["state"], found["prefixes_accepted"], found["prefixes_rejected"]) == ("Established", 4, 0)


@pytest.mark.parametrize(
    ("asked", "guests"),
    [
        ("networkid=vnet200", {"isolated-1"}),
        ("vmid=103", {"solcp01"}),
        ("state=Penalty", {"solwk02"}),
        ("asn=65201", {"unknown"}),
        ("host=pve03", {"solcp03", "solwk03"}),
        ("tenant=tenant200", {"isolated-1"}),
        ("networkid=vnet101&state=Unknown", {"solcp03", "solwk03"}),
        ("removed=true", set()),
    ],
)
def test_peerings_are_chosen_by_each_filter(client: TestClient, asked: str, guests: set[str]) -> None:
    assert {found["guest"] for found in items(client, f"peerings?{asked}")} == guests


def test_every_database_gives_the_same_lists(url: str, client: TestClient) -> None:
    engine = homelab_store(url)
    other = client_of(engine)
    for path in ("peerings", "sessions", "routes", "events?since=2026-01-31T12:00:00Z", "hosts"):
        assert items(other, path) == items(client, path)
    engine.dispose()


def test_refused_routes_are_listed_with_their_reason(client: TestClient) -> None:
    (peering,) = items(client, "peerings?asn=65201")
    refused = items(client, f"routes?peeringid={peering['uuid']}&state=Rejected")
    assert {route["rejection_code"] for route in refused} == {"default_route", "outside_range", "not_this_guests"}
    (one,) = items(client, "routes?reason=outside_range")
    assert one["prefix"] == "2a01:b000:1046:20::100/128"
    assert one["rejection_reason"].startswith("2a01:b000:1046:20::100/128 is in none of")
    assert items(client, "routes?prefix=2A01:B000:1046:20:0::100/128") == [one]  # as people write it
    assert all(HOSTILE not in route["prefix"] for route in refused)


def test_a_session_is_listed_for_each_host_and_unknown_where_it_is_not_read(client: TestClient) -> None:
    found = items(client, "sessions?networkid=vnet200")
    assert {each["host"]: each["state"] for each in found} == {
        "pve01": "Active",
        "pve02": "Withdrawn",
        "pve03": "Unknown",
    }


def test_pages_hold_everything_once(client: TestClient) -> None:
    every = [found["uuid"] for found in items(client, "peerings")]
    pages = [client.get(f"/api/v1/peerings?pagesize=4&page={page}").json() for page in (1, 2, 3, 4)]
    assert [len(page["items"]) for page in pages] == [4, 4, 1, 0]
    assert {page["total"] for page in pages} == {9}
    assert [found["uuid"] for page in pages for found in page["items"]] == every


def test_events_come_newest_first_and_not_from_before(client: TestClient) -> None:
    found = items(client, "events")
    assert [event["at"] for event in found] == sorted((event["at"] for event in found), reverse=True)
    late = items(client, "events?since=2026-01-31T12:58:00%2B01:00")  # 11:58 in UTC
    assert {event["at"] for event in late} <= {
        "2026-01-31T12:00:00.000Z",
        "2026-01-31T11:59:00.000Z",
        "2026-01-31T11:58:00.000Z",
    }
    assert 0 < len(late) < len(found)


@pytest.mark.parametrize(
    ("asked", "parameter", "said"),
    [
        ("peerings?state=Up", "state", list(PeeringState)),
        ("routes?state=Established", "state", list(RouteState)),
        ("routes?reason=because", "reason", list(Code)),
        ("peerings?network=vnet101", "network", ["networkid", "vmid"]),
        ("peerings?page=0", "page", "greater than or equal to 1"),
        ("peerings?pagesize=1001", "pagesize", "less than or equal to 1000"),
        ("peerings?asn=4294967296", "asn", "an ASN is a number from 1 to 4294967295"),
        ("routes?prefix=10.0.0.1", "prefix", "a prefix has a length"),
        ("routes?prefix=10.0.0.1/8", "prefix", "has host bits set"),
        ("events?since=2026-01-31T12:00:00", "since", "a time is in ISO 8601 with its zone"),
        ("peerings?guest=a&guest=b", "guest", "it may be given once"),
        ("hosts?name=pve01", "name", "there is no such parameter here"),
        ("peerings?networkid=%00", "networkid", "should match pattern"),
    ],
)
def test_a_wrong_question_is_told_its_parameter_and_what_is_allowed(
    client: TestClient, asked: str, parameter: str, said: str | list[str]
) -> None:
    answer = client.get(f"/api/v1/{asked}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    (wrong,) = answer.json()["errors"]
    assert wrong["parameter"] == parameter
    if isinstance(said, str):
        assert said in wrong["rule"]
    else:
        assert set(said) <= set(wrong["allowed"])


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("path", ["/", "/api/v1/peerings", "/metrics", "/healthz", "/openapi.json"])
def test_nothing_but_get_is_answered(client: TestClient, method: str, path: str) -> None:
    answer = client.request(method, path)
    if path == "/openapi.json" and method == "HEAD":
        return  # FastAPI's own page answers it
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET"
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/page.js", "/api/v1/peerings", "/api/v1/peerings?x=1", "/nothing", "/metrics"])
def test_every_answer_tells_browsers_what_to_refuse(client: TestClient, path: str) -> None:
    headers = client.get(path, headers={"Origin": "https://evil.example"}).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert not [name for name in headers if name.startswith("access-control-")]


def test_a_list_that_has_not_changed_is_not_sent_again(shown: Engine) -> None:
    client = client_of(shown)
    first = client.get("/api/v1/peerings")
    again = client.get("/api/v1/peerings", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    with Database(shown) as database, database.begin():
        peering = database.scalars(select(Peering).limit(1)).one()
        peering.prefixes_received += 1
    changed = client.get("/api/v1/peerings", headers={"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize(
    "path", [*(f"/api/v1/{name}" for name in LISTS), "/api/v1/map.svg", "/metrics", "/openapi.json"]
)
def test_with_a_token_nothing_of_the_site_is_told_without_it(shown: Engine, path: str) -> None:
    client = TestClient(create_app(shown, token=TOKEN), base_url="http://10.0.0.1")
    for shows in (
        {},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": TOKEN},
    ):
        refused = client.get(path, headers=shows)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith("Bearer")
        assert TOKEN not in refused.text
    assert client.get(path, headers={"Authorization": f"bearer {TOKEN}"}).status_code in (200, 404)


def test_the_page_and_health_are_given_without_a_token_and_hold_nothing_of_the_site(shown: Engine) -> None:
    client = TestClient(create_app(shown, token=TOKEN), base_url="http://10.0.0.1")
    for path in ("/", "/healthz", *(f"/{name}" for name in guard.PAGE[1:])):
        answer = client.get(path)
        assert answer.status_code == 200
        assert not re.search(r"solcp01|homelab|4210101011", answer.text)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "localhost.evil:8179", ""])
def test_without_a_token_a_name_that_is_not_loopback_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/api/v1/peerings", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "localhost:8179", "127.0.0.1", "[::1]:8179"])
def test_loopbacks_own_names_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/api/v1/peerings", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.10.0.11", "pve01", "fd00::1"])
def test_beyond_loopback_a_token_is_needed(host: str) -> None:
    with pytest.raises(guard.Refused, match="everyone would see every tenant's sessions"):
        guard.must_have_token(host, None)
    guard.must_have_token(host, TOKEN)
    guard.must_have_token("127.0.0.1", None)


def test_a_token_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    file.chmod(0o640)
    with pytest.raises(guard.Refused, match="its mode is 0640"):
        guard.read_token(file)
    file.chmod(0o600)
    assert guard.read_token(file) == TOKEN
    file.write_text("short\n")
    with pytest.raises(guard.Refused, match="20 or more ASCII letters"):
        guard.read_token(file)
    with pytest.raises(guard.Refused, match="No such file"):
        guard.read_token(tmp_path / "none")


def test_a_token_of_the_environment_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(guard.TOKEN_VARIABLE, raising=False)
    assert guard.read_token(None) is None
    monkeypatch.setenv(guard.TOKEN_VARIABLE, TOKEN)
    assert guard.read_token(None) == TOKEN


def test_a_store_that_cannot_be_read_is_said_without_its_url() -> None:
    client = TestClient(
        create_app(create_engine("sqlite://")), base_url="http://127.0.0.1", raise_server_exceptions=False
    )
    answer = client.get("/api/v1/peerings")
    assert answer.status_code == 503
    assert "sqlite" not in answer.text


def test_reading_changes_nothing(shown: Engine) -> None:
    client = client_of(shown)

    def everything() -> list[Any]:
        with shown.connect() as connection:
            tables = Peering.metadata.sorted_tables
            return [
                connection.execute(select(func.count(), func.group_concat(table.c[0])).select_from(table)).all()
                for table in tables
            ]

    before = everything()
    for path in (*(f"/api/v1/{name}" for name in LISTS), "/metrics", "/healthz", "/"):
        assert client.get(path).status_code == 200
    assert everything() == before


def test_the_map_is_the_plans_picture_with_its_guests_named(client: TestClient) -> None:
    answer = client.get("/api/v1/map.svg")
    assert answer.headers["content-type"].startswith("image/svg+xml")
    named = {name for names in re.findall(r'data-guests="([^"]+)"', answer.text) for name in names.split()}
    assert named == {planned.guest.name for planned in plan_of("homelab").guests}


def test_json_is_what_json_is(client: TestClient) -> None:
    answer: httpx.Response = client.get("/api/v1/routes")
    assert json.loads(answer.text) == answer.json()
    assert answer.headers["content-type"] == "application/json"
