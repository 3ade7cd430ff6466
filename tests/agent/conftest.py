"""A host for the agent to work on: a scratch FRR with watchfrr, and a `systemctl` that does what FRR's unit does."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.agent.documents import CONFIG, document
from tests.sites import bundles_of, plan_of
from trellis.agent.bundle import agent_text
from trellis.agent.itself import AGENT_PATH
from trellis.agent.manifest import sealed
from trellis.agent.normalise import difference
from trellis.lab.images import ensure_root
from trellis.lab.scratch import ScratchFrr
from trellis.pve import SdnState
from trellis.render import Bundle

RELOAD = "/usr/lib/frr/frr-reload.py"
_COME_AGAIN = 75
BASE = (Path(__file__).parent / "configs" / "dual-stack-evpn.conf").read_text().splitlines()
TEXT = "\n".join(BASE) + "\n"
ROUTE = "ip route 10.9.0.0/16 blackhole"
WITH_ROUTE = [*BASE[:-1], ROUTE, "end"]
"""A small change that FRR takes."""


def with_line(old: str, new: str) -> list[str]:
    """The realistic configuration with one line replaced by others."""
    assert BASE.count(old) == 1
    at = BASE.index(old)
    return [*BASE[:at], *new.splitlines(), *BASE[at + 1 :]]


# The lines of frr.service that matter here, and a trace of what was asked for.
_SYSTEMCTL = """#!/bin/sh
echo "$*" >> /run/systemctl.log
[ "$1" != --no-block ] || shift
for unit; do :; done
[ "$unit" != radvd.service ] || exec /usr/bin/radvd-unit "$1"
case "$1" in
  reload) exec /usr/lib/frr/frrinit.sh reload ;;
  restart) exec /usr/lib/frr/frrinit.sh restart ;;
  show)
    case "$2" in
      *ControlPID*) echo 0 ;;
      *)
        [ -e "/run/units/enabled/$3" ] && echo UnitFileState=enabled || echo UnitFileState=disabled
        [ -e "/run/units/active/$3" ] && echo ActiveState=active || echo ActiveState=inactive ;;
    esac ;;
  enable | start)
    [ -e "/etc/systemd/system/$2" ] || exit 5
    [ "$1" = enable ] && state=enabled || state=active
    [ "$1" = enable ] || eval "$(sed -n 's/^ExecStart=//p' "/etc/systemd/system/$2")" || exit 1
    mkdir -p "/run/units/$state" && touch "/run/units/$state/$2" ;;
  disable) [ -e "/etc/systemd/system/$2" ] && rm "/run/units/enabled/$2" ;;
  stop) [ "$2" = trellis-take-back.timer ] && rm -f /run/timer || rm "/run/units/active/$2" ;;
  reset-failed) exit 1 ;;
esac
"""

# What Debian's radvd.service does, with the real radvd; it, too, starts where there is a file and nowhere else.
_RADVD = """#!/bin/bash
conf=/etc/radvd.conf pid=$(cat /run/radvd.pid 2>/dev/null) enabled=/run/units/enabled/radvd.service
running() { [ -n "$pid" ] && [ -e "/proc/$pid" ]; }
test_config() { radvd --logmethod stderr_clean --configtest; }
case "$1" in
  show)
    [ -e $enabled ] && echo UnitFileState=enabled || echo UnitFileState=disabled
    running && echo ActiveState=active || echo ActiveState=inactive ;;
  enable) mkdir -p "${enabled%/*}" && touch $enabled ;;
  disable) rm $enabled ;;
  start) running || [ ! -e $conf ] || { test_config && radvd --logmethod stderr_clean; } ;;
  stop) ! running || { kill "$pid"; while running; do sleep 0.02; done; } ;;
  reload-or-restart) running || exec "$0" start; test_config && kill -HUP "$pid" ;;
