"""One lab for all tests of this package: two hosts, two edges."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from trellis.lab import main_job
from trellis.lab import twin as twins
from trellis.lab.twin import Twin
from trellis.site import site_data_of_stack

LAB = "two-edges-test"
REPOSITORY = Path(__file__).parents[3]
STACK = Path(__file__).parent / "Pulumi.two-edges.yaml"


def say(text: str) -> None:
    print(text, flush=True)


@pytest.fixture(scope="package")
def two_edges() -> Iterator[Twin]:
    """The lab, its program applied, its guests started, and everything proven."""
    data = site_data_of_stack(STACK.read_text(encoding="utf-8"))
    twins.down(LAB, say)  # of a run that was killed
    try:
        done = main_job.run(LAB, REPOSITORY, data, say)
        assert [row.name for row in done.rows if row.fails] == []
        yield twins.find(LAB, REPOSITORY, data, say)
    finally:
        twins.down(LAB, say)
