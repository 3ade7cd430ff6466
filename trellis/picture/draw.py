"""Puts the sections of a picture together, from top to bottom."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.picture.content import summary
from trellis.picture.fabric import Fabric, fabric_of
from trellis.picture.layout import GAP, MARGIN, Grid, grid_of, page_right
from trellis.picture.legend import heading
from trellis.picture.register import register
from trellis.picture.style import style_sheet
from trellis.picture.svg import Box, Element, document, rect
from trellis.picture.tenancy import host_names, leak_brackets, zones
from trellis.picture.wiring import edge_cards, host_cards, lanes, stem_lines, stems_of
from trellis.plan import Plan
from trellis.site import Site


def draw(site: Site, plan: Plan) -> str:
    """Return the picture of a fabric as the text of an SVG file; the same plan gives the same bytes.

    Args:
        site: The site.
        plan: Its plan.
    """
    fabric = fabric_of(site, plan)
    grid = grid_of(fabric)
    right = page_right(fabric, grid)
    head, y = heading(fabric, MARGIN, right, grid)
    edges, edge_boxes = edge_cards(fabric, grid, y)
    y = max([y, *(box.bottom + GAP for box in edge_boxes.values())])
    stems = stems_of(fabric, grid, edge_boxes)
    wires, met, hosts_y = lanes(fabric, grid, stems, y)
    hosts, height = host_cards(fabric, grid, hosts_y)
    bands = zones(fabric, grid, hosts_y + height + 2 * GAP)
    names, y = host_names(fabric, grid, bands.bottom)
    bottom = y
    guests, y = register(fabric, grid, y)
    size = (right + MARGIN, y + MARGIN - GAP)
    elements = (
        rect(Box(0, 0, *size), "page"),
        *head,
        *stem_lines(stems, met, edge_boxes, hosts_y),
        *edges,
        *wires,
        *hosts,
        *bands.drawn,
        *leak_brackets(fabric, grid, bands.boxes),
        *names,
        *guests,
        *_host_veils(fabric, grid, hosts_y, bottom),
        *bands.captions,
        *(rect(box, "veil zone", id_=f"zone-{name}") for name, box in bands.boxes.items()),
    )
    return document(elements, style_sheet(*size), size, f"Fabric {fabric.name}", " ".join(summary(fabric)))


def _host_veils(fabric: Fabric, grid: Grid, top: int, bottom: int) -> Iterator[Element]:
    """Yield what covers each host's column while another one is chosen; it takes no clicks."""
    for host in fabric.hosts:
        x, width = grid.columns[host.name]
        yield rect(Box(x - 2, top - 2, width + 4, bottom - top + 4), "veil host", id_=f"host-{host.name}")
