"""The simulated ends as fixtures, one of each per test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ends.fake_proxmox import FakeProxmox, serve
from tests.ends.sshd import Sshd, start_sshd, stop


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    server = start_sshd(tmp_path / "sshd")
    yield server
    stop(server.process)


@pytest.fixture
def proxmox(tmp_path: Path) -> Iterator[FakeProxmox]:
    fake, server = serve(tmp_path / "proxmox")
    yield fake
    server.shutdown()
    server.server_close()
