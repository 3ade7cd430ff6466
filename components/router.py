"""A host's FRR: the agent is put in place, then commits the host's bundle in one transaction.

What the transaction does is the agent's (``trellis.agent``); here are only the two commands and their order.
There is no ``delete``: routing stays when the stack goes, and no ``triggers``: they would replace the command,
and a replacement deletes what it has just created.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

import pulumi
from pulumi_command import remote

from trellis.agent.bundle import INSTALLED_AS, agent_text
from trellis.render import Bundle, manifest
from trellis.site.model import Ssh

_FOLDER = str(PurePosixPath(INSTALLED_AS).parent)
_INSTALL = (
    f"set -eu; umask 022; install -d -m 0755 {_FOLDER}; "
    f'temporary="$(mktemp {_FOLDER}/.agent.XXXXXX)"; '
    'trap \'rm -f "$temporary"\' EXIT; cat > "$temporary"; chmod 0755 "$temporary"; sync "$temporary"; '
    f'mv -f "$temporary" {INSTALLED_AS}; trap - EXIT'
)
_LONGEST_RUN_S = 300
"""Seconds until a command on the host is ended from outside; the agent's own limits are shorter."""


@dataclass(frozen=True, slots=True)
class Login:
    """How the program reaches a host.

    Attributes:
        ssh: Address, user and the pinned host key.
        private_key: The deploy user's key, a secret.
    """

    ssh: Ssh
    private_key: pulumi.Input[str]

    def connection(self) -> remote.ConnectionArgs:
        """Return the connection, its host key always checked and its attempts few."""
        return remote.ConnectionArgs(
            host=self.ssh.address,
            port=self.ssh.port,
            user=self.ssh.user,
            private_key=self.private_key,
            host_key=self.ssh.host_key,
            dial_error_limit=3,
            per_dial_timeout=10,
        )


class Router(pulumi.ComponentResource):
    """A host that runs its bundle.

    Args:
        name: Name of the host.
        bundle: What it shall run.
        login: How to reach it.
        opts: ``depends_on`` names what must be there before: the SDN, and hosts that go first.
    """

    def __init__(self, name: str, bundle: Bundle, login: Login, opts: pulumi.ResourceOptions) -> None:
        super().__init__("trellis:host:Router", name, {}, opts)
        connection = login.connection()
        in_place = remote.Command(
            f"{name}-agent",
            connection=connection,
            create=f"timeout {_LONGEST_RUN_S} sh -c '{_quoted(_INSTALL)}'",
            stdin=agent_text(),
            logging=remote.Logging.STDERR,
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(parent=self, depends_on=opts.depends_on),
        )
        self.committed = remote.Command(
            f"{name}-commit",
            connection=connection,
            create=f"timeout {_LONGEST_RUN_S} python3 {INSTALLED_AS} commit",
            stdin=manifest(bundle),
            logging=remote.Logging.STDERR,
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[in_place]),
        )
        self.register_outputs({"host": name, "frr_version": bundle.frr_version})


def _quoted(script: str) -> str:
    return script.replace("'", "'\\''")
