"""The cluster's SDN configuration: what is pending, what is committed, and the lock; kept in a JSON file.

A value, guarded by one lock, and written whole after each change. It knows nothing of HTTP or of nodes.
"""

from __future__ import annotations

import copy
import hashlib
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from trellis.lab.proxmox.problem import ApiProblem, ParameterProblem

SECTIONS: Final = ("controllers", "zones", "vnets", "subnets")

Objects = dict[str, dict[str, Any]]


class Store:
    """The configuration of the cluster.

    Args:
        path: The JSON file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = threading.RLock()
        self._state: dict[str, Any] = {
            "pending": {section: {} for section in SECTIONS},
            "running": {},
            "lock": None,
        }
        if path.exists():
            self._state = json.loads(path.read_text())

    def objects(self, section: str) -> Objects:
        """A copy of the objects of a section, as they would be committed."""
        with self._guard:
            return copy.deepcopy(self._state["pending"][section])

    def running(self) -> dict[str, Any]:
        """A copy of the committed configuration, `{}` where nothing was ever committed."""
        with self._guard:
            return copy.deepcopy(self._state["running"])

    def running_objects(self, section: str) -> Objects:
        """A copy of the committed objects of a section."""
        ids: Objects = self.running().get(section, {}).get("ids", {})
        return ids

    def digest(self, section: str) -> str:
        """Changes with every change of the section; for `digest` parameters."""
        text = json.dumps(self.objects(section), sort_keys=True)
        return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    @contextmanager
    def change(self, purpose: str, token: str | None) -> Iterator[dict[str, Objects]]:
        """Change the pending configuration; nothing is kept if the block raises.

        Args:
            purpose: Proxmox's words in front of an error, for example `create sdn zone object failed`.
            token: The lock token that the request carries.

        Yields:
            The sections, to be changed in place.

        Raises:
            ApiProblem: The configuration is locked by another token, or the block refused.
        """
        with self._guard:
            draft = copy.deepcopy(self._state["pending"])
            try:
                self._check_token(token)
                yield draft
            except ParameterProblem as problem:
                raise ApiProblem(f"{purpose}: {problem.in_one_text()}") from problem
            except ApiProblem as problem:
                if problem.status != 500:
                    raise
                raise ApiProblem(f"{purpose}: {problem.message}") from problem
            self._state["pending"] = draft
            self._save()

    def compiled(self, *, bump: bool = True) -> dict[str, Any]:
        """The document that a commit would write.

        Args:
            bump: Whether the version counts on, as a commit does and a dry run does not.
        """
        with self._guard:
            version = self._state["running"].get("version", 0)
            ids = {section: {"ids": self.objects(section)} for section in SECTIONS}
            return {"version": version + 1 if bump or version == 0 else version, **ids}

    def commit(self, token: str | None, *, release_lock: bool) -> tuple[dict[str, Any], dict[str, Any]]:
        """Make the pending configuration the committed one.

        Returns:
            The configuration before, and after.
        """
        with self._guard:
            self._locked("could not commit SDN config", token)
            before = self.running()
            self._state["running"] = self.compiled()
            if token and release_lock:
                self._state["lock"] = None
            self._save()
            return before, self.running()

    def rollback(self, token: str | None, *, release_lock: bool) -> None:
        """Drop the pending changes."""
        with self._guard:
            self._locked("could not rollback SDN configuration", token)
            self._state["pending"] = {section: self.running_objects(section) for section in SECTIONS}
            if token and release_lock:
                self._state["lock"] = None
            self._save()

    def lock(self, has_pending: Callable[[], bool], *, allow_pending: bool) -> str:
        """Take the lock and return its token."""
        with self._guard:
            self._locked("could not acquire lock for SDN config", None)
            if not allow_pending and has_pending():
                raise ApiProblem("could not acquire lock for SDN config: configuration has pending changes")
            self._state["lock"] = str(uuid.uuid4())
            self._save()
            return str(self._state["lock"])

    def unlock(self, token: str | None, *, force: bool) -> None:
        """Give the lock back."""
        with self._guard:
            if not force:
                self._locked("could not release lock", token)
            self._state["lock"] = None
            self._save()

    def _locked(self, purpose: str, token: str | None) -> None:
        try:
            self._check_token(token)
        except ApiProblem as problem:
            raise ApiProblem(f"{purpose}: {problem.message}") from problem

    def _check_token(self, token: str | None) -> None:
        if self._state["lock"] is not None and token != self._state["lock"]:
            raise ApiProblem("invalid lock token provided!")

    def _save(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_suffix(".tmp")
        temporary.write_text(json.dumps(self._state, indent=1, sort_keys=True) + "\n")
        temporary.replace(self._path)
