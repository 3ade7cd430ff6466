"""The scale measurement: it measures what it says, growth is judged, and the committed picture is of its data."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command_line import trellis
from tests.sites import REPOSITORY
from trellis.bench import scale
from trellis.bench.processes import BenchError, Median
from trellis.bench.scale_plot import draw
from trellis.bench.scale_sites import Growth, grown_site
from trellis.plan import plan
from trellis.site import load_site

DATA, PICTURE = REPOSITORY / "docs" / "scale.json", REPOSITORY / "docs" / "scale.svg"


def row(lines: int, cpu_s: float, placement: int | None = 3) -> scale.Row:
    taken = Median(1, cpu_s, cpu_s, 50_000_000, cpu_s, cpu_s)
    return scale.Row(8, 1000, placement, placement or 8, False, lines, lines * 38, "", taken, taken)


def result(*rows: scale.Row) -> scale.Result:
    fits = scale.fits(rows, (0.3, 0.3))
    return scale.Result(scale.SCHEMA_VERSION, {"date": "d"}, scale.MOST_EXPONENT, (0.3, 0.3), rows, fits, (), ())


def test_the_committed_picture_is_what_the_command_draws_from_the_committed_data() -> None:
    drawn = draw(scale.from_json(DATA.read_text(encoding="utf-8")))
    remedy = "trellis bench scale --from docs/scale.json --plot docs/scale.svg"
    assert drawn == PICTURE.read_text(encoding="utf-8"), remedy


def test_the_committed_figures_are_of_every_size_and_within_the_bound() -> None:
    kept = scale.from_json(DATA.read_text(encoding="utf-8"))
    chosen, left_out = scale.sizes(scale.HOSTS, scale.GUESTS)
    assert [(row.hosts, row.guests, row.placement) for row in kept.rows] == [
        (one.hosts, one.guests, one.placement) for one in chosen
    ]
    assert kept.left_out == left_out
    assert scale.misses(kept) == []
    assert kept.fits == scale.fits(kept.rows, kept.start_cpu_s)


def test_time_that_grows_as_lines_do_is_linear_and_with_their_square_it_is_not() -> None:
    linear = result(*(row(lines, 0.3 + lines / 1e5) for lines in (10_000, 100_000, 1_000_000)))
    assert [fit.exponent for fit in linear.fits] == [1.0, 1.0]
    assert scale.misses(linear) == []
    squared = result(*(row(lines, 0.3 + (lines / 1e5) ** 2) for lines in (10_000, 100_000, 1_000_000)))
    assert scale.misses(squared) == [
        "guests on 3 hosts: processor time grows with lines to the power of 2.0, bound 1.1"
    ]


def test_growth_beyond_the_bound_ends_with_1_and_says_where(tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    kept.write_text(json.dumps(scale.as_data(result(row(10_000, 0.4), row(100_000, 9.0)))))
    done = trellis("bench", "scale", "--from", str(kept), "--plot", str(tmp_path / "drawn.svg"))
    assert done.returncode == 1
    assert "guests on 3 hosts: processor time grows with lines to the power of" in done.stderr
    assert (tmp_path / "drawn.svg").read_text().startswith("<svg")
    assert not (tmp_path / "drawn.json").exists(), "nothing was measured"


def test_placements_are_judged_apart() -> None:
    both = result(row(1000, 1.3), row(10_000, 10.3), row(1000, 0.31, None), row(10_000, 0.4, None))
    assert [(fit.placement, fit.side, fit.rows) for fit in both.fits] == [
        (3, "trellis", 2),
        (3, "floor", 2),
        (None, "trellis", 2),
        (None, "floor", 2),
    ]


@pytest.mark.parametrize(("hosts", "guests", "placement"), [(2, 7, 3), (8, 50, 3), (17, 40, None)])
def test_guests_are_spread_evenly_and_placed_as_stated(hosts: int, guests: int, placement: int | None) -> None:
    growth = Growth(hosts, guests, placement)
    planned = plan(load_site(grown_site(growth)))
    assert len(planned.guests) == guests
    assert {len(one.hosts) for one in planned.guests} == {growth.placed_on}
    assert any(family.peers for host in planned.hosts for bgp in host.bgp for family in bgp.families)
    homes = [one.guest.host for one in planned.guests]
    counts = [homes.count(host.name) for host in planned.hosts]
    assert max(counts) - min(counts) <= 1
    reflecting = any(
        peer.route_reflector_client for h in planned.hosts for b in h.bgp for f in b.families for peer in f.peers
    )
    assert reflecting == growth.reflected


def test_what_is_too_much_to_render_is_named_with_the_reason() -> None:
    chosen, left_out = scale.sizes([8, 256], [4000])
    assert [(one.hosts, one.placed_on) for one in chosen] == [(8, 3), (256, 3), (8, 8)]
    assert len(left_out) == 1
    assert left_out[0].startswith("256 hosts x 4,000 guests on each: 1,024,000 neighbours")


def test_a_result_is_read_back_as_it_was_and_anything_else_is_refused() -> None:
    one = result(row(10, 1.0), row(100, 2.0))
    assert scale.from_json(json.dumps(scale.as_data(one))) == one
    with pytest.raises(BenchError, match="no result of trellis bench scale"):
        scale.from_json("{}")
    with pytest.raises(BenchError, match="version 99"):
        scale.from_json(json.dumps(scale.as_data(replace(one, schema_version=99))))


def test_the_picture_shows_each_size_of_each_side_in_both_panels() -> None:
    root = ET.fromstring(draw(result(row(10_000, 1.0), row(100_000, 9.0), row(80_000, 3.0, None))))
    marks = [mark for mark in root.iter("{http://www.w3.org/2000/svg}circle") if len(mark)]
    assert len(marks) == 3 * 2 * 2
    width, height = int(root.get("width", "")), int(root.get("height", ""))
    assert all(0 < float(mark.get("cx", "")) < width and 0 < float(mark.get("cy", "")) < height for mark in marks)


def test_a_small_run_says_what_was_measured_and_leaves_picture_and_data(tmp_path: Path) -> None:
    drawn = tmp_path / "drawn.svg"
    options = ("--hosts", "2", "--guests", "4", "--runs", "1", "--json", "--plot", str(drawn))
    done = trellis("bench", "scale", *options)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    assert answer["schema_version"] == 1
    assert [(one["hosts"], one["guests"], one["placed_on"]) for one in answer["rows"]] == [(2, 4, 2), (2, 4, 2)]
    assert drawn.read_text() == draw(scale.from_json(drawn.with_suffix(".json").read_text()))


def test_plot_alone_is_the_scale_measurement_and_before_another_command_it_is_refused() -> None:
    refused = trellis("bench", "--plot", "never.svg", "render")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--plot belongs after `trellis bench scale`" in refused.stderr
    wrong = trellis("bench", "scale", "--hosts", "8,none")
    assert wrong.returncode == 2
    assert "--hosts '8,none': numbers of 1-500" in wrong.stderr
