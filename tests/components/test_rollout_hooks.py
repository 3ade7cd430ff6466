"""Who is confirmed when: what the hooks of the hosts' commands answer the engine, without an engine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pulumi
import pytest

from components import rollout as module
from components.rollout import NotConfirmed, Rollout
from trellis.plan.rollout import RolloutPlan

COME_AGAIN = 'Process exited with status 75: running "...":\na: ready to be confirmed over a new connection'
TAKEN_BACK = 'Process exited with status 3: running "...":\na: taken back'
CUT = "wait: remote command exited without exit status or exit signal"
NOBODY_THERE = "after 3 failed attempts: dial tcp 10.0.0.1:22: connect: connection refused"


class Hook:
    """In place of the engine's registration of a hook."""

    def __init__(self, name: str, callback: Any) -> None:
        self.name = name
        self.callback = callback


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi, "ErrorHook", Hook)
    monkeypatch.setattr(pulumi, "ResourceHook", Hook)
    monkeypatch.setattr(module, "_LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(module, "_BEFORE_DIALLING_AGAIN_S", 0.01)


def run_of(policy: str = "keep", within_s: int = 5) -> Rollout:
    plan = RolloutPlan((("a",), ("b", "c")), (), policy, within_s, 5)  # type: ignore[arg-type]
    return Rollout(plan, None)


def test_what_is_done_for_all_is_what_is_done_for_the_last_batch() -> None:
    done: dict[str, Any] = {"a": ["1"], "b": ["2", "3"], "c": ["4"]}
    assert run_of().after_all(done) == ["2", "3", "4"]
    nobody = RolloutPlan((), (("a", "new disks"),), "keep", 5, 5)
    assert Rollout(nobody, None).after_all({}) == []


async def confirm(run: Rollout, host: str, *errors: str) -> bool:
    """Have a host's confirm end so; the newest error first. Returns whether it is run again."""
    hook: Any = run.of_confirm().on_error[0]  # type: ignore[index]
    answer: bool | Awaitable[bool] = hook.callback(_failed(f"{host}-confirm", *errors))
    return answer if isinstance(answer, bool) else await answer


def fail_commit(run: Rollout, host: str, error: str = "Process exited with status 4") -> bool:
    hook: Any = run.of_commit().on_error[0]  # type: ignore[index]
    return bool(hook.callback(_failed(f"{host}-commit", error)))


async def turn(run: Rollout, host: str) -> None:
    hook: Any = run.of_commit().before_create[0]  # type: ignore[index]
    await hook.callback(pulumi.ResourceHookArgs("urn", "", f"{host}-commit", "type"))


def _failed(name: str, *errors: str) -> pulumi.ErrorHookArgs:
    return pulumi.ErrorHookArgs("urn", "", name, "type", failed_operation="create", errors=list(errors))


def test_only_a_confirm_that_is_told_to_come_again_does_so() -> None:
    run = run_of()
    assert asyncio.run(confirm(run, "a", COME_AGAIN))
    assert not asyncio.run(confirm(run, "b", TAKEN_BACK))


def test_a_commit_is_never_run_again_by_itself() -> None:
    assert not fail_commit(run_of(), "a")
    assert not fail_commit(run_of(), "a", CUT)


@pytest.mark.parametrize("error", [CUT, NOBODY_THERE, "ssh: EOF"])
def test_a_host_that_its_change_cuts_off_for_a_moment_is_dialled_again(error: str) -> None:
    run = run_of()
    assert asyncio.run(confirm(run, "a", COME_AGAIN))
    assert asyncio.run(confirm(run, "a", error, COME_AGAIN))


def test_a_host_is_not_dialled_for_longer_than_it_waits() -> None:
    run = run_of(within_s=0)
    assert not asyncio.run(confirm(run, "a", CUT))


def test_a_host_whose_commit_has_failed_is_not_dialled_again() -> None:
    run = run_of()
    fail_commit(run, "a", NOBODY_THERE)
    assert not asyncio.run(confirm(run, "a", NOBODY_THERE))


def test_with_roll_back_nobody_is_confirmed_before_all_have_applied() -> None:
    run = run_of("roll_back")

    async def fleet() -> list[str]:
        order: list[str] = []

        async def host(name: str, after_s: float) -> None:
            await asyncio.sleep(after_s)
            order.append(f"{name} applied")
            assert await confirm(run, name, COME_AGAIN)
            order.append(f"{name} confirmed")

        await asyncio.gather(host("a", 0), host("b", 0.1), host("c", 0.2))
        return order

    assert [line.endswith("applied") for line in asyncio.run(fleet())] == [True] * 3 + [False] * 3


def test_with_roll_back_one_failure_withholds_every_confirmation() -> None:
    run = run_of("roll_back")

    async def fleet() -> None:
        waiting = [asyncio.create_task(confirm(run, name, COME_AGAIN)) for name in "ab"]
        await asyncio.sleep(0.05)
        fail_commit(run, "c")
        for name, task in zip("ab", waiting, strict=True):
            with pytest.raises(NotConfirmed, match=f"{name} is not confirmed and takes its change back: c failed"):
                await task

    asyncio.run(fleet())


def test_with_roll_back_a_host_without_a_change_holds_nobody_up() -> None:
    run = run_of("roll_back")
    run.settled("a")
    run.settled("c")
    assert asyncio.run(confirm(run, "b", COME_AGAIN))


def test_with_roll_back_a_host_gives_up_when_another_never_applies() -> None:
    run = run_of("roll_back", within_s=0)
    with pytest.raises(NotConfirmed, match="b, c did not apply within 0 s"):
        asyncio.run(confirm(run, "a", COME_AGAIN))


def test_with_roll_back_a_batch_is_touched_once_the_one_before_it_has_applied() -> None:
    run = run_of("roll_back")

    async def fleet() -> None:
        await turn(run, "a")
        waiting = asyncio.create_task(turn(run, "b"))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        first = asyncio.create_task(confirm(run, "a", COME_AGAIN))
        await waiting
        fail_commit(run, "b")
        with pytest.raises(NotConfirmed):
            await first
        with pytest.raises(NotConfirmed, match="c is not touched: b failed"):
            await turn(run, "c")

    asyncio.run(fleet())
