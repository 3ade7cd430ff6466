"""FRR in a network namespace of the machine itself: what an edge router of the lab runs.

The daemons come out of the lab's base root, seen through an overlay so that the root stays as it is and
what they write is kept in a folder of their own. They live in a PID and a mount namespace whose first
process is recorded: ending that one process ends all of them, and they outlive the command that started
them. Making the network namespace and its interfaces is not done here, nor is any text for FRR.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trellis.lab.errors import LabError
from trellis.lab.processes import Completed, run
from trellis.lab.root_mounts import MOUNT_BELOW

_START_LIMIT_S = 30.0

# PID 1 of the speaker. It stays, because bash reaps what daemons leave behind.
_INIT = (
    """
read -r pid rest < /proc/self/stat  # by the machine's own /proc, which is still there: the number outside
echo "$pid" > "$STATE/said.pid"
set -e
hostname "$FRR_NAME"
mount --make-rprivate /
mount -t overlay -o "lowerdir=$LOWER,upperdir=$STATE/upper,workdir=$STATE/work" speaker "$STATE/root"
cd "$STATE/root"
"""
    + MOUNT_BELOW
    + """\
# Flows, not packets, are spread over equal paths; a router behind two hosts would reorder otherwise.
sysctl -qw net.ipv4.fib_multipath_hash_policy=1 net.ipv6.fib_multipath_hash_policy=1 || true
exec chroot . /bin/bash -c '
    chown frr:frr /etc/frr /etc/frr/*
    /usr/lib/frr/frrinit.sh start && : > /run/loaded
    while :; do sleep 86400 & wait "$!"; done'
"""
)


@dataclass(frozen=True, slots=True)
class Speaker:
    """FRR of one node in a network namespace of this machine.

    Args:
        name: The node's name; FRR prints it as its hostname.
        namespace: The network namespace, as `ip netns` knows it.
        root: The lab's base root, with FRR in it; only read.
        state: A folder for its overlay, its log and its process id.
    """

    name: str
    namespace: str
    root: Path
    state: Path

    @property
    def log(self) -> Path:
        """What its start said."""
        return self.state / "start.log"

    def start(self, config: str, daemons: Sequence[str]) -> None:
        """Start the daemons with `config` and return when all of them answer.

        Args:
            config: The whole of /etc/frr/frr.conf.
            daemons: Daemons beside zebra, mgmtd and staticd, which FRR starts by itself.

        Raises:
            LabError: They did not start; the message holds the end of their log.
        """
        if not (self.root / "usr/lib/frr/zebra").exists():
            raise LabError(
                f"FRR of {self.name}",
                why=f"there is none in {self.root}",
                remedy="remove that folder: it is built anew",
            )
        self.stop()
        for stale in (self._said_pid, self.log):  # what still ends may hold the old log, and not write into the new
            stale.unlink(missing_ok=True)
        self._write_config(config, daemons)
        env = {**os.environ, "LOWER": str(self.root), "STATE": str(self.state), "FRR_NAME": self.name}
        with self.log.open("wb") as log:
            # In a session of its own and nobody's child: it stays when the command that starts it ends.
            subprocess.run(
                ["setsid", "--fork", "ip", "netns", "exec", self.namespace, *_AHEAD, *_SPACES, "bash", "-c", _INIT],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=env,
                check=True,
            )
        self._await_init()
        self._await(("zebra", *daemons))

    def stop(self) -> None:
        """End all of its processes, as a power cut would; nothing to do if it does not run."""
        init = self._init_pid()
        if init is None:
            return
        os.kill(init, signal.SIGKILL)
        deadline = time.monotonic() + _START_LIMIT_S
        while self._init_pid() is not None and time.monotonic() < deadline:
            time.sleep(0.02)
        self._pid_file.unlink(missing_ok=True)

    def running(self) -> bool:
        """Whether its first process lives."""
        return self._init_pid() is not None

    def runs(self, config: str) -> bool:
        """Whether it runs, and was started with `config`."""
        return self.running() and self._given.is_file() and self._given.read_text() == config

    def run(
        self, argv: Sequence[str], *, stdin: str | None = None, timeout_s: float = 30, check: bool = True
    ) -> Completed:
        """Run a command inside: its network, its files, its processes.

        Raises:
            LabError: The speaker does not run, the command took too long or (with check) failed.
        """
        return run(self.enter(*argv), stdin=stdin, timeout_s=timeout_s, check=check)

    def enter(self, *argv: str) -> list[str]:
        """The command line that runs `argv` inside.

        Raises:
            LabError: The speaker does not run.
        """
        init = self._init_pid()
        if init is None:
            raise LabError(self.name, why="its FRR does not run", remedy="`trellis lab down`, then `trellis lab up`")
        spaces = ("--mount", "--pid", "--net", "--uts", "--root", "--wd")
        return ["nsenter", "--target", str(init), *spaces, "--", *argv]

    def vtysh(self, *commands: str) -> str:
        """What `vtysh -c COMMAND [-c ...]` prints."""
        return self.run(["vtysh", *(word for command in commands for word in ("-c", command))]).stdout

    @property
    def _said_pid(self) -> Path:
        return self.state / "said.pid"

    @property
    def _given(self) -> Path:
        return self.state / "given.conf"

    @property
    def _pid_file(self) -> Path:
        return self.state / "pid"

    def _write_config(self, config: str, daemons: Sequence[str]) -> None:
        for folder in ("upper/etc/frr", "work", "root"):
            (self.state / folder).mkdir(parents=True, exist_ok=True)
        (self.state / "upper/etc/frr/frr.conf").write_text(config)
        self._given.write_text(config)
        enabled = {f"{name}=no": f"{name}=yes" for name in daemons}
        shipped = (self.root / "etc/frr/daemons").read_text().splitlines()
        chosen = "\n".join(enabled.get(line, line) for line in shipped) + "\n"
        (self.state / "upper/etc/frr/daemons").write_text(chosen)
        (self.state / "upper/etc/hostname").write_text(f"{self.name}\n")
        (self.state / "upper/etc/hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {self.name}\n")

    def _await_init(self) -> None:
        """Wait until the first process has said its number, and record it."""
        deadline = time.monotonic() + _START_LIMIT_S
        while time.monotonic() < deadline:
            complained = self.log.stat().st_size > 0  # its making is silent until it has said its number
            said = self._said_pid.read_text().strip() if self._said_pid.is_file() else ""
            if said and (started := started_at(int(said))) is not None:
                self._pid_file.write_text(f"{said} {started}\n")
                return
            if complained:
                break
            time.sleep(0.01)
        raise self._failure("its namespaces could not be made")

    def _await(self, daemons: Sequence[str]) -> None:
        deadline = time.monotonic() + _START_LIMIT_S
        while time.monotonic() < deadline and self.running():
            # Daemons answer before they have been told their configuration: both have to be over.
            answer = self.run(["sh", "-c", "test -e /run/loaded && vtysh -c 'show daemons'"], check=False)
            if answer.ok and set(daemons) <= set(answer.stdout.split()):
                return
            time.sleep(0.2)
        why = f"its daemons did not start within {_START_LIMIT_S:g} s" if self.running() else "it ended at once"
        self.stop()
        raise self._failure(why)

    def _failure(self, why: str) -> LabError:
        tail = " | ".join(self.log.read_text(errors="replace").strip().splitlines()[-5:])
        return LabError(f"FRR of {self.name}", why=f"{why}: {tail or 'no output'}", remedy=f"see {self.log}")

    def _init_pid(self) -> int | None:
        """The recorded process, if it still is the one that was recorded and not another with its number."""
        try:
            pid, started = map(int, self._pid_file.read_text().split())
        except (FileNotFoundError, ValueError):
            return None
        return pid if started_at(pid) == started else None


# Ahead of whatever else the machine does: BFD gives a router less than a second.
_AHEAD = ("nice", "-n", "-10")
_SPACES = ("unshare", "--mount", "--pid", "--uts", "--fork")


def started_at(pid: int) -> int | None:
    """When a process started, in the kernel's ticks since boot (proc(5), field 22); None if it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state == "Z" else int(fields[18])
