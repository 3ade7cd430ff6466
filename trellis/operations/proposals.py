"""What a site could say of VMs that are on its VNets and not in it: an entry each, held against the site's own rules.

The suffix is the lowest one of the tenant that nobody has: with it come an ASN and addresses that nobody has either.
Whether the rest is right is not judged here: the site is loaded with the entries, and whatever it refuses is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import Any

import yaml

from trellis import allocate
from trellis.operations.discovery import Undeclared
from trellis.site import Refusal, Site, SiteRefused, attached_guests, load_site
from trellis.site.resolved import vip_addresses

_SUFFIXES = range(1, 1000)


@dataclass(frozen=True, slots=True)
class Proposal:
    """An entry of ``guests`` for a VM.

    Attributes:
        name: The guest's name: the VM's, as a site may have it.
        entry: As it would stand in the stack file.
        of: The card that it is for.
        refused: Why the site would not be accepted with it; nothing if it would.
    """

    name: str
    entry: dict[str, Any]
    of: Undeclared
    refused: tuple[Refusal, ...] = ()


def propose(data: Mapping[str, Any], site: Site, undeclared: Iterable[Undeclared]) -> tuple[Proposal, ...]:
    """Return an entry for each card that is not declared and could be heard, all of which the site bears together.

    Args:
        data: The raw site, with what its prefix file says.
        site: The same, accepted.
        undeclared: The cards.
    """
    numbers, names = _Numbers(site), _Names(site)
    wanted = [_proposal(card, numbers, names) for card in undeclared if card.heard != "nobody"]
    judged = [one for one in wanted if one.refused]
    open_ones = [one for one in wanted if not one.refused]
    while open_ones and (refusals := _refusals(data, open_ones)):
        blamed = {one.name: tuple(found for found in refusals if _names(found, one.name)) for one in open_ones}
        if not any(blamed.values()):
            # Nobody by name, so everybody: what is refused of the whole is told of each.
            blamed = {one.name: refusals for one in open_ones}
        judged += [replace(one, refused=blamed[one.name]) for one in open_ones if blamed[one.name]]
        open_ones = [one for one in open_ones if not blamed[one.name]]
    return tuple(sorted((*judged, *open_ones), key=lambda one: (one.of.vmid, one.of.nic)))


def as_yaml(proposals: Iterable[Proposal]) -> str:
    """Return the entries that the site would be accepted with, as they are written into a stack file.

    Args:
        proposals: The proposals; those that are refused are left out.
    """
    entries = {one.name: one.entry for one in proposals if not one.refused}
    if not entries:
        return ""
    text: str = yaml.safe_dump({"guests": entries}, sort_keys=False, default_flow_style=None, width=1000)
    return text


def _refusals(data: Mapping[str, Any], proposals: list[Proposal]) -> tuple[Refusal, ...]:
    entries = {one.name: one.entry for one in proposals}
    try:
        load_site({**data, "guests": {**data.get("guests", {}), **entries}})
    except SiteRefused as refused:
        return refused.refusals
    return ()


def _names(refusal: Refusal, guest: str) -> bool:
    """Whether a refusal is of a guest, or of another entry because of it."""
    its = re.compile(rf"\bguests\.{re.escape(guest)}(?![a-z0-9-])")
    return any(its.search(text) for text in (refusal.path, refusal.value, refusal.rule))


def _proposal(card: Undeclared, numbers: _Numbers, names: _Names) -> Proposal:
    name, suffix, nic = names.free(card), numbers.free(card.vnet), int(card.nic.removeprefix("net"))
    entry: dict[str, Any] = {
        "vnet": card.vnet,
        "suffix": suffix or _SUFFIXES[-1],
        "host": card.node,
        "mac": card.mac.upper(),
        "vmid": card.vmid,
        **({"nic": nic} if nic else {}),
    }
    if suffix is not None:
        return Proposal(name, entry, card)
    rule = f"one of the suffixes {_SUFFIXES[0]}-{_SUFFIXES[-1]} of the VNet's tenant is free"
    why = "a guest's ASN and addresses follow from it"
    full = Refusal(f"guests.{name}.suffix", "none is left", rule, why, "remove a guest that is gone, or add a tenant")
    return Proposal(name, entry, card, (full,))


class _Names:
    """Names that are free in a site."""

    def __init__(self, site: Site) -> None:
        nodes = {name for cluster in site.clusters.values() for name in cluster.nodes}
        self._taken = {*site.guests, *nodes, *site.hosts, *site.edges}

    def free(self, card: Undeclared) -> str:
        """Take a name like the VM's."""
        own = re.sub("[^a-z0-9]+", "-", card.name.lower())[:40].strip("-") or f"vm-{card.vmid}"
        several = (own, f"{own}-{card.vmid}", f"{own}-{card.vmid}-{card.nic}")
        name = next(name for name in several if name not in self._taken)
        self._taken.add(name)
        return name


class _Numbers:
    """Suffixes that are free in a site: with which nothing that follows from them is anybody's."""

    def __init__(self, site: Site) -> None:
        self._site = site
        guests = attached_guests(site)
        self._suffixes = {(guest.tenant, guest.suffix) for guest in guests}
        self._asns = {guest.asn for guest in guests} | {site.fabric.asn, *(edge.asn for edge in site.edges.values())}
        subnets = [subnet for vnet in site.vnets.values() for subnet in (vnet.subnets.ipv4, vnet.subnets.ipv6)]
        self._addresses: set[object] = {ip_network(subnet.gateway) for subnet in subnets if subnet is not None}
        for guest in guests:
            self._addresses |= {ip_network(own) for own in (guest.ipv4, guest.ipv6) if own is not None}
            self._addresses |= {*guest.loopbacks, *guest.extra}
        for cluster in site.clusters.values():
            self._addresses |= {ip_network(address) for address in vip_addresses(cluster)}

    def free(self, vnet: str) -> int | None:
        """Take a VNet's lowest suffix; None where there is none."""
        tenant = self._site.vnets[vnet].tenant
        for suffix in _SUFFIXES:
            asn = allocate.guest_asn(self._site.tenants[tenant].id, suffix)
            addresses = self._of(vnet, suffix)
            if (tenant, suffix) in self._suffixes or asn in self._asns or addresses & self._addresses:
                continue
            self._suffixes.add((tenant, suffix))
            self._asns.add(asn)
            self._addresses |= addresses
            return suffix
        return None

    def _of(self, vnet: str, suffix: int) -> set[object]:
        """The addresses that a guest with a suffix would have."""
        found = self._site.vnets[vnet]
        pools = self._site.tenants[found.tenant].loopbacks
        prefixes = [subnet.prefix for subnet in (found.subnets.ipv4, found.subnets.ipv6) if subnet is not None]
        prefixes += [pool for pool in (pools.ipv4, pools.ipv6) if pool is not None] if pools is not None else []
        return {ip_network(allocate.suffix_address(prefix, suffix)) for prefix in prefixes}
