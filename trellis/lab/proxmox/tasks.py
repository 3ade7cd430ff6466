"""Tasks: work that goes on after the API has answered with a UPID."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

Say = Callable[[str], None]
Work = Callable[[Say], str]
"""Takes where to log; returns the exit status: `OK` or what failed."""


@dataclass
class Task:
    """A task.

    Args:
        upid: Its unique id, in Proxmox's form.
        node: The node that it belongs to.
        kind: Proxmox's name for the kind of work.
        target: What it is about; may be empty.
        user: Who asked for it.
        pid: A number in place of a process's.
        started_s: Seconds since the epoch.
        log: Its lines so far.
        exit_status: None while it runs.
    """

    upid: str
    node: str
    kind: str
    target: str
    user: str
    pid: int
    started_s: int
    log: list[str] = field(default_factory=list)
    exit_status: str | None = None

    def status(self) -> dict[str, Any]:
        """What `/nodes/N/tasks/UPID/status` answers."""
        out = {
            "upid": self.upid,
            "node": self.node,
            "pid": self.pid,
            "pstart": self.started_s,
            "starttime": self.started_s,
            "type": self.kind,
            "id": self.target,
            "user": self.user,
            "status": "running" if self.exit_status is None else "stopped",
        }
        return out if self.exit_status is None else {**out, "exitstatus": self.exit_status}


class Tasks:
    """The tasks of this run of the simulator; they are not kept over a restart."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="task")
        self._pids = itertools.count(os.getpid() * 16)
        self._guard = threading.Lock()
        self._tasks: dict[str, Task] = {}
        self._futures: dict[str, Future[None]] = {}

    def start(self, node: str, kind: str, target: str, user: str, work: Work) -> str:
        """Start work in the background.

        Args:
            node: The node that it belongs to.
            kind: Proxmox's name for the kind of work.
            target: What it is about.
            user: Who asked for it.
            work: What to do.

        Returns:
            The task's UPID.
        """
        now = int(time.time())
        with self._guard:
            pid = next(self._pids)
            upid = f"UPID:{node}:{pid:08X}:{pid:08X}:{now:08X}:{kind}:{target}:{user}:"
            task = self._tasks[upid] = Task(upid, node, kind, target, user, pid, now)
            self._futures[upid] = self._pool.submit(self._run, task, work)
        return upid

    @staticmethod
    def _run(task: Task, work: Work) -> None:
        try:
            task.exit_status = work(task.log.append)
        except Exception as error:  # whatever it is, the task must end and say so
            task.log.append(f"TASK ERROR: {error}")
            task.exit_status = str(error)
        else:
            task.log.append(f"TASK {task.exit_status}")

    def get(self, node: str, upid: str) -> Task | None:
        """The task of that id on that node."""
        task = self._tasks.get(upid)
        return task if task is not None and task.node == node else None

    def wait(self, upid: str, timeout_s: float) -> None:
        """Wait until a task has ended, for tests."""
        self._futures[upid].result(timeout=timeout_s)

    def close(self) -> None:
        """End without waiting for tasks that have not begun."""
        self._pool.shutdown(wait=False, cancel_futures=True)
