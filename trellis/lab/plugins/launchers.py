"""The executables that the engine starts as plugins, and the decision which plugins need one.

The engine takes any `pulumi-resource-NAME` on its PATH. A launcher is a two-line script in the cache; its
folder is put on the PATH of the engine only, and holds a launcher only for plugins that are not here.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from trellis.engine import Engine, RealPlugins, real_plugins
from trellis.engine.official import answers
from trellis.engine.pin import cache_dir

_MODULES: Mapping[str, str] = {
    "command": "trellis.lab.plugins.command",
    "proxmoxve": "trellis.lab.plugins.proxmoxve",
    "talos": "trellis.lab.plugins.talos",
}
# Where the engine downloads each plugin from (pulumi-plugin.json of the SDK), asked before it tries.
_SOURCES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "command": ("https://get.pulumi.com/install.sh", ()),
    "proxmoxve": (
        "https://api.github.com/",
        ("--server", "github://api.github.com/muhlba91/pulumi-proxmoxve"),
    ),
    "talos": ("https://api.github.com/", ("--server", "github://api.github.com/pulumiverse")),
}
_DOWNLOAD_S = 180.0
_ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class Plugins:
    """The provider plugins of a run.

    Args:
        real: The plugins that are real, by name.
        stand_ins: The names of those that a stand-in serves.
        folder: The folder of the launchers, to be put on the engine's PATH; None if all are real.
        home: The Pulumi home that holds the real ones.
    """

    real: Mapping[str, Path]
    stand_ins: tuple[str, ...]
    folder: Path | None
    home: Path


def plugins(
    engine: Engine,
    say: Callable[[str], None],
    *,
    names: Sequence[str] = tuple(_MODULES),
    found: RealPlugins | None = None,
    online: bool | None = None,
) -> Plugins:
    """Decide which plugins are real: those that are here, or can be downloaded at once; write launchers for the rest.

    Args:
        engine: The engine, which does the download.
        say: Where progress goes.
        names: The plugins that the program uses.
        found: What is on the machine; by default it is looked for.
        online: Whether to try a download; None asks the download site (a few seconds).

    Returns:
        The plugins.
    """
    found = found or real_plugins(names)
    got = [_download(name, version, engine, say, online) for name, version in found.missing.items()]
    if any(got):
        found = real_plugins(names)
    stand_ins = tuple(sorted(found.missing))
    for name in stand_ins:
        say(f"plugin {name} {found.missing[name]}: not on this machine, the lab's stand-in serves it")
    folder = write_launchers(stand_ins) if stand_ins else None
    return Plugins(found.present, stand_ins, folder, found.home)


def write_launchers(names: Sequence[str], cache: Path | None = None) -> Path:
    """Write the launchers of some plugins into a folder of their own.

    Args:
        names: The plugins, of those that have a stand-in.
        cache: Where the folder goes; by default beside the engines in the cache.

    Returns:
        The folder; the same names from the same Python always give the same one.
    """
    scripts = {f"pulumi-resource-{name}": _script(_MODULES[name]) for name in sorted(names)}
    digest = hashlib.sha256(repr(sorted(scripts.items())).encode()).hexdigest()[:12]
    folder = (cache or cache_dir().parent / "plugins") / digest
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in scripts.items():
        if (folder / name).is_file() and (folder / name).read_text(encoding="utf-8") == text:
            continue
        fresh = folder / f".{name}.{os.getpid()}"
        fresh.write_text(text, encoding="utf-8")
        fresh.chmod(0o755)
        fresh.replace(folder / name)
    return folder


@cache
def _reachable(source: str) -> bool:
    """Whether a download site answers, asked once: behind a firewall that drops packets it costs seconds."""
    return answers(source)


def _script(module: str) -> str:
    """A launcher; -P keeps the program's folder, where the engine starts it, out of the import path."""
    return f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(_ROOT))} exec {shlex.quote(sys.executable)} -P -m {module} "$@"\n'


def _download(name: str, version: str, engine: Engine, say: Callable[[str], None], online: bool | None) -> bool:
    """Let the engine install the real plugin where its source answers; True if it did."""
    source, flags = _SOURCES[name]
    if online is False or (online is None and not _reachable(source)):
        return False
    say(f"plugin {name} {version}: downloading it")
    argv = [str(engine.path), "plugin", "install", "resource", name, version, *flags]
    try:
        done = subprocess.run(argv, timeout=_DOWNLOAD_S, capture_output=True, text=True, check=False)
    except subprocess.TimeoutExpired:
        say(f"plugin {name}: the download did not finish within {_DOWNLOAD_S:.0f} s")
        return False
    if done.returncode != 0:
        reason = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        say(f"plugin {name}: could not be installed: {reason[-1]}")
    return done.returncode == 0
