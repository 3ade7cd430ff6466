"""Whether this machine was too busy: a thread that wants to run every 10 ms, and how late it was at most.

BFD gives a router 300 ms; a machine that stalls for longer takes neighbours for dead, and a measurement taken
meanwhile says nothing (design section 13: a run during which it stalled for over 50 ms is repeated).
"""

from __future__ import annotations

import threading
import time

STALL_MS = 50
"""A machine that stalls for longer makes a run worth repeating (design section 13)."""

_TICK_S = 0.01


class Heartbeat:
    """Feels for stalls while its ``with`` block lasts."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._stalled_s = 0.0
        self._thread = threading.Thread(target=self._feel, daemon=True)

    def __enter__(self) -> Heartbeat:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def start(self) -> None:
        """Begin to feel."""
        self._thread.start()

    def end(self) -> None:
        """Feel no more."""
        self._over.set()
        self._thread.join(1)

    @property
    def stalled_ms(self) -> int:
        """The longest time for which this machine did not get to run a thread that wanted to run."""
        return round(1000 * self._stalled_s)

    def _feel(self) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            time.sleep(_TICK_S)
            self._stalled_s = max(self._stalled_s, time.monotonic() - began - _TICK_S)