esac
"""

# systemd's transient timer, five times as fast: it calls again and again until it is stopped.
_SYSTEMD_RUN = """#!/bin/bash
echo "$*" >> /run/systemd-run.log
[ ! -e /run/no-timers ] || { echo "Failed to start transient timer unit" >&2; exit 1; }
while [[ $1 == --* ]]; do shift; done
date +%s%N > /run/timer
(
    set -- "$(cat /run/timer)" "$@"
    while sleep 2 && [ "$(cat /run/timer 2>/dev/null)" = "$1" ]; do "${@:2}" >> /run/take-back.log 2>&1; done
) < /dev/null > /dev/null 2>&1 &
disown
"""


@pytest.fixture(scope="session")
def frr_root() -> Path:
    """A Debian root with FRR: the lab's, built once, or the one that TRELLIS_FRR_ROOT names."""
    if os.geteuid() != 0:
        pytest.skip("a scratch FRR needs root (namespaces, overlay mounts)")
    named = os.environ.get("TRELLIS_FRR_ROOT")
    return Path(named) if named else ensure_root("trixie", print)


@dataclass(frozen=True)
class Run:
    """How a run of the agent ended."""

    status: int
    report: dict[str, Any]
    said: str

    @property
    def outcome(self) -> str:
        return self.report["outcome"]

    @property
    def failed_step(self) -> str:
        return self.report["failed_step"]

    @property
    def why(self) -> str:
        return self.report["error"]["why"]


class Host:
    """A scratch FRR with the agent in place."""

    def __init__(self, frr: ScratchFrr) -> None:
        self.frr = frr
        frr.run(["rm", "-f", "/usr/bin/systemctl"])
        frr.write("/usr/bin/systemctl", _SYSTEMCTL, 0o755)
        frr.write("/usr/bin/radvd-unit", _RADVD, 0o755)
        frr.write("/usr/bin/systemd-run", _SYSTEMD_RUN, 0o755)
        frr.write(AGENT_PATH, agent_text(), 0o755)

    def agent(self, *arguments: str, stdin: str = "", timeout_s: float = 150.0) -> Run:
        ended = self.frr.run(["python3", AGENT_PATH, *arguments], stdin, timeout_s)
        return Run(ended.status, json.loads(ended.out) if ended.out else {}, ended.err)

    def commit(self, document: dict[str, Any]) -> Run:
        return self.agent("commit", stdin=json.dumps(sealed(document)))

    def start_commit(self, document: dict[str, Any]) -> subprocess.Popen[str]:
        """Start a commit that the test goes on beside; the test must wait for it."""
        return self.start("commit", stdin=json.dumps(sealed(document)))

    def start(self, *arguments: str, stdin: str = "") -> subprocess.Popen[str]:
        """Start the agent with other arguments, likewise."""
        return self.started(["python3", AGENT_PATH, *arguments], stdin)

    def started(self, argv: list[str], stdin: str = "") -> subprocess.Popen[str]:
        """Start a program on the host, likewise."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(self.frr.command(argv), text=True, **pipes)
        process.stdin.write(stdin)
        process.stdin.close()
        process.stdin = None
        return process

    def on_reload(self, script: str, then_reload: bool = True) -> None:
        """Run shell commands each time that frr-reload.py is called, before or in place of the real one."""
        if not self.frr.path(f"{RELOAD}.real").exists():
            self.frr.run(["mv", RELOAD, f"{RELOAD}.real"])
        last = f'exec {RELOAD}.real "$@"' if then_reload else ""
        self.frr.write(RELOAD, f"#!/bin/bash\n{script}\n{last}\n", 0o755)

    def on_first_reload(self, afterwards: str) -> None:
        """Run shell commands after the real frr-reload.py the first time that it is called, and no other time."""
        self.on_reload(f'[ -e /run/spoilt ] || {{ touch /run/spoilt; {RELOAD}.real "$@"; {afterwards}; exit 0; }}')

    def drop_on_first_reload(self) -> None:
        """Have this host's FRR, and not the scratch one, drop the line of `WITH_ROUTE` and say nothing."""
        self.on_first_reload(f'vtysh -c configure -c "no {ROUTE}"')

    def hang_on_reload(self) -> None:
        """Have frr-reload.py hang before it does anything, until /run/done is there."""
        self.on_reload("[ -e /run/done ] || { touch /run/hung; sleep 1000; }")

    def wait_for(self, path: str, within_s: float = 60.0) -> None:
        """Wait until a file is there."""
        deadline = time.monotonic() + within_s
        while not self.frr.path(path).exists():
            assert time.monotonic() < deadline, f"no {path}"
            time.sleep(0.05)

    def wait_until_gone(self, path: str, within_s: float = 60.0) -> None:
        """Wait until a file is gone."""
        deadline = time.monotonic() + within_s
        while self.frr.path(path).exists():
            assert time.monotonic() < deadline, f"still {path}"
            time.sleep(0.05)

    def wait_for_text(self, path: str, text: str, within_s: float = 30.0) -> None:
        """Wait until a file says something."""
        deadline = time.monotonic() + within_s
        while text not in (found := self.frr.read(path)):
            assert time.monotonic() < deadline, f"{path} does not say {text!r}: {found}"
            time.sleep(0.05)

    def wait_for_confirmation(self, digest: str) -> None:
        """Wait until a change awaits its confirmation."""
        deadline = time.monotonic() + 60
        place = self.frr.path("/var/lib/trellis/under-way.json")
        while not place.exists() or '"awaiting confirmation"' not in (text := place.read_text()) or digest not in text:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def kill_agent(self, signal: str = "KILL") -> None:
        """Send a signal to the agent that holds the lock."""
        pid = self.agent("status").report["lock"].split()[1].rstrip(",")
        self.frr.run(["kill", f"-{signal}", pid])

    def assert_untouched(self, before: tuple[str, int, int]) -> None:
        """See that the host holds and runs the realistic configuration, and that no change has left anything."""
        assert self.config() == before
        assert difference(TEXT, self.frr.running_config()) == ([], [])
        assert self.agent("status").report["under_way"] is None
        assert self.frr.run(["find", "/etc", "-name", ".*.trellis-*"]).out == ""
        assert not self.frr.path("/run/timer").exists()

    def config(self) -> tuple[str, int, int]:
        """What frr.conf holds, its modification time and its mode."""
        status = self.frr.path(CONFIG).stat()
        return self.frr.read(CONFIG), status.st_mtime_ns, status.st_mode

    def pids(self) -> dict[str, str]:
        """Process ids of FRR's daemons."""
        found = self.frr.run(["bash", "-c", "cd /run/frr; grep -H . *.pid"]).out
        return dict(line.split(".pid:") for line in found.splitlines() if not line.startswith("watchfrr"))


