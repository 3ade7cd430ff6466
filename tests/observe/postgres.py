"""A PostgreSQL server for the tests: started as user `postgres`, on a socket in a folder of its own, gone with them.

It is installed by `tools/setup.sh`; its package's own service is neither started nor touched.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

_USER = "postgres"
_CONFIG = (
    "listen_addresses = ''\nfsync = off\nsynchronous_commit = off\nfull_page_writes = off\n"
    "shared_buffers = '32MB'\nmax_connections = 40\n"
)


@dataclass
class Server:
    """A running server."""

    socket: Path
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def new_database(self) -> str:
        """The URL of what is like a new, empty database: a schema of its own, which is made in 10 ms, not in 500."""
        name = f"guests{next(self.numbers)}"
        url = f"postgresql+psycopg://{_USER}@/postgres?host={self.socket}"
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {name}"))
        engine.dispose()
        return f"{url}&options=-csearch_path%3D{name}"


def binaries() -> Path | None:
    """Where Debian has the newest server's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


@contextlib.contextmanager
def served(_: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a server; it ends with the block."""
    programs = binaries()
    if programs is None:
        pytest.fail("PostgreSQL is not installed: `make setup` installs it")
    if os.geteuid() != 0:
        pytest.skip("starting PostgreSQL as its own user needs root")
    # A path of a socket has at most 107 characters, and pytest's folders are closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="trellis-pg-", dir="/tmp"))
    owner = pwd.getpwnam(_USER)
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    data = folder / "data"
    try:
        _as_postgres(
            [str(programs / "initdb"), "-D", str(data), "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C"]
        )
        with (data / "postgresql.conf").open("a") as config:
            config.write(f"{_CONFIG}unix_socket_directories = '{folder}'\n")
        control = [str(programs / "pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log")]
        _as_postgres([*control, "start"])
        try:
            yield Server(folder)
        finally:
            _as_postgres([*control, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as_postgres(argv: list[str]) -> None:
    ran = subprocess.run(
        ["runuser", "-u", _USER, "--", *argv], cwd="/", capture_output=True, text=True, check=False, timeout=120
    )
    assert ran.returncode == 0, f"{argv[0]}: {ran.stdout}{ran.stderr}"
