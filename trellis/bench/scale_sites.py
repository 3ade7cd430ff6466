"""Sites of the scale measurement: hosts, guests and where a guest may run are chosen apart from each other.

``trellis.bench.sites`` makes everything but the guests; there each tenant has one on every host.
"""

from __future__ import annotations

from dataclasses import dataclass

from trellis.bench.sites import Data, Size, site_data
from trellis.site.model import Fabric

TENANTS = 16
MOST_GUESTS = 10_000
"""Of all tenants together: 625 for each, and a subnet has room for 999."""
FEW = 3
"""Hosts that a guest may run on where its placement is stated: the one it is on, and two to go to."""


_MESH_LIMIT: int = Fabric.model_fields["full_mesh_limit"].default
"""These sites set none of their own."""


@dataclass(frozen=True, slots=True)
class Growth:
    """A point of the measurement.

    Attributes:
        hosts: How many; each has every zone.
        guests: How many of all tenants together.
        placement: On how many hosts each may run; None for its zone's nodes, which are all hosts.
        tenants: How many, a zone and a VNet each.
    """

    hosts: int
    guests: int
    placement: int | None
    tenants: int = TENANTS

    @property
    def placed_on(self) -> int:
        """On how many hosts a guest is rendered."""
        return min(self.placement or self.hosts, self.hosts)

    @property
    def reflected(self) -> bool:
        """Whether iBGP has route reflectors, since a full mesh has a limit."""
        return self.hosts > _MESH_LIMIT


def grown_site(growth: Growth) -> Data:
    """Return the raw object of a site, as it stands under ``trellis:site``.

    Neighbouring guests are of different tenants and on the same host, so that each host has as many as any other.

    Args:
        growth: Which one; at most 999 guests for each tenant.
    """
    data = site_data(Size(growth.hosts, growth.tenants))
    names = list(data["hosts"])
    guests = {}
    for number in range(growth.guests):
        tenant, home = 101 + number % growth.tenants, number * growth.hosts // growth.guests
        guest = {
            "vnet": f"vnet{tenant}",
            "suffix": number // growth.tenants + 1,
            "host": names[home],
            "mac": f"BC:24:11:00:{number // 256:02X}:{number % 256:02X}",
        }
        if growth.placement is not None:
            guest["placement"] = [names[(home + step) % growth.hosts] for step in range(growth.placed_on)]
        guests[f"g{tenant}-{guest['suffix']}"] = guest
    return {**data, "guests": guests}
