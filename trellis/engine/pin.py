"""Which tools this project pins as Go modules, read from `tools/<tool>/go.mod`, and where they are kept.

go.mod is the only place that names a version: the build, the cache folder and the official CLI that is installed in
the engine's stead all follow from it.  Tools beside the engine (`trellis.verify`) are described where they are used.
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

_TOOLS = Path(__file__).resolve().parents[2] / "tools"


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that is built from a Go module of this repository.

    Args:
        name: Its folder in tools/ and in the cache, and what begins its lines of progress.
        title: What stands before its version, for example "Pulumi".
        called: What it is called in a sentence, for example "the Pulumi engine".
        module: The module whose version go.mod pins, and the tool has.
        package: The package that is built.
        instead: What a user may install in its stead, for example "the Pulumi CLI on PATH".
        takes: How long a first build takes.
        version_variable: The variable that the linker sets to the version, if it needs to be told.
    """

    name: str
    title: str
    called: str
    module: str
    package: str
    instead: str
    takes: str
    version_variable: str | None = None


ENGINE = Tool(
    name="engine",
    title="Pulumi",
    called="the Pulumi engine",
    module=MODULE,
    package=COMMAND_PACKAGE,
    instead="the Pulumi CLI on PATH",
    takes="3 to 6 minutes on two cores the first time",
    version_variable=VERSION_VARIABLE,
)


@dataclass(frozen=True, slots=True)
class Pin:
    """A pinned tool.

    Args:
        version: Its version with its leading v, for example "v3.258.0".
        go_version: The oldest Go toolchain that the modules accept, for example (1, 25, 11).
        module_dir: The folder of go.mod.
        tool: Which tool it is.
    """

    version: str
    go_version: tuple[int, ...]
    module_dir: Path
    tool: Tool = ENGINE


def read_pin(module_dir: Path | None = None, tool: Tool = ENGINE) -> Pin:
    """Read what is pinned from a go.mod.

    Args:
        module_dir: The folder that holds go.mod; by default the tool's in the repository's tools/.
        tool: Which tool; by default the engine.

    Returns:
        The pin.

    Raises:
        EngineMissingError: If go.mod is not there or does not name the tool.
    """
    module_dir = module_dir or _TOOLS / tool.name
    go_mod = module_dir / "go.mod"
    try:
        text = go_mod.read_text(encoding="utf-8")
    except OSError as error:
        raise EngineMissingError(
            f"{tool.called} can't be built",
            f"{go_mod}: {error.strerror}",
            f"run from a clone of the repository, or install {tool.instead}",
        ) from None
    pinned = re.search(rf"^\s*(?:require\s+)?{re.escape(tool.module)}\s+(v\d+\.\d+\.\d+)\b", text, re.MULTILINE)
    go = re.search(r"^go\s+(\d+(?:\.\d+)*)", text, re.MULTILINE)
    if pinned is None or go is None:
        raise EngineMissingError(
            f"{tool.called} can't be built",
            f"{go_mod} names no version of {tool.module}, or no Go version",
            "restore the file from the repository",
        )
    return Pin(pinned.group(1), version_numbers(go.group(1)), module_dir, tool)


def version_numbers(text: str) -> tuple[int, ...]:
    """The numbers of a version for comparison; anything after them (-rc1, +local) is left out.

    Args:
        text: A version with or without "v" or "go" before it, for example "go1.24.4" or "v3.258.0".

    Returns:
        The numbers, for example (1, 24, 4); empty if there are none.
    """
    match = re.match(r"(?:v|go)?(\d+(?:\.\d+)*)", text.strip())
    return tuple(int(number) for number in match.group(1).split(".")) if match else ()


def cache_dir(name: str = ENGINE.name) -> Path:
    """The folder for a tool's builds, outside of the tree: $XDG_CACHE_HOME/trellis/engine.

    Args:
        name: The tool's name; by default the engine's.
    """
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "trellis" / name
