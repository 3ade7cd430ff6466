"""The webhook: who may call it, what becomes of a call, and that nothing else can be asked for by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine
from starlette.testclient import TestClient

from trellis.observe import guard
from trellis.observe.api import create_app
from trellis.observe.sync_request import SyncRequests
from trellis.observe.webhook import Webhook

READ, CALL = "only-for-reading-0123456789", "only-for-calling-0123456789"
SHOWN = {"Authorization": f"Bearer {CALL}"}
PATH = "/webhooks/prefixes"


@pytest.fixture
def requests(tmp_path: Path) -> SyncRequests:
    (tmp_path / "requests").mkdir()
    return SyncRequests(tmp_path / "requests" / "requested")


@pytest.fixture
def client(shown: Engine, requests: SyncRequests) -> TestClient:
    webhook = Webhook(CALL, requests, frozenset({"edge1", "edge2"}))
    return TestClient(create_app(shown, token=READ, hook=webhook), base_url="http://trellis.example.net")


def counts(client: TestClient) -> dict[str, float]:
    text = client.get("/metrics", headers={"Authorization": f"Bearer {READ}"}).text
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "trellis_prefix_sync_requests_total":
                found[sample.labels["outcome"]] = sample.value
            if sample.name == "trellis_prefix_sync_waiting":
                found["waiting"] = sample.value
    return found


@pytest.mark.parametrize(
    "said", [{}, {"json": {"edge": "edge1"}}, {"json": {"edge": None, "prefix": "2001:db8::/64"}}, {"content": b"{}"}]
)
def test_a_call_is_kept_as_a_request_and_says_so(client: TestClient, requests: SyncRequests, said: Any) -> None:
    answer = client.post(PATH, headers=SHOWN, **said)
    assert (answer.status_code, answer.json()["outcome"]) == (202, "requested")
    taken = requests.take()
    assert taken is not None
    assert taken.edge == said.get("json", {}).get("edge")
    assert "2001:db8" not in requests.file.with_name("requested.taken").read_text()


def test_a_second_call_is_the_same_request(client: TestClient, requests: SyncRequests) -> None:
    answers = [client.post(PATH, headers=SHOWN) for _ in range(50)]
    assert {answer.status_code for answer in answers} == {202}
    assert [answer.json()["outcome"] for answer in answers] == ["requested", *["already"] * 49]
    assert answers[1].json()["detail"] == "already requested"
    assert [path.name for path in requests.file.parent.iterdir()] == ["requested"]


def test_a_call_right_after_the_last_was_taken_is_kept_for_later(client: TestClient, requests: SyncRequests) -> None:
    client.post(PATH, headers=SHOWN)
    requests.take()
    requests.done()
    assert client.post(PATH, headers=SHOWN).json()["outcome"] == "deferred"
    assert requests.waits()


@pytest.mark.parametrize(
    "shows",
    [{}, {"Authorization": f"Bearer {READ}"}, {"Authorization": f"Bearer {CALL}x"}, {"Authorization": f"Basic {CALL}"}],
)
def test_without_its_own_token_nothing_is_kept(
    client: TestClient, requests: SyncRequests, shows: dict[str, str]
) -> None:
    answer = client.post(PATH, headers=shows)
    assert answer.status_code == 401
    assert CALL not in answer.text
    assert not requests.waits()
    assert counts(client)["refused"] == 1


@pytest.mark.parametrize("path", ["/api/v1/peerings", "/metrics", "/openapi.json"])
def test_its_token_reads_nothing(client: TestClient, path: str) -> None:
    assert client.get(path, headers=SHOWN).status_code == 401


def test_on_loopback_without_a_token_for_reading_it_needs_its_own_all_the_same(
    shown: Engine, requests: SyncRequests
) -> None:
    app = create_app(shown, hook=Webhook(CALL, requests, frozenset({"edge1"})))
    local = TestClient(app, base_url="http://127.0.0.1")
    assert local.get("/api/v1/hosts").status_code == 200
    assert local.post(PATH).status_code == 401
    assert local.post(PATH, headers=SHOWN).status_code == 202
    proxied = TestClient(app, base_url="http://trellis.example.net")
    assert proxied.post(PATH, headers=SHOWN).status_code == 202
    assert proxied.get("/api/v1/hosts").status_code == 421


@pytest.mark.parametrize(
    ("said", "status", "rule"),
    [
        ({"json": {"edge": "edge9"}}, 400, "edge: it is no edge of the site"),
        ({"json": {"edge": "../../etc/passwd"}}, 400, "edge: it is no edge of the site"),
        ({"json": {"edge": ["edge1"]}}, 400, "edge: "),
        ({"json": [1]}, 400, "body: "),
        ({"content": b"prefix=2001:db8::"}, 400, "body: "),
        ({"content": b" " * 1025}, 413, "a body has at most 1024 bytes"),
    ],
)
def test_what_is_no_request_is_not_kept(
    client: TestClient, requests: SyncRequests, said: Any, status: int, rule: str
) -> None:
    answer = client.post(PATH, headers=SHOWN, **said)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["detail"].startswith(rule)
    assert not requests.waits()
    assert counts(client)["wrong"] == 1


def test_calls_are_counted_by_what_became_of_them(client: TestClient) -> None:
    assert counts(client) == {"requested": 0, "deferred": 0, "already": 0, "refused": 0, "wrong": 0, "waiting": 0}
    for shows in (SHOWN, SHOWN, {}):
        client.post(PATH, headers=shows)
    assert counts(client) == {"requested": 1, "deferred": 0, "already": 1, "refused": 1, "wrong": 0, "waiting": 1}


def test_a_request_that_cannot_be_kept_is_said(client: TestClient, requests: SyncRequests) -> None:
    requests.file.parent.rmdir()
    answer = client.post(PATH, headers=SHOWN)
    assert answer.status_code == 503
    assert str(requests.file) not in answer.text


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
def test_it_is_called_by_post_alone(client: TestClient, requests: SyncRequests, method: str) -> None:
    answer = client.request(method, PATH, headers=SHOWN)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert not requests.waits()


@pytest.mark.parametrize("path", ["/", "/api/v1/peerings", "/metrics", "/healthz"])
def test_beside_it_the_server_only_answers_get(client: TestClient, path: str) -> None:
    for token in (READ, CALL):
        answer = client.post(path, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code in (401, 405)


def test_where_nobody_gave_it_a_token_there_is_no_such_path(shown: Engine) -> None:
    client = TestClient(create_app(shown, token=READ), base_url="http://10.0.0.1")
    shows = {"Authorization": f"Bearer {READ}"}
    assert client.post(PATH, headers=shows).status_code == 404
    assert PATH not in client.get("/openapi.json", headers=shows).json()["paths"]
    assert "trellis_prefix_sync" not in client.get("/metrics", headers=shows).text
    assert client.post(PATH).status_code == 401


def test_the_token_for_reading_is_not_taken_for_it(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{READ}\n")
    file.chmod(0o600)
    assert guard.read_webhook_token(file, CALL) == READ
    with pytest.raises(guard.Refused, match="this is the token for reading"):
        guard.read_webhook_token(file, READ)
    file.chmod(0o644)
    with pytest.raises(guard.Refused, match="its mode is 0644"):
        guard.read_webhook_token(file, None)


def test_the_document_says_which_edges_there_are(client: TestClient) -> None:
    paths = client.get("/openapi.json", headers={"Authorization": f"Bearer {READ}"}).json()["paths"]
    body = paths[PATH]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["edge"]["enum"] == ["edge1", "edge2", None]
