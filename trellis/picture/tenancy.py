"""The lower half of a picture: a band for each zone, in it a row for each VNet, in each cell the guests of a host.

The rail at the top of a row is the VNet with its anycast gateway; the dots below it are the guests' BGP sessions.
"""

from __future__ import annotations

from dataclasses import dataclass

from trellis.picture.content import cell_tip, guest_role, guest_rows, leak_line, leaks_of, vnet_rows
from trellis.picture.fabric import Cell, Fabric, VnetBand, ZoneBand
from trellis.picture.layout import (
    CHIPS_UP_TO,
    FACTS_GAP,
    GAP,
    LEAK_STEP,
    MARGIN,
    NAMES_UP_TO,
    PAD,
    Grid,
    chip_size,
    is_brief,
    vnet_heading,
)
from trellis.picture.style import zone_class
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
from trellis.site.resolved import AttachedGuest

STRIP = 46
RAIL = 14
CHIP_GAP = 8
DENSE_STRIP = 26
DENSE_ROW = 40


@dataclass(frozen=True, slots=True)
class Bands:
    """The zones' bands.

    Attributes:
        captions: What is said of zones across the columns; it stays when a host is shown alone.
        boxes: Where each zone is.
        bottom: Where the next section begins.
    """

    drawn: tuple[Element, ...]
    captions: tuple[Element, ...]
    boxes: dict[str, Box]
    bottom: int


def zones(fabric: Fabric, grid: Grid, y: int) -> Bands:
    """Return the zones' bands from ``y`` downwards."""
    drawn: list[Element] = []
    captions: list[Element] = []
    boxes: dict[str, Box] = {}
    for zone in fabric.zones:
        top = y
        strip, y = _strip(fabric, zone, grid, y)
        drawn.append(strip)
        captions += _captions(fabric, zone, grid, top)
        for band in zone.vnets:
            row, y = (_dense_row if grid.dense else _row)(zone, band, grid, y)
            drawn.append(row)
        x = grid.labels[0]
        boxes[zone.name] = Box(x, top, grid.right - x, y - top)
        drawn.append(rect(Box(x, top, 6, y - top), f"fill {zone_class(zone.colour)}"))
        y += 8 if grid.dense else GAP
    return Bands(tuple(drawn), tuple(captions), boxes, y)


def _strip(fabric: Fabric, zone: ZoneBand, grid: Grid, y: int) -> tuple[Element, int]:
    """Return the head of a zone and its VRF on each host, and where its first VNet begins."""
    colour = zone_class(zone.colour)
    x = grid.labels[0]
    height = (DENSE_STRIP if grid.dense else STRIP) + LINE["note"] * len(leaks_of(fabric, zone))
    box = Box(x, y, grid.right - x, height)
    at_name = x + PAD + 6
    name = link(
        f"zone-{zone.name}",
        f"show zone {zone.name} alone",
        rect(box, f"strip fill {colour}", title(f"zone {zone.name}: {', '.join(zone.facts)}")),
        words(at_name, y + 18, zone.name, "head"),
    )
    vrf_y = y + 18 if grid.dense else y + 37
    return group(
        name,
        words(at_name, vrf_y, "VRF on each host, route distinguisher", "note quiet") if not grid.dense else None,
        *(_vrf(grid.cell(host, y, height), vrf_y, rd, colour, dense=grid.dense) for host, rd in _rds(zone)),
    ), y + height


def _captions(fabric: Fabric, zone: ZoneBand, grid: Grid, y: int) -> list[Element]:
    """Return what is said of a zone beside its name, and its leaks below that."""
    x = grid.labels[0] + PAD + 6
    facts = zone.facts[1:3] if grid.dense else zone.facts
    return [
        *table(x + text_width(zone.name, "head") + 12, y + 18 - SIZES["note"], [facts], gap=FACTS_GAP),
        *(
            words(x, y + _leak_line(index, dense=grid.dense), leak_line(leak), "note strong")
            for index, leak in enumerate(leaks_of(fabric, zone))
        ),
    ]


