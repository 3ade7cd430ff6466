"""A scratch FRR: real daemons that load one configuration and say what they made of it.

It runs natively on this machine, out of a root that holds FRR (an image of the lab, a Debian chroot), in
mount, PID, network, UTS and IPC namespaces of its own. The root is the lower half of an overlay whose upper
half is a tmpfs, so many can run at once, none can see another or this machine's network, and whatever one
writes is gone with it: the processes end when the `with` block or the Python process ends, however it ends.

Deliberately elsewhere: hosts with a kernel and systemd of their own (the rest of `trellis.lab`). A machine's
kernel may have neither VRF nor dummy devices; FRR keeps and prints what is said of VRFs and interfaces that
do not exist, which is enough to see whether a text is what FRR prints. Nothing here forwards a packet.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from trellis.lab.root_mounts import MOUNT_BELOW

DAEMONS = ("bgpd", "ospfd", "ospf6d", "bfdd")
"""What a host of the fabric runs beside the daemons that FRR always starts."""

_ALWAYS = ("zebra", "mgmtd", "staticd")
_START_LIMIT_S = 30.0

# Runs as PID 1 of the new PID namespace. It ends with its standard input, which only we hold: then
# the kernel kills every process of the namespace and drops its mounts. bash reaps what daemons leave.
_INIT = (
    """
set -e
mount --make-rprivate /
WORK="$LOWER/mnt"  # Hidden in this mount namespace alone; so there is nothing to clean up on the machine.
mount -t tmpfs -o mode=0755,size=256m scratch "$WORK"
mkdir "$WORK/upper" "$WORK/work" "$WORK/root"
mount -t overlay -o "lowerdir=$LOWER,upperdir=$WORK/upper,workdir=$WORK/work" scratch "$WORK/root"
cd "$WORK/root"
"""
    + MOUNT_BELOW
    + """\
hostname "$NAME"
echo "$NAME" > etc/hostname
printf '127.0.0.1 localhost\\n127.0.1.1 %s\\n' "$NAME" > etc/hosts
ip link set lo up
# As on every host of the fabric; else FRR prints `no ip forwarding`, which is the kernel's state.
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
exec chroot . /bin/bash -c 'echo ready; read -r _ || true'
"""
)


class ScratchError(RuntimeError):
    """A scratch FRR could not be started, or a command in it took too long."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a command in the scratch FRR ended."""

    status: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """Both streams, for a message."""
        return self.out + self.err


