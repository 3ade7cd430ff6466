"""The style sheet of a picture: light, dark and on paper, and what happens when a host or a zone is chosen.

Infrastructure is drawn in ink and told apart by shape and dash; colour is for zones alone, and never without the
zone's name beside it.  Only what every renderer of SVG understands is needed to read the picture; media queries and
``:has()`` add to it where they are known.
"""

from __future__ import annotations

from trellis.picture.svg import SIZES

# Okabe and Ito's palette for all kinds of colour vision, without its black and its yellow, and Tol's olive.
PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#999933")
"""Colours of zones; which zone has which is the fabric's part."""

_MONO = 'ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, "Liberation Mono", monospace'

_LIGHT = {"page": "#ffffff", "card": "#ffffff", "ink": "#1b1f24", "quiet": "#57606a", "rule": "#c8d0d8"}
_DARK = {"page": "#0d1117", "card": "#161b22", "ink": "#e6edf3", "quiet": "#9aa4af", "rule": "#3d444d"}


def zone_class(colour: int) -> str:
    """Return the class of one of the palette's colours."""
    return f"c{colour}"


def style_sheet(width: int, height: int) -> str:
    """Return the style sheet of a picture of that size in px."""
    return sheet(width, height, _SHAPES, "@media print { .hint { display: none } }", _CHOICE)


def sheet(width: int, height: int, shapes: str, *more: str) -> str:
    """Return a style sheet in our letters and colours, light, dark and on a page of its own size.

    Args:
        width: Px of the picture.
        height: Px of the picture.
        shapes: Rules that a colour may override.
        more: Further ones, last.
    """
    sizes = "\n".join(f".{name} {{ font-size: {size}px }}" for name, size in SIZES.items())
    hues = "\n".join(
        f".fill.c{index} {{ fill: {colour} }} .stroke.c{index} {{ stroke: {colour} }}"
        for index, colour in enumerate(PALETTE)
    )
    return "\n".join(
        (
            "",
            f"text {{ font-family: {_MONO} }}",
            sizes,
            shapes,
            hues,
            _colours(_LIGHT),
            f"@media screen and (prefers-color-scheme: dark) {{\n{_colours(_DARK)}\n}}",
            f"@page {{ size: {width}px {height}px; margin: 0 }}",
            *more,
            "",
        )
    )


def _colours(of: dict[str, str]) -> str:
    return "\n".join(
        (
            f".page, .veil {{ fill: {of['page']} }}",
            f"text {{ fill: {of['ink']} }}",
            f".quiet {{ fill: {of['quiet']} }}",
            f".card {{ fill: {of['card']}; stroke: {of['quiet']} }}",
            f".halo {{ stroke: {of['page']} }}",
            f".stem, .leader {{ stroke: {of['rule']} }}",
            f".lane, .rail {{ stroke: {of['ink']} }}",
            f".port, .lead {{ fill: {of['ink']}; stroke: {of['page']} }}",
            f".end, .away {{ fill: {of['page']}; stroke: {of['ink']} }}",
        )
    )


_SHAPES = """\
.title, .head, .strong { font-weight: bold }
.mid { text-anchor: middle }
.right { text-anchor: end }
.halo { paint-order: stroke; stroke-width: 4px; stroke-linejoin: round }
.card { stroke-width: 1 }
.edge { stroke-width: 2 }
.band { fill-opacity: 0.11 }
.strip { fill-opacity: 0.24 }
.stem { stroke-width: 2 }
.leader { stroke-width: 1; stroke-dasharray: 1 4 }
.lane { stroke-width: 2 }
.ibgp { stroke-dasharray: 2 4 }
.ebgp { stroke-dasharray: 9 4 }
.port, .lead { stroke-width: 1 }
.end { stroke-width: 2 }
.rail { stroke-width: 1.5 }
.away { stroke-width: 1.5 }
.key { fill: none }
.home { fill-opacity: 0.35 }
.leak { fill: none; stroke-width: 2 }
.chip { stroke-width: 1.5 }"""

_CHOICE = """\
a { cursor: pointer; text-decoration: none }
a:hover text, a:focus-visible text { text-decoration: underline }
a:focus { outline: none }
a:focus-visible .card, a:focus-visible .strip { stroke-width: 3 }
.veil { fill-opacity: 0; pointer-events: none }
.all { display: none }
svg:has(.host:target) .host:not(:target), svg:has(.zone:target) .zone:not(:target) { fill-opacity: 0.86 }
svg:has(.veil:target) .all { display: inline }
svg:has(.veil:target) .hint { display: none }"""
