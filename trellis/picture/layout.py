"""Where things are: a column for each host, a column of labels left of them, and sections from top to bottom.

Everything about a host stands in its column, from its ends of links and sessions down to its guests; everything
about a zone stands in its band.  A few hosts get columns wide enough for cards and guests in full; some more get
narrow ones with the guests' names in the cells; many get columns that are read from below, with numbers in the cells.
What narrow cells leave out stands in a list of guests below.
"""

from __future__ import annotations

from dataclasses import dataclass

from trellis.picture.content import (
    edge_rows,
    guest_role,
    guest_rows,
    host_rows,
    leak_line,
    short_version,
    summary,
    vnet_rows,
)
from trellis.picture.fabric import Fabric, VnetBand
from trellis.picture.svg import LINE, Box, table_size, text_width
from trellis.site.resolved import AttachedGuest

WIDE_UP_TO = 6
"""Most hosts that get wide columns: six of them fill a poster of A2."""
LEVEL_UP_TO = 12
"""Most hosts whose narrow columns are read as usual, not from below."""
NARROW = 200
"""Widest narrow column in px that is read as usual; longer names are read from below."""
NAMES_UP_TO = 5
"""Most guests that are named in a narrow cell; more are a number."""
BRIEF_ABOVE = 6
"""More guests than this in a cell are drawn in brief."""
CHIPS_UP_TO = 24
"""Most guests drawn in a cell or a list; the rest are a number."""

MARGIN = 36
PAD = 10
GAP = 14
LEAK_STEP = 14
FACTS_GAP = 18


@dataclass(frozen=True, slots=True)
class Grid:
    """The columns of a picture.

    Attributes:
        labels: Left side and width of the column of labels.
        columns: Left side and width of each host's column.
        dense: Whether the columns are narrow.
        upright: Whether they are so narrow that their cards are read from below.
        right: Where the last column ends.
    """

    labels: tuple[int, int]
    columns: dict[str, tuple[int, int]]
    dense: bool
    upright: bool
    right: int

    @property
    def left(self) -> int:
        """Where the first column begins."""
        return min(x for x, _ in self.columns.values())

    def middle(self, host: str) -> int:
        """Return the middle of a host's column, where its stem is."""
        x, width = self.columns[host]
        return x + width // 2

    def cell(self, host: str, y: int, height: int) -> Box:
        """Return the part of a host's column that a row takes."""
        x, width = self.columns[host]
        return Box(x, y, width, height)


def grid_of(fabric: Fabric) -> Grid:
    """Return the columns, as wide as what they hold."""
    dense = len(fabric.hosts) > WIDE_UP_TO
    x = MARGIN + LEAK_STEP * len(fabric.leaks) + (GAP if fabric.leaks else 0)
    labels = max(_label_widths(fabric, dense=dense)) + 2 * PAD
    level = _narrow_width(fabric)
    upright = dense and (len(fabric.hosts) > LEVEL_UP_TO or level > NARROW)
    width = dense_column(fabric) if upright else level if dense else max(_cell_widths(fabric)) + 2 * PAD
    gap = 4 if dense else GAP
    left = x + labels + GAP
    columns = {host.name: (left + index * (width + gap), width) for index, host in enumerate(fabric.hosts)}
    return Grid((x, labels), columns, dense, upright, left + len(columns) * (width + gap) - gap)


def _label_widths(fabric: Fabric, *, dense: bool) -> list[int]:
    widths = [240, *(text_width(lane.note, "note") for lane in fabric.lanes)]
    widths += [text_width(lane.name, "body") + 90 for lane in fabric.lanes]
    for zone in fabric.zones:
        if dense:  # the head of a zone stands in the column of labels; else it has the whole width
            widths.append(text_width(zone.name, "head") + table_size([zone.facts[1:3]], gap=FACTS_GAP)[0] + 18)
        for band in zone.vnets:
            widths.append(table_size(vnet_rows(band, dense=dense))[0])
            widths.append(table_size([vnet_heading(band)], "body")[0])
    return widths


def vnet_heading(band: VnetBand) -> tuple[str, ...]:
    """Return the first line of a VNet's label beside narrow columns."""
    return band.vnet.name, f"VNI {band.vnet.vni}", band.vnet.tenant


def _cell_widths(fabric: Fabric) -> list[int]:
    """Return the widths that what stands in wide columns needs."""
    widths = [220]
    for host in fabric.hosts:
        widths += [text_width(host.name, "head") + 130, table_size(host_rows(fabric, host))[0]]
    for zone in fabric.zones:
        for band in zone.vnets:
            brief = is_brief(band)
            for guest in band.guests:
                widths.append(chip_size(guest, len(zone.vrfs), brief=brief)[0] + 20)
    return widths


def _narrow_width(fabric: Fabric) -> int:
    """Return how wide a narrow column must be for its card and the names of guests."""
    cards = (text_width(text, "note") for texts in dense_lines(fabric) for text in texts)
    names = (text_width(f"{host.name} RR", "head") for host in fabric.hosts)
    guests = (
        text_width(guest.name, "note") + 12 for zone in fabric.zones for vnet in zone.vnets for guest in vnet.guests
    )
    return max([*cards, *names, *guests]) + 2 * PAD


def is_brief(band: VnetBand) -> bool:
    """Return whether a VNet has so many guests on a host that they are drawn in brief."""
    return max((len(cell.at_home) for cell in band.cells), default=0) > BRIEF_ABOVE


def chip_size(guest: AttachedGuest, zone_hosts: int, *, brief: bool) -> tuple[int, int]:
    """Return width and height of a guest's chip."""
    width, height = table_size(guest_rows(guest, len(guest.placement) == zone_hosts, brief=brief))
    heading = text_width(guest.name, "body") + text_width(guest_role(guest), "note") + 12
    return max(width, heading) + 2 * PAD, height + LINE["body"] + PAD


def dense_lines(fabric: Fabric) -> list[tuple[str, ...]]:
    """Return what the narrow cards say, a line for each part; versions only where they differ."""
    lines = [tuple(host.ipv4 for host in fabric.hosts), tuple(host.ipv6 for host in fabric.hosts)]
    versions = tuple(short_version(host) for host in fabric.hosts)
    return lines if len(set(versions)) == 1 else [versions, *lines]


def dense_column(fabric: Fabric) -> int:
    """Return the width of a narrow column, whose card is read from below."""
    return LINE["head"] + LINE["note"] * len(dense_lines(fabric)) + 4


def page_right(fabric: Fabric, grid: Grid) -> int:
    """Return where the page's content ends: with few hosts, what is said above and across the columns is wider."""
    edges = sum(edge_size(fabric, index)[0] + 2 * GAP for index in range(len(fabric.edges))) - 2 * GAP
    summaries = (MARGIN + text_width(line, "body") for line in summary(fabric))
    across = (grid.labels[0] + 2 * PAD + text_width(leak_line(leak), "note") for leak in fabric.leaks)
    heads = (
        grid.labels[0] + 3 * PAD + text_width(zone.name, "head") + table_size([zone.facts], gap=FACTS_GAP)[0]
        for zone in fabric.zones
    )
    return max(grid.right, grid.left + edges, *summaries, *across, *heads)


def edge_size(fabric: Fabric, index: int) -> tuple[int, int]:
    """Return width and height of an edge's card."""
    edge = fabric.edges[index]
    width, height = table_size(edge_rows(fabric, edge))
    return max(width, text_width(edge.name, "head")) + 2 * PAD, height + LINE["head"] + 2 * PAD
