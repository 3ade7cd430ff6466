"""One lab for all tests of this package: the homelab, with the newest FRR that Debian has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sites import REPOSITORY, site_data
from trellis.lab import main_job
from trellis.lab import twin as twins
from trellis.lab.from_site import with_frr_of
from trellis.lab.twin import Twin

LAB = "newest-frr-test"
SUITE = "sid"


def say(text: str) -> None:
    print(text, flush=True)


@pytest.fixture(scope="package")
def newest() -> Iterator[Twin]:
    """The lab, its program applied, its guests started, and everything proven."""
    data = with_frr_of(site_data("homelab"), SUITE)
    twins.down(LAB, say)  # of a run that was killed
    try:
        done = main_job.run(LAB, REPOSITORY, data, say, frr_suite=SUITE)
        assert [row.name for row in done.rows if row.fails] == []
        yield twins.find(LAB, REPOSITORY, data, say)
    finally:
        twins.down(LAB, say)
