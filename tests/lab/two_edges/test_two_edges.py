"""What a second edge is good for: one may go, one may come, and guests are on the internet throughout (R10)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.lab.bounded import within_bounds
from trellis.lab import failures
from trellis.lab.twin import Twin

pytestmark = [pytest.mark.lab, pytest.mark.engine, pytest.mark.scenario, pytest.mark.timeout(900)]

Note = Callable[[str, Any], None]
ALL = failures.read(Path(__file__).parent / "failures")


def test_guests_have_a_default_by_both_edges(two_edges: Twin) -> None:
    for version in (4, 6):
        said = two_edges.lab.access.run("pve01", f"ip -{version} -j route show vrf vrf_evpnz1 default").stdout
        (default,) = [entry for entry in json.loads(said) if entry.get("protocol") == "bgp"]
        assert len(default["nexthops"]) == 2


@pytest.mark.parametrize("name", ALL)
def test_a_failure_stays_within_its_bounds(
    two_edges: Twin, name: str, record_property: Callable[[str, Any], None]
) -> None:
    within_bounds(two_edges, ALL[name], record_property)
