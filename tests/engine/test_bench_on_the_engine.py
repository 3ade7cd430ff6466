"""The measurement on the engine compares what it says: programs that make as many resources of the same kinds."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.cli.command_line import REPOSITORY
from trellis.bench import engine as engine_bench
from trellis.bench.processes import Median
from trellis.bench.registered import Registered, Registration, difference
from trellis.bench.sites import Size
from trellis.engine import Engine

pytestmark = pytest.mark.engine


def test_program_floor_and_empty_program_make_as_many_resources_of_the_same_kinds(engine: Engine) -> None:
    """The bench itself refuses sides that differ; here is that its answer has all that a reader needs."""
    compared = engine_bench.compare(engine.path, [Size(1, 1)], 1, lambda _: None)
    assert [(one.size, one.operation) for one in compared] == [("1x1", "preview"), ("1x1", "up")]
    for one in compared:
        assert one.resources > 5
        assert one.sent_bytes > 10_000
        assert min(one.ratio, one.cpu_ratio, one.empty_ratio, one.empty_cpu_ratio) > 0
        for side in (one.program, one.floor, one.empty):
            assert side.time.runs == 1
            assert 0 < side.program_cpu_s <= side.time.cpu_s
            assert side.program_peak_bytes > 10_000_000
            assert side.engine_peak_bytes > 10_000_000
    assert json.dumps(engine_bench.EVENTS)
    for program in ("empty", "given"):
        assert REPOSITORY.joinpath(f"trellis/bench/{program}/__main__.py").is_file()


def test_what_misses_the_budget_is_named_and_the_ratio_to_the_empty_program_is_not_judged() -> None:
    taken = engine_bench.Taken(Median(1, 1.0, 1.0, 1, 1.0, 1.0), 1.0, 1, 1)
    one = engine_bench.Comparison("3x1", "up", 29, 1, taken, taken, taken, 1.26, 1.0, 3.0, 3.0)
    assert engine_bench.misses([one]) == ["3x1 up: 1.26 times the floor's wall time, budget 1.25"]
    assert engine_bench.misses([replace(one, ratio=1.25, cpu_ratio=1.3)]) == [
        "3x1 up: 1.3 times the floor's processor time, budget 1.25"
    ]


def _registration(**changed: Any) -> Registration:
    fields = {"type": "a:b:C", "name": "c", "custom": True, "plain": {"p": 1}, "secret": {"s": 2}, "outputs": {}}
    return Registration((Registered(**{**fields, **changed}),), {"e": "3"})


@pytest.mark.parametrize("changed", [{"plain": {"p": 2}}, {"secret": {}}, {"custom": False}, {"outputs": {"o": 1}}])
def test_a_floor_that_registers_something_else_is_named(changed: dict[str, Any]) -> None:
    assert difference(_registration(), _registration()) == ""
    assert difference(_registration(), _registration(**changed)) == "c (a:b:C)"
    assert difference(_registration(), Registration((), {"e": "3"})) == "c (a:b:C)"
    assert difference(_registration(), replace(_registration(), exports={})) == "the stack's outputs"
