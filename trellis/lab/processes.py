"""Running the machine's own commands: in the foreground, bounded, and with errors that name the command.

Long-lived processes (the machines' kernels) are started in `trellis.lab.machine`, commands on a host in
`trellis.lab.ssh`; this module only wraps what returns.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from trellis.lab.errors import LabError

Say = Callable[[str], None]
"""Takes one line of progress; the caller decides where it goes."""

PACKAGE_OF_TOOL: Final = {
    "mmdebstrap": "mmdebstrap",
    "ip": "iproute2",
    "bridge": "iproute2",
    "ethtool": "ethtool",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "chroot": "coreutils",
    "nft": "nftables",
}
"""Each program that the lab runs on the machine, and the Debian package that brings it."""


@dataclass(frozen=True, slots=True)
class Completed:
    """A command that has ended, on the machine or on a host.

    Args:
        argv: What was run, for messages.
        returncode: Its exit status; 124 if it was ended because its time was up, as `timeout` of coreutils.
        stdout: Its output.
        stderr: Its messages.
    """

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str

    @property
    def ok(self) -> bool:
        """Whether it exited with status 0."""
        return self.returncode == 0


def missing_packages() -> tuple[str, ...]:
    """The Debian packages that the lab needs and this machine lacks, sorted."""
    return tuple(sorted({pkg for tool, pkg in PACKAGE_OF_TOOL.items() if shutil.which(tool) is None}))


def require_tools() -> None:
    """Refuse to start without the programs that the lab runs.

    Raises:
        LabError: A program is missing; the message holds the one command that installs them all.
    """
    if packages := missing_packages():
        raise LabError(
            "the lab's tools",
            why=f"not installed: {', '.join(packages)}",
            remedy=f"apt-get install --yes {' '.join(packages)}",
        )


def run(
    argv: Sequence[str],
    *,
    stdin: str | None = None,
    timeout_s: float = 60,
    check: bool = True,
    environment: Mapping[str, str] | None = None,
) -> Completed:
    """Run a command on the machine and wait for its end.

    Args:
        argv: The command and its arguments; no shell is involved.
        stdin: Text for its standard input; None gives it an empty one.
        timeout_s: Seconds after which it is killed.
        check: Whether a non-zero exit status raises.
        environment: Its whole environment; by default this process's own.

    Returns:
        What it printed and its exit status.

    Raises:
        LabError: The command is not installed, took too long, or (with check) failed.
    """
    shown = " ".join(argv)
    try:
        done = subprocess.run(
            list(argv),
            input=stdin if stdin is not None else "",
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
            env=environment,
        )
    except FileNotFoundError as error:
        package = PACKAGE_OF_TOOL.get(argv[0], argv[0])
        raise LabError(
            f"`{shown}`", why=f"{argv[0]} is not installed", remedy=f"apt-get install --yes {package}"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise LabError(
            f"`{shown}`", why=f"no end after {timeout_s:g} s", remedy="see what it waits for, then try again"
        ) from error
    if check and done.returncode != 0:
        raise LabError(
            f"`{shown}`",
            why=(done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}"),
            remedy="run the command by hand; `trellis lab down` clears what a broken lab left",
        )
    return Completed(tuple(argv), done.returncode, done.stdout, done.stderr)