def _leak_line(index: int, *, dense: bool) -> int:
    """Return how far below the upper side of a zone's head the base line of one of its leaks is."""
    return (18 if dense else 37) + LINE["note"] * (index + 1) + 3


def _rds(zone: ZoneBand) -> list[tuple[str, str]]:
    return [(host, vrf.route_distinguisher) for host, vrf in zone.vrfs]


def _vrf(cell: Box, y: int, rd: str, colour: str, *, dense: bool) -> Element:
    if dense:
        return rect(Box(cell.middle - 6, y - 11, 12, 12), f"fill {colour} vrf", title(f"RD {rd}"))
    return group(
        rect(Box(cell.x + PAD, y - 10, 12, 12), f"fill {colour} vrf"),
        words(cell.x + PAD + 18, y, f"RD {rd}", "note"),
    )


def _row(zone: ZoneBand, band: VnetBand, grid: Grid, y: int) -> tuple[Element, int]:
    """Return a VNet with its guests in full, and where the next row begins."""
    rows = vnet_rows(band, dense=False)
    cells = [_cell_size(zone, band, cell) for cell in band.cells]
    height = max(table_size(rows)[1] + LINE["head"] + 2 * PAD, *cells)
    x = grid.labels[0] + PAD + 6
    colour = zone_class(zone.colour)
    boxes = [grid.cell(cell.host, y + 4, height - 4) for cell in band.cells]
    return group(
        words(x, y + PAD + SIZES["head"], band.vnet.name, "head"),
        *table(x, y + PAD + LINE["head"], rows),
        *(rect(box, f"band fill {colour}") for box in boxes),
        line(boxes[0].x, y + RAIL, boxes[-1].right, y + RAIL, f"rail stroke {colour}") if boxes else None,
        *(_cell(zone, band, cell, box) for cell, box in zip(band.cells, boxes, strict=True)),
    ), y + height


def _cell_size(zone: ZoneBand, band: VnetBand, cell: Cell) -> int:
    """Return how high a cell of wide columns is."""
    brief = is_brief(band)
    chips = sum(chip_size(guest, len(zone.vrfs), brief=brief)[1] + CHIP_GAP for guest in cell.at_home[:CHIPS_UP_TO])
    rest = (len(cell.at_home) > CHIPS_UP_TO) + bool(cell.may_come)
    return RAIL + CHIP_GAP + chips + rest * LINE["body"] + PAD


def _cell(zone: ZoneBand, band: VnetBand, cell: Cell, box: Box) -> Element:
    """Return a VNet on one host: its guests below the rail, each with the dot of its session."""
    brief, colour = is_brief(band), zone_class(zone.colour)
    x, y = box.x + PAD, box.y - 4 + RAIL
    drawn: list[Element] = []
    chips: list[Element] = []
    last = y
    y += CHIP_GAP
    for guest in cell.at_home[:CHIPS_UP_TO]:
        height = chip_size(guest, len(zone.vrfs), brief=brief)[1]
        chip = Box(x + 20, y, box.right - PAD - x - 20, height)
        last = y + height // 2
        chips.append(
            group(
                line(x, last, chip.x, last, f"rail stroke {colour}"),
                dot(x, last, 5, "end"),
                _chip(guest, chip, colour, anywhere=len(guest.placement) == len(zone.vrfs), brief=brief),
                guests=[guest.name],
            )
        )
        y += height + CHIP_GAP
    if cell.at_home:
        drawn.append(line(x, box.y - 4 + RAIL, x, last, f"rail stroke {colour}"))
    for text in _rest(cell):
        drawn.append(words(x, y + SIZES["note"], text, "note quiet"))
        y += LINE["body"]
    return group(*drawn, *chips, tip=cell_tip(band, cell))


def _rest(cell: Cell) -> list[str]:
    """Return what is said of guests that are not drawn."""
    hidden = len(cell.at_home) - CHIPS_UP_TO
    coming = len(cell.may_come)
    return [
        *([f"and {hidden} more guests"] if hidden > 0 else []),
        *([f"listens for {coming} more that may move here"] if coming else []),
    ]


