"""Runs ``trellis`` as a user does, each time in a process that is new, without importing it anew each time.

One process per run of the tests imports the command line; each command is a fork of it, with its own working folder,
standard output and exit status.  That the command line also comes up from nothing is a test of
``tests/cli/test_commands.py``.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

REPOSITORY = Path(__file__).parents[2]
LONGEST_S = 180
"""Seconds until a command that does not end is ended."""


def trellis(*arguments: str, cwd: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    """Run ``trellis`` with arguments in a folder, to its end."""
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    with TemporaryDirectory(prefix="trellis-cli-") as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        request = {"arguments": arguments, "cwd": str(cwd), "out": str(out), "err": str(err), "env": dict(os.environ)}
        server.stdin.write(json.dumps(request) + "\n")
        server.stdin.flush()
        status = int(server.stdout.readline())
        return subprocess.CompletedProcess(["trellis", *arguments], status, out.read_text(), err.read_text())


@cache
def _server() -> subprocess.Popen[str]:
    """Return the process that forks; it ends with its standard input, and so with the tests."""
    argv = [sys.executable, "-m", "tests.cli.command_line"]
    return subprocess.Popen(argv, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _serve() -> None:
    """Answer each request with the exit status of its command."""
    from trellis.cli import main  # noqa: PLC0415 (the tests' own process has no use for it)

    gc.freeze()
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(request)
            main()
            sys.exit(0)  # past the loop, as any process ends
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _become(request: dict[str, Any]) -> None:
    """Make this process the command that was asked for."""
    for number, (path, flags) in enumerate(
        (
            (os.devnull, os.O_RDONLY),
            (request["out"], os.O_WRONLY | os.O_CREAT),
            (request["err"], os.O_WRONLY | os.O_CREAT),
        )
    ):
        opened = os.open(path, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = ["trellis", *request["arguments"]]
    signal.alarm(LONGEST_S)


if __name__ == "__main__":
    _serve()
