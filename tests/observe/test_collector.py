"""The collector: hosts read at once, lost and found again, by lines that tests write or a real sshd carries."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from tests.ends.sshd import Sshd, start_sshd, stop
from tests.observe.seen import KNOWN, Store
from tests.observe.test_observation import LINE, PEER
from tests.remote.conftest import login_at, play_agent
from trellis.observe.collector import Collector
from trellis.observe.recorder import Recorder
from trellis.observe.store import open_store
from trellis.observe.virtual_machines import VirtualMachines
from trellis.pve_api.client import ApiProblem
from trellis.remote import Login, Unreached, lines

ADDRESS = "fd00:101::6"
NOTHING: dict[str, Any] = {"gone": [], "penalized": [], "refused": []}


def said(host: str, *peers: dict[str, Any], **more: Any) -> str:
    """A line of a host, of now."""
    return json.dumps({**LINE, **NOTHING, "host": host, "at_s": time.time(), "peers": list(peers), **more})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    engine = open_store(f"sqlite:///{tmp_path}/guests.db")
    yield Store(engine)
    engine.dispose()


def _login(host: str) -> Login:
    return Login(host, "127.0.0.1", 1, "trellis", "")


def _collector(store: Store, read: Callable[..., Iterator[str]], *hosts: str, **more: Any) -> Collector:
    recorder = Recorder(store.engine, KNOWN)
    return Collector(recorder, [_login(host) for host in hosts or ("pve01",)], read, backoff_s=(0.05, 0.1), **more)


class Running:
    """A collector in a thread of its own."""

    def __init__(self, collector: Collector) -> None:
        self.collector = collector
        self.thread = threading.Thread(target=collector.run)

    def __enter__(self) -> Running:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.collector.stop()
        self.thread.join(20)
        assert not self.thread.is_alive()


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_each_host_is_read_once_and_one_that_is_not_reached_hides_no_other(store: Store) -> None:
    def read(login: Login, ended: threading.Event) -> Iterator[str]:
        if login.host == "pve02":
            raise Unreached("pve02", "connect", "no answer within 10 s", "see whether it is up")
        yield said(login.host, PEER)
        ended.wait(20)

    _collector(store, read, "pve01", "pve02").run(once=True)
    assert store.sessions() == {"pve01": "Established", "pve02": "Unknown"}
    assert store.events("host_unreachable")[0].detail == "connect: no answer within 10 s"


def test_a_host_that_is_lost_is_read_again_and_its_session_was_never_down(store: Store) -> None:
    begun, states = time.time(), []

    def read(login: Login, ended: threading.Event) -> Iterator[str]:
        yield said(login.host, {**PEER, "uptime_s": int(time.time() - begun)})
        until(lambda: store.state() == "Established" or ended.is_set())
        states.append(store.state())
        if len(states) < 3:
            raise Unreached(login.host, "read", "the connection or the agent ended", "")
        ended.wait(20)

    with Running(_collector(store, read)):
        until(lambda: len(states) == 3)
        assert store.kinds("route_rejected") == ["session_up", "host_unreachable", "host_unreachable"]


@pytest.mark.parametrize(
    ("line", "why"),
    [("nonsense", "no JSON"), (said("other"), "it calls itself other"), ('{"schema_version": 9}', "schema_version 9")],
)
def test_a_host_that_says_what_is_no_line_is_lost_with_the_reason(store: Store, line: str, why: str) -> None:
    def read(login: Login, ended: threading.Event) -> Iterator[str]:
        yield line

    _collector(store, read).run(once=True)
    assert why in store.events("host_unreachable")[0].detail


def test_what_happens_is_logged_once_a_line_each(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    def read(login: Login, ended: threading.Event) -> Iterator[str]:
        yield said(login.host, PEER)
        ended.wait(20)

    caplog.set_level(logging.INFO)
    _collector(store, read).run(once=True)
    assert [record.message for record in caplog.records] == [
        "pve01: host_reached",
        "pve01: session_up web fd00:101::6 on vnet101 AS 65201",
        "pve01: route_rejected web fd00:101::6 on vnet101 fd00:ff::6/128 "
        "the host's filters refuse it, and the site's policy would not: see `trellis check pve01`",
    ]


def test_proxmox_is_asked_at_the_start_and_soon_after_a_session_came(store: Store) -> None:
    asked: list[str] = []

    class Api:
        def get(self, path: str, **_: str) -> Any:
            asked.append(path)
            if path == "/cluster/resources":
                return [{"type": "qemu", "vmid": 101, "node": "pve01", "status": "running"}]
            return {"net0": "virtio=BC:24:11:00:00:06,bridge=vnet101"}

    def read(login: Login, ended: threading.Event) -> Iterator[str]:
        until(lambda: asked)
        yield said(login.host, PEER)
        ended.wait(20)

    with Running(_collector(store, read, machines=VirtualMachines(Api()))):
        until(lambda: asked.count("/cluster/resources") >= 2)
        until(lambda: store.has(ADDRESS) and store.peering().vm_id == "101")


def test_a_proxmox_that_does_not_answer_stops_nothing_and_is_told_once(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    class Api:
        def get(self, path: str, **_: str) -> Any:
            raise ApiProblem(f"GET {path}: timed out")

    def read(login: Login, ended: threading.Event) -> Iterator[str]:
        yield said(login.host, PEER)

    _collector(store, read, machines=VirtualMachines(Api())).run(once=True)
    assert store.state() == "Established"
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_store_that_is_away_for_a_moment_costs_a_line_and_not_the_collector(store: Store) -> None:
    collector = _collector(store, _lines_until)
    saw, failing = collector.recorder.saw, [True]

    def saw_or_not(seen: Any) -> Any:
        if failing.pop() if failing else False:
            raise OperationalError("INSERT", {}, Exception("the server closed the connection"))
        return saw(seen)

    collector.recorder.saw = saw_or_not  # type: ignore[method-assign]
    with Running(collector):
        until(lambda: store.has(ADDRESS) and store.state() == "Established")


def _lines_until(login: Login, ended: threading.Event) -> Iterator[str]:
    begun = time.time()
    while not ended.wait(0.3):
        yield said(login.host, {**PEER, "uptime_s": int(time.time() - begun)})


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Sshd]:
    folder = tmp_path / "served"
    server = start_sshd(folder, f"SetEnv PATH={folder}/bin:/usr/bin:/bin")
    (folder / "bin").mkdir()
    yield server
    stop(server.process)


def test_lines_come_over_ssh_as_they_are_written_and_the_command_ends_with_the_reader(served: Sshd) -> None:
    play_agent(served, 'echo one; sleep 0.3; printf tw; sleep 0.3; echo o; exec tail -f "$FOLDER/authorized_keys"')
    ended = threading.Event()
    heard = lines(login_at(served), "sudo -n agent.py observe", 30, ended)
    assert [next(heard), next(heard)] == ["one", "two"]
    ended.set()
    assert len(list(heard)) <= 1


def test_a_host_that_is_silent_and_a_command_that_ends_are_lost_with_what_it_said(served: Sshd) -> None:
    play_agent(served, "echo 'pve01: agent.py: it must run as root; use sudo' >&2; exit 3")
    with pytest.raises(Unreached, match="it must run as root"):
        list(lines(login_at(served), "sudo -n agent.py observe", 30, threading.Event()))
    play_agent(served, "exec sleep 30")
    began = time.monotonic()
    with pytest.raises(Unreached, match="silent for 2 s"):
        list(lines(login_at(served), "sudo -n agent.py observe", 2, threading.Event()))
    assert time.monotonic() - began < 8


def test_a_host_is_read_over_ssh_into_the_store(served: Sshd, store: Store) -> None:
    (served.folder / "line").write_text(said("pve01", PEER) + "\n")
    play_agent(served, 'cat "$FOLDER/line"; exec sleep 30')
    collector = _collector(store, lambda login, ended: lines(login_at(served), "sudo -n agent.py observe", 30, ended))
    collector.run(once=True)
    assert store.state() == "Established"
    assert served.connections == 1
