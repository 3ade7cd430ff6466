"""The static routes of a zone's VRF: what leaks make reachable of other zones, and where a search ends.

A leak's routes point at the other VRF's device, so that the second lookup is done in its table, where the other zone's
own routes are; BGP imports nothing, and nothing of it is told to anybody.  A host that carries one of the two zones
sends its guests' packets by the default instead, by way of an edge.
"""

from __future__ import annotations

from collections.abc import Iterator

from trellis.plan import names
from trellis.plan.firewall_model import FirewallPlan
from trellis.plan.model import VrfRoute

_DEFAULTS = {"pve": ("::/0",), "frr": ("0.0.0.0/0", "::/0")}
"""What is rejected where no real default is known: Linux would go on in the main table, where the underlay is.

Proxmox ends the search itself for IPv4, in the interface's own stanza.
"""


def vrf_routes(firewall: FirewallPlan, zone: str, carried: tuple[str, ...], kind: str) -> tuple[VrfRoute, ...]:
    """Return the routes of a zone's VRF on a host, IPv4 first, as FRR prints them.

    Args:
        firewall: The site's leaks, resolved.
        zone: The zone.
        carried: Every zone that the host carries.
        kind: The host's kind.
    """
    routes = [*(VrfRoute(prefix, None) for prefix in _DEFAULTS[kind]), *_leaked(firewall, zone, carried)]
    return tuple(sorted(routes, key=lambda route: ":" in route.prefix))


def _leaked(firewall: FirewallPlan, zone: str, carried: tuple[str, ...]) -> Iterator[VrfRoute]:
    for leak in firewall.leaks:
        if zone in leak.zones and set(leak.zones) <= set(carried):
            other = 1 - leak.zones.index(zone)
            for prefix in leak.prefixes[other]:
                yield VrfRoute(prefix, names.vrf_name(leak.zones[other]))
