"""An edge is asked over real TLS: what it says is taken whole or not at all, in bounded time, and no secret is told."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import replace
from ipaddress import IPv6Network
from pathlib import Path

import pytest

from tests.routeros.edge import FACE, PASSWORD, POOLS, PREFIXES, QUICK, failing, router, with_pool
from trellis.lab.routeros import Face, RestFace, Served, serve
from trellis.routeros import Patience, Router, RouterosProblem, read

FOUND = {pool: IPv6Network(prefix) for pool, prefix in PREFIXES.items()}
ONCE = Patience(attempt_s=0.5, attempts=1)


def refused(asked: Router, patience: Patience = QUICK) -> RouterosProblem:
    with pytest.raises(RouterosProblem) as caught:
        read(asked, POOLS, patience)
    problem = caught.value
    assert PASSWORD not in str(problem)
    assert "nothing was changed" in str(problem)
    assert all(part for one in problem.refusals for part in (one.path, one.value, one.rule, one.why, one.remedy))
    return problem


def test_each_pool_has_its_prefix(edge: Served) -> None:
    assert read(router(edge), POOLS, QUICK) == FOUND
    assert edge.face.asked == ["GET ipv6/pool 200", "GET ipv6/dhcp-client 200"]


def test_a_changed_delegation_is_seen_by_the_next_question(edge: Served) -> None:
    edge.face.become(with_pool("pd-v101", "2600:1700:ab1a:7777::/64"))
    assert read(router(edge), POOLS, QUICK)["pd-v101"] == IPv6Network("2600:1700:ab1a:7777::/64")


def test_a_lost_delegation_is_no_prefix(edge: Served) -> None:
    edge.face.become(with_pool("pd-v101"))
    assert read(router(edge), POOLS, QUICK) == {**FOUND, "pd-v101": None}


def test_another_certificate_gets_no_password(edge: Served, tmp_path: Path) -> None:
    with serve(RestFace(FACE), tmp_path / "impostor") as impostor:
        asked = replace(router(edge), endpoint=impostor.endpoint)
        problem = refused(asked)
    (refusal,) = problem.refusals
    assert refusal.path == "edges.edge1.rest_api.certificate"
    assert refusal.value == impostor.certificate
    assert edge.certificate in refusal.rule
    assert impostor.face.asked == [], "it was asked, and so was sent the password"


def test_a_certificate_that_an_authority_signed_is_no_way_around_the_pin(
    edge: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(RestFace(FACE), tmp_path / "impostor") as impostor:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "impostor/ca.pem"))
        refused(replace(router(edge), endpoint=impostor.endpoint))
        assert impostor.face.asked == []


def test_no_proxy_of_the_environment_is_asked(edge: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert read(router(edge), POOLS, QUICK) == FOUND


def test_a_refused_login_is_not_tried_again(edge: Served) -> None:
    problem = refused(router(edge, password="another-one"))
    (refusal,) = problem.refusals
    assert (refusal.path, refusal.value) == ("edges.edge1.rest_api.user", "trellis: 401 Unauthorized")
    assert "another-one" not in str(problem)
    assert edge.face.asked == ["GET ipv6/pool 401"]


def test_a_router_that_is_not_there_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    said: list[str] = []
    asked = Router("edge1", f"https://127.0.0.1:{port}", "0" * 64, "trellis", PASSWORD)
    with pytest.raises(RouterosProblem) as caught:
        read(asked, POOLS, QUICK, said.append)
    (refusal,) = caught.value.refusals
    assert refusal.path == "edges.edge1.rest_api.endpoint"
    assert "refused" in refusal.value
    assert len(said) == 2, "it was asked three times"


def test_what_speaks_no_tls_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def answer() -> None:
            while True:
                try:
                    connection, _ = plain.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(1000)
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        asked = Router("edge1", f"https://127.0.0.1:{plain.getsockname()[1]}", "0" * 64, "trellis", PASSWORD)
        assert refused(asked).refusals[0].path == "edges.edge1.rest_api.endpoint"


@pytest.mark.parametrize("path", ["ipv6/pool", "ipv6/dhcp-client"])
@pytest.mark.parametrize("kind", ["hang", "drip"])
def test_a_router_that_does_not_end_its_answer_is_given_up(edge: Served, kind: str, path: str) -> None:
    edge.face.become(failing(kind, path=path))
    started = time.monotonic()
    (refusal,) = refused(router(edge), ONCE).refusals
    assert time.monotonic() - started < ONCE.longest_s() + 1.5
    assert refusal.path == f"GET /rest/{path}"
    assert refusal.rule == "an edge answers in time, all questions and the handshake together"


def test_a_handshake_that_never_ends_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        started = time.monotonic()
        asked = Router("edge1", f"https://127.0.0.1:{mute.getsockname()[1]}", "0" * 64, "trellis", PASSWORD)
        assert "in time" in refused(asked, ONCE).refusals[0].rule
        assert time.monotonic() - started < ONCE.longest_s() + 1.5


@pytest.mark.parametrize("path", ["ipv6/pool", "ipv6/dhcp-client"])
@pytest.mark.parametrize("kind", ["cut", "truncate", "close"])
def test_an_answer_that_is_cut_off_is_none(edge: Served, kind: str, path: str) -> None:
    edge.face.become(failing(kind, path=path))
    (refusal,) = refused(router(edge)).refusals
    assert (refusal.path, refusal.rule) == (f"GET /rest/{path}", "an answer is whole, and JSON")
    assert len([one for one in edge.face.asked if kind in one]) == 3


@pytest.mark.parametrize("kind", ["cut", "truncate", "close", "hang", "status"])
def test_what_passes_is_asked_again(edge: Served, kind: str) -> None:
    edge.face.become(failing(kind, times=2))
    said: list[str] = []
    assert read(router(edge), POOLS, replace(QUICK, attempt_s=2.0 if kind == "hang" else 10.0), said.append) == FOUND
    assert len(said) == 2


def test_a_fault_of_the_router_is_told_after_the_last_attempt(edge: Served) -> None:
    edge.face.become(failing("status", status=503))
    (refusal,) = refused(router(edge)).refusals
    assert refusal.value == "503 Service Unavailable"
    assert len(edge.face.asked) == 3


@pytest.mark.parametrize(("status", "said"), [(403, "403 Forbidden"), (404, "404 Not Found")])
def test_what_does_not_pass_is_asked_once(edge: Served, status: int, said: str) -> None:
    edge.face.become(failing("status", status=status))
    assert refused(router(edge)).refusals[0].value == said
    assert len(edge.face.asked) == 1


def test_a_redirect_is_not_followed(edge: Served) -> None:
    edge.face.become(failing("redirect"))
    (refusal,) = refused(router(edge)).refusals
    assert refusal.value == "302 Found, to another place"


@pytest.mark.parametrize("answer", [{}, "pools", [1], {"detail": f"who sent {PASSWORD}?"}, None])
def test_an_answer_of_another_shape_is_refused(edge: Served, answer: object) -> None:
    edge.face.become(replace(FACE, entries={"ipv6/pool": answer}))
    assert refused(router(edge)).refusals[0].path == "GET /rest/ipv6/pool"


def test_an_endless_answer_is_not_read_to_its_end(edge: Served) -> None:
    entries = [{"name": "x" * 1000, "prefix": ""}] * 5000
    edge.face.become(replace(FACE, entries={"ipv6/pool": entries}))
    assert refused(router(edge)).refusals[0].rule == "an answer has at most 4000000 bytes"


def test_a_password_is_not_shown_with_its_router(edge: Served) -> None:
    assert PASSWORD not in repr(router(edge))
    assert PASSWORD not in repr(Face(password=PASSWORD))


def test_reading_ends_within_the_time_that_is_promised() -> None:
    assert Patience(attempt_s=10, attempts=3, pause_s=1).longest_s() == 33
