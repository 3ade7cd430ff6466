"""One lab for all tests of this package, in the order in which they stand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.delegated.standing import LAB, REPOSITORY, Standing, say
from tests.sites import site_data
from trellis.lab import twin as twins
from trellis.lab.proof import wait_until_converged


@pytest.fixture(scope="package")
def standing() -> Iterator[Standing]:
    twins.down(LAB, say)  # of a run that was killed
    try:
        found = Standing(twins.up(LAB, REPOSITORY, site_data("delegated"), say))
        found.up()
        wait_until_converged(found.twin, say)
        for machine in (found.ann, found.ben, found.cat):
            machine.start()
        yield found
    finally:
        twins.down(LAB, say)
