"""A result of the scale measurement -> one SVG file: time and memory over what is rendered, both axes logarithmic.

Drawn with the elements and the style sheet of ``trellis.picture``: it needs no script and nothing beside itself, and
follows light and dark.  The same result gives the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from trellis.bench.processes import Median
from trellis.bench.scale import Fit, Result, Row
from trellis.picture.style import sheet, zone_class
from trellis.picture.svg import Box, Element, document, dot, line, rect, title, words

_SIZE = (1000, 560)
_PANELS = (Box(90, 150, 390, 300), Box(580, 150, 390, 300))
_STEPS = (1, 2, 5)
"""Of each power of ten: where a thin line is; the first has a number."""

_SHAPES = """\
.title, .head { font-weight: bold }
.mid { text-anchor: middle }
.right { text-anchor: end }
.stem { stroke-width: 1 }
.rail { stroke-width: 1.5 }
.end { stroke-width: 2 }
.path { stroke-width: 1.5 }
.linear { stroke-dasharray: 6 4 }"""

_SIDES: tuple[tuple[str, int, Callable[[Row], Median]], ...] = (
    ("trellis", 0, lambda row: row.product),
    ("floor", 1, lambda row: row.floor),
)
"""The sides' names, and which of the palette's colours each has."""


@dataclass(frozen=True, slots=True)
class _Axis:
    """One axis: values between two powers of ten, and where they are in px."""

    least: int
    most: int
    start: int
    length: int

    @classmethod
    def over(cls, values: Sequence[float], start: int, length: int) -> _Axis:
        """Return an axis that holds all values; ``length`` is negative upwards."""
        least, most = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
        return cls(least, max(most, least + 1), start, length)

    def at(self, value: float) -> int:
        """Return where a value is."""
        return self.start + round(self.length * (math.log10(value) - self.least) / (self.most - self.least))

    def ticks(self) -> Iterator[tuple[float, bool]]:
        """Yield where lines are, and whether the line is a power of ten."""
        for power in range(self.least, self.most):
            for step in _STEPS:
                yield step * 10.0**power, step == 1
        yield 10.0**self.most, True


def draw(result: Result) -> str:
    """Return the picture of a result as the text of an SVG file.

    Args:
        result: What was measured; it has a row at least.
    """
    time, memory = _PANELS
    elements = (
        rect(Box(0, 0, *_SIZE), "page"),
        words(40, 50, "Validate + plan + render, over what is rendered", "title"),
        *_legend(result),
        *_panel(time, "processor seconds", result, lambda taken: taken.cpu_s),
        *_panel(memory, "peak memory, MB", result, lambda taken: taken.peak_bytes / 1e6),
        *_notes(result),
    )
    hosts, guests = ({getattr(row, name) for row in result.rows} for name in ("hosts", "guests"))
    description = (
        f"Processor time and peak memory of Trellis and of a bare-Jinja floor that writes the same bytes, for "
        f"{min(hosts)} to {max(hosts)} hosts and {min(guests):,} to {max(guests):,} guests; {_said(result.fits)}."
    )
    return document(elements, sheet(*_SIZE, _SHAPES), _SIZE, "How rendering grows", description)


def _legend(result: Result) -> Iterator[Element]:
    x = 40
    for name, colour, _ in _SIDES:
        for placement in sorted({row.placement for row in result.rows}, key=lambda found: found or math.inf):
            yield dot(x + 6, 84, 5, _mark(colour, placement))
            yield words(x + 20, 88, f"{name}, {_where(placement)}", "body")
            x += 230
    yield line(40, 110, 60, 110, "rail linear")
    yield words(66, 114, "linear: through the largest size with a stated placement", "note quiet")


def _panel(box: Box, name: str, result: Result, figure: Callable[[Median], float]) -> Iterator[Element]:
    lines = [row.lines for row in result.rows]
    figures = [figure(taken(row)) for row in result.rows for _, _, taken in _SIDES]
    across, up = _Axis.over(lines, box.x, box.width), _Axis.over(figures, box.bottom, -box.height)
    for value, named in across.ticks():
        x = across.at(value)
        yield line(x, box.y, x, box.bottom, "rail" if value == 10.0**across.least else "stem")
        if named:
            yield words(x, box.bottom + 18, f"{value:,.0f}", "note mid")
    for value, named in up.ticks():
        y = up.at(value)
        yield line(box.x, y, box.right, y, "rail" if value == 10.0**up.least else "stem")
        if named:
            yield words(box.x - 8, y + 4, f"{value:,g}", "note right")
    yield words(box.x, box.y - 12, name, "head")
    yield words(box.middle, box.bottom + 38, "lines rendered", "body mid")
    largest = max(result.rows, key=lambda row: (row.placement is not None, row.lines))
    yield from _linear(across, up, largest.lines, figure(largest.product))
    for _, colour, taken in _SIDES:
        for row in result.rows:
            said = title(
                f"{row.hosts} hosts, {row.guests:,} guests on {row.placed_on}: {figure(taken(row)):.3g} {name}"
            )
            yield dot(across.at(row.lines), up.at(figure(taken(row))), 5, _mark(colour, row.placement), said)


def _linear(across: _Axis, up: _Axis, lines: float, figure: float) -> Iterator[Element]:
    """Yield a line of slope 1 through a point, as far as the panel goes."""
    least = max(10.0**across.least, lines * 10.0**up.least / figure)
    most = min(10.0**across.most, lines * 10.0**up.most / figure)
    ends = [(across.at(one), up.at(figure * one / lines)) for one in (least, most)]
    yield line(*ends[0], *ends[1], "rail linear")


def _notes(result: Result) -> Iterator[Element]:
    y = 510
    yield words(40, y, f"exponent of time by lines, start-up taken off: {_said(result.fits)}", "body")
    system = result.machine
    yield words(
        40, y + 22, f"{system.get('date')}, {system.get('processors')}, load {system.get('load')}", "note quiet"
    )


def _said(fits: Sequence[Fit]) -> str:
    return "; ".join(f"{fit.side}, {_where(fit.placement)}: {fit.exponent:.2f}" for fit in fits) or "too few sizes"


def _where(placement: int | None) -> str:
    return "guests on all hosts" if placement is None else f"guests on {placement} hosts"


def _mark(colour: int, placement: int | None) -> str:
    kind = "end stroke" if placement is None else "fill"
    return f"{kind} {zone_class(colour)}"
