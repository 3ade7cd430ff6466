"""Reaching a node as Proxmox nodes reach each other: by OpenSSH, as root, with the lab's key."""

from __future__ import annotations

import shlex
import socket
import subprocess
from collections.abc import Sequence

from trellis.lab.proxmox.config import SimulatorConfig, SshConfig

CONNECT_TIMEOUT_S = 5
COMMAND_TIMEOUT_S = 300
"""A reload restarts FRR where the reload fails, which takes a minute on a slow machine."""


class SshTransport:
    """Runs commands on the nodes of a simulated cluster.

    Args:
        config: The cluster.
        ssh: The key and the host keys.
    """

    def __init__(self, config: SimulatorConfig, ssh: SshConfig) -> None:
        self._addresses = {node.name: node.address for node in config.nodes}
        self._ssh_addresses = {node.name: node.ssh_address or node.address for node in config.nodes}
        self._ssh = ssh

    def run(self, node: str, argv: Sequence[str], stdin: str) -> tuple[int, str, str]:
        """Run a command on a node; see `NodeTransport`."""
        options = {
            "BatchMode": "yes",
            "ConnectTimeout": str(CONNECT_TIMEOUT_S),
            "IdentitiesOnly": "yes",
            "LogLevel": "ERROR",
            "ServerAliveInterval": "10",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": self._ssh.known_hosts,
        }
        command = [*self._ssh.prefix, "ssh", "-F", "none", "-i", self._ssh.key_file]
        command += [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        command += [f"{self._ssh.user}@{self._ssh_addresses[node]}", shlex.join(argv)]
        try:
            done = subprocess.run(
                command, input=stdin, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired:
            return 255, "", f"{node} did not answer within {COMMAND_TIMEOUT_S} s"
        return done.returncode, done.stdout, done.stderr

    def reachable(self, node: str) -> bool:
        """Whether something listens on the SSH port of the node's management address."""
        try:
            with socket.create_connection((self._addresses[node], 22), timeout=1):
                return True
        except OSError:
            return False
