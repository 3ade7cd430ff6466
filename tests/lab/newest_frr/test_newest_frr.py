"""What the homelab's lab cannot show with its FRR 10.3.0: the whole main job, and a failure, with the newest one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.lab.bounded import within_bounds
from tests.lab.newest_frr.conftest import SUITE
from trellis.lab import failures
from trellis.lab.from_site import FRR_OF_SUITE
from trellis.lab.twin import Twin

pytestmark = [pytest.mark.lab, pytest.mark.engine, pytest.mark.scenario, pytest.mark.timeout(900)]

ALL = failures.read(Path(__file__).parent / "failures")


def test_hosts_and_guests_run_an_frr_that_does_not_wait_for_bfd(newest: Twin) -> None:
    """The fixture has proven the rest: each session, route and ping of the main job."""
    for host in newest.site.hosts:
        said = newest.lab.access.run(host, "dpkg-query --show --showformat='${Version}' frr").stdout
        assert said.startswith(f"{FRR_OF_SUITE[SUITE]}.")


@pytest.mark.parametrize("name", ALL)
def test_a_failure_stays_within_its_bounds(
    newest: Twin, name: str, record_property: Callable[[str, Any], None]
) -> None:
    within_bounds(newest, ALL[name], record_property)
