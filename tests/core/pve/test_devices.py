"""The devices that Proxmox makes, and the objects that it would refuse."""

from dataclasses import replace

import pytest

from tests.core.pve.homelab import RELEASES, homelab, host
from trellis.pve import (
    VERSIONS,
    BrokenLine,
    DeviceRole,
    EvpnController,
    EvpnZone,
    NotGenerated,
    SdnState,
    SdnStateError,
    Subnet,
    UnknownPveVersion,
    Vnet,
    devices,
    effective,
    generate,
    merge,
    own_peer,
    pve_version,
    zone_mtu,
)


def test_a_zone_and_its_vnets_have_the_devices_that_proxmox_names() -> None:
    made = {device.name: device for device in devices(homelab(), host("9.1")) if device.zone == "evpnz2"}
    assert {name: device.role for name, device in made.items()} == {
        "vrf_evpnz2": DeviceRole.VRF,
        "vrfbr_evpnz2": DeviceRole.L3VNI_BRIDGE,
        "vrfvx_evpnz2": DeviceRole.L3VNI_VXLAN,
        "vnet200": DeviceRole.VNET_BRIDGE,
        "vxlan_vnet200": DeviceRole.VNET_VXLAN,
    }
    assert made["vrfvx_evpnz2"].vni == 4097
    assert made["vrfvx_evpnz2"].master == "vrfbr_evpnz2"
    assert made["vxlan_vnet200"].vni == 10200
    assert made["vnet200"].master == "vrf_evpnz2"


def test_a_vnets_bridge_has_its_gateways_and_the_zones_mac() -> None:
    state = homelab()
    state = replace(state, zones=tuple(replace(zone, mac="BC:24:11:00:00:01") for zone in state.zones))
    bridge = next(device for device in devices(state, host("9.1")) if device.name == "vnet101")
    assert bridge.addresses == ("10.101.0.254/24", "fd00:101::fffe/64")
    assert bridge.mac == "BC:24:11:00:00:01"


def test_a_subnet_without_a_gateway_gives_the_bridge_no_address() -> None:
    state = SdnState(
        EvpnController("evpn", 65000, ()),
        (EvpnZone("zone1", 5, "evpn"),),
        (Vnet("vnet1", "zone1", 6, subnets=(Subnet("10.0.0.0/24"),)),),
    )
    assert all(device.addresses == () for device in devices(state, host("9.1")))


def test_a_zone_without_a_vnet_has_no_device_but_its_text_is_generated() -> None:
    state = replace(homelab(), vnets=())
    assert devices(state, host("9.1")) == ()
    assert "vrf vrf_evpnz1" in generate(state, host("9.1"))


def test_a_node_outside_the_zone_has_no_device_but_its_text_is_generated() -> None:
    state = homelab()
    state = replace(state, zones=tuple(replace(zone, nodes=("pve02",)) for zone in state.zones))
    assert devices(state, host("9.1")) == ()
    assert devices(state, host("9.1", 2)) != ()
    assert generate(state, host("9.1")) == generate(homelab(), host("9.1"))


def test_there_is_nothing_without_a_controller() -> None:
    state = replace(homelab(), controller=None)
    assert devices(state, host("9.1")) == ()
    assert [line for line in generate(state, host("9.1")) if line.startswith(("router", "vrf", "route-map"))] == []


def test_the_mtu_is_the_zones_else_the_uplinks_less_50_else_1450() -> None:
    zone = EvpnZone("zone1", 5, "evpn")
    assert zone_mtu(replace(zone, mtu=8950), 1500) == 8950
    assert zone_mtu(zone, 9000) == 8950
    assert zone_mtu(zone) == 1450


def test_the_longest_ids_still_make_names_that_linux_takes() -> None:
    state = SdnState(
        EvpnController("evpn", 65000, ()), (EvpnZone("zoneabcd", 5, "evpn"),), (Vnet("vnetabcd", "zoneabcd", 6),)
    )
    assert max(len(device.name) for device in devices(state, host("9.1"))) == 14


