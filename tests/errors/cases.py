"""Errors as data: each file here says how to spoil a site and which message a person must get.

A file holds either ``base`` with ``set`` (path: value) and ``remove`` (paths), or ``text``, the text of a whole stack
file; ``prefixes``, what the prefix file beside it says, as an object or as text; then ``expect``, the exact message,
always last.  What no site can bring about, a defect of a template can: a file may add ``templates``, for each template
of ``templates/`` the pieces of it that are replaced.  A name that begins with a number is that case of the list of bad
inputs, 01-90.

``pytest tests/errors --update-golden`` writes ``expect`` anew; review it as you would any text that is written for
people.  ``python -m tests.errors 49`` runs `trellis plan` on the stack file of each case of that number.
"""

from __future__ import annotations

import copy
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from trellis.plan import plan
from trellis.render import render, stanzas
from trellis.site import site_of_stack

# In C where there is one: a case is read, written and read again.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

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

    def stack_file(self) -> str:
        """Return the text of a ``Pulumi.<stack>.yaml`` that holds the spoiled site."""
        if "text" in self.document:
            return str(self.document["text"])
        stack = {"config": {"trellis:site": spoiled(self.document)}}
        text: str = yaml.dump(stack, Dumper=_Dumper, sort_keys=False, width=1000)
        return text

    def prefix_file(self) -> str | None:
        """Return the text of the prefix file beside it; None where there is none."""
        said = self.document.get("prefixes")
        if said is None or isinstance(said, str):
            return said
        text: str = yaml.dump(said, Dumper=_Dumper, sort_keys=False, width=1000)
        return text

    def load(self) -> None:
        """Load, plan and render the spoiled site, as the program does; it is expected to be refused."""
        with self.templates():
            render(plan(site_of_stack(self.stack_file(), self.prefix_file())))

    @contextmanager
    def templates(self) -> Iterator[None]:
        """Have everything rendered from templates that are spoiled as the case says."""
        changes = self.document.get("templates") or {}
        if not changes:
            yield
            return
        whole = stanzas._TEMPLATES
        with tempfile.TemporaryDirectory() as folder:
            stanzas._TEMPLATES = Path(shutil.copytree(whole, folder, dirs_exist_ok=True))
            for name, pieces in changes.items():
                _replace(Path(folder) / name, pieces)
            stanzas._environment.cache_clear()
            try:
                yield
            finally:
                stanzas._TEMPLATES = whole
                stanzas._environment.cache_clear()


def _replace(template: Path, pieces: dict[str, str]) -> None:
    text = template.read_text(encoding="utf-8")
    for old, new in pieces.items():
        assert old in text, f"{template.name} does not hold {old!r}"
        text = text.replace(old, new, 1)
    template.write_text(text, encoding="utf-8")


@cache
def read(path: Path) -> Case:
    """Return the case in a file.

    Args:
        path: One of ``CASES``.
    """
    document = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    known = {"text"} if "text" in document else {"base", "set", "remove", "templates"}
    known |= {"prefixes", "expect"}
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
    site: dict[str, Any] = yaml.load((FOLDER / "bases" / f"{name}.yaml").read_text(encoding="utf-8"), Loader=_Loader)
    return site


def spoiled(document: dict[str, Any]) -> dict[str, Any]:
    """Return the base of a case with its changes made.

    Args:
        document: With ``base``, ``set`` (dots between the keys of a path) and ``remove``.
    """
    return changed(base(document["base"]), document)


def changed(site: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Change a site in place, and return it.

    Args:
        site: The site.
        changes: With ``set`` (dots between the keys of a path) and ``remove``.
    """
    for path, value in (changes.get("set") or {}).items():
        parent, key = _place(site, path)
        parent[key] = copy.deepcopy(value)  # a later change may go into it
    for path in changes.get("remove") or ():
        parent, key = _place(site, path)
        del parent[key]
    return site


def _place(site: Any, path: str) -> tuple[Any, str]:
    *above, last = path.split(".")
    for key in above:
        site = site.setdefault(key, {}) if isinstance(site, dict) else site[int(key)]
    return site, last
