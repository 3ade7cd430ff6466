"""Errors as data: each file here says how to spoil a site and which message a person must get.

A file holds either ``base`` with ``set`` (path: value) and ``remove`` (paths), or ``text``, the text of a whole stack
file; then ``expect``, the exact message, always last.  ``pytest tests/errors --update-golden`` writes ``expect`` anew;
review it as you would any text that is written for people.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from trellis.site import load_site, site_of_stack

FOLDER = Path(__file__).parent
CASES = sorted(FOLDER.glob("*.yaml"))


@dataclass(frozen=True, slots=True)
class Case:
    """One way to spoil a site.

    Attributes:
        path: Its file.
        expect: The whole message.
    """

    path: Path
    document: dict[str, Any]
    expect: str

    def load(self) -> None:
        """Load the spoiled site, as the program does; it is expected to be refused."""
        if "text" in self.document:
            site_of_stack(self.document["text"])
        else:
            load_site(spoiled(self.document))


def read(path: Path) -> Case:
    """Return the case in a file.

    Args:
        path: One of ``CASES``.
    """
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    known = {"text", "expect"} if "text" in document else {"base", "set", "remove", "expect"}
    assert document.keys() <= known, f"{path.name}: unknown keys {document.keys() - known}"
    return Case(path, document, (document.get("expect") or "").rstrip("\n"))


def write_expectation(path: Path, message: str) -> None:
    """Write ``expect`` of a case anew, and leave the rest of its file as it is."""
    kept = path.read_text(encoding="utf-8").split("\nexpect:")[0].rstrip("\n")
    block = "\n".join(f"  {line}" for line in message.splitlines())
    path.write_text(f"{kept}\nexpect: |\n{block}\n", encoding="utf-8")


def base(name: str) -> dict[str, Any]:
    """Return a site that is accepted, fresh, so that it may be spoiled."""
    return copy.deepcopy(_read_base(name))


@cache
def _read_base(name: str) -> dict[str, Any]:
    site: dict[str, Any] = yaml.safe_load((FOLDER / "bases" / f"{name}.yaml").read_text(encoding="utf-8"))
    return site


def spoiled(document: dict[str, Any]) -> dict[str, Any]:
    """Return the base of a case with its changes made.

    Args:
        document: With ``base``, ``set`` (dots between the keys of a path) and ``remove``.
    """
    site = base(document["base"])
    for path, value in (document.get("set") or {}).items():
        parent, key = _place(site, path)
        parent[key] = value
    for path in document.get("remove") or ():
        parent, key = _place(site, path)
        del parent[key]
    return site


def _place(site: Any, path: str) -> tuple[Any, str]:
    *above, last = path.split(".")
    for key in above:
        site = site.setdefault(key, {}) if isinstance(site, dict) else site[int(key)]
    return site, last
