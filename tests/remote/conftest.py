"""Hosts to reach: a real sshd on loopback, behind which a stand-in plays the agent and `sudo`."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ends.sshd import Sshd, start_sshd, stop
from trellis.remote import Keys, Login


def login_at(sshd: Sshd, host: str = "pve01", host_key: str | None = None, keys: Keys | None = None) -> Login:
    """A login at a test's own sshd."""
    pinned, own = " ".join((host_key or sshd.host_key).split()[:2]), keys or Keys(sshd.private_key, "the test's key")
    return Login(host, "127.0.0.1", sshd.port, getpass.getuser(), pinned, own)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Sshd]:
    """An sshd whose sessions find a `sudo` of the test's in `bin` beside its keys."""
    folder = tmp_path / "served"
    server = start_sshd(
        folder, f"SetEnv PATH={folder}/bin:/usr/bin:/bin\nListenAddress 127.0.0.2\nListenAddress 127.0.0.3"
    )
    (folder / "bin").mkdir()
    yield server
    stop(server.process)


def play_agent(sshd: Sshd, script: str) -> None:
    """Have `sudo -n AGENT ...` on that host run a shell script; `$COMMAND` and `$FOLDER` tell it what and where."""
    words = (
        "confirm|status|check|history|committed|rollback|restore|repair|freeze|thaw|adopt|release|transit|drain|undrain"
    )
    find = f'for word in "$@"; do case "$word" in {words}) COMMAND="$word" ;; esac; LAST="$word"; done'
    text = f'#!/bin/bash\nFOLDER="{sshd.folder}"\nshift; echo "$@" >> "$FOLDER/asked"\n{find}\n{script}\n'
    program = sshd.folder / "bin" / "sudo"
    program.write_text(text)
    program.chmod(0o755)
