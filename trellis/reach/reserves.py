"""How many there are of what stands in for one another: edges, links, hosts, route reflectors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from trellis.reach.walk import Walk

Kind = Literal["edges", "links", "hosts", "placement", "route reflectors"]


def reserves(state: Walk) -> dict[tuple[Kind, str], int]:
    """Return how many there are, by what and by who has them; see `trellis.reach.consequences.Redundancy`.

    Args:
        state: The fabric; of what is down nothing is counted.
    """
    return dict(_counted(state))


def _counted(state: Walk) -> Iterator[tuple[tuple[Kind, str], int]]:
    fabric, plan = state.fabric, state.fabric.plan
    for host in filter(fabric.is_up, fabric.hosts):
        yield ("edges", host), len(state.control.edges_of(host))
    for zone in plan.zones:
        yield ("hosts", zone.name), sum(map(fabric.is_up, zone.hosts))
    for node in filter(fabric.is_up, (*fabric.hosts, *fabric.edges)):
        seen = (state.underlay.adjacent(link) for link in fabric.links)
        yield ("links", node), sum(1 for ends in seen if node in ends and len(ends) > 1)
    for planned in plan.guests:
        yield ("placement", planned.guest.name), sum(map(fabric.is_up, planned.hosts))
    reflectors = [host.name for host in plan.hosts if state.control.reflects(host.name)]
    yield ("route reflectors", plan.site_name), sum(map(fabric.is_up, reflectors))
