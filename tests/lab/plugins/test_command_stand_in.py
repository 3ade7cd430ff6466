"""The stand-in for pulumi-command against a real sshd, one connection at a time."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ends.sshd import Sshd, free_port, start_sshd, stop
from trellis.lab.plugins.command import RemoteCommand
from trellis.lab.plugins.resource import Call, OperationError
from trellis.lab.plugins.wire import UNKNOWN


class Lines:
    """Gathers what a resource logs."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, bool]] = []
        self.call = Call("one", lambda severity, text, ephemeral: self.lines.append((severity, text, ephemeral)))

    @property
    def texts(self) -> list[str]:
        return [text for _, text, _ in self.lines]


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def open_sshd(tmp_path: Path) -> Iterator[Sshd]:
    """An sshd that accepts any variable."""
    server = start_sshd(tmp_path / "open", more="AcceptEnv *")
    yield server
    stop(server.process)


def inputs(sshd: Sshd, **more: object) -> dict[str, object]:
    connection = more.pop("connection", sshd.connection())
    return {"connection": connection, "addPreviousOutputInEnv": False, **more}


def test_create_runs_the_command_with_its_stdin_and_keeps_both_streams(sshd: Sshd, lines: Lines) -> None:
    given = inputs(sshd, create="cat; echo problem >&2", stdin="one\ntwo\n")
    identifier, state = RemoteCommand().create(lines.call, given)
    assert identifier.startswith("one")
    assert (state["stdout"], state["stderr"]) == ("one\ntwo", "problem")
    assert {**given, "stdout": "one\ntwo", "stderr": "problem"} == state
    assert sshd.logins == 1


def test_both_streams_are_shown_line_by_line_while_the_command_runs(sshd: Sshd, lines: Lines) -> None:
    RemoteCommand().create(lines.call, inputs(sshd, create="echo a; echo b >&2; printf unfinished"))
    assert sorted(lines.lines) == [("info", "a", True), ("info", "b", True), ("info", "unfinished", True)]


@pytest.mark.parametrize(
    ("logging", "shown"),
    [("none", []), ("stdout", ["a"]), ("stderr", ["b"]), ("stdoutAndStderr", ["a", "b"])],
)
def test_logging_chooses_the_streams_that_are_shown(sshd: Sshd, lines: Lines, logging: str, shown: list[str]) -> None:
    _, state = RemoteCommand().create(lines.call, inputs(sshd, create="echo a; echo b >&2", logging=logging))
    assert sorted(lines.texts) == shown
    assert (state["stdout"], state["stderr"]) == ("a", "b")


def test_a_large_stdin_arrives_whole(sshd: Sshd, lines: Lines) -> None:
    text = "".join(f"line {number}\n" for number in range(20_000))
    assert len(text) > 200_000
    _, state = RemoteCommand().create(lines.call, inputs(sshd, create="sha256sum", stdin=text))
    assert state["stdout"] == f"{hashlib.sha256(text.encode()).hexdigest()}  -"


def test_a_command_without_stdin_sees_the_end_of_its_input_at_once(sshd: Sshd, lines: Lines) -> None:
    _, state = RemoteCommand().create(lines.call, inputs(sshd, create="timeout 5 cat; echo $?"))
    assert state["stdout"] == "0"


def test_a_command_that_does_not_read_its_stdin_still_ends(sshd: Sshd, lines: Lines) -> None:
    _, state = RemoteCommand().create(lines.call, inputs(sshd, create="echo done", stdin="x" * 5_000_000))
    assert state["stdout"] == "done"


def test_update_runs_update_if_there_is_one_and_create_otherwise(sshd: Sshd, lines: Lines) -> None:
    both = inputs(sshd, create="echo created", update="echo updated")
    _, state = RemoteCommand().create(lines.call, both)
    assert state["stdout"] == "created"
    assert RemoteCommand().update(lines.call, "one", state, both)["stdout"] == "updated"
    only_create = inputs(sshd, create="echo created again")
    assert RemoteCommand().update(lines.call, "one", state, only_create)["stdout"] == "created again"


