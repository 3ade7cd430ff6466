"""The files of a folder, each of which is one fault: `NN_name.py` with a `FAULT` of that number, and its `MUTANT`."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

from trellis.lab.errors import LabError
from trellis.lab.faults.fault import Fault
from trellis.lab.faults.mutant import Mutant

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


def read_mutants(folder: Path) -> dict[int, tuple[Fault, Mutant]]:
    """The defects of a folder by the number of the fault that each is beside, with the variant that shows it.

    Raises:
        LabError: A file holds none, or names a variant that the fault has not.
    """
    found: dict[int, tuple[Fault, Mutant]] = {}
    for path in sorted(folder.glob("[0-9][0-9]_*.py")):
        module = _module(path)
        mutant = getattr(module, "MUTANT", None)
        shown = [fault for fault in _faults(module) if mutant is not None and fault.variant == mutant.variant]
        if not isinstance(mutant, Mutant) or len(shown) != 1:
            raise LabError(str(path), why="it holds no MUTANT of one of its variants", remedy="see the files beside it")
        found[shown[0].number] = (shown[0], mutant)
    return found


def _loaded(path: Path) -> tuple[Fault, ...]:
    return _faults(_module(path))


def _faults(module: ModuleType) -> tuple[Fault, ...]:
    several = getattr(module, "FAULTS", None)
    return tuple(several) if several is not None else (getattr(module, "FAULT", None),)  # type: ignore[return-value]


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"fault_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
