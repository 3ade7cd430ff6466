"""One lab for all tests of this package, in the order in which they stand; each leaves it converged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests import sites
from tests.lab.main_job.standing import REPOSITORY, STACK, say
from trellis.lab import main_job, twin
from trellis.lab.main_job import Outcome
from trellis.lab.twin import Twin


@pytest.fixture(scope="package")
def site_data() -> dict[str, Any]:
    return sites.site_data("homelab")


@pytest.fixture(scope="package")
def first(site_data: dict[str, Any]) -> Iterator[Outcome]:
    """The first run of the main job; its lab is gone when the package ends."""
    twin.down(STACK, say)
    try:
        yield main_job.run(STACK, REPOSITORY, site_data, say)
    finally:
        twin.down(STACK, say)


@pytest.fixture
def dev(first: Outcome, site_data: dict[str, Any]) -> Twin:
    return twin.find(STACK, REPOSITORY, site_data, say)
