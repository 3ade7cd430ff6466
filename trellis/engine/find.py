"""Finding the engine: PATH, then the cache, then the official CLI, then a build of our own.

What was taken, and why what stood before it was passed over, is said as it happens.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trellis.engine import build, official
from trellis.engine.pin import OLDEST_ENGINE, Pin, cache_dir, read_pin, version_numbers
from trellis.engine.problem import EngineMissingError

Source = Literal["path", "official", "built"]

_VERSION_S = 30.0
_TAKEN: dict[Source, str] = {
    "path": "from PATH",
    "official": "the official CLI, installed by the Automation API",
    "built": "built from tools/engine/go.mod",
}


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that runs here.

    Args:
        path: The `pulumi` executable.
        version: What it calls itself, with the leading v.
        source: Where it came from.
        seconds: How long it took to have it.
    """

    path: Path
    version: str
    source: Source
    seconds: float

    def describe(self) -> str:
        """One line for a person: version, origin and place."""
        return f"Pulumi {self.version}, {_TAKEN[self.source]}: {self.path}"


def find(
    say: Callable[[str], None],
    *,
    pin: Pin | None = None,
    cache: Path | None = None,
    online: bool | None = None,
) -> Engine:
    """Find the engine, or install or build it into the cache.

    Args:
        say: Where progress goes, one line at a time.
        pin: What to install or build; by default what tools/engine/go.mod says.
        cache: The folder for engines; by default $XDG_CACHE_HOME/trellis/engine.
        online: Whether the official CLI may be downloaded; None asks the download site (a few seconds).

    Returns:
        The engine.

    Raises:
        EngineMissingError: If there is none and none could be had; says what to install.
    """
    started = time.monotonic()
    on_path = _on_path(say)
    if on_path is not None:
        return _taken(*on_path, "path", started, say)
    pin = pin or read_pin()
    cache = cache or cache_dir()
    built = cache / pin.version / "pulumi"
    official_root = cache / f"{pin.version}-official"
    with only_one(cache, pin, say):
        places: tuple[tuple[Path, Source], ...] = (
            (official_root / "bin" / "pulumi", "official"),
            (built, "built"),
        )
        for path, source in places:
            version = version_of(path)
            if version is not None:
                return _taken(path, version, source, started, say)
        path, source = _obtain(pin, official_root, built, online, say)
    version = version_of(path)
    if version is None:
        raise EngineMissingError(
            "the Pulumi engine does not run", f"{path} version failed", f"remove {path.parent} and run again"
        )
    return _taken(path, version, source, started, say)


def version_of(path: Path) -> str | None:
    """What an engine calls itself; None if it is not there or does not run.

    Args:
        path: The executable.

    Returns:
        The version with its leading v.
    """
    if not path.is_file():
        return None
    with tempfile.TemporaryDirectory() as home:  # it writes logs into its home even for this
        environment = {"PULUMI_SKIP_UPDATE_CHECK": "true", "HOME": home, "PULUMI_HOME": home}
        try:
            done = subprocess.run(
                [str(path), "version"],
                capture_output=True,
                text=True,
                timeout=_VERSION_S,
                check=False,
                env={**environment, "PATH": os.defpath},
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
    answer = done.stdout.strip()
    return answer if done.returncode == 0 and version_numbers(answer) else None


def _on_path(say: Callable[[str], None]) -> tuple[Path, str] | None:
    """The `pulumi` on PATH, if it is new enough."""
    found = shutil.which("pulumi")
    if found is None:
        return None
    version = version_of(Path(found))
    if version is None:
        say(f"engine: {found} does not run, passed over")
        return None
    if version_numbers(version) < OLDEST_ENGINE:
        oldest = ".".join(str(number) for number in OLDEST_ENGINE)
        say(f"engine: {found} is {version}, older than v{oldest} (the oldest this was run on), passed over")
        return None
    return Path(found), version


def _obtain(
    pin: Pin, official_root: Path, built: Path, online: bool | None, say: Callable[[str], None]
) -> tuple[Path, Source]:
    """Install the official CLI, or build."""
    if online is None:
        online = official.answers()
        if not online:
            say("engine: no pulumi on PATH, and get.pulumi.com does not answer; building it")
    if online and official.install(pin.version, official_root, say):
        return official_root / "bin" / "pulumi", "official"
    build.build(pin, built, say)
    return built, "built"


@contextmanager
def only_one(cache: Path, pin: Pin, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock of one version's folder, so that two runs don't build at once.

    Args:
        cache: The folder for a tool's builds.
        pin: What is to be built.
        say: Where progress goes.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f".{pin.version}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{pin.tool.name}: another run is building {pin.tool.called}, waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _taken(path: Path, version: str, source: Source, started: float, say: Callable[[str], None]) -> Engine:
    """The engine, said and returned."""
    engine = Engine(path, version, source, round(time.monotonic() - started, 3))
    say(f"engine: {engine.describe()}")
    return engine
