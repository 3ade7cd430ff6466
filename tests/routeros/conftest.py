from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.routeros.edge import FACE
from trellis.lab.routeros import RestFace, Served, serve


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Served]:
    """A router that answers as the seed's does."""
    with serve(RestFace(FACE), tmp_path / "router") as served:
        yield served
