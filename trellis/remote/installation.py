"""Putting the agent on a host, or taking it away: the one thing that is done as root, on a connection of root's own.

The agent travels packed on standard input, lies in a temporary file of root's for as long as it takes, and installs
itself from there (``trellis.agent.install``).
"""

from __future__ import annotations

import contextlib
import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trellis.agent.bundle import UNPACK, packed_agent
from trellis.remote.connection import Connection
from trellis.remote.login import Login

INSTALL_S = 120.0
"""Seconds for an installation; two are usual."""


@dataclass(frozen=True, slots=True)
class Installation:
    """How an installation, or its removal, ended on a host.

    Attributes:
        status: The agent's exit status: 0 done or nothing to do, 3 refused, 4 taken back, 5 the host needs somebody.
        report: The agent's report; empty if it never ran.
        said: What was said meanwhile.
    """

    status: int
    report: dict[str, Any]
    said: str

    @property
    def outcome(self) -> str:
        """`applied`, `unchanged`, `refused`, `restored` or `broken`; `failed` if the agent never ran."""
        return str(self.report.get("outcome", "failed"))


def install_agent(
    root: Login, user: str, public_keys: Sequence[str] = (), observer_keys: Sequence[str] = ()
) -> Installation:
    """Install the agent on a host, or upgrade it.

    Args:
        root: The host, as root or as somebody whom sudo lets become root.
        user: The deploy user.
        public_keys: What the deploy user logs in with, type and base64 alone; none keeps those that are there.
        observer_keys: What the user `trellis-observe` logs in with; none keeps those that are there, if any.

    Raises:
        Unreached: The host can't be reached.
    """
    keys = [word for key in public_keys for word in ("--key", key)]
    keys += [word for key in observer_keys for word in ("--observer-key", key)]
    return _run(root, ["install", "--user", user, *keys])


def uninstall_agent(root: Login) -> Installation:
    """Take the agent, the deploy user and our units away; what the host runs, and its history, stay.

    Args:
        root: The host, as for `install_agent`.

    Raises:
        Unreached: The host can't be reached.
    """
    return _run(root, ["uninstall"])


def _run(root: Login, arguments: Sequence[str]) -> Installation:
    script = (
        'set -eu; umask 077; sent="$(mktemp)"; trap \'rm -f "$sent"\' EXIT; '
        f'{UNPACK} > "$sent"; python3 -I "$sent" {shlex.join(arguments)}'
    )
    as_root = "" if root.user == "root" else "sudo -n "
    with Connection(root) as connection:
        answer = connection.run(f"{as_root}sh -c {shlex.quote(script)}", packed_agent(), INSTALL_S)
    report: dict[str, Any] = {}
    with contextlib.suppress(ValueError):
        report = json.loads(answer.out)
    return Installation(answer.status, report, answer.err)
