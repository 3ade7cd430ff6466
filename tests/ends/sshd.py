"""What the tests let the engine work on: a real sshd of their own on loopback, thrown away after use."""

from __future__ import annotations

import getpass
import re
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

SSHD = "/usr/sbin/sshd"

_CONFIG = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile {folder}/pid
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
LogLevel VERBOSE
{more}
"""


@dataclass(frozen=True)
class Sshd:
    """A running sshd.

    Args:
        port: Where it listens on 127.0.0.1.
        folder: Its keys and its log.
        process: The server.
    """

    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def private_key(self) -> str:
        return (self.folder / "client_key").read_text()

    @property
    def host_key(self) -> str:
        return (self.folder / "host_key.pub").read_text().strip()

    @property
    def another_host_key(self) -> str:
        return (self.folder / "other_key.pub").read_text().strip()

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    @property
    def connections(self) -> int:
        """TCP connections so far, logged in or not."""
        return len(re.findall(r"^Connection from ", self.log, re.MULTILINE))

    @property
    def logins(self) -> int:
        return len(re.findall(r"^Accepted publickey ", self.log, re.MULTILINE))

    def connection(self, **changes: object) -> dict[str, object]:
        """A `connection` for this server, as a program gives it (in the engine's spelling)."""
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "user": getpass.getuser(),
            "privateKey": self.private_key,
            "hostKey": self.host_key,
            "dialErrorLimit": 1,
            "perDialTimeout": 5,
            **changes,
        }


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def start_sshd(folder: Path, more: str = "") -> Sshd:
    """Start an sshd that lets the current user in with a key of its own."""
    if shutil.which(SSHD) is None:
        raise RuntimeError(f"{SSHD} is missing: apt-get install openssh-server")
    folder.mkdir(parents=True, exist_ok=True)
    if Path("/run/sshd").parent.stat().st_uid == 0 and getpass.getuser() == "root":
        Path("/run/sshd").mkdir(exist_ok=True)
    for name in ("host_key", "client_key", "other_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    shutil.copyfile(folder / "client_key.pub", folder / "authorized_keys")
    port = free_port()
    (folder / "config").write_text(_CONFIG.format(port=port, folder=folder, more=more))
    return _listen(folder, port)


def restart(stopped: Sshd) -> Sshd:
    """Start an sshd that has ended, with its keys and its port; its log begins anew."""
    stopped.process.wait(timeout=10)
    return _listen(stopped.folder, stopped.port)


def _listen(folder: Path, port: int) -> Sshd:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "config"], stderr=log, stdin=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if "Server listening" in (folder / "log").read_text():
            return Sshd(port, folder, process)
        if process.poll() is not None:
            break
        time.sleep(0.02)
    process.kill()
    raise RuntimeError(f"sshd did not start: {(folder / 'log').read_text()}")


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(timeout=10)
