"""A few hosts that have no more than an sshd each and a stand-in for the agent, and the program run on them."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.core.whole_site import WHOLE
from tests.ends.sshd import Sshd, restart, start_sshd, stop
from trellis.engine import Engine
from trellis.lab.deployment import Request, Result, run_in_child
from trellis.lab.plugins.launchers import Plugins

PROGRAM = Path(__file__).parent / "programs" / "fleet"
AGENT = Path(__file__).parent / "fake_agent.py"


@dataclass
class FakeHost:
    """A host: its sshd, and the folder of its agent's state."""

    folder: Path
    sshd: Sshd

    def read(self, name: str) -> str:
        path = self.folder / name
        return path.read_text() if path.exists() else ""

    def tell(self, name: str, text: str) -> None:
        """Have the agent behave otherwise; an empty text takes that back."""
        (self.folder / name).write_text(text)

    @property
    def host_key(self) -> str:
        """Its host key as a site names it, without a comment."""
        return " ".join(self.sshd.host_key.split()[:2])

    @property
    def done(self) -> list[dict[str, Any]]:
        """What its agent has been told, and has done, in order."""
        return [json.loads(line) for line in self.read("log").splitlines()]

    def at(self, what: str) -> float:
        """When the last thing of that kind happened there (monotonic seconds)."""
        return float([entry["at"] for entry in self.done if what in entry][-1])

    def commits(self) -> int:
        return sum("commit" in entry for entry in self.done)

    def cut_off_when_applied(self) -> None:
        """Have it lose its sshd with the next change: nobody gets in any more."""
        self.tell("cut", str(self.sshd.process.pid))

    def come_back(self) -> None:
        self.tell("cut", "")
        self.sshd = restart(self.sshd)


@dataclass
class Fleet:
    """Hosts by name, and the program's stack."""

    folder: Path
    engine: Engine
    plugins: Plugins
    hosts: dict[str, FakeHost] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def add(self, *names: str) -> None:
        """Start hosts."""
        (self.folder / "bin").mkdir(exist_ok=True)
        sudo = self.folder / "bin" / "sudo"
        sudo.write_text('#!/bin/sh\nshift\nexec "$@"\n')
        sudo.chmod(0o755)
        for name in names:
            home = self.folder / name
            home.mkdir()
            path = f"{sudo.parent}:{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin"
            sshd = start_sshd(self.folder / f"sshd-{name}", f"SetEnv PATH={path} FAKE_HOST={home}")
            self.hosts[name] = FakeHost(home, sshd)
            shutil.copyfile(self._key.with_suffix(".pub"), sshd.folder / "authorized_keys")

    @property
    def _key(self) -> Path:
        """The key that every host lets in: the first one's."""
        return next(iter(self.hosts.values())).sshd.folder / "client_key"

    def site(self, rollout: Mapping[str, Any], **changes: Mapping[str, Any]) -> dict[str, Any]:
        """A site of plain hosts; `changes` go into single hosts."""
        hosts = {
            name: {
                "id": number,
                "kind": "frr",
                "frr_version": "10.3",
                "ssh": {"address": "127.0.0.1", "port": host.sshd.port, "host_key": host.host_key},
                **changes.get(name, {}),
            }
            for number, (name, host) in enumerate(self.hosts.items(), start=1)
        }
        fabric = {"asn": 4200001000, "loopbacks": WHOLE["fabric"]["loopbacks"]}
        return {"name": "fleet", "fabric": fabric, "hosts": hosts, "rollout": dict(rollout)}

    def request(self, operation: str, site: dict[str, Any], **fields: Any) -> Request:
        request = Request(
            operation=operation,  # type: ignore[arg-type]
            project_dir=PROGRAM,
            stack="dev",
            work_dir=self.folder / "work",
            passphrase="correct horse",
            engine=self.engine.path,
            plugin_dir=self.plugins.folder,
            plugin_home=self.plugins.home,
            config={"trellis:site": site, "trellis:agentPath": str(AGENT)},
            secrets={"trellis:sshPrivateKey": self._key.read_text()},
        )
        return replace(request, **fields)

    def run(self, operation: str, site: dict[str, Any], **fields: Any) -> Result:
        """Run the program; what it says is kept in `said`."""
        self.said.clear()
        return run_in_child(self.request(operation, site, **fields), self.said.append)

    def logins(self) -> dict[str, int]:
        return {name: host.sshd.logins for name, host in self.hosts.items()}

    def in_force(self) -> bool:
        """Whether every host runs what it has committed."""
        return all(host.read("committed") == host.read("running") != "" for host in self.hosts.values())

    def stop(self) -> None:
        for host in self.hosts.values():
            stop(host.sshd.process)


def wait_until(holds: Callable[[], bool], within_s: float = 60) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
