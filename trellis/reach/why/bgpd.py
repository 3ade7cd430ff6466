"""What a host's bgpd refuses by itself, whatever its filters say: read off its source, and off the wire per version."""

from __future__ import annotations

from ipaddress import ip_network

from trellis.reach.fabric import Fabric
from trellis.reach.why.model import Entry, Step
from trellis.reach.why.question import Question

REFUSES_ITS_ADDRESSES = frozenset({"10.7"})
"""Versions that refuse a host route to an address of their own before they look at any filter; 10.3 does not
(``tests/golden/test_why_on_frr.py`` sees both)."""


def refused_by_bgpd(fabric: Fabric, asked: Question) -> Step | None:
    """Return why bgpd does not even look at a prefix, None where it does.

    Args:
        fabric: The fabric.
        asked: The route.
    """
    prefix, host = asked.route.prefix, asked.host
    first = prefix.network_address
    if first.is_multicast or (first.version == 6 and first.is_link_local):
        kind = "multicast" if first.is_multicast else "link-local"
        entry = Entry(f"bgpd itself: NLRI is {kind} address {first}, ignoring")
        remedy = "nothing of the site: have the guest announce unicast prefixes"
        why = f"{kind} addresses are no unicast routes"
        return Step("update", host.name, "stops", entry, why, rule="R7", remedy=remedy)
    if host.frr_version not in REFUSES_ITS_ADDRESSES:
        return None
    for vnet in fabric.vnets_of(asked.vnet.zone):
        if any(prefix == ip_network(gateway) for gateway in vnet.every_gateway):
            entry = Entry("bgpd itself: host route matches a local address")
            why = f"{first} is the gateway of {vnet.name}, which FRR {host.frr_version} knows for its own"
            remedy = "nothing of the site: every host has that address; take it off the guest"
            return Step("update", host.name, "stops", entry, why, rule="R7", remedy=remedy)
    return None
