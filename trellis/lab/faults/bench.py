"""The lab that faults happen to: two Proxmox hosts and an edge, deployed by the program once, and broken many times.

It is the digital twin of a stack of its own, `tests/lab/faults/Pulumi.faults.yaml`, beside any other lab.
"""

from __future__ import annotations

import copy
import itertools
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from trellis.lab import from_site, network
from trellis.lab import twin as twins
from trellis.lab.controller import Lab
from trellis.lab.errors import LabError
from trellis.lab.faults.change import Change
from trellis.lab.faults.deploying import Deployment
from trellis.lab.faults.look import UNDER_WAY, HostState, look
from trellis.lab.processes import Completed, Say
from trellis.lab.ssh import Access
from trellis.lab.twin import Twin
from trellis.site import load_site, site_data_of_stack

STACK: Final = "faults"
"""The lab's name, and the stack's."""

# Read only: a lock that is tried to be taken would refuse a run that begins just then.
_AT_WORK = f"""
test -e {UNDER_WAY} && exit 0
inode=$(stat --format=%i /run/lock/trellis.lock 2> /dev/null) && grep -q "FLOCK.*:$inode " /proc/locks
"""


@dataclass(frozen=True, slots=True)
class Bench:
    """The lab of the faults, deployed and converged.

    Args:
        twin: The lab.
        say: Takes progress.
    """

    twin: Twin
    say: Say
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(int(time.time())), repr=False)

    @property
    def lab(self) -> Lab:
        """Its machines."""
        return self.twin.lab

    @property
    def access(self) -> Access:
        """The lab's own way in."""
        return self.twin.lab.access

    @property
    def hosts(self) -> tuple[str, ...]:
        """Its hosts' names."""
        return tuple(sorted(self.twin.site.hosts))

    @property
    def controller(self) -> str:
        """The namespace that deployments come from."""
        return network.namespace_of(self.twin.stack, from_site.CONTROLLER)

    def fresh_address(self) -> str:
        """An address that no trial had before, of 100.64.0.0/10 (RFC 6598: nobody's in this lab)."""
        number = next(self._numbers)
        return f"100.{64 + (number >> 16) % 64}.{number >> 8 & 255}.{number & 255}"

    def sh(self, host: str, script: str, *, check: bool = True, timeout_s: float = 60) -> Completed:
        """Run a shell script on a host, by the lab's own way in, whose mounts are not the host's: it steps over."""
        return self.access.run(
            host, ["nsenter", "--target=1", "--mount", "sh", "-c", script], check=check, timeout_s=timeout_s
        )

    def look(self) -> dict[str, HostState]:
        """Every host as it is now."""
        with ThreadPoolExecutor(len(self.hosts)) as pool:
            return dict(zip(self.hosts, pool.map(self.look_at, self.hosts), strict=True))

    def look_at(self, host: str) -> HostState:
        """One host as it is now."""
        return look(self.access, host)

    def cursor(self, host: str) -> str:
        """Where a host's journal ends now."""
        shown = self.sh(host, "journalctl --lines=0 --show-cursor --quiet").stdout
        return shown.rpartition("cursor: ")[2].strip()

    def with_site(self, change: Callable[[dict[str, Any]], None]) -> Twin:
        """The same lab with another site for the program: as the stack file has it, with a change made to it."""
        data = copy.deepcopy(dict(self.twin.site_data))
        change(data)
        return replace(self.twin, site_data=data, site=load_site(data))

    def under_way(self, host: str) -> str:
        """What the agent wrote of the change under way; empty if there is none.

        Read on the host's disk from outside: whoever asks the host itself again and again takes its only processor.
        """
        try:
            return (self.lab.machine(host).disk / "upper" / UNDER_WAY.lstrip("/")).read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def at_work(self, host: str) -> bool:
        """Whether a change of a host has not ended yet."""
        if self.under_way(host):
            return True
        return self.sh(host, _AT_WORK, check=False).ok

    def request(self, host: str, command: str, stdin: str = "") -> dict[str, object]:
        """What the controller has to know to run a command of a host's agent."""
        ssh = self.twin.site.hosts[host].ssh
        return {
            "host": host,
            "address": from_site.ssh_address(self.twin.site, host),
            "port": ssh.port,
            "user": ssh.user,
            "host_key": self.lab.host_key(host),
            "key": self.lab.program_key.read_text(),
            "command": command,
            "stdin": stdin,
        }

    def deploy(self, host: str, change: Change) -> Deployment:
        """Begin to deploy a change to a host."""
        return self.command(host, "commit", change.text)

    def command(self, host: str, command: str, stdin: str = "") -> Deployment:
        """Begin a command of a host's agent that changes it."""
        return Deployment(self.controller, self.request(host, command, stdin))

    def sessions_lacking(self, before: Mapping[str, HostState], within_s: float) -> list[str]:
        """Wait until all sessions of before are Established again; returns those that are not in time."""
        deadline = time.monotonic() + within_s
        while True:
            now = self.look()
            lacking = [
                f"{host}: session {peer} has not come back"
                for host, state in before.items()
                for peer in sorted(state.sessions.keys() - now[host].sessions.keys())
            ]
            if not lacking or time.monotonic() > deadline:
                return lacking
            time.sleep(1)


def lab_name(number: int) -> str:
    """The name of one of several labs side by side, from 1."""
    return STACK if number == 1 else f"{STACK}-{number}"


def up(folder: Path, project: Path, say: Say, name: str = STACK) -> Bench:
    """Bring the lab of the faults up, deployed and converged; what is there already is left as it is.

    Args:
        folder: Where its stack file is.
        project: Folder of the program.
        say: Takes progress.
        name: The lab's.

    Raises:
        LabError: It did not come up.
        DeploymentError: The program failed on it.
    """
    site_data = site_data_of_stack((folder / f"Pulumi.{STACK}.yaml").read_bytes())
    bench = Bench(twins.up(name, project, site_data, say), say)
    bench.twin.deploy("up", say)
    _await_sessions(bench)
    return bench


def find(folder: Path, project: Path, say: Say, name: str) -> Bench:
    """The lab of the faults that is up, for a product that is to be installed there.

    Args:
        folder: Where its stack file is.
        project: Folder of the program.
        say: Takes progress.
        name: The lab's.

    Raises:
        LabError: It is not up.
    """
    site_data = site_data_of_stack((folder / f"Pulumi.{STACK}.yaml").read_bytes())
    return Bench(twins.find(name, project, site_data, say), say)


def down(say: Say, name: str = STACK) -> bool:
    """Take a lab of the faults away; returns whether there was one."""
    return twins.down(name, say)


def _await_sessions(bench: Bench, within_s: float = 90.0) -> None:
    """Wait until each host has its sessions with the others and with the edges, in both families."""
    wanted = 2 * (len(bench.hosts) - 1 + len(bench.twin.site.edges))
    deadline = time.monotonic() + within_s
    while any(len(state.sessions) < wanted for state in bench.look().values()):
        if time.monotonic() > deadline:
            have = {host: sorted(state.sessions) for host, state in bench.look().items()}
            raise LabError(
                f"lab {STACK}", why=f"sessions did not come up: {have}", remedy="trellis lab down --stack faults"
            )
        time.sleep(1)
