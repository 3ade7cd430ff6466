"""Plan -> what each port of a VNet may send, and what is remembered of guests that dial BGP: two nftables tables.

On a shared L2 the first ties a declared guest's MAC, addresses, ARP and neighbour discovery together, and to the port
that Proxmox names after the VM where the site says which that is (R7).  The second keeps those off for a while who
exceed their limit on an open VNet, and slows down who dials too often.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network

from trellis.allocate import in_prefix
from trellis.plan.model import GuestPlan, VnetPlan
from trellis.render.nftables import TYPES, NamedSet, both_families, braced, of_version
from trellis.render.stanzas import Stanzas
from trellis.site.resolved import AnyNetwork


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An address that neighbour discovery may speak of, as a number, and whose it is; nobody's is a gateway's.

    Attributes:
        macs: Its owner's MAC, or as an nftables set those of several who have it in turn.
    """

    number: str
    macs: str | None


_SPEECH_KB = 128
"""A session of a guest with ten prefixes costs 0.6 kB (OPEN, UPDATEs, with their headers); beside it a kB a prefix."""


@dataclass(frozen=True, slots=True)
class Dialled:
    """A VNet whose guests dial its gateway."""

    name: str
    subnet: str
    gateway: str
    penalty_min: int
    most_kb: int
    """What a guest may say at once beside KEEPALIVEs, in kB; four times as much in an hour (the kernel lets a minute's
    share through beside it)."""


@dataclass(frozen=True, slots=True)
class Sender:
    """A guest as its port knows it, the same on every host where it may run.

    Attributes:
        addresses: What it alone may send from, loopbacks included.
        not_elsewhere: Those of them that no port of another guest may send from.
        spoken_of: Those that neighbour discovery may speak of, as numbers.
    """

    name: str
    mac: str
    vmid: int | None
    nic: int
    addresses: tuple[str, ...]
    not_elsewhere: tuple[str, ...]
    spoken_of: tuple[str, ...]


def sender(planned: GuestPlan, vnet: VnetPlan) -> Sender:
    """Return a guest as its port knows it.

    Args:
        planned: The guest.
        vnet: Its VNet.
    """
    guest, made = planned.guest, _made_by_itself(planned, vnet)
    on_vnet = _on_vnet(planned)
    shared = (address for address in guest.shared if address.version == 6)
    itself = map(IPv6Address, (_link_local(guest.mac), *made))
    return Sender(
        guest.name,
        guest.mac,
        guest.vmid,
        guest.nic,
        addresses=(*dict.fromkeys((*on_vnet, *map(_plain, guest.loopbacks))), *made),
        not_elsewhere=(*on_vnet, *made),
        spoken_of=tuple(
            hex(int(address)) for address in dict.fromkeys((guest.ipv6, *itself, *shared, *guest.global_ipv6))
        ),
    )


def ports(stanzas: Stanzas, vnets: tuple[VnetPlan, ...], guests: tuple[Sender, ...]) -> str:
    """Return the table of what ports may send on the VNets of a host on which guests are heard.

    Args:
        stanzas: Fills templates.
        vnets: These VNets.
        guests: The guests that may run on the host.  One of another host has its loopbacks to itself here, and is not
            known by its other addresses: all guests on all hosts would make the largest part of a large site's text.
    """
    sets = tuple(_sets(vnets, guests))
    return stanzas.fill(
        "host/ports.j2",
        bridges=braced(f'"{vnet.name}"' for vnet in vnets),
        sets=stanzas.fill("nftables/sets.j2", sets=sets),
        tied=any(found.name == "ports" for found in sets),
        neighbours=tuple(_neighbours(vnets, guests)),
    )


def peers(stanzas: Stanzas, vnets: tuple[VnetPlan, ...]) -> str:
    """Return the table of what is remembered of guests that dial BGP on some VNets.

    Args:
        stanzas: Fills templates.
        vnets: The VNets of a host on which guests are heard.
    """
    dialled = tuple(
        Dialled(vnet.name, subnet, gateway, vnet.peering.penalty_min, _SPEECH_KB + vnet.peering.max_prefixes)
        for vnet in vnets
        if vnet.peering is not None
        for subnet, gateway in zip(vnet.subnets, vnet.gateways, strict=True)
        if ":" in subnet
    )
    is_open = {vnet.name for vnet in vnets if vnet.peering is not None and vnet.peering.mode == "open"}
    return stanzas.fill(
        "host/peers.j2", vnets=dialled, penalizing=tuple(vnet for vnet in dialled if vnet.name in is_open)
    )


