"""Sites with one host, one edge and many guests, and of the host's rendered text what runs without its devices.

Three shapes of the same sessions: ``bound`` and ``open`` are rendered as for any site.  ``ranges`` is not: it is the
plan of ``bound`` with a peer-group and a listen range of one address for each guest in the static neighbour's place,
to be weighed against it (docs/decisions/0021).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv6Address, ip_address
from typing import Literal, get_args

from trellis.bench.sites import Data, Size, site_data
from trellis.lab.edge import edge_config
from trellis.plan import plan
from trellis.plan.guest_sessions import LISTEN_LIMIT
from trellis.plan.model import BgpInstance, Family, FamilyPeer, GuestPlan, Plan, Session
from trellis.render import render
from trellis.render.bundle import FRR_CONF
from trellis.site import Site, load_site

Shape = Literal["bound", "open", "ranges"]
SHAPES: tuple[Shape, ...] = get_args(Shape)
JUDGED: tuple[Shape, ...] = ("bound", "open")
"""What Trellis renders; the third is only there to be weighed."""

MOST_GUESTS = 1500
MOST_ROUTES = 100

EDGE = "edge1"
VRF = "vrf_z101"
_ZONE = "z101"
_PER_VNET = 500
_CARRIED = ("bgp as-path ", "bgp community-list ", "ip prefix-list ", "ipv6 prefix-list ")
_KEPT = ("frr defaults ", "router bgp ", "route-map ", "ip route ", "ipv6 route ")
_OPEN_ASNS = range(65200, 65300)


@dataclass(frozen=True, slots=True)
class Load:
    """How many guests there are on the host, and how many IPv6 prefixes each announces."""

    guests: int
    routes: int

    def __str__(self) -> str:
        return f"{self.guests}x{self.routes}"


@dataclass(frozen=True, slots=True)
class LightGuest:
    """A guest as the speaker needs it.

    Attributes:
        vnet: Its VNet, the name of the device that it is behind.
        prefixes: What it announces: its loopback if it is declared, and addresses of its VNet's subnet.
    """

    vnet: str
    address: str
    asn: int
    gateway: str
    router_id: str
    prefixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Texts:
    """What host and edge load.

    Attributes:
        gateways: The host's address with its length on each VNet.
        loopbacks: The host's two, then the edge's two: what their sessions are between.
    """

    host: str
    edge: str
    gateways: dict[str, str]
    loopbacks: tuple[tuple[str, str], tuple[str, str]]


def texts(load: Load, shape: Shape) -> Texts:
    """Return the texts of host and edge for guests of a shape; with no guests, the same site without any.

    Args:
        load: How many.
        shape: In which shape.
    """
    site = load_site(_data(load, shape))
    planned = _in_ranges(plan(site)) if shape == "ranges" else plan(site)
    (host,), edge = planned.hosts, site.edges[EDGE]
    (bundle,) = render(planned)
    return Texts(
        host=loadable(bundle.text(FRR_CONF)),
        edge=loadable(edge_config(site, EDGE)),
        gateways={name: _gateway(site, name) for name in site.vnets},
        loopbacks=((host.ipv4, host.ipv6), (str(edge.loopback.ipv4), str(edge.loopback.ipv6))),
    )


def light_guests(load: Load, shape: Shape) -> tuple[LightGuest, ...]:
    """Return the guests of a site as speakers.

    Args:
        load: How many.
        shape: In which shape.
    """
    numbers = range(1, load.guests + 1)
    if shape == "open":
        return tuple(_undeclared(number, load.routes) for number in numbers)
    found = {one.guest.name: one for one in plan(load_site(_data(load, shape))).guests}
    return tuple(_declared(found[f"g{number}"], load.routes) for number in numbers)


def loadable(text: str) -> str:
    """Return of a frr.conf what makes BGP's routes: instances, lists and route-maps, and static routes.

    Interfaces, VRF statements, OSPF and BFD profiles are left out: FRR 10.3's zebra ends itself when it is given an
    interface's lines while its VRFs are namespaces.

    Args:
        text: A whole frr.conf, as Proxmox merges it or as ours alone.
    """
    kept, inside = [], False
    for line in text.splitlines():
        word = line.strip()
        if word.startswith(_CARRIED):  # in Proxmox's file they may ride inside of another block
            kept.append(word)
            continue
        if not line.startswith(" ") and line != "exit":
            inside = line.startswith(_KEPT)
        if inside:
            kept.append(line)
    return "\n".join((*kept, ""))


def _data(load: Load, shape: Shape) -> Data:
    data = site_data(Size(1, 1))
    del data["edges"]["edge2"]
    vnets = range(101, 101 + max(1, -(-load.guests // _PER_VNET)))
    policy = {"enabled": True, "mode": "open" if shape == "open" else "bound", "max_prefixes": max(10, load.routes)}
    declared = {} if shape == "open" else {f"g{n}": _guest(n, load.routes) for n in range(1, load.guests + 1)}
    return data | {
        "zones": {_ZONE: {"id": 1, "mtu": 8950, "shared": True}},
        "tenants": {f"tenant{vnet}": {**_tenant(vnet), "guest_bgp": policy} for vnet in vnets},
        "vnets": {f"vnet{vnet}": _vnet(vnet) for vnet in vnets},
        "guests": declared,
    }


def _tenant(number: int) -> Data:
    return {"id": number, "loopbacks": {"ipv4": f"10.{number}.252.0/22", "ipv6": f"fd00:{number}:fe::/64"}}


def _vnet(number: int) -> Data:
    ipv6 = {"prefix": f"fd00:{number}::/64", "gateway": f"fd00:{number}::fffe"}
    ipv4 = {"prefix": f"10.{number}.0.0/22", "gateway": f"10.{number}.3.254"}
    return {"zone": _ZONE, "tenant": f"tenant{number}", "subnets": {"ipv4": ipv4, "ipv6": ipv6}}


def _place(number: int) -> tuple[int, int]:
    """Return the number of a guest's VNet, and its own within it, from 1."""
    return 101 + (number - 1) // _PER_VNET, (number - 1) % _PER_VNET + 1


