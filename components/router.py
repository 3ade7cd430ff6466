"""A host's FRR: the agent commits the host's bundle in one transaction, which a second connection confirms.

What the transaction does is the agent's (``trellis.agent``); here are only the two commands.  Neither depends on the
other: commit succeeds only once confirm has come, so no state says done of a host that took its change back.
There is no ``delete``: routing stays when the stack goes, and no ``triggers``: they would replace the command,
and a replacement deletes what it has just created.
"""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from components.host import Login, agent_command
from components.rollout import Rollout
from trellis.render import Bundle, signed_manifest


class Router(pulumi.ComponentResource):
    """A host that runs its bundle.

    Args:
        name: Name of the host.
        bundle: What it shall run.
        login: How to reach it.
        rollout: Decides when it is confirmed.
        after: What must be there before: the host that is ready, the SDN, hosts that go first.
    """

    def __init__(
        self, name: str, bundle: Bundle, login: Login, rollout: Rollout, after: Sequence[pulumi.Resource]
    ) -> None:
        super().__init__("trellis:host:Router", name)  # waits for nothing, as in components.host
        text, digest = signed_manifest(bundle)
        committed = agent_command(
            f"{name}-commit",
            login,
            "commit",
            pulumi.ResourceOptions(parent=self, depends_on=after, hooks=rollout.of_commit()),
            stdin=text,
        )
        confirmed = agent_command(
            f"{name}-confirm",
            login,
            rollout.confirmation_of(digest),
            pulumi.ResourceOptions(parent=self, depends_on=after, hooks=rollout.of_confirm()),
        )
        committed.id.apply(lambda _: rollout.settled(name))
        self.done: list[pulumi.Resource] = [committed, confirmed]
        self.register_outputs({"host": name, "frr_version": bundle.frr_version})
