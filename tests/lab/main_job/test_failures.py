"""Failures of a running fabric, on the lab that stands: each within its bounds, every time that it is run.

The bounds of a second are those of a site whose links find a cut in half of one: so has the lab here, and nowhere else,
since a host that is busy for that long is cut off by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.lab.bounded import within_bounds
from tests.lab.main_job.standing import REPOSITORY, STACK, await_sessions_back, say
from trellis.lab import failures
from trellis.lab.edge import DAEMONS, edge_config
from trellis.lab.failures.causing import merged
from trellis.lab.main_job import Outcome
from trellis.lab.twin import Twin, find
from trellis.site import load_site

pytestmark = [pytest.mark.lab, pytest.mark.engine, pytest.mark.scenario, pytest.mark.timeout(900)]

ALL = failures.read(Path(__file__).parents[1] / "failures")
TIMERS = {
    "bfd": {"interval_ms": 150, "multiplier": 3},
    "multihop_bfd": {"interval_ms": 150, "multiplier": 6},
    "guest_bfd": {"interval_ms": 200, "multiplier": 3},
}


@pytest.fixture(scope="module")
def fast(first: Outcome, site_data: dict[str, Any]) -> Iterator[Twin]:
    """The lab with faster BFD, on hosts, on edges and in guests; as it was when all is done."""
    dev = find(STACK, REPOSITORY, site_data, say)
    data = merged(dev.site_data, {"fabric": TIMERS})
    twin = replace(dev, site_data=data, site=load_site(data))
    _deployed(twin)
    yield twin
    _deployed(dev)


def _deployed(twin: Twin) -> None:
    twin.deploy("up", say)
    for guest in twin.guests:
        twin.stop_guest(guest.name)  # it has its timers from when it boots
    for name in twin.site.edges:
        twin.edge(name).start(edge_config(twin.site, name, twin.secrets), DAEMONS)
    await_sessions_back(twin)


@pytest.mark.parametrize("name", ALL)
def test_a_failure_stays_within_its_bounds(fast: Twin, name: str, record_property: Callable[[str, Any], None]) -> None:
    within_bounds(fast, ALL[name], record_property)
