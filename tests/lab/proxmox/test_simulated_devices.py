"""The devices of a simulated node: the interfaces file, and the way from what is there to what it says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from trellis.lab.proxmox.node import configuration, devices, interfaces
from trellis.lab.proxmox.node.devices import Live, Plan
from trellis.lab.proxmox.node.interfaces import Stanza

GOLDEN = Path(__file__).parent / "golden"
UNDERLAY = configuration.Underlay("dummy_underlay", "10.255.0.1", 1500, "10.255.0.1")


def stanzas(document: dict[str, Any], node: str = "pve01") -> list[Stanza]:
    return interfaces.generate(configuration.parse(document), node, {"evpn": UNDERLAY})


def bare(kind: str, **more: Any) -> Live:
    return replace(Live(kind, 1500, "", None, False, {}, {}, None, frozenset()), **more)


def as_wanted(wanted: list[Stanza]) -> dict[str, Live]:
    """The kernel as it is when everything was done."""
    tables = iter(range(1001, 1100))
    bridges = {devices._ports(stanza)[0]: stanza.name for stanza in wanted if devices._ports(stanza)}
    out = {}
    for stanza in wanted:
        mtu = int(stanza.first("mtu") or 65575)
        if stanza.first("vrf-table"):
            out[stanza.name] = bare("vrf", up=True, mtu=mtu, data={"table": next(tables)})
        elif vni := stanza.first("vxlan-id"):
            data = {"id": int(vni), "local": stanza.first("vxlan-local-tunnelip"), "port": 4789}
            port = {"learning": False, "neigh_suppress": True}
            out[stanza.name] = bare("vxlan", up=True, mtu=mtu, data=data, port=port, master=bridges[stanza.name])
        else:
            out[stanza.name] = bare(
                "bridge",
                up=True,
                mtu=mtu,
                mac=(stanza.first("hwaddress") or "02:00:00:00:00:01").lower(),
                master=stanza.first("vrf"),
                addresses=frozenset(stanza.all("address")),
            )
    return out


def lines(plan: Plan) -> list[str]:
    return [*plan.remove, *plan.create, *plan.configure]


def test_the_interfaces_file_is_the_golden_one(two_zones: dict[str, Any]) -> None:
    assert interfaces.write(1, stanzas(two_zones)) == (GOLDEN / "interfaces.sdn").read_text()


def test_the_interfaces_file_is_read_as_it_was_written(two_zones: dict[str, Any]) -> None:
    wanted = stanzas(two_zones)
    assert interfaces.read(interfaces.write(1, wanted)) == wanted


def test_a_zone_that_leaves_a_node_out_has_no_devices_there(two_zones: dict[str, Any]) -> None:
    two_zones["zones"]["ids"]["evpnz1"]["nodes"] = "pve02,pve03"
    assert {stanza.name for stanza in stanzas(two_zones)} == {
        "vnet200",
        "vrf_evpnz2",
        "vrfbr_evpnz2",
        "vrfvx_evpnz2",
        "vxlan_vnet200",
    }


def test_a_zone_without_a_vnet_has_no_devices(two_zones: dict[str, Any]) -> None:
    del two_zones["vnets"]["ids"]["vnet200"]
    assert not [stanza.name for stanza in stanzas(two_zones) if "evpnz2" in stanza.name]


def test_the_mtu_is_the_uplinks_less_50_where_the_zone_names_none(two_zones: dict[str, Any]) -> None:
    for zone in two_zones["zones"]["ids"].values():
        del zone["mtu"]
    assert {stanza.first("mtu") for stanza in stanzas(two_zones)} == {None, "1450"}


def test_every_host_gets_the_same_mac_and_gateway(two_zones: dict[str, Any]) -> None:
    names = ("pve01", "pve02", "pve03")
    gateways = {
        next(stanza for stanza in stanzas(two_zones, node) if stanza.name == "vnet100").options for node in names
    }
    assert len(gateways) == 1


def test_everything_is_made_where_there_is_nothing(two_zones: dict[str, Any]) -> None:
    made = devices.plan(stanzas(two_zones), [], {}, {})
    assert "link add vrf_evpnz1 type vrf table 1001" in made.create
    assert "link add vrf_evpnz2 type vrf table 1002" in made.create
    assert "link add vxlan_vnet100 type vxlan id 10100 dstport 4789 local 10.255.0.1 nolearning" in made.create
    assert "link set vxlan_vnet100 master vnet100" in made.configure
    assert "link set vxlan_vnet100 type bridge_slave learning off neigh_suppress on" in made.configure
    assert "link set vnet100 address bc:24:11:00:00:01" in made.configure
    assert "link set vnet100 master vrf_evpnz1" in made.configure
    assert "address add fd00:100::fffe/64 dev vnet100" in made.configure
    assert ("net/ipv6/conf/vnet100/forwarding", "1") in made.settings
    assert ("net/ipv4/conf/vrfbr_evpnz1/forwarding", "1") in made.settings
    assert len(made.created) == 12


def test_suppression_stands_before_the_port_and_the_gateway_are_up(two_zones: dict[str, Any]) -> None:
    order = devices.plan(stanzas(two_zones), [], {}, {}).configure
    suppress = order.index("link set vxlan_vnet100 type bridge_slave learning off neigh_suppress on")
    port = order.index("link set vxlan_vnet100 up")
    address = order.index("address add fd00:100::fffe/64 dev vnet100")
    bridge = order.index("link set vnet100 up")
    assert suppress < port < address < bridge


def test_a_new_bridge_gets_its_mtu_before_its_port_so_that_a_guests_smaller_one_does_not_count(
    two_zones: dict[str, Any],
) -> None:
    made = devices.plan(stanzas(two_zones), [], {}, {})
    assert "link set vnet100 mtu 8950" in made.create
    assert "link set vnet100 mtu 8950" not in made.configure


def test_what_is_right_already_is_left_alone(two_zones: dict[str, Any]) -> None:
    wanted = stanzas(two_zones)
    assert lines(devices.plan(wanted, wanted, as_wanted(wanted), {})) == []


def test_a_removed_vnet_takes_its_devices_with_it_and_no_others(two_zones: dict[str, Any]) -> None:
    before = stanzas(two_zones)
    live = as_wanted(before)
    del two_zones["vnets"]["ids"]["vnet101"]
    assert lines(devices.plan(stanzas(two_zones), before, live, {})) == [
        "link delete vnet101",
        "link delete vxlan_vnet101",
    ]


def test_an_added_vnet_makes_its_devices_and_no_others(two_zones: dict[str, Any]) -> None:
    wanted = stanzas(two_zones)
    live = {name: device for name, device in as_wanted(wanted).items() if "vnet101" not in name}
    made = devices.plan(wanted, wanted, live, {})
    assert sorted(made.created) == ["vnet101", "vxlan_vnet101"]
    assert all("vnet101" in line for line in lines(made))


def test_a_changed_vni_makes_the_port_anew_and_keeps_the_bridge(two_zones: dict[str, Any]) -> None:
    before = stanzas(two_zones)
    live = as_wanted(before)
    two_zones["vnets"]["ids"]["vnet100"]["tag"] = 10999
    made = devices.plan(stanzas(two_zones), before, live, {})
    assert made.remove == ["link delete vxlan_vnet100"]
    assert made.created == ["vxlan_vnet100"]
    assert not any(line.startswith("link set vnet100") for line in made.configure)


def test_a_changed_gateway_replaces_the_address_only(two_zones: dict[str, Any]) -> None:
    before = stanzas(two_zones)
    live = as_wanted(before)
    two_zones["subnets"]["ids"]["evpnz1-fd00:100::-64"]["gateway"] = "fd00:100::1"
    assert lines(devices.plan(stanzas(two_zones), before, live, {})) == [
        "address delete fd00:100::fffe/64 dev vnet100",
        "address add fd00:100::1/64 dev vnet100",
    ]


def test_a_vrf_keeps_its_table_over_a_reboot(two_zones: dict[str, Any]) -> None:
    made = devices.plan(stanzas(two_zones), [], {}, {"vrf_evpnz1": 1007, "vrf_gone": 1001})
    assert made.tables == {"vrf_evpnz1": 1007, "vrf_evpnz2": 1002}


def test_the_kernels_own_words_are_read() -> None:
    document = json.dumps(
        [
            {
                "ifname": "vxlan_vnet100",
                "flags": ["BROADCAST", "UP"],
                "mtu": 8950,
                "master": "vnet100",
                "address": "02:00:00:00:00:01",
                "linkinfo": {
                    "info_kind": "vxlan",
                    "info_data": {"id": 10100, "local": "10.255.0.1", "port": 4789},
                    "info_slave_kind": "bridge",
                    "info_slave_data": {"learning": False, "neigh_suppress": True},
                },
                "addr_info": [{"local": "fe80::1", "prefixlen": 64, "scope": "link"}],
            },
            {},
        ]
    )
    device = devices.read_kernel(document)["vxlan_vnet100"]
    assert (device.kind, device.up, device.data["id"], device.addresses) == ("vxlan", True, 10100, frozenset())
    assert device.port["neigh_suppress"] is True


@pytest.mark.parametrize("port", [{}, {"learning": True, "neigh_suppress": True}])
def test_a_port_that_lost_its_attributes_gets_them_back(two_zones: dict[str, Any], port: dict[str, bool]) -> None:
    wanted = stanzas(two_zones)
    live = as_wanted(wanted)
    live["vxlan_vnet100"] = replace(live["vxlan_vnet100"], port=port)
    assert lines(devices.plan(wanted, wanted, live, {})) == [
        "link set vxlan_vnet100 type bridge_slave learning off neigh_suppress on"
    ]
