"""Building the engine, or another tool, from its Go module: needs Go and the Go module proxy, nothing else.

Debian 12's own Go (1.19) is older than what go.mod asks for and too old to fetch a newer toolchain by
itself (Go does so from 1.21 on); then the user is told in one line what to install.
"""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from trellis.engine.pin import Pin, version_numbers
from trellis.engine.problem import EngineMissingError

# Go fetches the toolchain that go.mod asks for by itself from this version on (go.dev/doc/toolchain).
_SWITCHES_SINCE = (1, 21)
_BESIDE_PATH = ("/usr/local/go/bin/go", "/usr/lib/go/bin/go", "/snap/bin/go")
_PROGRESS_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class GoToolchain:
    """A Go that can build a tool.

    Args:
        path: The go command.
        version: Its version, for example (1, 26, 8).
        fetches: Whether it fetches a newer toolchain for this build.
    """

    path: str
    version: tuple[int, ...]
    fetches: bool


def build(pin: Pin, target: Path, say: Callable[[str], None]) -> None:
    """Build a pinned tool and put it in place whole.

    Args:
        pin: What to build.
        target: Where the binary goes; its folder is made.
        say: Where progress goes, every few seconds.

    Raises:
        EngineMissingError: If Go is missing, too old, or the build fails.
    """
    go = find_go(pin)
    environment = {**os.environ, "CGO_ENABLED": "0"}
    if go.fetches:
        environment["GOTOOLCHAIN"] = "auto"
    tool = pin.tool
    say(f"{tool.name}: building {tool.title} {pin.version} with Go {_dotted(go.version)} ({tool.takes})")
    total = _count_packages(go, pin, environment, say)
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        _compile(go, pin, fresh, total, environment, say)
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)


def find_go(pin: Pin) -> GoToolchain:
    """Find a Go that is new enough for the pin, or can make itself so.

    Args:
        pin: What is to be built.

    Returns:
        The toolchain.

    Raises:
        EngineMissingError: If there is none.
    """
    path = shutil.which("go") or next((place for place in _BESIDE_PATH if Path(place).is_file()), None)
    wanted = _dotted(pin.go_version)
    remedy = f"install Go {wanted} or newer from https://go.dev/dl, or {pin.tool.instead}"
    if path is None:
        raise EngineMissingError(f"{pin.tool.called} can't be built", "Go is not installed", remedy)
    version = version_numbers(_go_env(path, "GOVERSION"))
    if version >= pin.go_version:
        return GoToolchain(path, version, fetches=False)
    if version < _SWITCHES_SINCE:
        raise EngineMissingError(
            f"{pin.tool.called} can't be built",
            f"{path} is Go {_dotted(version) or 'of an unknown version'}, go.mod needs {wanted}",
            remedy,
        )
    if os.environ.get("GOTOOLCHAIN", "auto").split("+")[0] == "local":
        raise EngineMissingError(
            f"{pin.tool.called} can't be built",
            f"{path} is Go {_dotted(version)}, go.mod needs {wanted}, and GOTOOLCHAIN=local forbids fetching it",
            f"unset GOTOOLCHAIN, or {remedy}",
        )
    return GoToolchain(path, version, fetches=True)


def _go_env(path: str, name: str) -> str:
    """One value of `go env`; empty if this go can't say."""
    done = subprocess.run([path, "env", name], capture_output=True, text=True, check=False, cwd="/")
    return done.stdout.strip()


def _count_packages(go: GoToolchain, pin: Pin, environment: Mapping[str, str], say: Callable[[str], None]) -> int:
    """Count what is to be compiled, which also downloads the modules that are missing."""
    packages, downloads, ticking = 0, 0, _Ticking()
    argv = [go.path, "list", "-deps", "-f", "{{.ImportPath}}", pin.tool.package]
    for line in _lines(argv, pin, environment):
        if line is not None:
            downloads += line.startswith("go: downloading")
            packages += not line.startswith("go: ")
        if ticking.due():
            say(f"{pin.tool.name}: downloading Go modules ({downloads} so far, {ticking.seconds:.0f} s)")
    return packages


def _compile(
    go: GoToolchain,
    pin: Pin,
    fresh: Path,
    total: int,
    environment: Mapping[str, str],
    say: Callable[[str], None],
) -> None:
    """Run the compiler, telling how many packages are done."""
    variable = pin.tool.version_variable
    flags = "-s -w" if variable is None else f"-s -w -X {variable}={pin.version}"
    argv = [go.path, "build", "-v", "-trimpath", "-buildvcs=false", "-ldflags", flags]
    compiled, ticking = 0, _Ticking()
    for line in _lines([*argv, "-o", str(fresh), pin.tool.package], pin, environment):
        compiled += line is not None and not line.startswith("go: ")
        if ticking.due():
            say(f"{pin.tool.name}: compiled {compiled} packages (at most {total} to do, {ticking.seconds:.0f} s)")


class _Ticking:
    """Says when it is time for the next line of progress."""

    def __init__(self) -> None:
        self._started = self._last = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def due(self) -> bool:
        if time.monotonic() - self._last < _PROGRESS_EVERY_S:
            return False
        self._last = time.monotonic()
        return True


def _lines(argv: list[str], pin: Pin, environment: Mapping[str, str]) -> Iterator[str | None]:
    """The output of a go command line by line, and None when it is silent for a while.

    A failure ends in an error that shows its last lines.
    """
    tail: list[str] = []
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    with subprocess.Popen(
        argv,
        cwd=pin.module_dir,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        threading.Thread(target=_read, args=(process, lines), daemon=True).start()
        try:
            while True:
                try:
                    line = lines.get(timeout=_PROGRESS_EVERY_S)
                except queue.Empty:
                    yield None
                    continue
                if line is None:
                    break
                tail = [*tail[-4:], line]
                yield line
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        raise EngineMissingError(
            f"building {pin.tool.called} {pin.version} failed",
            f"`go {argv[1]}` in {pin.module_dir} said: {' / '.join(tail) or 'nothing'}",
            "check that the Go module proxy can be reached (`go env GOPROXY`) and the disk has 3 GB free",
        )


def _read(process: subprocess.Popen[str], lines: queue.SimpleQueue[str | None]) -> None:
    """Pass on what a process prints, then None."""
    for line in process.stdout or ():
        lines.put(line.rstrip())
    lines.put(None)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(number) for number in version)
