"""Which real provider plugins are on this machine, where the engine itself would look for them.

Real plugins always win: the lab brings a stand-in only for a name that is not found here.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from trellis.engine.pin import version_numbers

# The provider plugins of the program, by the Python package whose version the engine asks for.
PROVIDERS: Mapping[str, str] = {
    "command": "pulumi-command",
    "proxmoxve": "pulumi-proxmoxve",
    "talos": "pulumiverse-talos",
}


@dataclass(frozen=True, slots=True)
class RealPlugins:
    """Which provider plugins are real here.

    Args:
        present: Where each one that was found is.
        missing: Those that were not, with the version that the installed SDK asks for.
        home: The Pulumi home whose plugins were looked at.
    """

    present: Mapping[str, Path]
    missing: Mapping[str, str]
    home: Path


def real_plugins(
    names: Sequence[str] = tuple(PROVIDERS), *, search_path: str | None = None, home: Path | None = None
) -> RealPlugins:
    """Look for real plugins on PATH and in the engine's plugin folder.

    Args:
        names: The plugins to look for.
        search_path: The PATH to look on; by default the environment's.
        home: The Pulumi home; by default $PULUMI_HOME, else ~/.pulumi.

    Returns:
        What was found and what was not.
    """
    home = home or Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    present: dict[str, Path] = {}
    missing: dict[str, str] = {}
    for name in names:
        wanted = sdk_version(name)
        found = _on_path(name, search_path) or _in_home(name, wanted, home)
        if found is None:
            missing[name] = wanted
        else:
            present[name] = found
    return RealPlugins(present, missing, home)


def sdk_version(name: str) -> str:
    """The version of a plugin that the installed Python SDK asks the engine for.

    Args:
        name: The plugin's name, for example "command".

    Returns:
        The version without a leading v; "0.0.0" if the SDK is not installed.
    """
    try:
        return metadata.version(PROVIDERS.get(name, f"pulumi-{name}"))
    except metadata.PackageNotFoundError:
        return "0.0.0"


def _on_path(name: str, search_path: str | None) -> Path | None:
    found = shutil.which(f"pulumi-resource-{name}", path=search_path)
    return Path(found) if found else None


def _in_home(name: str, wanted: str, home: Path) -> Path | None:
    """The plugin in ~/.pulumi/plugins that the engine would take: the version asked for, or a newer one."""
    pattern = re.compile(rf"resource-{re.escape(name)}-v(\d+\.\d+\.\d+)")
    best: tuple[tuple[int, ...], Path] | None = None
    for folder in sorted((home / "plugins").glob(f"resource-{name}-v*")):
        match = pattern.fullmatch(folder.name)
        executable = folder / f"pulumi-resource-{name}"
        if match is None or not executable.is_file():
            continue
        version = version_numbers(match.group(1))
        # The engine takes a newer plugin of the same major version.
        if version >= version_numbers(wanted) and version[0] == version_numbers(wanted)[0]:
            best = max(best, (version, executable)) if best else (version, executable)
    return best[1] if best else None
