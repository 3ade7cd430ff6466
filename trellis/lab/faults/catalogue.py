"""The files of a folder, each of which is one fault: `NN_name.py` with a `FAULT` of that number."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from trellis.lab.errors import LabError
from trellis.lab.faults.fault import Fault

_FILE = re.compile(r"([0-9]{2})_([a-z0-9_]+)\.py")


def read(folder: Path) -> dict[str, tuple[Fault, ...]]:
    """The faults of a folder by the names of their files, in the order of their numbers; a number may have variants.

    Raises:
        LabError: A file holds no fault of its number.
    """
    found: dict[str, tuple[Fault, ...]] = {}
    for path in sorted(folder.glob("[0-9][0-9]_*.py")):
        named, faults = _FILE.fullmatch(path.name), _loaded(path)
        sound = all(isinstance(fault, Fault) and named and fault.number == int(named[1]) for fault in faults)
        if not faults or not sound:
            raise LabError(str(path), why="it holds no FAULT of its number", remedy="see the files beside it")
        found[path.stem] = faults
    return found


def _loaded(path: Path) -> tuple[Fault, ...]:
    spec = importlib.util.spec_from_file_location(f"fault_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    several = getattr(module, "FAULTS", None)
    return tuple(several) if several is not None else (getattr(module, "FAULT", None),)  # type: ignore[return-value]
