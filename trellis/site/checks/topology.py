"""Hosts, links and zones fit together: kinds, versions, nodes, MTUs, timers, placement.

The refusal of exit nodes and of ``advertise_subnets`` is here too: both make Proxmox generate the unfiltered
leak that rules R4 and R5 exclude.
"""

from __future__ import annotations

from collections.abc import Iterator

from trellis.site.checks.numbers import collisions
from trellis.site.model import Host, Site, Zone
from trellis.site.refusal import Refusal
from trellis.site.resolved import AttachedGuest, zone_nodes

VXLAN_OVERHEAD_BYTES = {"ipv4": 50, "ipv6": 70}
"""Bytes that VXLAN adds to a frame, by VTEP family (RFC 7348: outer Ethernet, IP, UDP, VXLAN)."""


def check(site: Site, guests: tuple[AttachedGuest, ...]) -> Iterator[Refusal]:
    """Yield a refusal for each thing that does not fit.

    Args:
        site: A site whose references hold.
        guests: Its guests and nodes, resolved.
    """
    yield from _hosts(site)
    yield from _timers(site)
    yield from _links(site)
    for zone_id, zone in site.zones.items():
        yield from _zone(site, zone_id, zone)
    yield from _tenancy(site)
    yield from _placement(site, guests)


def _hosts(site: Site) -> Iterator[Refusal]:
    for name, host in site.hosts.items():
        if host.kind == "pve" and host.pve_version is None:
            yield Refusal(
                f"hosts.{name}.pve_version",
                "nothing",
                "a host of kind pve states its Proxmox VE version",
                "what Proxmox generates, and what it drops of our text, depends on it",
                "add pve_version, as `pveversion` prints it",
            )
        if host.kind == "frr" and host.pve_version is not None:
            yield Refusal(
                f"hosts.{name}.pve_version",
                host.pve_version,
                "a host of kind frr has no Proxmox VE version",
                "nothing regenerates its frr.conf; saying both leaves open who owns it",
                "remove pve_version, or make the host's kind pve",
            )
    proxmox_hosts = [name for name, host in site.hosts.items() if host.kind == "pve"]
    if proxmox_hosts and site.proxmox is None:
        yield Refusal(
            "proxmox",
            "nothing",
            f"a site with hosts of kind pve ({', '.join(sorted(proxmox_hosts))}) says where the Proxmox API is",
            "zones and VNets are created there",
            "add proxmox.endpoint",
        )
    for name, host in site.hosts.items():
        called = host.ssh.address.partition(".")[0].lower()
        if called != name and called in site.hosts:
            yield Refusal(
                f"hosts.{name}.ssh.address",
                host.ssh.address,
                f"a host is not reached by the name of another: hosts.{called} is there as well",
                "it would get another's configuration; its own agent refuses one that is not for its host name",
                f"write the address of {name}, or rename the entry to what `hostname -s` prints there",
            )
    yield from collisions(
        ((f"hosts.{name}.ssh", f"{host.ssh.address} port {host.ssh.port}") for name, host in site.hosts.items()),
        "SSH address and port",
        "one host would get the configuration of another",
        "correct the address",
    )


def _timers(site: Site) -> Iterator[Refusal]:
    fabric = site.fabric
    if fabric.hold_time_s < 3 * fabric.keepalive_s:
        yield Refusal(
            "fabric.hold_time_s",
            str(fabric.hold_time_s),
            f"the hold time is at least three keepalives of {fabric.keepalive_s} s (RFC 4271, section 10)",
            "one lost keepalive would end every session",
            f"raise hold_time_s to {3 * fabric.keepalive_s}, or lower keepalive_s",
        )
    near, far = fabric.bfd, fabric.multihop_bfd
    if far.detection_ms < near.detection_ms:
        yield Refusal(
            "fabric.multihop_bfd",
            f"{far.interval_ms} ms x {far.multiplier}",
            f"between loopbacks BFD waits at least as long as on links, {near.detection_ms} ms (fabric.bfd)",
            "every cut of a link would end sessions before OSPF can know of it",
            "raise interval_ms or multiplier there, or lower those of fabric.bfd",
        )
    if len(site.hosts) > fabric.full_mesh_limit and not fabric.route_reflectors:
        yield Refusal(
            "fabric.route_reflectors",
            "none",
            f"more than {fabric.full_mesh_limit} hosts ({len(site.hosts)}) have route reflectors",
            f"a full mesh of them has {len(site.hosts) * (len(site.hosts) - 1) // 2} sessions",
            "name two hosts as fabric.route_reflectors, or raise fabric.full_mesh_limit",
        )


