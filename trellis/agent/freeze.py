"""A freeze: nothing changes this host until it is thawed, and whoever tries is told why and by whom.

It holds for every change by the agent: deploys, rollbacks, repairs, a release. What an earlier change still has to
take back (a timer, a boot) is no change of anybody's: it goes on.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass

from trellis.agent import state
from trellis.agent.files import write_whole
from trellis.agent.report import Fault

_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Notice:
    """What holds on a host until somebody ends it: why, by whom, and since when (UTC, to the second)."""

    reason: str
    owner: str
    since: str

    def __str__(self) -> str:
        return f"{self.reason} ({self.owner}, since {self.since})"


def frozen() -> Notice | None:
    """The freeze that holds now, or nothing."""
    try:
        text = (state.HOME / "frozen.json").read_text()
    except FileNotFoundError:
        return None
    try:
        return Notice(**json.loads(text))
    except (ValueError, TypeError):
        # Somebody froze this host, whatever became of the words.
        return Notice("its reason cannot be read", "unknown", "unknown")


def refuse_if_frozen(why: str) -> None:
    """Raise a Fault while this host is frozen.

    Args:
        why: What somebody is about to do: ``commit``, ``rollback 3``, ``repair``, ``release``.
    """
    if (found := frozen()) is not None:
        raise Fault(
            "this host is frozen",
            f"{found}: no {why.split(maxsplit=1)[0]} until it is thawed",
            f"ask {found.owner}; then `trellis thaw {os.uname().nodename}`",
        )


def freeze(reason: str, owner: str) -> Notice:
    """Freeze this host, or give its freeze another reason and owner.

    Args:
        reason: Why, for whoever is refused.
        owner: Whom to ask.

    Raises:
        Fault: One of them is empty, too long or not printable.
    """
    entry = notice(reason, owner)
    state.prepare()
    write_whole(state.HOME / "frozen.json", json.dumps(asdict(entry), indent=2).encode())
    return entry


def notice(reason: str, owner: str) -> Notice:
    """A notice that begins now.

    Args:
        reason: Why, for whoever reads it.
        owner: Whom to ask.

    Raises:
        Fault: One of them is empty, too long or not printable.
    """
    for name, text in (("reason", reason), ("owner", owner)):
        if not text.strip() or len(text) > _LONGEST or not text.isprintable():
            raise Fault(
                f"--{name} {text[:40]!r}",
                f"it is 1-{_LONGEST} printable characters: whoever meets it on the host reads it",
                f"give a --{name} that says it",
            )
    return Notice(reason.strip(), owner.strip(), time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))


def thaw() -> Notice | None:
    """End the freeze, and return what it was; nothing if there was none."""
    found = frozen()
    (state.HOME / "frozen.json").unlink(missing_ok=True)
    return found
