"""The rendering's measurement measures what it says: same bytes, a floor that is one, and figures with their meaning.

No test here looks at a stopwatch: what is fast enough is for ``trellis bench`` to say, on a machine that is quiet.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jinja2
import pytest
from jinja2 import nodes

from tests.cli.command_line import trellis
from trellis.bench import floor_input, rendering, sides, sites
from trellis.bench.processes import BenchError, Median, launcher
from trellis.bench.sites import Size
from trellis.plan import plan
from trellis.site import load_site

BENCH = Path(rendering.__file__).parent
SMALLEST = Size(2, 1)


@pytest.fixture(scope="module")
def answer() -> dict[str, Any]:
    done = trellis("bench", "render", "--sizes", f"{SMALLEST},3x2", "--runs", "1", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_the_answer_says_what_was_measured_and_where(answer: dict[str, Any]) -> None:
    assert {"start", "stop", "cold", "product", "floor", "peak"} <= set(answer["events"])
    assert {"date", "processors", "load", "python", "system"} <= set(answer["machine"])
    assert answer["budget_missed"] == []


def test_both_sides_of_each_size_have_their_figures(answer: dict[str, Any]) -> None:
    assert [(one["size"], one["guests"], one["placement"]) for one in answer["sizes"]] == [("2x1", 2, 2), ("3x2", 6, 3)]
    for one in answer["sizes"]:
        assert one["lines"] > 1000
        assert len(one["sha256"]) == 64
        for side in (one["product"], one["floor"]):
            assert side["runs"] == 1
            assert side["fastest_s"] <= side["wall_s"] <= side["slowest_s"]
            assert side["peak_bytes"] > 10_000_000, "an interpreter alone has that much"
        assert one["ratio"] == pytest.approx(one["product"]["wall_s"] / one["floor"]["wall_s"], abs=0.01)


def test_a_size_that_is_none_is_refused() -> None:
    for wrong in ("3", "3x", "x1", "0x1", "501x1", "3x101", "3x1x1"):
        done = trellis("bench", "render", "--sizes", wrong)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"trellis: '{wrong}' is no size")


def test_two_sides_that_write_different_bytes_give_no_figures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = tmp_path / "floor.py"
    other.write_text("print('another text')")
    monkeypatch.setattr(sides, "_FLOOR", other)
    with pytest.raises(BenchError, match=r"2x1: .* not write the same bytes \(line 1: .*, floor 'another text'\)"):
        rendering.compare([SMALLEST], 1, lambda _: None)


def test_a_side_that_fails_gives_no_figures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "floor.py"
    broken.write_text("raise SystemExit(3)")
    monkeypatch.setattr(sides, "_FLOOR", broken)
    with pytest.raises(BenchError, match="ended with 3"):
        rendering.compare([SMALLEST], 1, lambda _: None)


def test_only_the_size_of_the_budget_is_judged() -> None:
    slow, quick = Median(1, 9.0, 9.0, 90_000_000, 9.0, 9.0), Median(1, 2.0, 2.0, 1, 2.0, 2.0)
    judged = rendering.Comparison("128x16", 128, 16, 2048, 4, 1, 1, "", slow, quick, 4.5, 4.5)
    assert rendering.misses([replace(judged, size="32x16")]) == []
    assert rendering.misses([replace(judged, product=quick, ratio=1.0, cpu_ratio=1.0)]) == []
    assert rendering.misses([judged]) == [
        "128x16: 4.5 times the floor's time, budget 4.0",
        "128x16: 4.5 times the floor's processor time, budget 4.0",
        "128x16: peak of 90000000 bytes, budget below 90000000",
    ]


def test_the_floor_imports_json_and_jinja2_alone() -> None:
    tree = ast.parse((BENCH / "floor.py").read_text())
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"json", "jinja2"}
    assert "__import__" not in {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list | tuple):
        for one in value:
            yield from strings(one)
    elif isinstance(value, str):
        yield value


def test_the_floor_gets_values_and_no_finished_text() -> None:
    made = floor_input.floor_input(plan(load_site(sites.site_data(Size(3, 2)))))
    longest = max(strings(made), key=len)
    assert not any("\n" in text for text in strings(made))
    assert len(longest) < 60, "a name, an address or a number; not a line of configuration"


def test_the_floors_template_makes_the_text_with_loops() -> None:
    folder = BENCH / "templates"
    tree = jinja2.Environment(loader=jinja2.FileSystemLoader(folder), trim_blocks=True).parse(
        (folder / "pve.j2").read_text()
    )
    assert sum(1 for _ in tree.find_all(nodes.For)) > 20
    assert not list(tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.FilterBlock)))
    assert {node.name for node in tree.find_all(nodes.Filter)} <= {"sort"}


def test_the_memory_of_whoever_measures_is_not_counted(tmp_path: Path) -> None:
    ballast = bytearray(200_000_000)
    with launcher() as launch:
        run = launch.run(["/bin/true"], Path("/dev/null"), tmp_path / "out")
    assert run.peak_bytes < len(ballast) / 2


def test_a_site_of_any_size_is_accepted() -> None:
    for size in (Size(1, 1), Size(5, 2), Size(17, 3)):
        assert len(load_site(sites.site_data(size)).guests) == size.guests
