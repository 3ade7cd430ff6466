"""Failures of a running fabric, on the lab that stands: each within its bounds, every time that it is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.main_job.standing import say
from trellis.lab import failures
from trellis.lab.twin import Twin

pytestmark = [pytest.mark.lab, pytest.mark.engine, pytest.mark.scenario, pytest.mark.timeout(900)]

ALL = failures.read(Path(__file__).parents[1] / "failures")


@pytest.mark.parametrize("name", ALL)
def test_a_failure_stays_within_its_bounds(dev: Twin, name: str) -> None:
    outcome = failures.run(dev, ALL[name], say)
    assert outcome.failures == ()
