"""Failures of a running fabric, on the lab that stands: each within its bounds, every time that it is run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.lab.bounded import within_bounds
from trellis.lab import failures
from trellis.lab.twin import Twin

pytestmark = [pytest.mark.lab, pytest.mark.engine, pytest.mark.scenario, pytest.mark.timeout(900)]

ALL = failures.read(Path(__file__).parents[1] / "failures")


@pytest.mark.parametrize("name", ALL)
def test_a_failure_stays_within_its_bounds(dev: Twin, name: str, record_property: Callable[[str, Any], None]) -> None:
    within_bounds(dev, ALL[name], record_property)
