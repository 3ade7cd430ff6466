"""Site -> topology: which machines, cables and namespaces a stack's own site amounts to.

Nothing of the site is changed but connection details: how the hosts are reached and by which keys, and where the
Proxmox API is.  What the lab can't express is refused in one line.
"""

from __future__ import annotations

import copy
from collections.abc import Container, Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, Final
from urllib.parse import urlsplit

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
from trellis.site import Site, attached_guests, zone_nodes
from trellis.site.model import Link, LinkEnd

CONTROLLER = "controller"
PROXMOX = "proxmox"
API_PORT = 8006
"""Where Proxmox's API listens, always."""
MTU_LIMIT = 9000
"""Bytes; the most that the lab's cables carry."""
FRR_OF_SUITE: Final = {"trixie": "10.3", "sid": "10.7"}
"""Debian suite -> the FRR in it, as a site writes it."""

_API_OCTET = 200
_CONTROLLER_OCTET = 250
# The namespace of the lab's own sshd, and what lies in /etc/frr beside the guests' folders.
_NAMES_IN_USE = frozenset({"lab", "daemons"})


def topology_of(site: Site, name: str, frr_suite: str = "trixie") -> Topology:
    """The lab of a site.

    Args:
        site: The site.
        name: The lab's name.
        frr_suite: The Debian suite that FRR is taken from.

    Raises:
        LabError: The site has something that the lab can't express.
    """
    _refuse_what_cannot_be(site, frr_suite)
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


def overlay(
    site_data: Mapping[str, Any], site: Site, host_keys: Mapping[str, str], rest: Mapping[str, tuple[str, str]]
) -> dict[str, Any]:
    """The site as the stack file has it, but for how its hosts, its Proxmox API and its edges' are reached in the lab.

    Args:
        site_data: The object under `trellis:site`.
        site: The same, typed.
        host_keys: Host -> public key, as known_hosts has it.
        rest: Edge -> where its REST API is, and its certificate's fingerprint.
    """
    data = copy.deepcopy(dict(site_data))
    for name, key in host_keys.items():
        data["hosts"][name]["ssh"] = {"address": ssh_address(site, name), "host_key": key}
    if site.proxmox is not None:
        data["proxmox"]["endpoint"] = f"https://{_bracketed(proxmox_address(site))}:{API_PORT}"
    for name, (endpoint, certificate) in rest.items():
        data["edges"][name]["rest_api"] |= {"endpoint": endpoint, "certificate": certificate}
    return data


def with_frr_of(site_data: Mapping[str, Any], frr_suite: str) -> Mapping[str, Any]:
    """The site for hosts with the FRR of a suite: the newest replaces what the site says, else nothing changes.

    Args:
        site_data: The object under `trellis:site`.
        frr_suite: `trixie`, whose FRR the site has to name itself, or `sid`.
    """
    if frr_suite != "sid":
        return site_data
    data = copy.deepcopy(dict(site_data))
    for host in data.get("hosts", {}).values():
        host["frr_version"] = FRR_OF_SUITE[frr_suite]
    return data


def management(site: Site) -> Link:
    """The segment that all hosts are on: the one with their SSH addresses, if there are several.

    Raises:
        LabError: There is none.
    """
    segments = [
        link for link in site.links.values() if link.kind == "segment" and site.hosts.keys() <= link.ends.keys()
    ]
    addressed = [link for link in segments if all(link.ends[name].ipv4 or link.ends[name].ipv6 for name in site.hosts)]
    if not addressed:
        raise LabError(
            f"a lab of site {site.name!r}",
            why="no segment in `links` has every host on it, with an address",
            remedy="describe the management segment under links: kind: segment, with an end for each host",
        )
    known = {host.ssh.address for host in site.hosts.values()}
    return max(addressed, key=lambda link: len(known & {str(a) for a in _addresses_on(link)}))


def ssh_address(site: Site, host: str) -> str:
    """The address of a host on the management segment: the site's own for SSH if it is one there, else its first."""
    end = management(site).ends[host]
    here = [str(address.ip) for address in (end.ipv4, end.ipv6) if address is not None]
    return site.hosts[host].ssh.address if site.hosts[host].ssh.address in here else here[0]


def proxmox_address(site: Site) -> str:
    """The address of the Proxmox API: what the site's endpoint names, if that is a free one on the segment."""
    link = management(site)
    prefixes, taken = _prefixes(link), set(_addresses_on(link))
    named = urlsplit(site.proxmox.endpoint).hostname if site.proxmox is not None else None
    try:
        address = ip_address(named or "")
    except ValueError:
        address = None  # a name, which nobody resolves here
    if address is not None and address not in taken and any(address in prefix for prefix in prefixes):
        return str(address)
    return str(_free(prefixes[0], _API_OCTET, taken))


