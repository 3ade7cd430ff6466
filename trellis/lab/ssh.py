"""Commands on a host by the lab's own way in, which outlives the host's routing, firewall and sshd.

One OpenSSH connection per host is kept open and shared, because a new one costs 0.3 s on these kernels.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from trellis.lab.errors import LabError
from trellis.lab.processes import Completed, run


@dataclass(frozen=True, slots=True)
class Access:
    """The lab's own way in to its hosts.

    Args:
        namespace: The fabric's namespace, from which connections are made.
        key: The lab's private key.
        known_hosts: The hosts' keys, in OpenSSH's format.
        sockets: Folder of the shared connections.
        addresses: Host -> address.
    """

    namespace: str
    key: Path
    known_hosts: Path
    sockets: Path
    addresses: dict[str, str]

    def run(
        self,
        host: str,
        command: str | Sequence[str],
        *,
        stdin: str | None = None,
        timeout_s: float = 60,
        check: bool = True,
    ) -> Completed:
        """Run a command on a host and wait for its end.

        Args:
            host: The host.
            command: A line for its shell, or a command and its arguments.
            stdin: Text for its standard input.
            timeout_s: Seconds after which it is given up.
            check: Whether a non-zero exit status raises.

        Raises:
            LabError: The host can't be reached, took too long, or (with check) the command failed.
        """
        line = command if isinstance(command, str) else shlex.join(command)
        done = run([*self.command(host), line], stdin=stdin, timeout_s=timeout_s, check=False)
        if done.returncode == 255 or (check and done.returncode != 0):
            words = done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}"
            raise LabError(f"{host}: `{line[:200]}`", why=words, remedy=f"trellis lab shell {host}")
        return done

    def run_on_all(
        self, hosts: Sequence[str], command: str, *, stdin: str | None = None, timeout_s: float = 60
    ) -> dict[str, Completed]:
        """Run one command on several hosts at once; exit statuses are the caller's to judge."""
        with ThreadPoolExecutor(max_workers=max(1, len(hosts))) as pool:
            done = pool.map(lambda host: self.run(host, command, stdin=stdin, timeout_s=timeout_s, check=False), hosts)
            return dict(zip(hosts, done, strict=True))

    def command(self, host: str, *, terminal: bool = False) -> list[str]:
        """The `ssh` command line for a host, without what to run there."""
        options = {
            "BatchMode": "yes",
            "ConnectTimeout": "5",
            "ControlMaster": "auto",
            "ControlPath": str(self.connection(host)),
            "ControlPersist": "60",
            "IdentitiesOnly": "yes",
            "LogLevel": "ERROR",
            # A connection to a host that lost its power must not hold up those that come after it.
            "ServerAliveCountMax": "3",
            "ServerAliveInterval": "5",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": str(self.known_hosts),
        }
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        inside = ["ip", "netns", "exec", self.namespace]
        return [*inside, "ssh", "-F", "none", *(["-t"] if terminal else []), "-i", str(self.key), *words,
                f"root@{self.addresses[host]}"]  # fmt: skip

    def connection(self, host: str) -> Path:
        """The socket of the connection to a host that commands share."""
        return self.sockets / self.addresses[host]
