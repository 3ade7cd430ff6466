"""A host before its routing: the agent, which is installed, sees that the host has what the site counts on.

This comes before the SDN: Proxmox takes a node's VTEP from the node's own addresses at each apply, on all nodes at
once, so the loopbacks must be there.  A host that lacks something stops the run before anything was sent to Proxmox.
What the agent does is ``trellis.agent``'s, putting it there is ``trellis install``'s; here is only the command.
There is no ``delete``, and no ``triggers``, as in ``components.router``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_command import remote

from trellis.agent.bundle import invocation
from trellis.render import Bundle, ground_document
from trellis.site.model import Ssh


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
    """A host that has its loopbacks, and what the site counts on.

    Args:
        name: Name of the host.
        bundle: What it shall run later.
        login: How to reach it.
        after: What must be there before: hosts that go first.
    """

    def __init__(self, name: str, bundle: Bundle, login: Login, after: Sequence[pulumi.Resource]) -> None:
        # The component itself waits for nothing: what it holds does, and each dependency costs at every checkpoint.
        super().__init__("trellis:host:Host", f"{name}-host")
        self.ready = agent_command(
            f"{name}-ready",
            login,
            "prepare",
            pulumi.ResourceOptions(parent=self, depends_on=after),
            stdin=ground_document(bundle),
        )
        self.register_outputs({"host": name})


def agent_command(
    name: str, login: Login, command: str, opts: pulumi.ResourceOptions, stdin: pulumi.Input[str] | None = None
) -> remote.Command:
    """Return a command of the agent as a resource, over a connection of its own; there is nothing to delete.

    Args:
        name: Name of the resource, which begins with the host's.
        login: How to reach the host.
        command: The agent's command, quoted for a shell.
        opts: Its options.
        stdin: What it reads.
    """
    return remote.Command(
        name,
        connection=login.connection(),
        create=invocation(command),
        stdin=stdin,
        logging=remote.Logging.STDERR,
        add_previous_output_in_env=False,
        opts=opts,
    )
