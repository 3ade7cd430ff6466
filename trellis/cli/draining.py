"""What draining a host asks of whom: the agents, Proxmox, and the agents again until traffic has left.

Who moves where, and what still goes through a host, is ``trellis.operations``' to say.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from trellis.cli.console import Mistake, say
from trellis.cli.hosts import content_of

if TYPE_CHECKING:
    from trellis.operations.draining import Hosts, Move
    from trellis.operations.leaving import Left
    from trellis.pve_api.client import Api
    from trellis.remote import Login
    from trellis.site.resolved import AnyNetwork

LOOK_EVERY_S = 1.0
"""Seconds from look to look at what goes through a host."""

_NO_PRIVILEGE = (
    "the token in PROXMOX_VE_API_TOKEN may not migrate VMs\n"
    "  remedy: give it VM.Migrate on /vms, beside VM.Audit (`pveum acl modify /vms --tokens USER@REALM!NAME\n"
    "          --roles ROLE`); or move guests yourself, then `--no-migrate`"
)

Answers = Mapping[str, Mapping[str, Any] | str]


def transits(where: Sequence[Login], addresses: Sequence[str] = ()) -> Answers:
    """What hosts say of what goes through them, and which of their routes go by some addresses; a text for why not."""
    from trellis.remote import Unreached, across, ask_agent

    words = " ".join(["transit", *addresses])
    found: dict[str, Mapping[str, Any] | str] = {}
    for host, answer in across(list(where), lambda login: ask_agent(login, words)).items():
        if isinstance(answer, Unreached):
            found[host] = f"{answer.step}: {answer.why}"
        elif (content := content_of(answer)) is None:
            said = answer.err.strip().splitlines() or [f"status {answer.status}"]
            found[host] = said[-1].removeprefix(f"{host}: ")
        else:
            found[host] = content
    return found


def hosts_seen(where: Sequence[Login]) -> Hosts:
    """What is known of hosts before one of them is drained."""
    from trellis.operations.draining import seen

    return {host: said if isinstance(said, str) else seen(said) for host, said in transits(where).items()}


def movable(api: Api, moves: Sequence[Move]) -> dict[int, bool]:
    """Whether each VM has disks that are copied along when it moves.

    Raises:
        Mistake: One cannot move while it runs, Proxmox does not say, or the token may not.
    """
    from trellis.pve_api.client import ApiProblem
    from trellis.pve_api.migration import hindrances, may_not
    from trellis.site.refusal import Refusal

    copied: dict[int, bool] = {}
    bound: list[Refusal] = []
    for move in moves:
        try:
            devices, disks = hindrances(api, move.source, move.vmid)
        except ApiProblem as problem:
            raise Mistake(_NO_PRIVILEGE if may_not(problem) else f"Proxmox: {problem}", exit_code=2) from None
        copied[move.vmid] = bool(disks)
        if devices:
            why = f"{', '.join(devices)} cannot move with it"
            remedy = f"take them out of the VM, or `--leave {move.guest}`"
            bound.append(Refusal(f"VM {move.vmid}", move.guest, "it uses no device of its node", why, remedy))
    if bound:
        raise Mistake("\n".join(["no guest was moved, and nothing was changed", *map(str, bound)]))
    return copied


def move_all(api: Api, moves: Sequence[Move], copied: Mapping[int, bool]) -> None:
    """Move VMs, one after the other, telling each line of Proxmox's tasks.

    Raises:
        Mistake: One was not moved; those before it were, and the host is not drained.
    """
    from trellis.pve_api.client import ApiProblem
    from trellis.pve_api.migration import MigrationFailed, may_not, migrate

    for number, move in enumerate(moves, start=1):
        say(f"{move.guest}: VM {move.vmid} moves from {move.source} to {move.target} ({number} of {len(moves)})")
        began = time.monotonic()
        try:
            migrate(api, move.source, move.vmid, move.target, local_disks=copied[move.vmid], say=say)
        except ApiProblem as problem:
            why = _NO_PRIVILEGE if may_not(problem) else str(problem)
            raise Mistake(_stopped(move, why, moves[: number - 1]), exit_code=1) from None
        except MigrationFailed as failed:
            raise Mistake(_stopped(move, str(failed), moves[: number - 1]), exit_code=1) from None
        say(f"{move.guest}: on {move.target} after {time.monotonic() - began:.1f} s")


def _stopped(move: Move, why: str, before: Sequence[Move]) -> str:
    moved = ", ".join(f"{one.guest} to {one.target}" for one in before) or "nobody"
    return (
        f"{move.guest}: {why}\n  moved before it: {moved}; routing was not touched\n"
        f"  remedy: see the task in Proxmox, then run again; or `--leave {move.guest}`"
    )


def until_left(
    where: Mapping[str, Login], host: str, own: Sequence[AnyNetwork], *, guests_stay: bool, within_s: float
) -> tuple[bool, Left]:
    """Look again and again until all traffic has left a host that can, telling how much is left.

    Args:
        where: The logins at all hosts that answered.
        host: The drained one.
        own: What is its own.
        guests_stay: Whether guests are on it.
        within_s: Seconds until it is given up.

    Returns:
        Whether it has left, and what still goes through it.

    Raises:
        Mistake: The host does not answer.
    """
    from trellis.operations.leaving import SETTLED_LOOKS, Left, left, look

    others = [login for name, login in where.items() if name != host]
    deadline, before, settled, found = time.monotonic() + within_s, None, 0, Left(0.0)
    while True:
        content = transits([where[host]])[host]
        if isinstance(content, str):
            raise Mistake(f"{host}: {content}; it is drained, and what goes through it is not known", exit_code=1)
        now = look(content, transits(others, content["addresses"]))
        if before is not None:
            found = left(before, now, own)
            settled = settled + 1 if found.gone(guests_stay) else 0
            say(
                f"{host}: forwards {found.packets_per_s:g} packets/s; {len(found.avoidable)} route(s) by it to be moved"
            )
            if settled >= SETTLED_LOOKS or time.monotonic() >= deadline:
                return settled >= SETTLED_LOOKS, found
        before = now
        time.sleep(LOOK_EVERY_S)


def until_back(where: Login, expected: Callable[[Mapping[str, Any]], list[str]], within_s: float) -> list[str]:
    """Look again and again until sessions and neighbours are as they were; returns what is missing still.

    Args:
        where: The host.
        expected: What an answer lacks.
        within_s: Seconds until it is given up.

    Raises:
        Mistake: The host does not answer.
    """
    deadline, told = time.monotonic() + within_s, None
    while True:
        content = transits([where])[where.host]
        if isinstance(content, str):
            raise Mistake(f"{where.host}: {content}", exit_code=1)
        missing = expected(content)
        if missing and missing != told:
            say(f"{where.host}: waits for {', '.join(missing)}")
        if not missing or time.monotonic() >= deadline:
            return missing
        told = missing
        time.sleep(LOOK_EVERY_S)