def _refuse_what_cannot_be(site: Site, frr_suite: str) -> None:
    reasons = list(_inexpressible(site, frr_suite))
    if reasons:
        raise LabError(
            f"a lab of site {site.name!r}",
            why="; ".join(reason for reason, _ in reasons),
            remedy="; ".join(dict.fromkeys(remedy for _, remedy in reasons)),
        )
    management(site)


def _inexpressible(site: Site, frr_suite: str) -> Iterator[tuple[str, str]]:
    """Yield what a lab can't express, each with what to do."""
    if (interface := site.fabric.loopback_interface) != "dummy_underlay":
        yield f"its hosts' loopbacks are on {interface}, the lab's on dummy_underlay", "leave loopback_interface out"
    for name, link in sorted(site.links.items()):
        if link.mtu > MTU_LIMIT:
            yield f"link {name} has an MTU of {link.mtu}, the lab's cables {MTU_LIMIT}", f"lower it to {MTU_LIMIT}"
    for name, host in sorted(site.hosts.items()):
        carried = [zone for zone in sorted(site.zones) if name in zone_nodes(site, zone)]
        if host.kind == "frr" and carried:
            yield (
                f"{name} is a plain FRR host and carries {', '.join(carried)}, whose devices only Proxmox makes here",
                "leave plain FRR hosts out of zones, or make them kind pve",
            )
        if host.frr_version != (here := FRR_OF_SUITE[frr_suite]):
            yield f"{name} has FRR {host.frr_version}, Debian {frr_suite} has {here}", "choose --frr sid for the newest"
    for guest in attached_guests(site):
        if guest.name in _NAMES_IN_USE:
            yield f"a guest is called {guest.name}, as something on the lab's hosts is", "rename it"


def _host(site: Site, name: str) -> MachineSpec:
    ends = [(link_name, link, link.ends[name]) for link_name, link in sorted(site.links.items()) if name in link.ends]
    ends.sort(key=lambda entry: entry[1].kind != "segment")  # the management segment first
    pools, number = site.fabric.loopbacks, site.hosts[name].id
    return MachineSpec(
        name=name,
        interfaces=tuple(_interface(link_name, link, end) for link_name, link, end in ends),
        # A Proxmox node boots without: the program brings them, and Proxmox's networking at each boot from then on.
        loopbacks=(
            f"{allocate.suffix_address(pools.ipv4, number)}/32",
            f"{allocate.suffix_address(pools.ipv6, number)}/128",
        )
        if site.hosts[name].kind == "frr"
        else (),
    )


def _interface(network: str, link: Link, end: LinkEnd) -> InterfaceSpec:
    addresses = tuple(str(address) for address in (end.ipv4, end.ipv6) if address is not None)
    return InterfaceSpec(end.interface, network, addresses, mtu=link.mtu)


def _on_segment(site: Site) -> Iterator[NamespaceSpec]:
    """The controller, from which the program runs, and the Proxmox API: both stations on the management segment."""
    link = management(site)
    network = next(name for name, entry in site.links.items() if entry is link)
    prefixes, taken = _prefixes(link), set(_addresses_on(link))
    api = ip_address(proxmox_address(site)) if site.proxmox is not None else None
    own = tuple(f"{_free(prefix, _CONTROLLER_OCTET, {*taken, api})}/{prefix.prefixlen}" for prefix in prefixes)
    yield NamespaceSpec(CONTROLLER, (InterfaceSpec("eth0", network, own, mtu=link.mtu),))
    if api is not None:
        length = next(prefix.prefixlen for prefix in prefixes if api in prefix)
        yield NamespaceSpec(PROXMOX, (InterfaceSpec("eth0", network, (f"{api}/{length}",), mtu=link.mtu),))


def _prefixes(link: Link) -> list[IPv4Network | IPv6Network]:
    """The prefixes of a link, at most one per family, IPv4 first."""
    ends = list(link.ends.values())
    first4 = next((end.ipv4.network for end in ends if end.ipv4 is not None), None)
    first6 = next((end.ipv6.network for end in ends if end.ipv6 is not None), None)
    return [prefix for prefix in (first4, first6) if prefix is not None]


def _addresses_on(link: Link) -> Iterator[IPv4Address | IPv6Address]:
    for end in link.ends.values():
        yield from (address.ip for address in (end.ipv4, end.ipv6) if address is not None)


def _free(
    prefix: IPv4Network | IPv6Network, wanted: int, taken: Container[IPv4Address | IPv6Address | None]
) -> IPv4Address | IPv6Address:
    """The address of that number in a prefix, or the next free one below it.

    Raises:
        LabError: There is none.
    """
    for number in range(wanted, 0, -1):
        address = allocate.suffix_address(prefix, number)
        if address in prefix and address not in taken and address != prefix.broadcast_address:
            return address
    raise LabError(f"segment {prefix}", why="it has no free address for the lab", remedy="take a longer prefix for it")


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


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
