"""The global BGP instance of a host, with mesh and edges; those of its VRFs stand in ``guest_sessions``.

Proxmox writes part of the global instance on hosts of kind ``pve`` (the ``VTEP`` group and the l2vpn family);
what it writes is marked ``generated`` here and left to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trellis import allocate
from trellis.plan import names
from trellis.plan.model import BgpInstance, Family, FamilyName, FamilyPeer, Session
from trellis.site.model import Edge, Host, Site
from trellis.site.resolved import by_id

Version = Literal["ipv4", "ipv6"]
UNICAST: dict[Version, FamilyName] = {"ipv4": "ipv4 unicast", "ipv6": "ipv6 unicast"}

CONNECT_S = 2
"""Seconds between attempts to connect, 1-65535; FRR's datacenter default of 10 s delays every recovery."""
MAXIMUM_PATHS = 8
"""Equal paths that are used together, 1-64 (FRR's own default with the datacenter profile is 64, traditional 1)."""


@dataclass(frozen=True, slots=True)
class Loopbacks:
    """A router's loopbacks as text."""

    name: str
    ipv4: str
    ipv6: str

    def of(self, version: Version) -> str:
        """Return the loopback of that family."""
        return self.ipv4 if version == "ipv4" else self.ipv6


def loopbacks(site: Site, host: str) -> Loopbacks:
    """Return the loopbacks of a host, derived from its id."""
    pools = site.fabric.loopbacks
    number = site.hosts[host].id
    return Loopbacks(
        host,
        str(allocate.suffix_address(pools.ipv4, number)),
        str(allocate.suffix_address(pools.ipv6, number)),
    )


def mesh_peers(site: Site, host: str) -> tuple[str, ...]:
    """Return the hosts that ``host`` has an iBGP session with: all, or the route reflectors in a large site."""
    reflectors = reflecting(site)
    if reflectors and host not in reflectors:
        return reflectors
    return tuple(name for name in by_id(site, site.hosts) if name != host)


def reflecting(site: Site) -> tuple[str, ...]:
    """Return the route reflectors, none while the site is small enough for a full mesh."""
    return by_id(site, site.fabric.route_reflectors) if len(site.hosts) > site.fabric.full_mesh_limit else ()


def global_instance(site: Site, name: str, peers: tuple[Loopbacks, ...], vrfs: tuple[str, ...]) -> BgpInstance:
    """Return the global BGP instance of a host.

    Args:
        site: The site.
        name: The host.
        peers: Loopbacks of its iBGP peers.
        vrfs: Names of the VRFs whose local routes it imports.
    """
    host, own = site.hosts[name], loopbacks(site, name)
    edges = sorted(site.edges.items())
    groups = mesh_groups(site)
    return BgpInstance(
        asn=site.fabric.asn,
        vrf=None,
        generated=host.kind == "pve",
        keepalive_s=site.fabric.keepalive_s,
        hold_time_s=site.fabric.hold_time_s,
        sessions=(
            *_mesh(site, host, own, peers),
            *(session for edge_name, edge in edges for session in _edge(edge_name, edge, own)),
        ),
        families=(
            _unicast(site, name, groups["ipv4"], [str(edge.loopback.ipv4) for _, edge in edges], vrfs, peers, "ipv4"),
            _unicast(site, name, groups["ipv6"], [str(edge.loopback.ipv6) for _, edge in edges], vrfs, peers, "ipv6"),
            _evpn(site, name, peers),
        ),
    )


def vtep_family(site: Site) -> Version:
    """Return the family of the VTEPs, which is one for the site: Proxmox has one EVPN controller."""
    return "ipv6" if any(zone.vtep == "ipv6" for zone in site.zones.values()) else "ipv4"


def mesh_groups(site: Site) -> dict[Version, str]:
    """Return the mesh's peer-group per family: EVPN rides on the one of the VTEPs' family."""
    if vtep_family(site) == "ipv4":
        return {"ipv4": names.VTEP_GROUP, "ipv6": names.FABRIC_GROUP}
    return {"ipv4": names.FABRIC_GROUP, "ipv6": names.VTEP_GROUP}


def _mesh(site: Site, host: Host, own: Loopbacks, peers: tuple[Loopbacks, ...]) -> list[Session]:
    """Return both groups of the mesh, then their members."""
    proxmox_knows = set(reflecting(site) or site.hosts) if host.kind == "pve" else set()
    groups = mesh_groups(site)
    made = [
        Session(
            group,
            is_group=True,
            generated=group == names.VTEP_GROUP and host.kind == "pve",
            remote_as=site.fabric.asn,
            bfd_profile=names.MULTIHOP_BFD,
            update_source=own.of(version),
            connect_s=CONNECT_S,
            md5=site.fabric.md5,
        )
        for version, group in groups.items()
    ]
    made += [
        Session(
            peer.of(version),
            generated=group == names.VTEP_GROUP and peer.name in proxmox_knows,
            group=group,
            description=peer.name,
        )
        for peer in peers
        for version, group in groups.items()
    ]
    return made


def _edge(name: str, edge: Edge, own: Loopbacks) -> list[Session]:
    return [
        Session(
            remote,
            remote_as=edge.asn,
            description=name,
            bfd_profile=names.MULTIHOP_BFD,
            ebgp_hops=edge.max_hops,
            update_source=source,
            connect_s=CONNECT_S,
            md5=edge.md5,
        )
        for remote, source in ((str(edge.loopback.ipv4), own.ipv4), (str(edge.loopback.ipv6), own.ipv6))
    ]


def _unicast(
    site: Site,
    host: str,
    group: str,
    edges: list[str],
    vrfs: tuple[str, ...],
    peers: tuple[Loopbacks, ...],
    version: Version,
) -> Family:
    mesh = FamilyPeer(
        group,
        activate=True,
        next_hop_self=True,
        route_map_in=names.FABRIC_IN,
        route_map_out=names.FABRIC_OUT,
    )
    towards_edges = (
        FamilyPeer(
            address,
            activate=True,
            next_hop_self=True,
            route_map_in=names.EDGE_IN,
            route_map_out=names.EDGE_OUT,
        )
        for address in edges
    )
    return Family(
        UNICAST[version],
        (mesh, *_clients(site, host, peers, version), *towards_edges),
        maximum_paths=MAXIMUM_PATHS,
        maximum_paths_ibgp=MAXIMUM_PATHS,
        import_map=names.FROM_VRFS if vrfs else None,
        import_vrfs=vrfs,
    )


def _evpn(site: Site, host: str, peers: tuple[Loopbacks, ...]) -> Family:
    generated = site.hosts[host].kind == "pve"
    group = () if generated else (FamilyPeer(names.VTEP_GROUP, activate=True),)
    clients = _clients(site, host, peers, vtep_family(site))
    return Family("l2vpn evpn", (*group, *clients), generated=generated, advertise_all_vni=not generated)


def _clients(site: Site, host: str, peers: tuple[Loopbacks, ...], version: Version) -> list[FamilyPeer]:
    """Return the peers that ``host`` reflects routes to, if it is a route reflector."""
    reflectors = reflecting(site)
    if host not in reflectors:
        return []
    return [FamilyPeer(peer.of(version), route_reflector_client=True) for peer in peers if peer.name not in reflectors]
