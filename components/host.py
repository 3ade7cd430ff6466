"""A host before its routing: the agent is put in place, and sees that the host has what the site counts on.

This comes before the SDN: Proxmox takes a node's VTEP from the node's own addresses at each apply, on all nodes at
once, so the loopbacks must be there.  A host that lacks something stops the run before anything was sent to Proxmox.
What the agent does is ``trellis.agent``'s; here are only the two commands and their order.  There is no ``delete``,
and no ``triggers``, as in ``components.router``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

import pulumi
from pulumi_command import remote

from trellis.agent.bundle import INSTALLED_AS, UNPACK, packed_agent
from trellis.render import Bundle, ground_document
from trellis.site.model import Ssh

_FOLDER = str(PurePosixPath(INSTALLED_AS).parent)
_INSTALL = (
    f"set -eu; umask 022; install -d -m 0755 {_FOLDER}; "
    f'temporary="$(mktemp {_FOLDER}/.agent.XXXXXX)"; '
    "trap 'rm -f \"$temporary\"' EXIT; "
    f'{UNPACK} > "$temporary"; chmod 0755 "$temporary"; sync "$temporary"; '
    f'mv -f "$temporary" {INSTALLED_AS}; trap - EXIT'
)
LONGEST_RUN_S = 300
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


class Host(pulumi.ComponentResource):
    """A host that has the agent, its loopbacks, and what the site counts on.

    Args:
        name: Name of the host.
        bundle: What it shall run later.
        login: How to reach it.
        opts: ``depends_on`` names hosts that go first.
    """

    def __init__(self, name: str, bundle: Bundle, login: Login, opts: pulumi.ResourceOptions) -> None:
        super().__init__("trellis:host:Host", f"{name}-host", {}, opts)
        in_place = remote.Command(
            f"{name}-agent",
            connection=login.connection(),
            create=f"timeout {LONGEST_RUN_S} sh -c '{_quoted(_INSTALL)}'",
            stdin=packed_agent(),
            logging=remote.Logging.STDERR,
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(parent=self, depends_on=opts.depends_on),
        )
        self.ready = remote.Command(
            f"{name}-ready",
            connection=login.connection(),
            create=f"timeout {LONGEST_RUN_S} python3 {INSTALLED_AS} prepare",
            stdin=ground_document(bundle),
            logging=remote.Logging.STDERR,
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[in_place]),
        )
        self.register_outputs({"host": name})


def _quoted(script: str) -> str:
    return script.replace("'", "'\\''")
