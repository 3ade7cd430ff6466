"""The files of a folder, each of which is one attack: `NN_name.py` with an `ATTACK` of that number, or `ATTACKS`."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from trellis.lab.attacks.attack import Attack
from trellis.lab.errors import LabError

_FILE = re.compile(r"([0-9]{2})_([a-z0-9_]+)\.py")


def read(folder: Path) -> dict[str, tuple[Attack, ...]]:
    """The attacks of a folder by the names of their files, in the order of their numbers; a number may have variants.

    Raises:
        LabError: A file holds no attack of its number.
    """
    found: dict[str, tuple[Attack, ...]] = {}
    for path in sorted(folder.glob("[0-9][0-9]_*.py")):
        named, attacks = _FILE.fullmatch(path.name), _loaded(path)
        if not attacks or not all(isinstance(one, Attack) and named and one.number == int(named[1]) for one in attacks):
            raise LabError(str(path), why="it holds no ATTACK of its number", remedy="see the files beside it")
        found[path.stem] = attacks
    return found


def _loaded(path: Path) -> tuple[Attack, ...]:
    spec = importlib.util.spec_from_file_location(f"attack_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    several = getattr(module, "ATTACKS", None)
    return tuple(several) if several is not None else (getattr(module, "ATTACK", None),)  # type: ignore[return-value]
