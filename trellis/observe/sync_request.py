"""A request that delegated prefixes be synced: a file that the webhook leaves and `trellis prefixes sync` takes.

Whoever makes a request runs nothing and tells nothing, and needs no more than the right to write one file.  No request
is lost: one that comes while another waits is the same one; one that comes after that was taken waits for its turn, and
one whose sync failed is there for the next.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Literal

WINDOW_S = 10.0
"""Seconds in which one request at most is taken: a sync asks a router, which the token's holder must not wear out."""

Outcome = Literal["requested", "deferred", "already"]
"""``requested``: to be taken at once; ``deferred``: once the window of the last one is over; ``already``: one waits."""


@dataclass(frozen=True, slots=True)
class Requested:
    """A request.

    Attributes:
        edge: Which edge made it; None where it did not say.
        at: When, in seconds since 1970.
        not_before: When it may be taken.
    """

    edge: str | None
    at: float
    not_before: float


def default_file(stack: str, environment: Mapping[str, str] = os.environ) -> Path:
    """Return where requests for a stack are left unless somebody says otherwise: a file in the state folder.

    Args:
        stack: Name of the stack.
        environment: Where XDG_STATE_HOME is looked for.
    """
    home = environment.get("XDG_STATE_HOME") or str(Path(environment.get("HOME", "~")).expanduser() / ".local/state")
    return Path(home) / "trellis" / f"prefixes-requested.{stack}"


class SyncRequests:
    """The requests for one stack's sync, of which at most one waits.

    Args:
        file: Where it waits; its folder must be there.
        clock: Seconds since 1970.
    """

    def __init__(self, file: Path, clock: Callable[[], float] = time.time) -> None:
        self.file, self._clock = file, clock
        self._taken = file.with_name(f"{file.name}.taken")
        self._lock = Lock()
        self._turn = 0.0

    def request(self, edge: str | None) -> Outcome:
        """Leave a request, if none waits.

        Args:
            edge: Which edge makes it.

        Raises:
            OSError: It can't be left.
        """
        with self._lock:
            if self.waits():
                return "already"
            now = self._clock()
            turn = min(max(now, self._turn), now + WINDOW_S)  # a clock that was set back makes nobody wait for longer
            fresh = self.file.with_name(f".{self.file.name}.fresh")
            fresh.write_text(json.dumps({"edge": edge, "at": now, "not_before": turn}))
            fresh.replace(self.file)
            self._turn = turn + WINDOW_S
            return "requested" if turn == now else "deferred"

    def waits(self) -> bool:
        """Whether a request waits to be taken."""
        return self.file.exists()

    def take(self, sleep: Callable[[float], None] = time.sleep) -> Requested | None:
        """Take the request that waits, once it may be taken, or the one whose sync failed; None if there is none.

        Args:
            sleep: Waits until it may.

        Raises:
            OSError: It can't be taken.
        """
        waiting = _read(self.file)
        if waiting is None:
            return _read(self._taken)
        if (left := min(waiting.not_before - self._clock(), WINDOW_S)) > 0:
            sleep(left)
        # Before the router is asked: what is requested from now on is a request of its own.
        with suppress(FileNotFoundError):  # another took it meanwhile
            self.file.replace(self._taken)
        return waiting

    def done(self) -> None:
        """Forget the request that was taken: its sync is done."""
        self._taken.unlink(missing_ok=True)


def _read(file: Path) -> Requested | None:
    """Read a request; what somebody else put there is one, too: `touch` requests a sync."""
    try:
        found = json.loads(file.read_text())
        return Requested(found["edge"], float(found["at"]), float(found["not_before"]))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError):
        return Requested(None, 0.0, 0.0)
