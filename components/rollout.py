"""The order in which hosts are changed, and who is confirmed when: dependencies and hooks of the hosts' commands.

A host's ``commit`` holds its connection until ``confirm`` has come over another one, so both run at once.  A confirm
that began before the change awaits it is told to come again (exit status 75): its error hook has the engine run it
once more, which is a new connection.  With ``roll_back`` the same hook withholds that until every host of the run has
applied.  What a host does meanwhile, and that it takes back what nobody confirms, is ``trellis.agent``'s.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping, Sequence

import pulumi

from trellis.plan.rollout import RolloutPlan
from trellis.render import Bundle

_LOOK_EVERY_S = 0.2
_BEFORE_DIALLING_AGAIN_S = 1.0
_NO_VERDICT = re.compile(
    r"failed attempts|without exit status|^ssh: |\bEOF\b|connection (reset|lost)|broken pipe", re.M
)
"""How the command plugin says that a connection, not the command on the host, has failed."""
_EXITED = re.compile(r"exited with status (\d+)")
_COME_AGAIN = 75


def refuse_too_few_at_once(plan: RolloutPlan, parallel: int | None) -> None:
    """Refuse to begin where the engine may not run a host's two commands at once: each host would take its change back.

    Args:
        plan: The order.
        parallel: How many operations the engine runs at once (``pulumi up --parallel``); None if it did not say.

    Raises:
        RunError: There are too few.
    """
    sizes = [len(batch) for batch in plan.batches]
    needed = 2 * (sum(sizes) if plan.on_failure == "roll_back" else max(sizes, default=0))
    if parallel and parallel < needed:
        raise pulumi.RunError(
            f"--parallel {parallel} is too few, nothing was changed\n"
            "  rule:   each host that is changed at the same time needs two: one that commits, one that confirms\n"
            "  why:    a change that nobody confirms is taken back by its host\n"
            f"  remedy: run with --parallel {needed} or more"
        )


class Rollout:
    """One run over the hosts: who waits for whom.

    Args:
        plan: The order, and what becomes of hosts that are done when a later one fails.
        parallel: How many operations the engine runs at once; None if it did not say.

    Raises:
        RunError: Those are too few for the order.
    """

    def __init__(self, plan: RolloutPlan, parallel: int | None) -> None:
        refuse_too_few_at_once(plan, parallel)
        self.plan = plan
        self._batch_of = {host: number for number, batch in enumerate(plan.batches) for host in batch}
        self._settled: set[str] = set()
        self._applied: dict[str, float] = {}
        self._lost: dict[str, float] = {}
        self._failed: dict[str, str] = {}
        self._commit_failed = pulumi.ErrorHook("trellis-commit-failed", self._note_failure)
        self._confirm_again = pulumi.ErrorHook("trellis-confirm-again", self._comes_again)
        # With `keep` dependencies make the order; they can't with `roll_back`, where all hosts wait for the last one.
        self._turn: list[pulumi.ResourceHook | pulumi.ResourceHookFunction]
        self._turn = [pulumi.ResourceHook("trellis-turn", self._await_turn)] if self.rolls_back else []
        for host, why in plan.maintenance:
            pulumi.log.warn(f"{host} is in maintenance and left out, nothing is sent to it: {why}")

    @property
    def rolls_back(self) -> bool:
        """Whether no host is confirmed before all have applied."""
        return self.plan.on_failure == "roll_back"

    def in_order(self, bundles: Sequence[Bundle]) -> list[Bundle]:
        """Return the bundles of the hosts that are part of the run, those first that go first."""
        of_host = {bundle.host: bundle for bundle in bundles}
        return [of_host[host] for host in self._batch_of]

    def before(self, host: str, done: Mapping[str, Sequence[pulumi.Resource]]) -> list[pulumi.Resource]:
        """Return what must be done before ``host`` is touched: all that was for the batch before.

        Args:
            host: Name of the host.
            done: For each host of earlier batches, what says that it is done.
        """
        number = self._batch_of[host]
        earlier = self.plan.batches[number - 1] if number else ()
        return [resource for name in earlier for resource in done[name]]

    def after_all(self, done: Mapping[str, Sequence[pulumi.Resource]]) -> list[pulumi.Resource]:
        """Return what is done once it is done for all hosts: that of the last batch, which waits for those before."""
        return [resource for name in (self.plan.batches or ((),))[-1] for resource in done[name]]

    def before_commit(self, host: str, done: Mapping[str, Sequence[pulumi.Resource]]) -> list[pulumi.Resource]:
        """As ``before``, for commits: where all hosts wait for the last one, none may depend on another."""
        return [] if self.rolls_back else self.before(host, done)

    def of_commit(self) -> pulumi.ResourceHookBinding:
        """The hooks of a host's commit."""
        return self._binding(self._commit_failed)

    def of_confirm(self) -> pulumi.ResourceHookBinding:
        """The hooks of a host's confirm."""
        return self._binding(self._confirm_again)

    def _binding(self, on_error: pulumi.ErrorHook) -> pulumi.ResourceHookBinding:
        return pulumi.ResourceHookBinding(before_create=self._turn, before_update=self._turn, on_error=[on_error])

    def confirmation_of(self, digest: str) -> str:
        """The agent's command that confirms a host's change."""
        # A confirm that happened to begin after the change would confirm it before anybody heard of the other hosts.
        return f"confirm --with-commit {'--ask-first ' if self.rolls_back else ''}{digest}"

    def settled(self, host: str) -> None:
        """Hear that a host has nothing to do, or has committed."""
        self._settled.add(host)

    def _note_failure(self, args: pulumi.ErrorHookArgs) -> bool:
        """A commit that failed is not tried again: what it says is for people."""
        self._failed.setdefault(_host(args.name), args.errors[0])
        return False

    async def _comes_again(self, args: pulumi.ErrorHookArgs) -> bool:
        """Whether a confirm is run once more, over a new connection."""
        host, said = _host(args.name), args.errors[0]
        exited = _EXITED.search(said)
        if exited is not None and int(exited[1]) == _COME_AGAIN:
            self._applied.setdefault(host, time.monotonic())
            if self.rolls_back:
                await self._await_all(host)
            return True
        if exited is None and _NO_VERDICT.search(said):
            # The new configuration may cut the host off for a moment; it waits for so long and no longer.
            since = self._applied.get(host) or self._lost.setdefault(host, time.monotonic())
            await asyncio.sleep(_BEFORE_DIALLING_AGAIN_S)
            if host not in self._failed and time.monotonic() < since + self.plan.confirm_within_s:
                return True
        self._failed.setdefault(host, said)
        return False

    async def _await_turn(self, args: pulumi.ResourceHookArgs) -> None:
        """Wait until every host of the batches before has applied.

        Raises:
            NotConfirmed: One of them has failed, or waits no longer.
        """
        host = _host(args.name)
        earlier = [name for batch in self.plan.batches[: self._batch_of[host]] for name in batch]
        await self._await(earlier, f"{host} is not touched", None)

    async def _await_all(self, host: str) -> None:
        """Wait until every host of the run has applied.

        Raises:
            NotConfirmed: One of them has failed, or this one waits no longer.
        """
        deadline = self._applied[host] + self.plan.confirm_within_s
        await self._await(list(self._batch_of), f"{host} is not confirmed and takes its change back", deadline)

    async def _await(self, hosts: list[str], what: str, deadline: float | None) -> None:
        while waiting := [name for name in hosts if name not in self._settled and name not in self._applied]:
            if failed := sorted(self._failed):
                raise NotConfirmed(f"{what}: {', '.join(failed)} failed (rollout.on_failure is roll_back)")
            if deadline is not None and time.monotonic() >= deadline:
                why = f"{', '.join(waiting)} did not apply within {self.plan.confirm_within_s} s"
                raise NotConfirmed(f"{what}: {why} (rollout.on_failure is roll_back)")
            await asyncio.sleep(_LOOK_EVERY_S)
        if failed := sorted(self._failed):
            raise NotConfirmed(f"{what}: {', '.join(failed)} failed (rollout.on_failure is roll_back)")


class NotConfirmed(Exception):
    """A host may not be confirmed, or not be touched, for the sake of another one."""


def _host(resource: str) -> str:
    """The host in the name of one of its commands, ``<host>-commit``."""
    return resource.rpartition("-")[0]
