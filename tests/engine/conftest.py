"""The engine, found or built once for all of these tests, and the simulated ends they work on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_proxmox import FakeProxmox, serve
from simulated_ends import Sshd, start_sshd, stop

from trellis.engine import Engine, EngineMissingError, find
from trellis.lab.plugins.launchers import Plugins, plugins


@pytest.fixture(scope="session")
def engine() -> Engine:
    try:
        return find(print)
    except EngineMissingError as error:
        pytest.skip(f"no engine: {error}")


@pytest.fixture(scope="session")
def provider_plugins(engine: Engine) -> Plugins:
    return plugins(engine, print)


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


@pytest.fixture(autouse=True)
def _environment_as_it_was() -> Iterator[None]:
    """The engine runner sets variables of its own process, as the Automation API reads them there."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
