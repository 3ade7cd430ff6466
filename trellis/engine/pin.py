"""Which engine this project pins, read from `tools/engine/go.mod`, and where it is kept.

go.mod is the only place that names the version: the build, the cache folder and the official CLI that
is installed in its stead all follow from it.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from trellis.engine.problem import EngineMissingError

MODULE = "github.com/pulumi/pulumi/pkg/v3"
COMMAND_PACKAGE = f"{MODULE}/cmd/pulumi"
# Without this the binary calls itself v3.0.0-dev, and the Automation API refuses it.
VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"
# The oldest engine that the whole program was run on.
OLDEST_ENGINE = (3, 253, 0)

_TOOLS = Path(__file__).resolve().parents[2] / "tools" / "engine"


@dataclass(frozen=True, slots=True)
class Pin:
    """The pinned engine.

    Args:
        version: The engine's version with its leading v, for example "v3.258.0".
        go_version: The oldest Go toolchain that the modules accept, for example (1, 25, 11).
        module_dir: The folder of go.mod.
    """

    version: str
    go_version: tuple[int, ...]
    module_dir: Path


def read_pin(module_dir: Path = _TOOLS) -> Pin:
    """Read the pinned engine from a go.mod.

    Args:
        module_dir: The folder that holds go.mod; by default the repository's tools/engine.

    Returns:
        The pin.

    Raises:
        EngineMissingError: If go.mod is not there or names no engine.
    """
    go_mod = module_dir / "go.mod"
    try:
        text = go_mod.read_text(encoding="utf-8")
    except OSError as error:
        raise EngineMissingError(
            "the Pulumi engine can't be built",
            f"{go_mod}: {error.strerror}",
            "run from a clone of the repository, or install the Pulumi CLI on PATH",
        ) from None
    engine = re.search(rf"^\s*(?:require\s+)?{re.escape(MODULE)}\s+(v\d+\.\d+\.\d+)\b", text, re.MULTILINE)
    go = re.search(r"^go\s+(\d+(?:\.\d+)*)", text, re.MULTILINE)
    if engine is None or go is None:
        raise EngineMissingError(
            "the Pulumi engine can't be built",
            f"{go_mod} names no version of {MODULE}, or no Go version",
            "restore the file from the repository",
        )
    return Pin(engine.group(1), version_numbers(go.group(1)), module_dir)


def version_numbers(text: str) -> tuple[int, ...]:
    """The numbers of a version for comparison; anything after them (-rc1, +local) is left out.

    Args:
        text: A version with or without "v" or "go" before it, for example "go1.24.4" or "v3.258.0".

    Returns:
        The numbers, for example (1, 24, 4); empty if there are none.
    """
    match = re.match(r"(?:v|go)?(\d+(?:\.\d+)*)", text.strip())
    return tuple(int(number) for number in match.group(1).split(".")) if match else ()


def cache_dir() -> Path:
    """The folder for engines, outside of the tree: $XDG_CACHE_HOME/trellis/engine."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "trellis" / "engine"
