"""Each store test runs on SQLite, and again on a PostgreSQL server of the tests' own (marker `postgres`)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.observe.postgres import Server, served
from tests.observe.seen import Store
from tests.observe.shown import homelab_store
from trellis.observe.store import open_store


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A PostgreSQL server, started for these tests and stopped after them."""
    with served(tmp_path_factory) as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty store may be made."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/guests.db"
    server: Server = request.getfixturevalue("postgres_server")
    return server.new_database()


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """An empty store, with its tables."""
    opened = open_store(url)
    yield opened
    opened.dispose()


@pytest.fixture
def store(engine: Engine) -> Store:
    """A store in which the site's guests are declared."""
    return Store(engine).declared()


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[Engine]:
    """Return the homelab's store, its host pve03 not read."""
    engine = homelab_store(tmp_path)
    yield engine
    engine.dispose()


_PROGRAMS = {"browser": ("chromium", "chromedriver"), "prometheus": ("promtool",)}


@pytest.fixture(autouse=True)
def _programs(request: pytest.FixtureRequest) -> None:
    """Skip, and say why, what needs a program that this machine has not."""
    for marker, programs in _PROGRAMS.items():
        lacking = [program for program in programs if shutil.which(program) is None]
        if lacking and request.node.get_closest_marker(marker):
            pytest.skip(f"{', '.join(lacking)} missing: `tools/setup.sh slow` installs it")
