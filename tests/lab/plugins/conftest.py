"""The simulated ends are those of the engine's tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "engine"))

from fake_proxmox import FakeProxmox, serve
from simulated_ends import Sshd, start_sshd, stop


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
