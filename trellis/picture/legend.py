"""The head of a picture: what it is of, and what its marks mean."""

from __future__ import annotations

from collections.abc import Callable

from trellis.picture.content import summary
from trellis.picture.fabric import Fabric
from trellis.picture.layout import GAP, MARGIN, Grid
from trellis.picture.svg import LINE, SIZES, Box, Element, dot, element, group, line, link, rect, text_width, words

_MARK = 34

_Mark = Callable[[int, int], list[Element]]


def heading(fabric: Fabric, y: int, right: int, grid: Grid) -> tuple[list[Element], int]:
    """Return title, summary and legend, and where the next section begins."""
    drawn: list[Element] = [words(MARGIN, y + SIZES["title"], fabric.name, "title")]
    y += LINE["title"] + 4
    for text in summary(fabric):
        drawn.append(words(MARGIN, y + SIZES["body"], text, "body"))
        y += LINE["body"]
    drawn.append(
        words(
            MARGIN, y + SIZES["note"] + 2, "In a browser: choose a host or a zone to see it alone.", "note quiet hint"
        )
    )
    drawn.append(
        element(
            "g",
            link("all", "show all again", words(MARGIN, y + SIZES["note"] + 2, "Show all again", "note strong")),
            class_="all",
        )
    )
    y += LINE["body"] + GAP
    keys, y = _keys(fabric, y, right, grid)
    return [*drawn, *keys], y + GAP


def _keys(fabric: Fabric, y: int, right: int, grid: Grid) -> tuple[list[Element], int]:
    """Return the legend, in as many lines as it needs."""
    drawn = []
    x = MARGIN
    for mark, text in _marks(fabric, grid):
        width = _MARK + text_width(text, "note") + 2 * GAP
        if x + width > right and x > MARGIN:
            x, y = MARGIN, y + LINE["head"]
        drawn.append(group(*mark(x, y + 8), words(x + _MARK, y + 12, text, "note")))
        x += width
    return drawn, y + LINE["head"]


def _marks(fabric: Fabric, grid: Grid) -> list[tuple[_Mark, str]]:
    """Return the marks that this picture has, each with its meaning."""
    kinds = {lane.kind for lane in fabric.lanes}
    marks: list[tuple[_Mark, str]] = []
    if "link" in kinds:
        marks.append((_lane_mark("link"), "link, its port on a host or edge"))
    if "ebgp" in kinds:
        marks.append((_lane_mark("ebgp"), "eBGP session"))
    if "ibgp" in kinds:
        marks.append((_lane_mark("ibgp"), "iBGP sessions: each with each" if not fabric.reflectors else "iBGP session"))
    leads = " or ".join([*(["edge"] if fabric.edges else []), *(["route reflector"] if fabric.reflectors else [])])
    if leads:
        marks.append((_lead_mark, f"{leads}, with whom the others of the line speak"))
    if fabric.zones:
        marks.append((_vrf_mark, "VRF of a zone (colour: zone)"))
    if fabric.guests and grid.dense:
        here = "number of guests that start here" if grid.upright else "guest that starts here, or how many"
        marks += [(_home_mark, here), (_away_mark, "guests may move here, the host listens")]
    elif fabric.guests:
        marks.append((_chip_mark, "guest, its BGP session with the anycast gateway on the rail"))
    return [*marks, (_leak_mark, "leak: two zones that reach each other")] if fabric.leaks else marks


def _lane_mark(kind: str) -> _Mark:
    def draw(x: int, y: int) -> list[Element]:
        end = rect(Box(x, y - 4, 9, 9), "port") if kind == "link" else dot(x + 4, y, 4, "end")
        return [line(x, y, x + 26, y, f"lane {kind}"), end]

    return draw


def _lead_mark(x: int, y: int) -> list[Element]:
    return [element("path", class_="lead", d=f"M{x + 12} {y - 8}l8 8l-8 8l-8 -8z")]


def _vrf_mark(x: int, y: int) -> list[Element]:
    return [rect(Box(x + 6, y - 6, 12, 12), "fill c0")]


def _home_mark(x: int, y: int) -> list[Element]:
    return [
        rect(Box(x, y - 10, 22, 20), "home fill stroke c0", radius=10),
        words(x + 11, y + 4, "3", "body strong mid"),
    ]


def _away_mark(x: int, y: int) -> list[Element]:
    return [dot(x + 12, y, 4, "away")]


def _chip_mark(x: int, y: int) -> list[Element]:
    return [
        line(x, y, x + 12, y, "rail stroke c0"),
        dot(x + 4, y, 4, "end"),
        rect(Box(x + 12, y - 6, 16, 12), "chip stroke c0 key"),
    ]


def _leak_mark(x: int, y: int) -> list[Element]:
    return [
        element("path", class_="leak lane", d=f"M{x + 24} {y - 5}H{x + 4}V{y + 5}H{x + 24}"),
    ]