@pytest.mark.parametrize("name", ["z", "zone56789", "1zone", "my-zone", "zone_1", ""])
def test_an_id_that_proxmox_refuses_is_refused(name: str) -> None:
    with pytest.raises(SdnStateError, match="2 to 8 letters and digits"):
        EvpnZone(name, 5, "evpn")
    with pytest.raises(SdnStateError, match="2 to 8 letters and digits"):
        Vnet(name, "zone1", 5)


@pytest.mark.parametrize("vni", [0, -1, 16_777_216])
def test_a_vni_out_of_range_is_refused(vni: int) -> None:
    with pytest.raises(SdnStateError, match="not a VXLAN identifier"):
        EvpnZone("zone1", vni, "evpn")
    with pytest.raises(SdnStateError, match="not a VXLAN identifier"):
        Vnet("vnet1", "zone1", vni)


def test_a_node_is_no_neighbour_of_itself() -> None:
    for number in (1, 2, 3):
        own = f"10.255.0.{number}"
        assert own_peer(homelab().controller or EvpnController("", 0, ()), host("9.1", number)) == own
        text = generate(homelab(), host("9.1", number))
        assert f" neighbor {own} peer-group VTEP" not in text
        assert f" bgp router-id {own}" in text


def test_a_node_that_is_no_peer_yet_has_every_peer_as_neighbour() -> None:
    text = generate(homelab(), host("9.1", 4))
    assert sum(line.endswith(" peer-group VTEP") for line in text) == 3


def test_zones_are_generated_in_the_order_of_their_names() -> None:
    state = homelab()
    assert generate(replace(state, zones=state.zones[::-1]), host("9.1")) == generate(state, host("9.1"))


def test_a_zone_of_another_controller_is_not_generated() -> None:
    state = replace(homelab(), zones=(EvpnZone("zone1", 5, "other"),))
    assert "vrf vrf_zone1" not in generate(state, host("9.1"))


def test_an_unknown_release_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownPveVersion, match=r"Proxmox VE 7.4: .* use one of 8.4, 9.0, 9.1, 9.2"):
        pve_version("7.4")


def test_every_release_says_where_its_row_comes_from() -> None:
    assert tuple(VERSIONS) == RELEASES
    assert all(row.source for row in VERSIONS.values())
    assert [row.release for row in VERSIONS.values() if not row.observed] == ["9.2"]


@pytest.mark.parametrize(
    ("release", "package", "matches"),
    [
        ("9.1", "1.3.0", True),
        ("9.1", "1.2.5", False),
        ("9.1", "1.4.0", False),
        ("9.0", "1.1.8", True),
        ("8.4", "0.11.2", True),
        ("9.2", "1.10.0", True),
        ("9.2", "1.3.9", False),
    ],
)
def test_a_package_is_told_from_the_next_releases(release: str, package: str, *, matches: bool) -> None:
    assert pve_version(release).package_matches(package) is matches


@pytest.mark.parametrize("line", [" neighbor 10.0.0.1 description a\nrouter bgp 65000", " a\rb"])
def test_a_line_break_inside_a_line_is_refused(line: str) -> None:
    with pytest.raises(BrokenLine, match=r"frr.conf.local, line 2, .*holds a line break"):
        effective(homelab(), host("9.1"), ("router bgp 4200001000", line, "exit"))


@pytest.mark.parametrize("line", ["router ospf", "interface eth0", "ip prefix-list A seq 5 permit any"])
def test_a_text_that_proxmox_did_not_generate_alone_is_no_base_for_a_merge(line: str) -> None:
    text = (*generate(homelab(), host("9.1")), line, "exit")
    with pytest.raises(NotGenerated, match=line):
        merge(text, (), pve_version("9.1"))


@pytest.mark.parametrize(
    ("release", "frr", "statements"),
    [
        ("8.4", "10.3", ("no bgp enforce-first-as",)),
        ("8.4", "9.1", ("no bgp enforce-first-as",)),
        ("8.4", "8.5", ()),
        ("9.0", "10.3", ()),
        ("9.1", "10.3", ()),
    ],
)
def test_defaults_that_changed_after_proxmoxs_header_are_told(
    release: str, frr: str, statements: tuple[str, ...]
) -> None:
    assert pve_version(release).instance_statements(frr) == statements
