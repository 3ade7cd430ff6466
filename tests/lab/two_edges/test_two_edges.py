"""What a second edge is good for: one may go, one may come, and guests are on the internet throughout (R10)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.lab.two_edges.conftest import say
from trellis.lab import failures
from trellis.lab.twin import Twin

pytestmark = [pytest.mark.lab, pytest.mark.engine, pytest.mark.scenario, pytest.mark.timeout(900)]

ALL = failures.read(Path(__file__).parent / "failures")


def test_guests_have_a_default_by_both_edges(two_edges: Twin) -> None:
    for version in (4, 6):
        said = two_edges.lab.access.run("pve01", f"ip -{version} -j route show vrf vrf_evpnz1 default").stdout
        (default,) = [entry for entry in json.loads(said) if entry.get("protocol") == "bgp"]
        assert len(default["nexthops"]) == 2


@pytest.mark.parametrize("name", ALL)
def test_a_failure_stays_within_its_bounds(two_edges: Twin, name: str) -> None:
    outcome = failures.run(two_edges, ALL[name], say)
    assert outcome.failures == ()
