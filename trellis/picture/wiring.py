"""The upper half of a picture: edges above, hosts below, and between them a lane for each link and kind of session.

A lane is a line with an end at the stem of everyone who takes part, like a bus on a circuit diagram: a crossing
without an end is no connection.  So a segment of thirty hosts is as plain as a wire between two, and a full mesh is
one line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from trellis.picture.content import edge_rows, host_rows, host_tip, short_version
from trellis.picture.fabric import End, Fabric, Kind, Lane
from trellis.picture.layout import GAP, PAD, Grid, dense_lines, edge_size
from trellis.picture.svg import (
    LINE,
    SIZES,
    Box,
    Element,
    dot,
    element,
    group,
    line,
    link,
    rect,
    table,
    table_size,
    text_width,
    title,
    words,
)
from trellis.plan.model import HostPlan

LANE = 36
"""Px from lane to lane."""

HEADINGS: dict[Kind, str] = {
    "ebgp": "BGP with edges",
    "ibgp": "BGP between hosts",
    "link": "Underlay: OSPFv2 and OSPFv3, area 0",
}

Stems = dict[str, int]


def edge_cards(fabric: Fabric, grid: Grid, y: int) -> tuple[list[Element], dict[str, Box]]:
    """Return the edges' cards in a row above the hosts, and where each is."""
    sizes = [edge_size(fabric, index) for index in range(len(fabric.edges))]
    row = sum(width for width, _ in sizes) + GAP * 2 * (len(sizes) - 1)
    x = max((grid.left + grid.right - row) // 2, grid.left)
    boxes: dict[str, Box] = {}
    drawn = []
    for edge, (width, _) in zip(fabric.edges, sizes, strict=True):
        box = Box(x, y, width, max(height for _, height in sizes))
        boxes[edge.name] = box
        x = box.right + 2 * GAP
        drawn.append(
            group(
                rect(box, "card edge"),
                words(box.x + PAD, box.y + PAD + SIZES["head"], edge.name, "head"),
                *table(box.x + PAD, box.y + PAD + LINE["head"], edge_rows(fabric, edge)),
                tip=f"edge {edge.name}",
            )
        )
    return drawn, boxes


def stems_of(fabric: Fabric, grid: Grid, edges: dict[str, Box]) -> Stems:
    """Return where each host's and edge's stem runs: an edge's is clear of all others and of what ports say."""
    stems = {host.name: grid.middle(host.name) for host in fabric.hosts}
    taken = [_reach(x, _longest_port(fabric, name, dense=grid.upright)) for name, x in stems.items()]
    for name, box in edges.items():
        port = _longest_port(fabric, name, dense=grid.upright)
        steps = sorted(range(12 - box.width // 2, box.width // 2 - 11, 2), key=lambda step: (abs(step), step))
        free = (box.middle + step for step in steps if _is_clear(_reach(box.middle + step, port), taken))
        stems[name] = next(free, box.middle)
        taken.append(_reach(stems[name], port))
    return stems


def _reach(x: int, port: int) -> tuple[int, int]:
    return x - 10, x + 10 + port


def _is_clear(reach: tuple[int, int], taken: Iterable[tuple[int, int]]) -> bool:
    return all(reach[1] <= left or right <= reach[0] for left, right in taken)


def _longest_port(fabric: Fabric, name: str, *, dense: bool) -> int:
    ends = (end for lane in fabric.lanes for end in lane.ends if end.at == name and end.port)
    return 0 if dense else max((text_width(end.port, "note") for end in ends), default=0)


def lanes(fabric: Fabric, grid: Grid, stems: Stems, y: int) -> tuple[list[Element], dict[str, list[int]], int]:
    """Return the lanes, at which heights each host and edge is met, and where the next section begins."""
    drawn: list[Element] = []
    met: dict[str, list[int]] = {}
    x, width = grid.labels
    for kind, of_kind in groupby(fabric.lanes, key=lambda lane: lane.kind):
        drawn.append(words(x + PAD, y + SIZES["note"], HEADINGS[kind], "note strong quiet"))
        y += 14
        for lane in of_kind:
            height = y + 20
            for end in lane.ends:
                met.setdefault(end.at, []).append(height)
            drawn.append(_lane(lane, stems, (x + PAD, x + width), height, dense=grid.upright))
            y += LANE
        y += GAP
    return drawn, met, y


def _lane(lane: Lane, stems: Stems, label: tuple[int, int], y: int, *, dense: bool) -> Element:
    at = sorted(stems[end.at] for end in lane.ends)
    what = {"link": "links", "ibgp": "sessions", "ebgp": "sessions"}[lane.kind]
    count = f"{lane.count} {what}" if lane.count > 1 else ""
    return group(
        words(label[0], y - 2, lane.name, "body strong"),
        words(label[1], y - 2, count, "note right quiet") if count else None,
        words(label[0], y + 12, lane.note, "note quiet"),
        line(label[1] + 6, y, at[0], y, "leader") if at else None,
        line(at[0], y, at[-1], y, f"lane {lane.kind}") if at else None,
        *(_end(lane.kind, end, stems[end.at], y, dense=dense) for end in lane.ends),
        class_="of-lane",
    )


def _end(kind: Kind, end: End, x: int, y: int, *, dense: bool) -> Element:
    if end.leads:
        mark = element("path", class_="lead", d=f"M{x} {y - 8}l8 8l-8 8l-8 -8z")
    elif kind == "link":
        mark = rect(Box(x - 5, y - 5, 10, 10), "port")
    else:
        mark = dot(x, y, 5, "end")
    port = words(x + 9, y - 6, end.port, "note halo") if end.port and not dense else None
    return group(mark, port, tip=end.tip)


def stem_lines(stems: Stems, met: dict[str, list[int]], edges: dict[str, Box], hosts_y: int) -> Iterator[Element]:
    """Yield the stems: from an edge down to its last lane, from a host up to its first."""
    for name, heights in met.items():
        if name in edges:
            yield line(stems[name], edges[name].bottom, stems[name], max(heights), "stem")
        else:
            yield line(stems[name], min(heights), stems[name], hosts_y, "stem")


def host_cards(fabric: Fabric, grid: Grid, y: int) -> tuple[list[Element], int]:
    """Return the hosts' cards, and how high they are."""
    if grid.dense:
        cards, height = (_upright_cards if grid.upright else _level_cards)(fabric, grid, y)
        return [*cards, *_common(fabric, grid, y)], height
    height = max(table_size(host_rows(fabric, host))[1] for host in fabric.hosts) + LINE["head"] + 2 * PAD
    drawn = []
    for host in fabric.hosts:
        box = grid.cell(host.name, y, height)
        role = "route reflector" if host.name in fabric.reflectors else ""
        drawn.append(
            link(
                f"host-{host.name}",
                f"show {host.name} alone",
                rect(box, "card"),
                words(box.x + PAD, box.y + PAD + SIZES["head"], host.name, "head"),
                words(box.right - PAD, box.y + PAD + SIZES["head"], role, "note right quiet") if role else None,
                *table(box.x + PAD, box.y + PAD + LINE["head"], host_rows(fabric, host)),
            )
        )
    return drawn, height


def _level_cards(fabric: Fabric, grid: Grid, y: int) -> tuple[list[Element], int]:
    lines = dense_lines(fabric)
    height = LINE["head"] + LINE["note"] * len(lines) + 2 * PAD
    drawn = []
    for index, host in enumerate(fabric.hosts):
        box = grid.cell(host.name, y, height)
        rows = [(texts[index],) for texts in lines]
        parts = (
            words(box.x + PAD, box.y + PAD + SIZES["head"], _short_name(fabric, host), "head"),
            *table(box.x + PAD, box.y + PAD + LINE["head"], rows),
        )
        drawn.append(_narrow_card(fabric, host, box, *parts))
    return drawn, height


def _upright_cards(fabric: Fabric, grid: Grid, y: int) -> tuple[list[Element], int]:
    lines = dense_lines(fabric)
    longest = max(
        *(text_width(_short_name(fabric, host), "head") for host in fabric.hosts),
        *(text_width(text, "note") for texts in lines for text in texts),
    )
    height = longest + 2 * PAD
    drawn = []
    for index, host in enumerate(fabric.hosts):
        box = grid.cell(host.name, y, height)
        parts = (
            words(box.x + 17, box.bottom - PAD, _short_name(fabric, host), "head", upright=True),
            *(
                words(box.x + 17 + LINE["note"] * (1 + place), box.bottom - PAD, texts[index], "note", upright=True)
                for place, texts in enumerate(lines)
            ),
        )
        drawn.append(_narrow_card(fabric, host, box, *parts))
    return drawn, height


def _narrow_card(fabric: Fabric, host: HostPlan, box: Box, *parts: Element) -> Element:
    tip = title(host_tip(fabric, host))
    return link(f"host-{host.name}", f"show {host.name} alone", tip, rect(box, "card"), *parts)


def _short_name(fabric: Fabric, host: HostPlan) -> str:
    return f"{host.name} RR" if host.name in fabric.reflectors else host.name


def _common(fabric: Fabric, grid: Grid, y: int) -> list[Element]:
    """Return what is said once beside all narrow cards."""
    versions = {short_version(host) for host in fabric.hosts}
    what = f"all {versions.pop()}; loopbacks" if len(versions) == 1 else "versions, loopbacks"
    rows = [f"{len(fabric.hosts)} hosts", what, *(["RR: route reflector"] if fabric.reflectors else [])]
    x = grid.labels[0] + PAD
    return [
        words(x, y + 16 + index * LINE["note"], text, "body strong" if index == 0 else "note quiet")
        for index, text in enumerate(rows)
    ]
