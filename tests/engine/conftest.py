"""The engine, found or built once for all of these tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

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


@pytest.fixture(autouse=True)
def _environment_as_it_was() -> Iterator[None]:
    """The engine runner sets variables of its own process, as the Automation API reads them there."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
