"""The measurement on the engine compares what it says: two programs that make as many resources of the same kinds."""

from __future__ import annotations

import json

import pytest

from tests.cli.test_commands import REPOSITORY
from trellis.bench import engine as engine_bench
from trellis.bench.processes import Median
from trellis.bench.sites import Size
from trellis.engine import Engine

pytestmark = pytest.mark.engine


def test_program_and_empty_program_make_as_many_resources_of_the_same_kinds(engine: Engine) -> None:
    """The bench itself refuses two sides that differ; here is that its answer has all that a reader needs."""
    compared = engine_bench.compare(engine.path, [Size(1, 1)], 1, lambda _: None)
    assert [(one.size, one.operation) for one in compared] == [("1x1", "preview"), ("1x1", "up")]
    for one in compared:
        assert one.resources > 5
        for side in (one.program, one.empty):
            assert side.time.runs == 1
            assert 0 < side.program_cpu_s <= side.time.cpu_s
            assert side.program_peak_bytes > 10_000_000
            assert side.engine_peak_bytes > 10_000_000
    assert json.dumps(engine_bench.EVENTS)
    assert REPOSITORY.joinpath("trellis/bench/empty/__main__.py").is_file()


def test_what_misses_the_budget_is_named() -> None:
    taken = engine_bench.Taken(Median(1, 1.0, 1.0, 1, 1.0, 1.0), 1.0, 1, 1)
    one = engine_bench.Comparison("3x1", "up", 29, taken, taken, 1.26, 1.0)
    assert engine_bench.misses([one]) == ["3x1 up: 1.26 times the empty program, budget 1.25"]
