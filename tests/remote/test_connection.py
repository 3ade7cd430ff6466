"""Reaching a host: the pinned key alone is accepted, each step is bounded, and an error names host and step."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.ends.sshd import Sshd, free_port
from tests.remote.conftest import login_at
from trellis.remote import Connection, Keys, Login, Unreached, across, keys_given


def _refusal(login: Login, connect_s: float = 5.0) -> Unreached:
    with pytest.raises(Unreached) as caught:
        Connection(login, connect_s)
    assert caught.value.host == "pve01"
    return caught.value


def test_a_command_is_run_with_its_input_and_its_streams_and_status_come_back(sshd: Sshd) -> None:
    heard: list[str] = []
    with Connection(login_at(sshd)) as connection:
        answer = connection.run("cat; echo one >&2; echo two >&2; exit 7", "text\n" * 50_000, on_line=heard.append)
    assert (answer.status, answer.out, answer.err) == (7, "text\n" * 50_000, "one\ntwo\n")
    assert heard == ["one", "two"]


def test_a_host_with_another_key_gets_no_login_and_both_ways_out_are_named(sshd: Sshd) -> None:
    refused = _refusal(login_at(sshd, host_key=sshd.another_host_key))
    assert refused.step == "host key"
    assert "not the key pinned in the site; nothing was sent" in refused.why
    assert "hosts.pve01.ssh.host_key" in refused.remedy
    assert sshd.logins == 0


def test_a_host_that_has_no_key_of_the_pinned_type_gets_no_login(sshd: Sshd, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", tmp_path / "other"], check=True)
    refused = _refusal(login_at(sshd, host_key=(tmp_path / "other.pub").read_text()))
    assert (refused.step, sshd.logins) == ("host key", 0)
    assert "has none of type ecdsa-sha2-nistp256" in refused.why


def test_a_host_key_that_is_none_is_refused_before_anything_is_dialled(sshd: Sshd) -> None:
    assert _refusal(login_at(sshd, host_key="ssh-ed25519 AAAA")).step == "host key"
    assert sshd.connections == 0


def test_a_host_that_takes_none_of_the_keys_says_whose_key_was_offered(sshd: Sshd) -> None:
    refused = _refusal(login_at(sshd, keys=Keys((sshd.folder / "other_key").read_text(), "/keys/other")))
    assert refused.step == "log in"
    assert "takes no key of /keys/other (1 offered)" in refused.why


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_keys_of_each_type_that_a_site_may_name_work_for_host_and_user(sshd: Sshd, tmp_path: Path, kind: str) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", tmp_path / "key"], check=True)
    with (sshd.folder / "authorized_keys").open("a") as allowed:
        allowed.write((tmp_path / "key.pub").read_text())
    with Connection(login_at(sshd, keys=keys_given(tmp_path / "key", {}))) as connection:
        assert connection.run("true").status == 0


def test_a_key_may_come_from_the_environment_without_its_last_line_end(sshd: Sshd) -> None:
    keys = keys_given(None, {"TRELLIS_SSH_KEY": sshd.private_key.rstrip()})
    with Connection(login_at(sshd, keys=keys)) as connection:
        assert connection.run("true").status == 0
    assert keys.source == "TRELLIS_SSH_KEY"


def test_without_a_key_ssh_agent_is_asked(sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", place], stdout=subprocess.DEVNULL) as agent:
        try:
            monkeypatch.setenv("SSH_AUTH_SOCK", str(place))
            while not place.exists():
                time.sleep(0.02)
            refused = _refusal(login_at(sshd, keys=keys_given(None, {})))
            assert (refused.step, "ssh-agent holds none" in refused.why) == ("key", True)
            (sshd.folder / "client_key").chmod(0o600)
            subprocess.run(["ssh-add", "-q", sshd.folder / "client_key"], check=True)
            with Connection(login_at(sshd, keys=keys_given(None, {}))) as connection:
                assert connection.run("true").status == 0
        finally:
            agent.terminate()


def test_without_a_key_and_without_ssh_agent_all_three_ways_are_named(
    sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    refused = _refusal(login_at(sshd, keys=keys_given(None, {})))
    assert refused.step == "key"
    assert all(way in refused.remedy for way in ("--identity", "TRELLIS_SSH_KEY", "ssh-add"))


def test_an_encrypted_key_is_named_as_such(sshd: Sshd, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", tmp_path / "locked"], check=True)
    refused = _refusal(login_at(sshd, keys=keys_given(tmp_path / "locked", {})))
    assert (refused.step, "is encrypted" in refused.why) == ("key", True)


def test_no_text_of_a_key_is_in_an_error_or_in_what_is_printed_of_a_login(sshd: Sshd) -> None:
    keys = Keys("-----BEGIN OPENSSH PRIVATE KEY-----\nCANARY\n-----END OPENSSH PRIVATE KEY-----\n", "/keys/bad")
    refused = _refusal(login_at(sshd, keys=keys))
    assert "/keys/bad holds no private key" in refused.why
    assert "CANARY" not in f"{refused} {refused.__cause__} {refused.__context__} {login_at(sshd, keys=keys)}"


def test_a_host_that_refuses_the_connection_is_named_with_its_place(sshd: Sshd) -> None:
    port = free_port()
    refused = _refusal(Login("pve01", "127.0.0.1", port, "root", login_at(sshd).host_key, login_at(sshd).keys))
    assert refused.step == "connect"
    assert f"127.0.0.1:{port}: Connection refused" in refused.why


def test_a_host_that_accepts_and_says_nothing_costs_its_time_limit_and_no_more(sshd: Sshd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        login = Login("pve01", "127.0.0.1", silent.getsockname()[1], "root", login_at(sshd).host_key, Keys("", "x"))
        login = Login(login.host, login.address, login.port, login.user, login.host_key, login_at(sshd).keys)
        began = time.monotonic()
        assert _refusal(login, connect_s=1.0).step == "connect"
    assert time.monotonic() - began < 4


def test_a_command_that_does_not_end_is_given_up_in_time(sshd: Sshd) -> None:
    began = time.monotonic()
    with Connection(login_at(sshd)) as connection, pytest.raises(Unreached, match=r"run: no end after 1 s") as caught:
        connection.run("sleep 30", timeout_s=1.0)
    assert caught.value.step == "run"
    assert time.monotonic() - began < 4


def test_a_connection_that_breaks_under_a_command_is_no_success(sshd: Sshd) -> None:
    with Connection(login_at(sshd)) as connection:
        threading.Timer(0.7, _cut, (sshd,)).start()
        with pytest.raises(Unreached, match="the connection ended before the command did"):
            connection.run("sleep 5")


def _cut(sshd: Sshd) -> None:
    """Kill the processes of sshd's sessions."""
    for process in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(process.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == sshd.process.pid:
            os.kill(int(process.parent.name), signal.SIGKILL)


def test_one_host_that_cannot_be_reached_hides_no_other_and_the_order_stays(sshd: Sshd) -> None:
    good = [login_at(sshd, host) for host in ("pve03", "pve01")]
    bad = Login("pve02", "127.0.0.1", free_port(), "root", good[0].host_key, good[0].keys)

    def ask(login: Login) -> str:
        with Connection(login) as connection:
            return connection.run(f"echo {login.host}").out.strip()

    answers = across([good[0], bad, good[1]], ask)
    assert list(answers) == ["pve03", "pve02", "pve01"]
    assert [answers["pve03"], answers["pve01"]] == ["pve03", "pve01"]
    assert isinstance(answers["pve02"], Unreached)


def test_hosts_are_asked_at_the_same_time(sshd: Sshd) -> None:
    def ask(login: Login) -> int:
        with Connection(login) as connection:
            return connection.run("sleep 1").status

    began = time.monotonic()
    assert set(across([login_at(sshd, f"pve{number:02}") for number in range(6)], ask).values()) == {0}
    assert time.monotonic() - began < 4
    assert len(re.findall("Accepted publickey", sshd.log)) == 6