def test_delete_runs_over_the_connection_of_the_state(sshd: Sshd, lines: Lines, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    _, state = RemoteCommand().create(lines.call, inputs(sshd, delete=f"rm {tmp_path / 'file'}"))
    assert sshd.connections == 0, "without a create there is nothing to connect for"
    RemoteCommand().delete(lines.call, "one", state)
    assert not (tmp_path / "file").exists()


def test_a_failing_command_tells_its_status_its_text_and_both_streams(sshd: Sshd, lines: Lines) -> None:
    with pytest.raises(OperationError) as raised:
        RemoteCommand().create(lines.call, inputs(sshd, create='echo "out"; sleep 0.1; echo err >&2; exit 3'))
    assert str(raised.value) == (
        'Process exited with status 3: running "echo \\"out\\"; sleep 0.1; echo err >&2; exit 3":\nout\nerr\n'
    )


def test_stdin_and_key_do_not_stand_in_an_error(sshd: Sshd, lines: Lines) -> None:
    with pytest.raises(OperationError) as raised:
        RemoteCommand().create(lines.call, inputs(sshd, create="exit 1", stdin="the-canary"))
    assert "the-canary" not in str(raised.value)
    assert "PRIVATE KEY" not in str(raised.value)


def test_a_wrong_host_key_is_refused_before_anything_is_sent(sshd: Sshd, lines: Lines) -> None:
    connection = sshd.connection(hostKey=sshd.another_host_key, dialErrorLimit=2)
    with pytest.raises(OperationError) as raised:
        RemoteCommand().create(lines.call, inputs(sshd, create="true", connection=connection))
    assert str(raised.value) == "after 2 failed attempts: ssh: handshake failed: ssh: host key mismatch"
    assert lines.texts == ["Dial 1/2 failed: retrying", "Dial 2/2 failed: retrying"]
    assert (sshd.connections, sshd.logins) == (3, 0)


def test_without_a_host_key_any_server_is_believed(sshd: Sshd, lines: Lines) -> None:
    """As the real plugin does, which is why the program always gives one."""
    connection = sshd.connection(hostKey=None)
    assert RemoteCommand().create(lines.call, inputs(sshd, create="echo in", connection=connection))[1]


def test_a_pinned_key_of_a_type_that_the_server_has_not_is_refused(sshd: Sshd, lines: Lines) -> None:
    nist = (
        "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9"
        "nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg="
    )
    connection = sshd.connection(hostKey=nist, dialErrorLimit=0)
    with pytest.raises(OperationError, match="after 0 failed attempts: ssh: handshake failed"):
        RemoteCommand().create(lines.call, inputs(sshd, create="true", connection=connection))
    assert sshd.logins == 0


def test_a_host_key_that_is_none_is_refused_without_a_connection(sshd: Sshd, lines: Lines) -> None:
    connection = sshd.connection(hostKey="not a key")
    with pytest.raises(OperationError, match="failed to parse host key: ssh: no key found"):
        RemoteCommand().create(lines.call, inputs(sshd, create="true", connection=connection))
    assert sshd.connections == 0


def test_a_key_that_the_server_does_not_know_is_refused(sshd: Sshd, lines: Lines) -> None:
    other = (sshd.folder / "other_key").read_text()
    connection = sshd.connection(privateKey=other, dialErrorLimit=0)
    with pytest.raises(OperationError, match=r"unable to authenticate, attempted methods \[none publickey\]"):
        RemoteCommand().create(lines.call, inputs(sshd, create="true", connection=connection))


def test_a_closed_port_is_tried_up_to_the_limit(sshd: Sshd, lines: Lines) -> None:
    port = free_port()
    connection = sshd.connection(port=port, dialErrorLimit=3)
    with pytest.raises(OperationError) as raised:
        RemoteCommand().create(lines.call, inputs(sshd, create="true", connection=connection))
    assert str(raised.value) == (f"after 3 failed attempts: dial tcp 127.0.0.1:{port}: connect: connection refused")
    assert len(lines.texts) == 3


def test_a_host_that_does_not_answer_is_given_up_after_the_dial_timeout(sshd: Sshd, lines: Lines) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        with contextlib.ExitStack() as waiting:
            for _ in range(3):  # the queue of a listener that accepts nobody; then the kernel drops SYNs
                one = waiting.enter_context(socket.socket())
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", port))
            connection = sshd.connection(port=port, perDialTimeout=1, dialErrorLimit=0)
            with pytest.raises(OperationError, match=f"dial tcp 127.0.0.1:{port}: connect: i/o timeout"):
                RemoteCommand().create(lines.call, inputs(sshd, create="true", connection=connection))


def test_a_server_that_says_nothing_is_given_up_too(sshd: Sshd, lines: Lines) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        connection = sshd.connection(port=silent.getsockname()[1], perDialTimeout=1, dialErrorLimit=0)
        started = time.monotonic()
        with pytest.raises(OperationError, match="after 0 failed attempts: ssh: handshake failed"):
            RemoteCommand().create(lines.call, inputs(sshd, create="true", connection=connection))
        assert time.monotonic() - started < 5


def test_cancelling_stops_the_dialling(sshd: Sshd, lines: Lines) -> None:
    remote = RemoteCommand()
    remote.cancel()
    connection = sshd.connection(port=free_port(), dialErrorLimit=-1)
    with pytest.raises(OperationError, match="context canceled"):
        remote.create(lines.call, inputs(sshd, create="true", connection=connection))


def test_a_stock_sshd_refuses_environment_and_nothing_is_run(sshd: Sshd, lines: Lines, tmp_path: Path) -> None:
    given = inputs(sshd, create=f"touch {tmp_path / 'ran'}", environment={"COLOUR": "blue"})
    with pytest.raises(OperationError, match='could not set environment variable "COLOUR": ssh: setenv failed'):
        RemoteCommand().create(lines.call, given)
    assert not (tmp_path / "ran").exists()


def test_an_sshd_that_accepts_variables_gets_them(open_sshd: Sshd, lines: Lines) -> None:
    given = inputs(open_sshd, create="echo $COLOUR", environment={"COLOUR": "blue"})
    assert RemoteCommand().create(lines.call, given)[1]["stdout"] == "blue"


def test_the_last_output_is_offered_as_a_variable_and_its_refusal_only_warned_of(
    sshd: Sshd, open_sshd: Sshd, lines: Lines
) -> None:
    for server, expected in ((open_sshd, "before"), (sshd, "")):
        given = inputs(server, create="echo $PULUMI_COMMAND_STDOUT", addPreviousOutputInEnv=True)
        state = {**given, "stdout": "before", "stderr": ""}
        assert RemoteCommand().update(lines.call, "one", state, given)["stdout"] == expected
    assert [severity for severity, text, _ in lines.lines if "Unable to set" in text] == ["warning"]


def test_triggers_replace_and_everything_else_updates(sshd: Sshd) -> None:
    old = inputs(sshd, create="a", stdin="one", triggers=["1"])
    new = {**old, "stdin": "two", "delete": "b", "triggers": ["2"]}
    found = {one.path: one.replaces for one in RemoteCommand().diff(old, new)}
    assert found == {"delete": False, "stdin": False, "triggers[0]": True}


def test_check_fills_in_the_connections_defaults() -> None:
    checked, failures = RemoteCommand().check({"connection": {"host": "h"}, "create": "true"})
    assert failures == []
    assert checked["connection"] == {
        "host": "h", "port": 22, "user": "root", "dialErrorLimit": 10, "perDialTimeout": 15
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "property_name"),
    [
        ({}, "connection"),
        ({"connection": {}}, "connection.host"),
        ({"connection": {"host": "h", "proxy": {"host": "p"}}}, "connection"),
        ({"connection": {"host": "h"}, "creat": "true"}, "creat"),
        ({"connection": {"host": "h"}, "logging": "all"}, "logging"),
    ],
)
def test_check_refuses_what_it_can_not_do(given: dict[str, object], property_name: str) -> None:
    _, failures = RemoteCommand().check(given)
    assert [one.property for one in failures] == [property_name]


def test_a_preview_does_not_know_the_output() -> None:
    assert RemoteCommand().planned({"create": "true"}) == {
        "create": "true",
        "stdout": UNKNOWN,
        "stderr": UNKNOWN,
    }
