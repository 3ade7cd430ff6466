"""The list of guests below a picture with narrow columns, where the cells hold numbers only."""

from __future__ import annotations

from trellis.picture.content import Rows
from trellis.picture.fabric import Fabric, VnetBand, ZoneBand
from trellis.picture.layout import CHIPS_UP_TO, GAP, PAD, Grid
from trellis.picture.style import zone_class
from trellis.picture.svg import LINE, SIZES, Box, Element, group, rect, table, table_size, text_width, words
from trellis.site.resolved import AttachedGuest

_HEADING = ("guest", "ASN", "IPv4", "IPv6", "on", "may move to")


def register(fabric: Fabric, grid: Grid, y: int) -> tuple[list[Element], int]:
    """Return a list of guests for each VNet that has some, in as many columns as there is room for."""
    lists = [(zone, band, _rows(zone, band)) for zone in fabric.zones for band in zone.vnets if band.guests]
    if not grid.dense or not lists:
        return [], y
    x = grid.labels[0]
    width = max(max(table_size(rows)[0], text_width(_heading(band), "body")) for _, band, rows in lists) + 2 * PAD + 6
    across = max(1, (grid.right - x + GAP) // (width + GAP))
    width = (grid.right - x + GAP) // across - GAP if across > 1 else width
    drawn: list[Element] = [words(x + PAD, y + SIZES["note"], "Guests, by VNet", "note strong quiet")]
    y += LINE["head"]
    for start in range(0, len(lists), across):
        row = lists[start : start + across]
        height = max(table_size(rows)[1] for _, _, rows in row) + LINE["head"] + 2 * PAD
        for place, (zone, band, rows) in enumerate(row):
            drawn.append(_list(zone, band, rows, Box(x + place * (width + GAP), y, width, height)))
        y += height + GAP
    return drawn, y


def _list(zone: ZoneBand, band: VnetBand, rows: Rows, box: Box) -> Element:
    return group(
        rect(box, "card"),
        rect(Box(box.x, box.y, 6, box.height), f"fill {zone_class(zone.colour)}"),
        words(box.x + 6 + PAD, box.y + PAD + SIZES["body"], _heading(band), "body strong"),
        *table(box.x + 6 + PAD, box.y + PAD + LINE["head"] - 2, rows),
    )


def _heading(band: VnetBand) -> str:
    return f"{band.vnet.name} in zone {band.vnet.zone}: {len(band.guests)}"


def _rows(zone: ZoneBand, band: VnetBand) -> Rows:
    guests = band.guests
    rows: Rows = [_HEADING, *(_row(guest, len(zone.vrfs)) for guest in guests[:CHIPS_UP_TO])]
    hidden = len(guests) - CHIPS_UP_TO
    return [*rows, (f"and {hidden} more: `trellis plan` lists them",)] if hidden > 0 else rows


def _row(guest: AttachedGuest, zone_hosts: int) -> tuple[str, ...]:
    others = [host for host in guest.placement if host != guest.host]
    where = "all" if len(guest.placement) == zone_hosts else " ".join(others)
    if len(where) > 20:
        where = f"{len(others)} others"
    return (guest.name, str(guest.asn), str(guest.ipv4 or ""), str(guest.ipv6), guest.host, where)
