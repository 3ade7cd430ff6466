"""A host's kernel as a process of this machine: power on, power cut, and what its console said.

The process is a user-mode-linux kernel in the fabric's namespace and in a mount namespace of its own, which
holds the host's disk (an overlay) and ends with it.  A power cut is SIGKILL: what was synced is there at the
next boot.
"""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from trellis.lab.disk import BOOTED_MARK
from trellis.lab.errors import LabError
from trellis.lab.images import Images
from trellis.lab.network import Plug
from trellis.lab.speaker import started_at

BOOT_LIMIT_S = 180.0
"""A boot takes 10 s alone and 25 s beside two others; on the older kernel three times that."""

AHEAD = ("nice", "-n", "-15")
"""What the commands begin with that start what has a processor of its own in the world."""

# The root that the kernel sees is put together in a mount namespace that ends with the kernel.
_BOOT = """
set -e
mount -t overlay -o "lowerdir=$MODULES:$ROOT,upperdir=$DISK/upper,workdir=$DISK/work" host "$RUNNER/host"
mount -t proc proc "$RUNNER/proc"
mount --rbind /dev "$RUNNER/dev"
mount -t tmpfs tmpfs "$RUNNER/tmp"
exec env -i HOME=/tmp TMPDIR=/tmp PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$RUNNER" /usr/bin/linux.uml "$@"
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """A host of a lab.

    Args:
        name: Its name.
        lab: The lab's name, for the kernel's own id.
        namespace: The fabric's namespace.
        images: What it boots from.
        disk: Folder of its overlay, console log and process id.
        connection: The socket of the lab's connection to it, which is of no use after a power cut.
        plugs: Its cables, in the order in which its kernel finds them.
        memory_mib: Memory of its kernel, MiB.
    """

    name: str
    lab: str
    namespace: str
    images: Images
    disk: Path
    connection: Path
    plugs: tuple[Plug, ...]
    memory_mib: int

    @property
    def console(self) -> Path:
        """What its console said since the last power-on."""
        return self.disk / "console.log"

    def power_on(self) -> None:
        """Start its kernel, unless it runs; `wait_until_booted` tells when it is up."""
        if self.running():
            return
        (self.disk / "upper" / BOOTED_MARK).unlink(missing_ok=True)
        kernel = self.images.kernel
        environment = {
            **os.environ,
            "MODULES": str(kernel.modules),
            "ROOT": str(self.images.root),
            "DISK": str(self.disk),
            "RUNNER": str(kernel.runner),
        }
        # A host has a processor of its own in the world; here it must not wait behind tests and builds, or BFD
        # takes the machine's load for a dead neighbour.
        enter = [*AHEAD, "ip", "netns", "exec", self.namespace, "unshare", "--mount", "--propagation", "private"]
        fresh = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        # Not a Popen: the kernel outlives this process, and nobody here waits for its end.
        pid = os.posix_spawnp(
            enter[0],
            [*enter, "bash", "-c", _BOOT, "boot", *self._arguments()],
            environment,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(self.console), fresh, 0o644),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )
        self._pid_file.write_text(f"{pid} {started_at(pid)}\n")

    def power_cut(self) -> None:
        """End it as a power cut would, in the middle of whatever it does; nothing to do if it does not run."""
        pid = self.pid()
        if pid is None:
            return
        os.killpg(pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while self.pid() is not None and time.monotonic() < deadline:
            _reap(pid)
            time.sleep(0.02)
        self._pid_file.unlink(missing_ok=True)
        self.connection.unlink(missing_ok=True)

    def running(self) -> bool:
        """Whether its kernel runs."""
        return self.pid() is not None

    def booted(self) -> bool:
        """Whether its boot is complete."""
        return self.running() and (self.disk / "upper" / BOOTED_MARK).exists()

    def wait_until_booted(self, deadline: float) -> None:
        """Return when its boot is complete.

        Args:
            deadline: On the clock of `time.monotonic`.

        Raises:
            LabError: It ended, or the deadline passed; the message shows the end of its console.
        """
        while not self.booted():
            late = time.monotonic() > deadline
            if late or not self.running():
                raise LabError(
                    f"host {self.name}",
                    why=f"{'did not come up in time' if late else 'ended while it booted'}; the end of its console:\n"
                    + self.last_words(),
                    remedy=f"see {self.console}",
                )
            time.sleep(0.1)

    def last_words(self, lines: int = 15) -> str:
        """The end of its console, for people."""
        text = self.console.read_text(errors="replace") if self.console.exists() else ""
        printable = ("".join(char for char in line if char.isprintable()) for line in text.splitlines())
        return "\n".join(f"    {line}" for line in [*printable][-lines:])

    def pid(self) -> int | None:
        """The recorded process, if it still is the one that was recorded."""
        try:
            pid, started = self._pid_file.read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        now = started_at(int(pid))
        return int(pid) if now is not None and str(now) == started else None

    @property
    def _pid_file(self) -> Path:
        return self.disk / "pid"

    def _arguments(self) -> list[str]:
        return [
            *self.images.kernel.arguments,
            f"umid={self.lab}-{self.name}",
            f"mem={self.memory_mib}M",
            "quiet",
            "selinux=0",
            "rootfstype=hostfs",
            "rootflags=/host",
            "rw",
            "init=/lib/systemd/systemd",
            "con=null",
            "con0=null,fd:1",
            *(
                f"vec{number}:transport=raw,ifname={plug.device},depth=64,mtu={plug.mtu},mac={plug.mac}"
                for number, plug in enumerate(self.plugs)
            ),
        ]


def _reap(pid: int) -> None:
    """Take the exit status of a child of this process; of another's there is none to take."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
