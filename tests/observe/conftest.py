"""A store as a collector leaves it, for what shows it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.observe.shown import homelab_store


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[Engine]:
    """Return the homelab's store, its host pve03 not read."""
    engine = homelab_store(tmp_path)
    yield engine
    engine.dispose()