class ScratchFrr:
    """Real FRR daemons in namespaces of their own, for as long as the `with` block lasts."""

    def __init__(
        self,
        root: Path | str,
        hostname: str = "scratch",
        daemons: tuple[str, ...] = DAEMONS,
        *,
        supervised: bool = False,
        vrfs: tuple[str, ...] = (),
    ) -> None:
        """Describe the scratch FRR; entering the `with` block starts it.

        Args:
            root: A folder with a Debian root that holds FRR; only read.
            hostname: The host's name, as FRR will print it.
            daemons: Daemons to run beside zebra, mgmtd and staticd.
            supervised: Start by `frrinit.sh`, with watchfrr, as a host does; slower, and only needed where
                restarts matter.
            vrfs: VRFs to have as network namespaces (`zebra --vrfwnetns`), in which bgpd really listens: a
                machine's kernel may have none of its own.
        """
        self._lower = Path(root).resolve()
        self.hostname = hostname
        self.daemons = daemons
        self._supervised = supervised
        self._vrfs = vrfs
        self._holder: subprocess.Popen[str] | None = None
        self._pid = 0

    def __enter__(self) -> Self:
        if not (self._lower / "usr/lib/frr/zebra").exists():
            raise ScratchError(
                f"{self._lower}: there is no FRR in this root (usr/lib/frr/zebra is missing); "
                "build the lab's image first, or name another root"
            )
        try:
            self._start_namespaces()
            self._start_daemons()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _start_namespaces(self) -> None:
        places = {"LOWER": str(self._lower), "NAME": self.hostname}
        spaces = ["--mount", "--pid", "--fork", "--kill-child", "--net", "--uts", "--ipc"]
        self._holder = subprocess.Popen(
            ["unshare", *spaces, "bash", "-c", _INIT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **places},
            start_new_session=True,
        )
        assert self._holder.stdout is not None
        assert self._holder.stderr is not None
        ready, _, _ = select.select([self._holder.stdout], [], [], _START_LIMIT_S)
        if not ready or self._holder.stdout.readline() != "ready\n":
            self._holder.kill()
            reason = self._holder.stderr.read().strip()
            raise ScratchError(f"namespaces for a scratch FRR could not be made: {reason or 'no answer'}")
        children = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children").read_text().split()
        self._pid = int(children[0])

    def _start_daemons(self) -> None:
        wanted = [name for name in (*_ALWAYS, *self.daemons) if self.path(f"/usr/lib/frr/{name}").exists()]
        missing = set(self.daemons) - set(wanted)
        if missing:
            raise ScratchError(f"{self._lower} has no {', '.join(sorted(missing))}")
        self._enable_daemons()
        for vrf in self._vrfs:
            self._must(["ip", "netns", "add", vrf])
            self._must(["ip", "-n", vrf, "link", "set", "lo", "up"])
        self.write("/etc/frr/frr.conf", "", mode=0o640)
        # Without supervision: watchfrr's own start script, which does what watchfrr would have it do.
        script = ["frrinit.sh", "start"] if self._supervised else ["watchfrr.sh", "start", "all"]
        self._must([f"/usr/lib/frr/{script[0]}", *script[1:]])
        self._await_daemons(wanted)

    def _enable_daemons(self) -> None:
        """Say in /etc/frr/daemons which daemons run, as `frrinit.sh` and an agent under test read it."""
        lines = self.read("/etc/frr/daemons").splitlines()
        enabled = {f"{name}=no": f"{name}=yes" for name in self.daemons}
        text = "\n".join(enabled.get(line, line) for line in lines) + "\n"
        if self._vrfs:
            text = text.replace('zebra_options="', 'zebra_options="--vrfwnetns ', 1)
        self.write("/etc/frr/daemons", text, mode=0o640)
        self._must(["chown", "frr:frr", "/etc/frr", "/etc/frr/daemons"])

    def _await_daemons(self, wanted: list[str]) -> None:
        deadline = time.monotonic() + _START_LIMIT_S
        while True:
            answer = self.run(["vtysh", "-c", "show daemons"])
            if answer.status == 0 and set(wanted) <= set(answer.out.split()):
                return
            if time.monotonic() > deadline:
                raise ScratchError(f"FRR's daemons did not start: up are {answer.text.split()}")
            time.sleep(0.05)

    def _stop(self) -> None:
        if self._holder is not None:
            if self._pid:
                # Ending PID 1 ends all of its namespace; the holder goes with its child.
                _end(self._pid)
            self._holder.kill()
            self._holder.communicate(timeout=_START_LIMIT_S)
            self._holder, self._pid = None, 0

    @property
    def pid(self) -> int:
        """Its first process, by which others find its namespaces."""
        return self._pid

    def path(self, inside: str) -> Path:
        """Where a path of the scratch root is seen from this machine, while it runs."""
        return Path(f"/proc/{self._pid}/root") / inside.lstrip("/")

    def read(self, inside: str) -> str:
        """The text of a file of the scratch root."""
        return self.path(inside).read_text()

    def write(self, inside: str, text: str, mode: int = 0o644) -> None:
        """Write a file of the scratch root, with its folders."""
        target = self.path(inside)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def command(self, argv: list[str]) -> list[str]:
        """The argv that runs `argv` inside, for a caller with needs of its own (pipes, signals)."""
        return ["nsenter", "--target", str(self._pid), "--all", "--root", "--wd", "--", *argv]

    def run(self, argv: list[str], stdin: str = "", timeout_s: float = 60.0) -> Result:
        """Run a command inside, bounded in time; a command that fails is a result, not an error.

        Raises:
            ScratchError: It took longer than `timeout_s`.
        """
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            # Files, not pipes: a daemon that the command starts would hold a pipe open as long as it lives.
            child = subprocess.Popen(self.command(argv), stdin=subprocess.PIPE, stdout=out, stderr=err, text=True)
            try:
                child.communicate(stdin, timeout=timeout_s)
            except subprocess.TimeoutExpired as error:
                child.kill()
                child.wait()
                where = f"{' '.join(argv)} in {self.hostname}"
                raise ScratchError(f"{where}: no end after {timeout_s:g} s") from error
            out.seek(0)
            err.seek(0)
            return Result(child.returncode, out.read(), err.read())

    def _must(self, argv: list[str]) -> None:
        result = self.run(argv)
        if result.status:
            raise ScratchError(f"{' '.join(argv)}: status {result.status}: {result.text.strip()}")

    def vtysh(self, *commands: str) -> str:
        """What `vtysh -c COMMAND [-c ...]` prints, on both streams."""
        return self.run(["vtysh", *(word for command in commands for word in ("-c", command))]).text

    def running_config(self) -> str:
        """`show running-config` without its header lines."""
        return self.run(["vtysh", "-c", "show running-config no-header"]).out

    def check(self, text: str) -> Result:
        """`vtysh -C` on a text: FRR's own syntax check (which misses much)."""
        self.write("/tmp/check.conf", text)  # noqa: S108 - a path inside the scratch root
        return self.run(["vtysh", "-C", "-f", "/tmp/check.conf"])  # noqa: S108

    def load(self, text: str) -> Result:
        """Add a text to the running configuration (`vtysh -f`), as a start with this text would."""
        self.write("/tmp/load.conf", text)  # noqa: S108
        return self.run(["vtysh", "-f", "/tmp/load.conf"])  # noqa: S108

    def reload(self, text: str) -> Result:
        """Make a text the running configuration: /etc/frr/frr.conf and `frr-reload.py --reload`."""
        self.write("/etc/frr/frr.conf", text, mode=0o640)
        return self.run(["/usr/lib/frr/frr-reload.py", "--reload", "/etc/frr/frr.conf"])

    def reload_test(self, text: str) -> list[str]:
        """The lines that `frr-reload.py --test` would delete or add for a text; none right after an apply.

        Raises:
            ScratchError: frr-reload.py itself failed, so that its silence would say nothing.
        """
        self.write("/tmp/reload.conf", text)  # noqa: S108
        result = self.run(["/usr/lib/frr/frr-reload.py", "--test", "/tmp/reload.conf"])  # noqa: S108
        if result.status:
            raise ScratchError(f"frr-reload.py --test: status {result.status}: {result.text.strip()}")
        return [line for line in result.out.splitlines() if line.strip()]


def _end(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