def _links(site: Site) -> Iterator[Refusal]:
    for name, link in site.links.items():
        if link.kind == "point-to-point" and len(link.ends) != 2:
            yield Refusal(
                f"links.{name}.ends",
                ", ".join(link.ends) or "none",
                "a point-to-point link has two ends",
                "OSPF forms one adjacency on it",
                "name two, or make the link's kind segment",
            )
    ends = [
        (f"links.{link_name}.ends.{name}.interface", f"{name} {end.interface}")
        for link_name, link in site.links.items()
        for name, end in link.ends.items()
    ]
    ends += [
        (f"fabric.loopback_interface (on {name})", f"{name} {site.fabric.loopback_interface}") for name in site.hosts
    ]
    yield from collisions(
        ends,
        "interface of a host",
        "two things would be configured on one interface",
        "name the interface it is really on",
    )
    derived = {device: path for path, devices in _devices(site) for device in devices}
    for path, interface in ends:
        device = interface.partition(" ")[2]
        if device in derived:
            yield Refusal(
                path,
                device,
                f"an interface of the underlay is none that Proxmox makes for a zone or a VNet: {derived[device]}",
                "the link would carry a tenant's frames, or vanish at the next SDN apply",
                f"name the interface it is really on, or rename {derived[device]}",
            )


def _devices(site: Site) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each zone and VNet with the devices that Proxmox makes for it, by the names that it derives."""
    for zone in site.zones:
        yield f"zones.{zone}", (f"vrf_{zone}", f"vrfbr_{zone}", f"vrfvx_{zone}")
    for vnet in site.vnets:
        yield f"vnets.{vnet}", (vnet, f"vxlan_{vnet}")


def _zone(site: Site, zone_id: str, zone: Zone) -> Iterator[Refusal]:
    if zone.exit_nodes:
        yield Refusal(
            f"zones.{zone_id}.exit_nodes",
            ", ".join(zone.exit_nodes),
            "a zone has no exit nodes (R4, R5)",
            "Proxmox then generates an unfiltered `import vrf` both ways and an unconditional default: guests' "
            "sessions break and per-host addresses leak",
            "remove exit_nodes; every host leaks the real default itself",
        )
    if zone.advertise_subnets:
        yield Refusal(
            f"zones.{zone_id}.advertise_subnets",
            "true",
            "a zone does not advertise its subnets through Proxmox (R4, R5)",
            "Proxmox then redistributes and advertises without any filter",
            "remove advertise_subnets; subnets are advertised through our filters",
        )
    overhead = VXLAN_OVERHEAD_BYTES[zone.vtep]
    for name, link in site.links.items():
        if zone.mtu + overhead > link.mtu and any(end in zone_nodes(site, zone_id) for end in link.ends):
            yield Refusal(
                f"zones.{zone_id}.mtu",
                str(zone.mtu),
                f"the zone's MTU and {overhead} bytes of VXLAN fit in every link: links.{name}.mtu is {link.mtu}",
                "larger frames vanish without a word: sessions come up, payload never flows",
                f"lower the zone's MTU to {link.mtu - overhead}, or raise the link's to {zone.mtu + overhead}",
            )
    for name in zone_nodes(site, zone_id):
        yield from _vtep(zone_id, zone, name, site.hosts[name])


def _vtep(zone_id: str, zone: Zone, name: str, host: Host) -> Iterator[Refusal]:
    if zone.vtep == "ipv6" and tuple(map(int, host.frr_version.split("."))) < (10, 7):
        yield Refusal(
            f"zones.{zone_id}.vtep",
            "ipv6",
            f"every host of a zone with IPv6 VTEPs has FRR 10.7 or newer: {name} has {host.frr_version}",
            "older FRR installs EVPN routes over IPv4 VTEPs only; the overlay would stay dark",
            "use vtep: ipv4 until every host has FRR 10.7",
        )


def _tenancy(site: Site) -> Iterator[Refusal]:
    tenants_of: dict[str, set[str]] = {}
    zones_of: dict[str, set[str]] = {}
    for vnet in site.vnets.values():
        tenants_of.setdefault(vnet.zone, set()).add(vnet.tenant)
        zones_of.setdefault(vnet.tenant, set()).add(vnet.zone)
    for zone_id, tenants in sorted(tenants_of.items()):
        if len(tenants) > 1 and not site.zones[zone_id].shared:
            yield Refusal(
                f"zones.{zone_id}",
                ", ".join(sorted(tenants)),
                "tenants in one zone share a VRF, which the zone declares with `shared: true`",
                "they are not isolated from each other, and somebody may think that they are",
                "give each tenant a zone, or add `shared: true`",
            )
    for tenant, zones in sorted(zones_of.items()):
        if len(zones) > 1:
            yield Refusal(
                f"tenants.{tenant}",
                ", ".join(sorted(zones)),
                "the VNets of a tenant are in one zone",
                "its loopbacks and filters belong to one VRF",
                "make it two tenants, or move the VNets into one zone",
            )


def _placement(site: Site, guests: tuple[AttachedGuest, ...]) -> Iterator[Refusal]:
    nodes_of = {zone: zone_nodes(site, zone) for zone in site.zones}
    for guest in guests:
        nodes = nodes_of[guest.zone]
        for name in guest.placement:
            if name not in nodes:
                yield Refusal(
                    f"{guest.path}.placement",
                    name,
                    f"a guest runs on hosts of its zone {guest.zone}: {', '.join(nodes)}",
                    "its VNet does not exist elsewhere",
                    f"leave {name} out, or add it to zones.{guest.zone}.nodes",
                )
        if guest.host not in guest.placement:
            yield Refusal(
                f"{guest.path}.host",
                guest.host,
                f"the host is one of the placement: {', '.join(guest.placement)}",
                "no other host has a session for it",
                "name one of them, or widen placement",
            )
