"""Site -> topology: which machines, cables and namespaces a stack's own site amounts to.

Nothing of the site is changed but connection details: the hosts' keys, which are the lab's own.  What the lab
can't express is refused in one line.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from trellis import allocate
from trellis.lab.edge import UPSTREAM, upstream_link
from trellis.lab.errors import LabError
from trellis.lab.topology import (
    FileSpec,
    InterfaceSpec,
    MachineSpec,
    NamespaceSpec,
    NetworkKind,
    NetworkSpec,
    RouteSpec,
    Topology,
)
from trellis.site import Site
from trellis.site.model import Link, LinkEnd

CONTROLLER = "controller"
PROXMOX = "proxmox"
_CONTROLLER_OCTET = 250


def topology_of(site: Site, name: str, frr_suite: str = "trixie") -> Topology:
    """The lab of a site.

    Args:
        site: The site.
        name: The lab's name.
        frr_suite: The Debian suite that FRR is taken from.

    Raises:
        LabError: The site has something that the lab can't express.
    """
    _refuse_what_cannot_be(site)
    kinds = {"point-to-point": NetworkKind.POINT_TO_POINT, "segment": NetworkKind.SEGMENT}
    return Topology(
        name=name,
        networks=(
            *(NetworkSpec(link_name, kinds[link.kind]) for link_name, link in sorted(site.links.items())),
            *(NetworkSpec(f"upstream-{edge}", NetworkKind.POINT_TO_POINT) for edge in sorted(site.edges)),
        ),
        machines=tuple(_host(site, host) for host in sorted(site.hosts)),
        namespaces=(*_on_segment(site), *_edges(site), *([_upstream(site)] if site.edges else [])),
        frr_suite=frr_suite,
    )


def with_files(topology: Topology, host: str, files: tuple[FileSpec, ...], units: tuple[str, ...]) -> Topology:
    """The same lab with more files and units on a host's disk."""
    machines = (
        replace(entry, files=(*entry.files, *files), enabled_units=(*entry.enabled_units, *units))
        if entry.name == host
        else entry
        for entry in topology.machines
    )
    return replace(topology, machines=tuple(machines))


def overlay(site_data: Mapping[str, Any], host_keys: Mapping[str, str]) -> dict[str, Any]:
    """The site as the stack file has it, with the lab's host keys in place of the stack's.

    Args:
        site_data: The object under `trellis:site`.
        host_keys: Host -> public key.
    """
    data = copy.deepcopy(dict(site_data))
    for name, key in host_keys.items():
        data["hosts"][name]["ssh"]["host_key"] = key
    return data


def management(site: Site) -> Link:
    """The segment that the hosts' SSH addresses are on.

    Raises:
        LabError: There is none.
    """
    for link in site.links.values():
        addresses = {str(end.ipv4.ip) for end in link.ends.values() if end.ipv4 is not None}
        addresses |= {str(end.ipv6.ip) for end in link.ends.values() if end.ipv6 is not None}
        if link.kind == "segment" and all(host.ssh.address in addresses for host in site.hosts.values()):
            return link
    raise LabError(
        f"a lab of site {site.name!r}",
        why="no segment in `links` holds every host's ssh.address",
        remedy="describe the management segment under links, with each host's address on it",
    )


def _refuse_what_cannot_be(site: Site) -> None:
    interface = site.fabric.loopback_interface
    if interface != "dummy_underlay":
        raise LabError(
            f"a lab of site {site.name!r}",
            why=f"its hosts' loopback interface is {interface}, the lab's machines have dummy_underlay",
            remedy="leave fabric.loopback_interface out",
        )
    management(site)


def _host(site: Site, name: str) -> MachineSpec:
    ends = [(link_name, link, link.ends[name]) for link_name, link in sorted(site.links.items()) if name in link.ends]
    ends.sort(key=lambda entry: entry[1].kind != "segment")  # the management segment first
    pools, number = site.fabric.loopbacks, site.hosts[name].id
    return MachineSpec(
        name=name,
        interfaces=tuple(_interface(link_name, link, end) for link_name, link, end in ends),
        loopbacks=(
            f"{allocate.suffix_address(pools.ipv4, number)}/32",
            f"{allocate.suffix_address(pools.ipv6, number)}/128",
        ),
    )


def _interface(network: str, link: Link, end: LinkEnd) -> InterfaceSpec:
    addresses = tuple(str(address) for address in (end.ipv4, end.ipv6) if address is not None)
    return InterfaceSpec(end.interface, network, addresses, mtu=min(link.mtu, 9000))


def _on_segment(site: Site) -> Iterator[NamespaceSpec]:
    """The controller, from which the program runs, and the Proxmox API: both stations on the management segment."""
    link = management(site)
    network = next(name for name, entry in site.links.items() if entry is link)
    end = next(iter(link.ends.values()))
    prefixes = [address.network for address in (end.ipv4, end.ipv6) if address is not None]
    own = [f"{allocate.suffix_address(prefix, _CONTROLLER_OCTET)}/{prefix.prefixlen}" for prefix in prefixes]
    yield NamespaceSpec(CONTROLLER, (InterfaceSpec("eth0", network, tuple(own), mtu=min(link.mtu, 9000)),))
    if site.proxmox is not None:
        address = proxmox_address(site)
        length = next((prefix.prefixlen for prefix in prefixes if (":" in address) == (prefix.version == 6)), 32)
        yield NamespaceSpec(
            PROXMOX, (InterfaceSpec("eth0", network, (f"{address}/{length}",), mtu=min(link.mtu, 9000)),)
        )


def proxmox_address(site: Site) -> str:
    """The address of the Proxmox API, as the site's endpoint names it."""
    assert site.proxmox is not None
    return site.proxmox.endpoint.split("//")[1].rstrip("/").rpartition(":")[0].strip("[]")


def _edges(site: Site) -> Iterator[NamespaceSpec]:
    for number, (name, edge) in enumerate(sorted(site.edges.items())):
        own, _ = upstream_link(number)
        links = [(entry, link) for entry, link in sorted(site.links.items()) if name in link.ends]
        yield NamespaceSpec(
            name,
            (
                *(_interface(network, link, link.ends[name]) for network, link in links),
                InterfaceSpec("upstream", f"upstream-{name}", own, mtu=1500),
            ),
            loopbacks=(f"{edge.loopback.ipv4}/32", f"{edge.loopback.ipv6}/128"),
            forwarding=True,
        )


def _upstream(site: Site) -> NamespaceSpec:
    """The internet: one host behind every edge, which sends everything back to the first one."""
    cables, routes = [], []
    for number, name in enumerate(sorted(site.edges)):
        edges_end, own = upstream_link(number)
        cables.append(InterfaceSpec(f"edge{number}", f"upstream-{name}", own, mtu=1500))
        if number == 0:
            routes = [
                RouteSpec(destination, address.partition("/")[0])
                for destination, address in zip(("0.0.0.0/0", "::/0"), edges_end, strict=True)
            ]
    return NamespaceSpec(
        "upstream", tuple(cables), loopbacks=(f"{UPSTREAM[0]}/32", f"{UPSTREAM[1]}/128"), routes=tuple(routes)
    )