def confirmed(host: Host, *command: str, stdin: str = "") -> tuple[int, dict[str, Any]]:
    """Run a command that waits for a confirmation, and confirm it by a process that began afterwards."""
    argv = host.frr.command(["python3", AGENT_PATH, *command])
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(argv, text=True, **pipes) as process:
        process.stdin.write(stdin)
        process.stdin.close()
        for line in process.stderr:
            if "awaiting confirmation of " in line:
                while host.agent("confirm", line.split()[-1]).status == _COME_AGAIN:
                    pass
                break
        process.stderr.read()
        out = process.stdout.read()
    return process.returncode, json.loads(out) if out else {}


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    """What pve01 of the homelab gets."""
    return next(bundle for bundle in bundles_of("homelab") if bundle.host == "pve01")


@pytest.fixture(scope="session")
def sdn() -> SdnState:
    """What Proxmox holds for the homelab."""
    found = plan_of("homelab").sdn
    assert found is not None
    return found


@pytest.fixture
def scratch(frr_root: Path) -> Iterator[ScratchFrr]:
    with ScratchFrr(frr_root, "pve01", supervised=True) as frr:
        yield frr


@pytest.fixture
def bare_host(scratch: ScratchFrr) -> Host:
    """A host on which nothing was ever committed."""
    return Host(scratch)


@pytest.fixture
def host(bare_host: Host) -> Host:
    """A host that runs the realistic configuration, committed."""
    assert bare_host.commit(document(BASE)).outcome == "applied"
    return bare_host
