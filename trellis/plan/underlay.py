"""The underlay of a host: OSPFv2 and OSPFv3 on its links, loopbacks announced, everything else passive; BFD.

Area 0 everywhere.  Links carry BFD so that a cut is seen in ``interval x multiplier`` and not after the 40 s
dead interval.
"""

from __future__ import annotations

from trellis.plan import names
from trellis.plan.model import BfdProfile, OspfInterface
from trellis.site.model import Bfd, Site


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
    """Return the two profiles of every host: active on links and between routers, passive towards guests.

    A passive one sends nothing before the guest does, so that hosts which do not have the guest stay silent.
    """
    return (_profile(names.GUEST_BFD, site.fabric.guest_bfd, True), _profile(names.LINK_BFD, site.fabric.bfd, False))


def _profile(name: str, bfd: Bfd, passive: bool) -> BfdProfile:
    return BfdProfile(name, bfd.interval_ms, bfd.multiplier, passive)
