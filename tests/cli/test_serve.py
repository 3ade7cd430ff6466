"""``trellis observe serve``: it comes up where it may, refuses where it may not, and ends when it is told to."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine

from tests.cli.command_line import REPOSITORY, trellis
from tests.observe.shown import homelab_store
from tests.sites import site_of
from trellis.cli.console import Mistake
from trellis.cli.serve import Hook, ready, serving

TOKEN = "only-for-this-test-0123456789"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[str]:
    engine = homelab_store(tmp_path)
    yield str(engine.url)
    engine.dispose()


def test_it_serves_on_loopback_until_it_is_told_to_end(store: str) -> None:
    argv = [sys.executable, "-m", "trellis", "observe", "serve", "--store", store, "--listen", "127.0.0.1:0"]
    if not (REPOSITORY / "trellis/__main__.py").exists():
        argv[:3] = [str(Path(sys.executable).with_name("trellis"))]
    with subprocess.Popen(argv, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        found = re.search(r"serving (http://127\.0\.0\.1:\d+/)", server.stderr.readline())
        assert found is not None
        url = found[1]
        assert httpx.get(f"{url}healthz").json() == {"status": "ok"}
        assert httpx.get(f"{url}api/v1/peerings").json()["total"] == 9
        answer = httpx.get(url)
        assert "Trellis" in answer.text
        assert "server" not in answer.headers
        server.send_signal(signal.SIGTERM)
        assert server.wait(10) in (0, -signal.SIGTERM)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--listen", "0.0.0.0:0"], 2, "beyond loopback everyone would see every tenant's sessions"),
        (["--listen", "[::]:0"], 2, "set TRELLIS_API_TOKEN, or name a file that holds a token with --token-file"),
        (["--listen", "8179"], 2, "it is ADDRESS:PORT, as 127.0.0.1:8179 or [::1]:8179"),
        (["--listen", "::1:8179"], 2, "it is ADDRESS:PORT"),
        (["--listen", "127.0.0.1:99999"], 2, "it is ADDRESS:PORT"),
        (["--token-file", "/nonexistent"], 2, "/nonexistent: No such file or directory"),
        (["--request-file", "/tmp/x"], 2, "it needs --webhook-token-file"),
        (["--webhook-token-file", "/nonexistent"], 2, "/nonexistent: No such file or directory"),
        (["--token-file", "TOKEN", "--webhook-token-file", "TOKEN"], 2, "this is the token for reading"),
        (["--webhook-token-file", "TOKEN", "--request-file", "/proc/x"], 2, "nothing can be written there"),
        (["--listen", "192.0.2.1:0", "--token-file", "TOKEN"], 1, "can't listen at 192.0.2.1 port 0"),
    ],
)
def test_where_it_may_not_listen_it_says_why(
    store: str, tmp_path: Path, arguments: list[str], status: int, said: str
) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    words = [str(token) if word == "TOKEN" else word for word in arguments]
    ended = trellis("observe", "serve", "--store", store, *words)
    assert ended.returncode == status
    assert said in ended.stderr.replace("\n", " ")


def test_a_collector_that_may_not_listen_reads_no_host(store: str, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.touch(0o600)
    words = ["--store", store, "--identity", str(key), "--listen", "0.0.0.0:0"]
    ended = trellis("observe", "run", *words)
    assert ended.returncode == 2
    assert "beyond loopback" in ended.stderr
    assert "reading" not in ended.stderr


def test_a_collector_that_does_not_listen_serves_no_webhook(store: str, tmp_path: Path) -> None:
    ended = trellis("observe", "run", "--store", store, "--webhook-token-file", str(tmp_path / "token"))
    assert (ended.returncode, "say where it listens with --listen" in ended.stderr) == (2, True)


def test_what_the_webhook_is_told_reaches_the_sync_of_the_same_stack(store: str, tmp_path: Path) -> None:
    token, file = tmp_path / "token", tmp_path / "state" / "requested"
    token.write_text(TOKEN)
    token.chmod(0o600)
    engine = create_engine(store)
    server = ready(site_of("homelab"), engine, "127.0.0.1:0", None, Hook(token, file))
    url = f"http://127.0.0.1:{server.bound.getsockname()[1]}/webhooks/prefixes"
    with serving(server):
        assert httpx.post(url, timeout=20).status_code == 401
        told = httpx.post(url, json={"edge": "edge1"}, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=20)
    engine.dispose()
    assert (told.status_code, told.json()["outcome"]) == (202, "requested")
    ended = trellis("prefixes", "sync", "--if-requested", "--request-file", str(file))
    assert "a sync was requested by edge1" in ended.stderr


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    ended = trellis("observe", "serve", "--store", f"sqlite:///{tmp_path}/none.db", "--listen", "127.0.0.1:0")
    assert ended.returncode == 1
    assert "there is no store" in ended.stderr
    assert os.listdir(tmp_path) == []  # noqa: PTH208


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    engine = homelab_store(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(Mistake, match="Address already in use"):
        ready(site_of("homelab"), engine, f"127.0.0.1:{taken.getsockname()[1]}", None)
    engine.dispose()


def test_beside_a_collector_it_serves_as_long_as_that_runs(tmp_path: Path) -> None:
    engine = homelab_store(tmp_path)
    server = ready(site_of("homelab"), engine, "127.0.0.1:0", None)
    url = f"http://127.0.0.1:{server.bound.getsockname()[1]}/healthz"
    with serving(server):
        assert httpx.get(url, timeout=20).status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)
    engine.dispose()
