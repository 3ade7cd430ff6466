"""A key on its way to a host: the real engine, the whole program, and a canary that nothing but the host may show."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.fleet import Fleet
from trellis.engine import Engine
from trellis.lab import stack_folder
from trellis.lab.deployment import DeploymentError, Result
from trellis.lab.plugins.launchers import Plugins

pytestmark = pytest.mark.engine

OLD, NEW = "CANARY-of-the-old-key", "CANARY-of-the-new-key"


@pytest.fixture
def fleet(engine: Engine, provider_plugins: Plugins, tmp_path: Path) -> Iterator[Fleet]:
    made = Fleet(tmp_path, engine, provider_plugins)
    made.add("a", "b")
    yield made
    made.stop()


class CommandLines:
    """Looks at every command line of this machine, again and again, for as long as the `with` block lasts."""

    def __init__(self, wanted: bytes) -> None:
        self._wanted = wanted
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.looks = 0
        self.seen: set[bytes] = set()

    def __enter__(self) -> CommandLines:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.05):
            self.looks += 1
            for process in os.scandir("/proc"):
                if process.name.isdigit():
                    try:
                        words = Path(process.path, "cmdline").read_bytes()
                    except OSError:
                        continue
                    if self._wanted in words:
                        self.seen.add(words)


def site_of(fleet: Fleet) -> dict[str, Any]:
    site = fleet.site({})
    site["fabric"]["md5"] = "fabric-key"
    return site


class Runs:
    """Runs of the program with a key, and everything that they said and wrote."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.said: list[str] = []
        self.temporary = fleet.folder / "temporary"
        self.temporary.mkdir()

    def run(self, operation: str, key: str, **fields: Any) -> Result:
        request = self.fleet.request(operation, site_of(self.fleet))
        secrets = {**request.secrets, "trellis:secrets": json.dumps({"fabric-key": key})}
        environment = {"TMPDIR": str(self.temporary)}
        fields = {"secrets": secrets, "environment": environment, **fields}
        try:
            result = self.fleet.run(operation, site_of(self.fleet), **fields)
        except DeploymentError as error:
            self.said.append(str(error))
            raise
        finally:
            self.said += self.fleet.said
        self.said += [result.diff, repr(result)]
        return result

    def written(self) -> dict[Path, bytes]:
        """Every file that the engine, its plugins and the program left anywhere."""
        folders = [self.fleet.folder / "work", self.temporary]
        return {path: path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}


def commands(result: Result, op: str) -> list[str]:
    return sorted(step.name for step in result.steps if step.op == op and "Command" in step.type)


def test_a_canary_reaches_its_hosts_and_is_in_no_output_no_state_and_no_command_line(fleet: Fleet) -> None:
    runs = Runs(fleet)
    with CommandLines(b"CANARY") as looked:
        preview = runs.run("preview", OLD)
        assert [name for name in commands(preview, "create") if "secrets" in name] == ["a-secrets", "b-secrets"]
        assert "stdin                 : [secret]" in preview.diff
        runs.run("up", OLD)
        assert runs.run("up", OLD).unchanged
        changed = runs.run("preview", NEW)
        assert commands(changed, "update") == ["a-secrets", "b-secrets"], "another value is another manifest for nobody"
        runs.run("up", NEW)
        fleet.hosts["b"].tell("refuse-secrets", "no value of mine")
        with pytest.raises(DeploymentError, match="no value of mine"):
            runs.run("up", OLD)
        fleet.hosts["b"].tell("refuse-secrets", "")
        runs.run("up", NEW)
        runs.run("outputs", NEW)
    assert looked.looks > 20
    assert looked.seen == set()
    for host in fleet.hosts.values():
        assert json.loads(host.read("secrets")) == {"fabric-key": NEW}
    assert "CANARY" not in "\n".join(runs.said)
    assert any(path.suffix == ".json" and b"a-secrets" in text for path, text in runs.written().items()), "the state"
    assert [path for path, text in runs.written().items() if b"CANARY" in text] == []
    assert b"CANARY" not in b"".join((host.sshd.folder / "log").read_bytes() for host in fleet.hosts.values())


def test_a_value_set_by_its_path_alone_is_the_same_secret(fleet: Fleet) -> None:
    runs = Runs(fleet)
    runs.run("up", OLD)
    request = fleet.request("up", site_of(fleet))
    environment = {**os.environ, **stack_folder.environment(request)}
    argv = [str(fleet.engine.path), "config", "set", "--secret", "--non-interactive", "--stack", "dev"]
    with tempfile.TemporaryFile("w+") as given:
        given.write(OLD)
        given.seek(0)
        settings = request.work_dir / "Pulumi.dev.yaml"
        kept = stack_folder.settings_of(settings)
        del kept["config"]["trellis:secrets"]
        stack_folder._write(settings, json.dumps(kept))
        path = [*argv, "--path", "trellis:secrets.fabric-key"]
        subprocess.run(path, stdin=given, cwd=request.work_dir, env=environment, check=True)
    encrypted = stack_folder.settings_of(settings)["config"]["trellis:secrets"]
    assert encrypted["fabric-key"].keys() == {"secure"}
    config = {**(request.config or {}), "trellis:secrets": encrypted}
    assert runs.run("up", OLD, config=config, secrets=request.secrets).unchanged


def test_a_key_that_the_stack_does_not_have_is_refused_before_anything_is_sent(fleet: Fleet) -> None:
    request = fleet.request("preview", site_of(fleet))
    with pytest.raises(DeploymentError, match=r"pulumi config set --secret --path 'trellis:secrets\.fabric-key'"):
        fleet.run("preview", site_of(fleet), secrets=request.secrets)
    assert set(fleet.logins().values()) == {0}
