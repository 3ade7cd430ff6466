"""The 32 deploy faults, each caused for real in a lab of its own: `make faults` shows the same as a table."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from trellis.lab import faults
from trellis.lab.faults import Fault, Trial
from trellis.lab.faults import bench as benches
from trellis.lab.faults.bench import Bench

LAB = "faults-test"  # `make faults` may run beside it
FOLDER = Path(__file__).parent / "faults"
ALL = [fault for entry in faults.read(FOLDER).values() for fault in entry]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    if os.geteuid() != 0:
        pytest.skip("machines need root: network namespaces and mounts")
    benches.down(print, LAB)  # of a run that was killed
    try:
        yield benches.up(FOLDER, FOLDER.parents[2], print, LAB)
    finally:
        benches.down(print, LAB)


def test_each_fault_of_the_list_is_there() -> None:
    assert sorted({fault.number for fault in ALL}) == list(range(1, 33))
    names = [fault.name for fault in ALL]
    assert len(set(names)) == len(names)


@pytest.mark.lab
@pytest.mark.engine
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "fault",
    [pytest.param(fault, id=fault.name, marks=[] if fault.quick else [pytest.mark.faults]) for fault in ALL],
)
def test_a_fault_ends_as_written(bench: Bench, fault: Fault) -> None:
    verdict = Trial(bench, fault).run()
    print(f"{fault.name}: {verdict.happened}; proof: {verdict.proof}; whole again after {verdict.recovered_s} s")
    assert verdict.problems == ()
    assert verdict.proof
