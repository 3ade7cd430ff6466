"""A stand-in as the engine meets it: a process that prints a port, answers gRPC, and ends with the engine."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2, provider_pb2_grpc

from tests.ends.sshd import Sshd
from trellis.lab.plugins.launchers import write_launchers
from trellis.lab.plugins.wire import UNKNOWN, decode, encode

URN = "urn:pulumi:dev::trellis::trellis:host:Router$command:remote:Command::pve01-commit"


class EngineLog(engine_pb2_grpc.EngineServicer):
    """The engine's end of the plugin's log."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def Log(self, request: engine_pb2.LogRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:  # noqa: N802
        self.lines.append((request.urn, request.message))
        return empty_pb2.Empty()


class Plugin:
    """A started plugin."""

    def __init__(self, argv: list[str]) -> None:
        self.log = EngineLog()
        self._engine = grpc.server(ThreadPoolExecutor(max_workers=4))
        engine_pb2_grpc.add_EngineServicer_to_server(self.log, self._engine)
        engine_port = self._engine.add_insecure_port("127.0.0.1:0")
        self._engine.start()
        self.process = subprocess.Popen(
            [*argv, f"127.0.0.1:{engine_port}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        self.cpu_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # utime and stime, proc(5)
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self.port}")
        self.stub = provider_pb2_grpc.ResourceProviderStub(self.channel)

    def close(self) -> None:
        self.channel.close()
        self.process.kill()
        self.process.communicate()
        self._engine.stop(grace=None).wait()


@pytest.fixture(scope="module")
def plugin() -> Iterator[Plugin]:
    started = Plugin([str(write_launchers(["command"]) / "pulumi-resource-command")])
    yield started
    started.close()


def test_it_starts_fast_and_says_whose_place_it_takes(plugin: Plugin) -> None:
    assert plugin.stub.GetPluginInfo(empty_pb2.Empty()).version == "1.2.1"
    assert plugin.cpu_s < 1.5, "half a second where nothing else runs; CPU time, as tests share the machine"


def test_it_ends_when_the_engine_lets_go_of_it() -> None:
    own = Plugin([str(write_launchers(["proxmoxve"]) / "pulumi-resource-proxmoxve")])
    try:
        assert own.process.stdin is not None
        own.process.stdin.close()
        own.process.stdin = None
        assert own.process.wait(timeout=30) == 0
    finally:
        own.close()


def test_a_resource_goes_from_check_to_delete_over_the_protocol(plugin: Plugin, sshd: Sshd) -> None:
    plugin.stub.Configure(provider_pb2.ConfigureRequest())
    given = {"connection": sshd.connection(), "create": "cat; echo shown >&2", "stdin": "one\n", "delete": "true"}
    given["addPreviousOutputInEnv"] = False
    checked = decode(plugin.stub.Check(provider_pb2.CheckRequest(urn=URN, news=encode(given))).inputs)
    planned = plugin.stub.Create(provider_pb2.CreateRequest(urn=URN, properties=encode(checked), preview=True))
    assert decode(planned.properties)["stdout"] == UNKNOWN
    assert sshd.connections == 0
    made = plugin.stub.Create(provider_pb2.CreateRequest(urn=URN, properties=encode(checked)))
    assert made.id.startswith("pve01-commit")
    assert decode(made.properties)["stdout"] == "one"
    assert (URN, "shown") in plugin.log.lines
    changed = {**checked, "stdin": "two\n"}
    diff = plugin.stub.Diff(
        provider_pb2.DiffRequest(
            urn=URN, id=made.id, olds=made.properties, old_inputs=encode(checked), news=encode(changed)
        )
    )
    assert diff.changes == provider_pb2.DiffResponse.DIFF_SOME
    assert list(diff.replaces) == []
    assert diff.detailedDiff["stdin"].kind == provider_pb2.PropertyDiff.UPDATE
    assert diff.detailedDiff["stdin"].inputDiff
    updated = plugin.stub.Update(
        provider_pb2.UpdateRequest(urn=URN, id=made.id, olds=made.properties, news=encode(changed))
    )
    assert decode(updated.properties)["stdout"] == "two"
    plugin.stub.Delete(provider_pb2.DeleteRequest(urn=URN, id=made.id, properties=updated.properties))
    assert sshd.logins == 3


def test_a_failure_is_the_text_alone_without_a_traceback(plugin: Plugin, sshd: Sshd) -> None:
    given = {"connection": sshd.connection(), "create": "exit 4"}
    with pytest.raises(grpc.RpcError) as raised:
        plugin.stub.Create(provider_pb2.CreateRequest(urn=URN, properties=encode(given)))
    assert raised.value.details() == 'Process exited with status 4: running "exit 4":\n'


def test_what_it_does_not_serve_is_refused_with_what_to_do(plugin: Plugin) -> None:
    urn = "urn:pulumi:dev::trellis::command:local:Command::here"
    with pytest.raises(grpc.RpcError) as raised:
        plugin.stub.Check(provider_pb2.CheckRequest(urn=urn, news=encode({})))
    assert raised.value.details() == (
        "command:local:Command is not served by the lab's stand-in for command 1.2.1"
        " (it has command:remote:Command); install the real plugin to use it"
    )


def test_changes_that_the_program_ignores_are_no_difference(plugin: Plugin) -> None:
    old, new = {"stdin": "1", "connection": {"host": "a"}}, {"stdin": "2", "connection": {"host": "b"}}
    diff = plugin.stub.Diff(
        provider_pb2.DiffRequest(
            urn=URN, id="x", old_inputs=encode(old), news=encode(new), ignoreChanges=["connection"]
        )
    )
    assert list(diff.diffs) == ["stdin"]


def test_commands_run_side_by_side(plugin: Plugin, sshd: Sshd) -> None:
    """Each waits for the other's file: one after the other they would never end."""
    results: list[str] = []

    def create(mine: str, others: str) -> None:
        script = f"touch {sshd.folder}/{mine}; until [ -e {sshd.folder}/{others} ]; do sleep 0.05; done; echo {mine}"
        given = {"connection": sshd.connection(), "create": f"timeout 20 sh -c '{script}'"}
        made = plugin.stub.Create(provider_pb2.CreateRequest(urn=URN, properties=encode(given)))
        results.append(decode(made.properties)["stdout"])

    threads = [threading.Thread(target=create, args=pair) for pair in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(results) == ["a", "b"]
