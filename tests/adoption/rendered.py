"""What would be read of a cluster that runs an example's site: the rendered texts, and what operators have beside them.

Operators' own part is written as they would: the links' interfaces, VMs in Proxmox, the neighbour tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from tests.sites import bundles_of, plan_of, site_of
from trellis.adoption import Adopted, GivenCluster, GivenHost, Packaged, Section, Vm, adopted
from trellis.adoption.given import sections
from trellis.agent.adopt import PACKAGED, PACKAGED_OPTIONS
from trellis.plan import Plan
from trellis.pve import SdnState
from trellis.render import FRR_CONF, FRR_CONF_LOCAL, Bundle
from trellis.site import Site, attached_guests

HOST_ITSELF = Packaged(PACKAGED, frozenset(PACKAGED_OPTIONS))
_NAMES = {
    FRR_CONF: "frr.conf",
    FRR_CONF_LOCAL: "frr.conf.local",
    "/etc/frr/daemons": "daemons",
    "/etc/radvd.conf": "radvd.conf",
    "/etc/trellis/firewall.nft": "firewall.nft",
}


@cache
def adopted_of(example: str) -> Adopted:
    """Return an example's cluster as a site again."""
    return adopted(site_of(example).name, cluster_of(example), HOST_ITSELF)


@cache
def cluster_of(example: str) -> GivenCluster:
    """Return what would be read of a cluster that runs an example's site."""
    site, plan = site_of(example), plan_of(example)
    return GivenCluster(
        hosts=tuple(_host(site, plan, bundle) for bundle in bundles_of(example)),
        sdn=_sdn(plan.sdn) if plan.sdn is not None else {},
        vms=tuple(_vms(site)),
        endpoint=site.proxmox.endpoint if site.proxmox is not None else None,
    )


def _host(site: Site, plan: Plan, bundle: Bundle) -> GivenHost:
    host = site.hosts[bundle.host]
    files = {_NAMES[file.path]: file.text for file in bundle.files if file.path in _NAMES}
    release = f"pve-manager/{host.pve_version}.1/0123456789abcdef\n" if host.kind == "pve" else ""
    files["versions"] = f"{release}frr {host.frr_version}.1-1\n"
    files["interfaces"] = "".join(_interfaces(site, plan, bundle))
    files["neighbours"] = "".join(_neighbours(site, bundle.host))
    return GivenHost(bundle.host, files, host.ssh.address, host.ssh.host_key)


def _interfaces(site: Site, plan: Plan, bundle: Bundle) -> Iterator[str]:
    yield bundle.text("/etc/network/interfaces")
    for link in site.links.values():
        end = link.ends.get(bundle.host)
        if end is not None:
            yield f"\nauto {end.interface}\niface {end.interface} inet static\n"
            yield from (f"\taddress {address}\n" for address in (end.ipv4, end.ipv6) if address is not None)
            yield f"\tmtu {link.mtu}\n"
    for vnet in plan.vnets if bundle.kind == "frr" else ():
        zone = next(zone for zone in plan.zones if zone.name == vnet.zone)
        if bundle.host in zone.hosts:
            yield f"\nauto {vnet.name}\niface {vnet.name}\n\tvrf {zone.vrf}\n\tmtu {zone.mtu}\n"
            for prefix, gateway in zip(vnet.subnets, vnet.gateways, strict=True):
                yield f"\taddress {gateway}/{prefix.partition('/')[2]}\n"


def _neighbours(site: Site, host: str) -> Iterator[str]:
    for guest in attached_guests(site):
        if guest.host == host:
            for address in filter(None, (guest.ipv4, guest.ipv6)):
                yield f"{address} dev {guest.vnet} lladdr {guest.mac} REACHABLE\n"


def _vms(site: Site) -> Iterator[Vm]:
    for number, guest in enumerate(attached_guests(site)):
        if site.hosts[guest.host].kind == "pve":
            vmid = guest.vmid if guest.vmid is not None else 900 + number
            yield Vm(vmid, guest.host, guest.name, ((guest.nic, guest.mac, guest.vnet),))


def _sdn(state: SdnState) -> dict[str, tuple[Section, ...]]:
    return {kind: tuple(sections(text, f"{kind}.cfg")) for kind, text in sdn_files(state).items()}


def sdn_files(state: SdnState) -> dict[str, str]:
    """Return ``/etc/pve/sdn`` as Proxmox writes it, by the names of its files without their end."""
    controllers, zones, vnets, subnets = [], [], [], []
    if state.controller is not None:
        made = state.controller
        controllers.append(f"evpn: {made.id}\n\tasn {made.asn}\n\tpeers {', '.join(made.peers)}\n")
    for zone in state.zones:
        nodes = f"\tnodes {','.join(zone.nodes)}\n" if zone.nodes else ""
        zones.append(
            f"evpn: {zone.id}\n\tcontroller {zone.controller}\n\tvrf-vxlan {zone.vrf_vxlan}\n\tipam pve\n"
            f"\tmac BC:24:11:00:00:01\n\tmtu {zone.mtu}\n{nodes}"
        )
    for vnet in state.vnets:
        alias = f"\talias {vnet.alias}\n" if vnet.alias else ""
        vnets.append(f"vnet: {vnet.id}\n\tzone {vnet.zone}\n{alias}\ttag {vnet.tag}\n")
        for subnet in vnet.subnets:
            name = f"{vnet.zone}-{subnet.cidr.replace('/', '-')}"
            subnets.append(f"subnet: {name}\n\tvnet {vnet.id}\n\tgateway {subnet.gateway}\n")
    kinds = {"controllers": controllers, "zones": zones, "vnets": vnets, "subnets": subnets}
    return {kind: "\n".join(texts) for kind, texts in kinds.items()}