def own_advertisements(stanzas: Stanzas, vnets: tuple[str, ...], *, first: bool) -> str:
    """Return what keeps advertisements, and what asks for them, from going to other hosts and from coming from them.

    Args:
        stanzas: Fills templates.
        vnets: Names of the VNets on which hosts advertise.
        first: Whether nothing before it in the text makes the table.
    """
    names = braced(f'"vxlan_{vnet}"' for vnet in vnets)
    return stanzas.fill("host/advertising.j2", ports=names, first=first)


def _sets(vnets: tuple[VnetPlan, ...], guests: tuple[Sender, ...]) -> Iterator[NamedSet]:
    owned = {guest.mac: guest.addresses for guest in guests}
    ranges = [range_ for vnet in vnets for range_ in (*vnet.every_gateway, *vnet.loopbacks)]
    alone = [found for guest in guests for found in guest.not_elsewhere]
    yield from both_families("owned", dict.fromkeys((*ranges, *alone)))
    yield from both_families("subnets", (subnet for vnet in vnets for subnet in vnet.subnets))
    for version, keyword in ((4, "ip"), (6, "ip6")):
        pairs = tuple(f"{mac} . {found}" for mac, own in owned.items() for found in of_version(own, version))
        yield NamedSet(f"pairs_{keyword}", f"ether_addr . {TYPES[version]}", pairs)
    yield NamedSet("macs", "ether_addr", tuple(owned), interval=False)
    tied = {guest.mac: _port_names(guest.vmid, guest.nic) for guest in guests if guest.vmid is not None}
    if tied:
        yield NamedSet("tied_macs", "ether_addr", tuple(tied), interval=False)
        yield NamedSet("tied_ports", "ifname", tuple(n for found in tied.values() for n in found), interval=False)
        placed = tuple(f"{name} . {mac}" for mac, found in tied.items() for name in found)
        yield NamedSet("ports", "ifname . ether_addr", placed, interval=False)


def _port_names(vmid: int, nic: int) -> tuple[str, ...]:
    """Return what Proxmox calls the port of a VM, of one behind its firewall, and of a container."""
    return f'"tap{vmid}i{nic}"', f'"fwpr{vmid}p{nic}"', f'"veth{vmid}i{nic}"'


def _on_vnet(planned: GuestPlan) -> tuple[str, ...]:
    """Return a guest's addresses on its VNet, and what it announces beside them."""
    guest = planned.guest
    named = (guest.ipv6, guest.ipv4, *guest.shared, *guest.global_ipv6)
    own = [str(address) for address in named if address is not None]
    return tuple(dict.fromkeys((*own, _link_local(guest.mac), *map(_plain, guest.extra))))


def _link_local(mac: str) -> str:
    """Return the link-local address that a kernel makes of a MAC; routes may lead there."""
    return _of_mac("fe80::/64", mac)


def _of_mac(prefix: str, mac: str) -> str:
    """Return the address in a /64 that a kernel makes of a MAC (RFC 4291, modified EUI-64)."""
    first, *others = bytes.fromhex(mac.replace(":", ""))
    last = bytes((first ^ 2, *others[:2], 0xFF, 0xFE, *others[2:]))
    return str(in_prefix(IPv6Network(prefix), IPv6Address(int.from_bytes(last))))


def _made_by_itself(planned: GuestPlan, vnet: VnetPlan) -> tuple[str, ...]:
    """Return what a guest makes of its VNet's own subnet, if anything: where hosts advertise it, and it listens.

    What it makes of a delegated prefix nobody knows (RFC 8981), and nobody's own address is there.
    """
    return (_of_mac(vnet.subnets[0], planned.guest.mac),) if vnet.advertisement is not None else ()


def _plain(prefix: AnyNetwork) -> str:
    """Return a host route as the address that it is, and any other prefix as it is."""
    return str(prefix.network_address) if prefix.prefixlen == prefix.max_prefixlen else str(prefix)


def _neighbours(vnets: tuple[VnetPlan, ...], guests: tuple[Sender, ...]) -> Iterator[Neighbour]:
    for vnet in vnets:
        yield from (Neighbour(hex(int(IPv6Address(gateway))), None) for gateway in vnet.every_gateway if ":" in gateway)
    owners: dict[str, list[str]] = {}
    for guest in guests:
        for number in guest.spoken_of:
            owners.setdefault(number, []).append(guest.mac)
    for number, macs in owners.items():
        yield Neighbour(number, macs[0] if len(macs) == 1 else braced(macs))
