"""Reads every host at once and writes what they say: a thread for each host, one for Proxmox, and one writer.

A host is read by one command of its agent over one connection, for as long as that lasts; when it breaks, the host's
sessions are unknown until it is read again.  The writer alone touches the store.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from trellis.observe.observation import BadLine, Observation, parse
from trellis.observe.recorder import Recorder
from trellis.observe.retention import RETENTION_DAYS
from trellis.observe.tables import Event
from trellis.observe.virtual_machines import Machines, VirtualMachines
from trellis.pve_api.client import ApiProblem
from trellis.remote import Login, Unreached

log = logging.getLogger(__name__)

SILENT_S = 75.0
"""Seconds without a line after which a host counts as lost: two whole lines and a half."""

BACKOFF_S = (1.0, 30.0)
"""Seconds before a host is tried again: the first time, and at most."""

MACHINES_EVERY_S = 30.0
PRUNE_EVERY_S = 3600.0
MOST_WAITING = 1000
"""Lines that may wait for the writer; hosts are then read no further, and their agents wait."""

Read = Callable[[Login, threading.Event], Iterator[str]]
"""Reads a host: yields its lines until the event is set, and raises Unreached."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A host that can't be read any more."""

    host: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """What Proxmox said of the VMs."""

    machines: Machines
    at: datetime


Message = Observation | Lost | Asked


@dataclass(slots=True)
class Collector:
    """Reads hosts into a store.

    Attributes:
        recorder: Writes into the store.
        logins: The hosts.
        read: Reads one of them.
        machines: Asks Proxmox; None where nobody may.
        retention_days: For how many days history is kept.
        backoff_s: Seconds before a host is tried again: the first time, and at most.
    """

    recorder: Recorder
    logins: Sequence[Login]
    read: Read
    machines: VirtualMachines | None = None
    retention_days: float = RETENTION_DAYS
    backoff_s: tuple[float, float] = BACKOFF_S
    _messages: queue.Queue[Message] = field(default_factory=lambda: queue.Queue(MOST_WAITING))
    _ended: threading.Event = field(default_factory=threading.Event)
    _ask_now: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        """End it; may be called by a signal, and more than once."""
        self._ended.set()
        self._ask_now.set()

    def run(self, *, once: bool = False) -> None:
        """Read hosts until `stop`.

        Args:
            once: Read each host once, whole or not at all, and Proxmox, and end.
        """
        self._tell(self.recorder.declare([login.host for login in self.logins], datetime.now(UTC)))
        readers = [threading.Thread(target=self._follow, args=(login,), daemon=True) for login in self.logins]
        if self.machines is not None:
            readers.append(threading.Thread(target=self._ask, args=(self.machines,), daemon=True))
        for reader in readers:
            reader.start()
        try:
            self._write({login.host for login in self.logins} if once else None)
        finally:
            self.stop()
            for reader in readers:
                reader.join(5)

    def _write(self, awaited: set[str] | None) -> None:
        """Write what comes, until `stop`, or until each awaited host was read or is lost, and Proxmox was asked."""
        asked = self.machines is None
        prune_at = time.monotonic()
        while not self._ended.is_set() and (awaited is None or awaited or not asked):
            if time.monotonic() >= prune_at:
                prune_at = time.monotonic() + PRUNE_EVERY_S
                self._prune()
            try:
                message = self._messages.get(timeout=0.5)
            except queue.Empty:
                continue
            try:
                self._tell(self._record(message))
            except SQLAlchemyError as error:
                if awaited is not None:
                    raise
                # A server that starts anew, a full disk: the next whole line has all of it again.
                log.error("the store does not take what is seen: %s", str(error).splitlines()[0])
                self._ended.wait(1.0)
            if isinstance(message, Asked):
                asked = True
            elif awaited is not None:
                awaited.discard(message.host)

    def _prune(self) -> None:
        gone = self.recorder.prune(datetime.now(UTC) - timedelta(days=self.retention_days))
        if gone:
            log.info("%d row(s) older than %g days are forgotten", gone, self.retention_days)

    def _record(self, message: Message) -> tuple[Event, ...]:
        if isinstance(message, Lost):
            return self.recorder.unreached(message.host, message.why, message.at)
        if isinstance(message, Asked):
            return self.recorder.machines(message.machines, message.at)
        events = self.recorder.saw(message)
        if any(event.kind.startswith("session_") for event in events):
            self._ask_now.set()
        return events

    def _follow(self, login: Login) -> None:
        """Read one host again and again."""
        shortest, longest = self.backoff_s
        wait = shortest
        while not self._ended.is_set():
            try:
                for line in self.read(login, self._ended):
                    seen = parse(line)
                    if seen.host != login.host:
                        raise BadLine(f"it calls itself {seen.host}: is hosts.{login.host}.ssh.address right?")
                    wait = shortest
                    self._messages.put(seen)
            except Unreached as lost:
                self._lost(login.host, f"{lost.step}: {lost.why}")
            except BadLine as bad:
                self._lost(login.host, str(bad))
            if self._ended.wait(wait):
                return
            wait = min(2 * wait, longest)

    def _lost(self, host: str, why: str) -> None:
        if not self._ended.is_set():
            self._messages.put(Lost(host, why, datetime.now(UTC)))

    def _ask(self, machines: VirtualMachines) -> None:
        """Ask Proxmox every now and then, and soon after a session came or went."""
        failing = ""
        while not self._ended.is_set():
            at = datetime.now(UTC)
            try:
                self._messages.put(Asked(machines.read(self.recorder.expected_machines()), at))
                failing = ""
            except ApiProblem as problem:
                if str(problem) != failing:
                    log.warning("Proxmox does not say which VMs there are: %s", problem)
                failing = str(problem)
                self._messages.put(Asked(Machines({}), at))
            self._ask_now.wait(MACHINES_EVERY_S)
            self._ask_now.clear()
            self._ended.wait(1.0)

    def _tell(self, events: Sequence[Event]) -> None:
        for event in events:
            who = event.guest_ip and f"{event.guest} {event.guest_ip} on {event.network_id}"
            what = " ".join(word for word in (event.kind, who, event.prefix or "", event.detail) if word)
            log.info("%s: %s", event.host or "-", what)
