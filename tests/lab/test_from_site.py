"""A site becomes a lab: every interface where the site has it, nothing changed but how its hosts are reached."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.sites import site_data, site_of
from trellis.lab.errors import LabError
from trellis.lab.from_site import CONTROLLER, PROXMOX, management, overlay, proxmox_address, topology_of, with_frr_of
from trellis.lab.topology import InterfaceSpec, MachineSpec, NamespaceSpec, NetworkKind, Topology
from trellis.site import load_site

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILpMMcpyC883QT2VF3m9NOyYXlalvJ+bP6HVHpJIgIBJ"
EXPRESSIBLE = ("homelab", "delegated", "scale-32x16")


def node(topology: Topology, name: str) -> MachineSpec | NamespaceSpec:
    return next(entry for entry in (*topology.machines, *topology.namespaces) if entry.name == name)


def interface(topology: Topology, owner: str, name: str) -> InterfaceSpec:
    return next(entry for entry in node(topology, owner).interfaces if entry.name == name)


def homelab(*changes: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    data = site_data("homelab")
    for change in changes:
        change(data)
    return data


@pytest.mark.parametrize("example", EXPRESSIBLE)
def test_every_end_of_every_link_is_an_interface_with_its_name_addresses_and_mtu(example: str) -> None:
    site, topology = site_of(example), topology_of(site_of(example), "x")
    for link_name, link in site.links.items():
        for owner, end in link.ends.items():
            made = interface(topology, owner, end.interface)
            assert made.network == link_name
            assert made.addresses == tuple(str(a) for a in (end.ipv4, end.ipv6) if a is not None)
            assert made.mtu == link.mtu
    ends = sum(len(link.ends) for link in site.links.values())
    of_the_site = (*site.hosts, *site.edges)
    made_ends = [i for name in of_the_site for i in node(topology, name).interfaces if i.network in site.links]
    assert len(made_ends) == ends


def test_a_mesh_link_is_a_cable_and_the_management_link_a_switch() -> None:
    kinds = {network.name: network.kind for network in topology_of(site_of("homelab"), "x").networks}
    assert kinds["mesh-pve01-pve02"] is NetworkKind.POINT_TO_POINT
    assert kinds["management"] is NetworkKind.SEGMENT


def test_proxmox_nodes_boot_without_loopbacks_which_the_program_brings_and_edges_have_theirs() -> None:
    topology = topology_of(site_of("homelab"), "x")
    assert node(topology, "pve03").loopbacks == ()
    assert node(topology, "edge1").loopbacks == ("10.255.0.254/32", "fd00:0:0:ffff::fffe/128")


def test_the_upstream_is_behind_the_edge_and_sends_everything_back_to_it() -> None:
    topology = topology_of(site_of("homelab"), "x")
    edge, upstream = node(topology, "edge1"), node(topology, "upstream")
    assert isinstance(upstream, NamespaceSpec)
    assert isinstance(edge, NamespaceSpec)
    assert edge.forwarding
    assert upstream.loopbacks == ("203.0.113.1/32", "2001:db8:ffff::1/128")
    edges_own = {address.partition("/")[0] for address in interface(topology, "edge1", "upstream").addresses}
    assert {route.destination for route in upstream.routes} == {"0.0.0.0/0", "::/0"}
    assert {route.via for route in upstream.routes} == edges_own


def test_the_controller_and_the_api_are_on_the_management_segment() -> None:
    topology = topology_of(site_of("homelab"), "x")
    assert interface(topology, CONTROLLER, "eth0").addresses == ("10.10.0.250/24", "fd00:10::250/64")
    assert interface(topology, PROXMOX, "eth0").addresses == ("10.10.0.200/24",)


def test_a_station_of_the_lab_gives_way_to_an_address_of_the_site() -> None:
    def taken(data: dict[str, Any]) -> None:
        data["links"]["management"]["ends"]["edge1"]["ipv4"] = "10.10.0.250/24"

    topology = topology_of(load_site(homelab(taken)), "x")
    assert interface(topology, CONTROLLER, "eth0").addresses[0] == "10.10.0.249/24"


def test_the_order_of_entries_in_the_site_changes_nothing() -> None:
    data = site_data("homelab")
    for key in ("hosts", "links", "edges", "vnets", "guests"):
        data[key] = dict(reversed(data[key].items()))
    assert topology_of(load_site(data), "x") == topology_of(site_of("homelab"), "x")


def test_the_overlay_changes_connection_details_and_nothing_else() -> None:
    before = site_data("homelab")
    after = overlay(before, site_of("homelab"), dict.fromkeys(before["hosts"], KEY), {})
    assert before == site_data("homelab"), "the stack's own site was written to"
    for data in (before, after):
        for host in data["hosts"].values():
            del host["ssh"]
        del data["proxmox"]["endpoint"]
    assert after == before


def test_the_overlaid_site_is_a_good_site_with_the_labs_keys() -> None:
    data = site_data("homelab")
    site = load_site(overlay(data, site_of("homelab"), dict.fromkeys(data["hosts"], KEY), {}))
    assert {host.ssh.host_key for host in site.hosts.values()} == {KEY}
    assert site.hosts["pve02"].ssh.address == "10.10.0.12"
    assert site.proxmox is not None
    assert site.proxmox.endpoint == "https://10.10.0.200:8006"


def test_a_host_that_is_reached_by_name_user_and_port_is_reached_by_the_labs_address_as_root() -> None:
    def named(data: dict[str, Any]) -> None:
        data["hosts"]["pve02"]["ssh"] |= {"address": "pve02.example.net", "user": "deploy", "port": 2222}

    data = homelab(named)
    site = load_site(overlay(data, load_site(data), dict.fromkeys(data["hosts"], KEY), {}))
    ssh = site.hosts["pve02"].ssh
    assert (ssh.address, ssh.user, ssh.port) == ("10.10.0.12", "trellis", 22)


@pytest.mark.parametrize(
    "endpoint", ["https://pve.example.net:8006", "https://192.0.2.7:443", "https://10.10.0.11:8006"]
)
def test_an_api_that_is_nowhere_in_the_lab_gets_a_free_address_of_the_segment(endpoint: str) -> None:
    data = homelab(lambda data: data["proxmox"].update(endpoint=endpoint))
    site = load_site(data)
    assert proxmox_address(site) == "10.10.0.200"
    overlaid = overlay(data, site, {}, {})
    assert overlaid["proxmox"]["endpoint"] == "https://10.10.0.200:8006"


def test_of_two_segments_the_one_with_the_ssh_addresses_is_the_management_segment() -> None:
    def storage(data: dict[str, Any]) -> None:
        ends = {f"pve0{n}": {"interface": "vmbr0.20", "ipv4": f"10.30.0.{n}/24"} for n in (1, 2, 3)}
        data["links"] = {"a-storage": {"kind": "segment", "mtu": 9000, "ends": ends}, **data["links"]}

    site = load_site(homelab(storage))
    assert management(site) is site.links["management"]


def plain_host_in_a_zone(data: dict[str, Any]) -> None:
    data["hosts"]["pve03"]["kind"] = "frr"
    del data["hosts"]["pve03"]["pve_version"]


REFUSED = {
    "loopbacks elsewhere": (
        lambda data: data["fabric"].update(loopback_interface="lo1"),
        "loopbacks are on lo1",
    ),
    "a larger MTU": (
        lambda data: data["links"]["management"].update(mtu=9216),
        "link management has an MTU of 9216",
    ),
    "a plain FRR host in a zone": (plain_host_in_a_zone, "pve03 is a plain FRR host and carries evpnz1, evpnz2"),
    "another FRR": (lambda data: data["hosts"]["pve01"].update(frr_version="10.7"), "pve01 has FRR 10.7"),
    "a guest's name in use": (
        lambda data: data["guests"].update(lab=data["guests"].pop("isolated-1")),
        "a guest is called lab",
    ),
    "no management segment": (
        lambda data: data["links"]["management"]["ends"].pop("pve02"),
        "no segment in `links` has every host on it",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_lab_cannot_express_is_refused_with_a_remedy(case: str) -> None:
    change, reason = REFUSED[case]
    with pytest.raises(LabError) as refused:
        topology_of(load_site(homelab(change)), "x")
    assert reason in refused.value.why
    assert refused.value.remedy
    assert len(str(refused.value).splitlines()) == 2


def test_all_that_a_lab_cannot_express_is_said_at_once() -> None:
    data = homelab(*(REFUSED[case][0] for case in ("loopbacks elsewhere", "another FRR")))
    with pytest.raises(LabError) as refused:
        topology_of(load_site(data), "x")
    assert REFUSED["loopbacks elsewhere"][1] in refused.value.why
    assert REFUSED["another FRR"][1] in refused.value.why


def test_the_newest_frr_is_taken_by_the_hosts_of_a_site_that_names_another() -> None:
    data = with_frr_of(site_data("homelab"), "sid")
    site = load_site(dict(data))
    assert {host.frr_version for host in site.hosts.values()} == {"10.7"}
    assert topology_of(site, "x", "sid").frr_suite == "sid"


def test_debians_stable_frr_is_never_put_in_a_sites_mouth() -> None:
    data = site_data("homelab")
    assert with_frr_of(data, "trixie") == site_data("homelab")
