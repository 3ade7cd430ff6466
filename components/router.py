"""A host's FRR: the agent, which is in place, commits the host's bundle in one transaction.

What the transaction does is the agent's (``trellis.agent``); here is only the command.
There is no ``delete``: routing stays when the stack goes, and no ``triggers``: they would replace the command,
and a replacement deletes what it has just created.
"""

from __future__ import annotations

import pulumi
from pulumi_command import remote

from components.host import LONGEST_RUN_S, Login
from trellis.agent.bundle import INSTALLED_AS
from trellis.render import Bundle, manifest


class Router(pulumi.ComponentResource):
    """A host that runs its bundle.

    Args:
        name: Name of the host.
        bundle: What it shall run.
        login: How to reach it.
        opts: ``depends_on`` names what must be there before: the host with its agent, the SDN, hosts that go first.
    """

    def __init__(self, name: str, bundle: Bundle, login: Login, opts: pulumi.ResourceOptions) -> None:
        super().__init__("trellis:host:Router", name, {}, opts)
        self.committed = remote.Command(
            f"{name}-commit",
            connection=login.connection(),
            create=f"timeout {LONGEST_RUN_S} python3 {INSTALLED_AS} commit",
            stdin=manifest(bundle),
            logging=remote.Logging.STDERR,
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(parent=self, depends_on=opts.depends_on),
        )
        self.register_outputs({"host": name, "frr_version": bundle.frr_version})