def _chip(guest: AttachedGuest, box: Box, colour: str, *, anywhere: bool, brief: bool) -> Element:
    return group(
        rect(box, f"card chip stroke {colour}"),
        words(box.x + PAD, box.y + 16, guest.name, "body strong"),
        words(box.right - PAD, box.y + 16, guest_role(guest), "note right quiet") if guest.cluster else None,
        *table(box.x + PAD, box.y + 5 + LINE["body"], guest_rows(guest, anywhere, brief=brief)),
    )


def _dense_row(zone: ZoneBand, band: VnetBand, grid: Grid, y: int) -> tuple[Element, int]:
    """Return a VNet with the number of its guests on each host, and where the next row begins."""
    rows = vnet_rows(band, dense=True)
    most = 0 if grid.upright else max((len(cell.at_home) for cell in band.cells), default=0)
    named = 0 < most <= NAMES_UP_TO
    height = max(DENSE_ROW, LINE["note"] * (len(rows) + 1) + 8, most * LINE["head"] + 10 if named else 0)
    x = grid.labels[0] + PAD + 6
    colour = zone_class(zone.colour)
    return group(
        *table(x, y + 4, [vnet_heading(band)], "body", more="strong"),
        *table(x, y + 20, rows, more="quiet"),
        *(_dense_cell(band, cell, grid.cell(cell.host, y + 2, height - 2), colour, named=named) for cell in band.cells),
    ), y + height


def _dense_cell(band: VnetBand, cell: Cell, box: Box, colour: str, *, named: bool) -> Element:
    x, y = box.middle, box.y + box.height // 2
    mark: list[Element] = []
    if cell.at_home:
        names = [guest.name for guest in cell.at_home]
        said = names if named else [str(len(names))]
        class_ = "note" if named else "body"
        top = y - len(said) * LINE["head"] // 2
        for index, text in enumerate(said):
            width = max(20, text_width(text, class_) + 12)
            pill = Box(x - width // 2, top + index * LINE["head"], width, LINE["head"] - 2)
            parts = (
                rect(pill, f"home fill stroke {colour}", radius=9),
                words(x, pill.y + 14, text, f"{class_} strong mid"),
            )
            mark.append(group(*parts, guests=[text] if named else names))
    elif cell.may_come:
        mark.append(dot(x, y, 4, "away"))
    return group(rect(box, f"band fill {colour}"), *mark, tip=cell_tip(band, cell))


def host_names(fabric: Fabric, grid: Grid, y: int) -> tuple[list[Element], int]:
    """Return the hosts' names again below narrow columns, so that a row far down can be read."""
    if not grid.dense:
        return [], y
    if not grid.upright:
        level = (words(grid.middle(host.name), y + SIZES["note"], host.name, "note mid") for host in fabric.hosts)
        return list(level), y + LINE["note"] + GAP
    height = max(text_width(host.name, "note") for host in fabric.hosts)
    names = (words(grid.middle(host.name) + 4, y + height, host.name, "note", upright=True) for host in fabric.hosts)
    return list(names), y + height + GAP


def leak_brackets(fabric: Fabric, grid: Grid, boxes: dict[str, Box]) -> list[Element]:
    """Return a bracket in the left margin for each leak, from its line in one zone's head to that in the other's."""
    drawn = []
    right = grid.labels[0] - 2
    for index, leak in enumerate(fabric.leaks):
        x = MARGIN + index * LEAK_STEP
        first, second = sorted(
            boxes[zone.name].y + _leak_line(leaks_of(fabric, zone).index(leak), dense=grid.dense) - 4
            for zone in fabric.zones
            if zone.name in leak.zones
        )
        bracket = element("path", class_="leak lane", d=f"M{right} {first}H{x}V{second}H{right}")
        heads = (element("path", class_="lead", d=f"M{right + 2} {at}l-10 -5v10z") for at in (first, second))
        drawn.append(group(bracket, *heads, tip=leak_line(leak)))
    return drawn
