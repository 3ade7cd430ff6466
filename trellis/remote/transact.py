"""A change by a host's agent from here: the command holds its connection, a fresh one confirms it.

The confirmation has to come over a connection that was made after the change: that it gets through is the proof that
the change has not cut the host off.  If it doesn't, the host takes the change back by itself.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trellis.agent import bundle
from trellis.agent.itself import AGENT_PATH
from trellis.agent.limits import longest_run_s
from trellis.remote.connection import Answer, Connection
from trellis.remote.login import Login, Unreached

CHANGE_S = longest_run_s(120, 600, 600)
"""Seconds for a whole change, one that is taken back included: what a manifest gives a reload, and the most that a site
may give sessions and the confirmation."""

CONFIRM_S = 30.0
"""Seconds for one confirmation, whose commit ends within that time."""

_AGAIN_AFTER_S = 1.0
_BY_ITSELF = (
    "without a confirmation the host takes the change back by itself: wait, then see `trellis history {host}` "
    "and `trellis check {host}`"
)
_AWAITING = re.compile(r"awaiting confirmation of ([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Transacted:
    """How a change by the agent ended.

    Attributes:
        status: The agent's exit status: 0 done, 2 bad, 3 refused, 4 taken back, 5 the host needs somebody.
        report: The agent's report.
        said: What it said meanwhile, line by line.
        confirmations: Connections on which a confirmation was tried.
    """

    status: int
    report: dict[str, Any]
    said: str
    confirmations: int


def ask_agent(login: Login, command: str, stdin: str = "", timeout_s: float = 60.0) -> Answer:
    """Run a command of the agent that changes nothing.

    Args:
        login: The host.
        command: The command with its arguments, each of them already quoted for a shell.
        stdin: What it reads.
        timeout_s: Seconds that it may take.

    Raises:
        Unreached: The host can't be reached.
    """
    with Connection(login) as connection:
        return connection.run(bundle.invocation(command), stdin, timeout_s)


def transact(
    login: Login,
    command: str,
    stdin: str = "",
    on_line: Callable[[str], None] | None = None,
    timeout_s: float = CHANGE_S,
) -> Transacted:
    """Run a command of the agent that changes the host, and confirm it over fresh connections.

    Args:
        login: The host.
        command: The command with its arguments, each of them already quoted for a shell.
        stdin: What it reads.
        on_line: Is told each line of progress.
        timeout_s: Seconds for all of it.

    Raises:
        Unreached: The host can't be reached, or could not be any more while the change ran. Without a confirmation
            the host takes the change back by itself.
    """
    confirming = _Confirming(login)

    def hear(line: str) -> None:
        if on_line is not None:
            on_line(line)
        confirming.hear(line)

    with Connection(login) as connection, confirming:
        try:
            answer = connection.run(bundle.invocation(command), stdin, timeout_s, hear)
        except Unreached as lost:
            raise Unreached(lost.host, lost.step, lost.why, _BY_ITSELF.format(host=lost.host)) from None
    report: dict[str, Any] = {}
    with contextlib.suppress(ValueError):
        report = json.loads(answer.out)
    if answer.status == 0 and not report:
        why = f"it ended well, but reported nothing: {answer.out[:200]!r}"
        raise Unreached(login.host, "run", why, f"see whether {AGENT_PATH} is the agent: `trellis install`")
    return Transacted(answer.status, report, answer.err, confirming.attempts)


class _Confirming:
    """Confirms a change as soon as it waits for that, again and again until the command has ended."""

    def __init__(self, login: Login) -> None:
        self.attempts = 0
        self._login = login
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> _Confirming:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join(CONFIRM_S)

    def hear(self, line: str) -> None:
        """Begin to confirm when a line of the command says that it waits for that."""
        found = _AWAITING.search(line)
        if found and self._thread is None:
            self._thread = threading.Thread(target=self._confirm, args=(found[1],), daemon=True)
            self._thread.start()

    def _confirm(self, digest: str) -> None:
        while not self._over.is_set():
            self.attempts += 1
            # Each attempt over a connection of its own: an old one would prove nothing. What comes of one that
            # fails is told by the end of the command itself.
            with contextlib.suppress(Unreached):
                if ask_agent(self._login, f"confirm {digest}", timeout_s=CONFIRM_S).status == 0:
                    return
            self._over.wait(_AGAIN_AFTER_S)