def _further(number: int, count: int) -> tuple[str, ...]:
    vnet, suffix = _place(number)
    return tuple(f"fd00:{vnet}::a:{suffix:x}:{one:x}/128" for one in range(1, count + 1))


def _guest(number: int, routes: int) -> Data:
    vnet, suffix = _place(number)
    mac = f"BC:24:11:00:{number // 256:02X}:{number % 256:02X}"
    announces = [*_further(number, routes - 1)]
    return {"vnet": f"vnet{vnet}", "suffix": suffix, "host": "pve001", "mac": mac, "announces": announces}


def _undeclared(number: int, routes: int) -> LightGuest:
    vnet, suffix = _place(number)
    asn = _OPEN_ASNS[(number - 1) % len(_OPEN_ASNS)]
    gateway, router_id = f"fd00:{vnet}::fffe", f"10.{vnet}.{suffix // 256}.{suffix % 256}"
    return LightGuest(f"vnet{vnet}", f"fd00:{vnet}::{suffix:x}", asn, gateway, router_id, _further(number, routes))


def _declared(planned: GuestPlan, routes: int) -> LightGuest:
    guest = planned.guest
    own = (str(prefix) for prefix in (*guest.loopbacks, *guest.extra) if prefix.version == 6)
    prefixes = tuple(own)[:routes]
    address, router_id = str(guest.ipv6), str(guest.router_id)
    return LightGuest(guest.vnet, address, guest.asn, planned.gateway_ipv6, router_id, prefixes)


def _gateway(site: Site, vnet: str) -> str:
    subnet = site.vnets[vnet].subnets.ipv6
    return f"{subnet.gateway}/{subnet.prefix.prefixlen}"


def _in_ranges(planned: Plan) -> Plan:
    """Return the plan with a listen range of one address and a peer-group for each static neighbour of its VRF."""
    (host,) = planned.hosts
    changed = tuple(instance if instance.vrf is None else _listening(instance) for instance in host.bgp)
    return replace(planned, hosts=(replace(host, bgp=changed),))


def _listening(instance: BgpInstance) -> BgpInstance:
    groups = {session.name: session for session in instance.sessions if session.is_group}
    members = [session for session in instance.sessions if not session.is_group and _is_ipv6(session.name)]
    named = {session.name: f"TL-G-{session.description}" for session in members}
    own = (
        replace(groups[session.group or ""], name=named[session.name], remote_as=session.remote_as)
        for session in members
    )
    of_group = {named[session.name]: session.group or "" for session in members}
    return replace(
        instance,
        sessions=tuple(_restarted(session) for session in own),
        families=tuple(_family(family, named, of_group) for family in instance.families),
        listens=tuple((f"{address}/128", group) for address, group in named.items()),
        listen_limit=LISTEN_LIMIT if named else None,
    )


def _restarted(session: Session) -> Session:
    """A declared guest's session has no graceful restart; its group has to say so now."""
    return replace(session, graceful_restart_disabled=True)


def _family(family: Family, named: dict[str, str], of_group: dict[str, str]) -> Family:
    return replace(family, peers=tuple(_family_peers(family, named, of_group)))


def _family_peers(family: Family, named: dict[str, str], of_group: dict[str, str]) -> Iterator[FamilyPeer]:
    peers = {peer.name: peer for peer in family.peers}
    for address, group in named.items():
        if address in peers:
            shared, own = peers[of_group[group]], peers[address]
            yield replace(
                shared,
                name=group,
                maximum_prefixes=own.maximum_prefixes,
                penalty_min=None,  # FRR ignores it where it accepts a peer
                route_map_in=own.route_map_in,
            )


def _is_ipv6(name: str) -> bool:
    return isinstance(ip_address(name), IPv6Address)
