"""The underlay of a host: OSPFv2 and OSPFv3 on its links, loopbacks announced, everything else passive; BFD.

Area 0 everywhere.  Links carry BFD so that a cut is seen in ``interval x multiplier`` and not after the 40 s
dead interval.
"""

from __future__ import annotations

from trellis.plan import names
from trellis.plan.model import BfdProfile, OspfInterface
from trellis.site.model import Site


def ospf_interfaces(site: Site, host: str) -> tuple[OspfInterface, ...]:
    """Return the interfaces of ``host`` that are in the underlay, its loopback first.

    Args:
        site: The site.
        host: Name of the host.
    """
    links = sorted(
        (link.ends[host].interface, link.cost, link.kind) for link in site.links.values() if host in link.ends
    )
    return (
        OspfInterface(site.fabric.loopback_interface, passive=True),
        *(
            OspfInterface(
                interface,
                passive=False,
                cost=cost,
                point_to_point=kind == "point-to-point",
                bfd_profile=names.LINK_BFD,
            )
            for interface, cost, kind in links
        ),
    )


def bfd_profiles(site: Site) -> tuple[BfdProfile, ...]:
    """Return the three profiles of every host: active on links and between loopbacks, passive towards guests.

    A passive one sends nothing before the guest does, so that hosts which do not have the guest stay silent. The one
    between loopbacks is not what tells that a host is dead: the route to its loopback goes with its links, and what
    it announced goes with that, since no next hop is looked up by the default (`route_maps.next_hops`). It ends a
    session whose way is there and carries nothing.
    """
    fabric = site.fabric
    profiles = (
        (names.GUEST_BFD, fabric.guest_bfd),
        (names.LINK_BFD, fabric.bfd),
        (names.MULTIHOP_BFD, fabric.multihop_bfd),
    )
    return tuple(
        BfdProfile(name, bfd.interval_ms, bfd.multiplier, passive=name == names.GUEST_BFD) for name, bfd in profiles
    )
