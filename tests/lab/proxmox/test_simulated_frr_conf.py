"""The frr.conf that a simulated node writes, whole, per release; and its daemons file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trellis.lab.proxmox.node import configuration, generated
from trellis.lab.proxmox.node.frr_conf import force_daemons, frr_conf
from trellis.lab.proxmox.node.versions import BEHAVIOURS, behaviour_of

GOLDEN = Path(__file__).parent / "golden"
UNDERLAY = configuration.Underlay("dummy_underlay", "10.255.0.1", 1500, "10.255.0.1")


def generate(document: dict[str, Any], node: str = "pve01") -> generated.Generated:
    return generated.generate(configuration.parse(document), node, {"evpn": UNDERLAY})


def written(document: dict[str, Any], network: str, local: str) -> str:
    return frr_conf(generate(document), local, "pve01", BEHAVIOURS[network])


@pytest.mark.parametrize("network", sorted(BEHAVIOURS))
@pytest.mark.parametrize("local", ["", "frr.conf.local"])
def test_the_text_is_the_golden_one(two_zones: dict[str, Any], network: str, local: str) -> None:
    text = written(two_zones, network, (GOLDEN / local).read_text() if local else "")
    name = f"pve-network-{network}{'-merged' if local else ''}.frr.conf"
    assert text == (GOLDEN / name).read_text()


def test_only_the_release_in_the_header_differs_between_8_4_and_9_0(two_zones: dict[str, Any]) -> None:
    old, new = (written(two_zones, network, "").splitlines() for network in ("0.11.2", "1.1.8"))
    assert old[0] == "frr version 8.5.2"
    assert new[0] == "frr version 10.3.1"
    assert old[1:] == new[1:]


def test_the_peers_leave_this_node_out(two_zones: dict[str, Any]) -> None:
    text = written(two_zones, "1.3.0", "")
    assert "neighbor 10.255.0.1 peer-group VTEP" not in text
    assert "neighbor 10.255.0.2 peer-group VTEP" in text


def test_a_zone_is_generated_also_on_a_node_that_it_leaves_out(two_zones: dict[str, Any]) -> None:
    two_zones["zones"]["ids"]["evpnz1"]["nodes"] = "pve02"
    assert "vrf_evpnz1" in generate(two_zones).vrfs


def test_advertised_subnets_redistribute_and_advertise(two_zones: dict[str, Any]) -> None:
    two_zones["zones"]["ids"]["evpnz1"]["advertise-subnets"] = 1
    router = generate(two_zones).routers["vrf_evpnz1"]
    assert router.families["ipv6 unicast"] == ["redistribute connected"]
    assert router.families["l2vpn evpn"] == ["advertise ipv4 unicast", "advertise ipv6 unicast"]


def test_an_exit_node_leaks_unfiltered_in_both_directions(two_zones: dict[str, Any]) -> None:
    two_zones["zones"]["ids"]["evpnz1"]["exitnodes"] = "pve01"
    made = generate(two_zones)
    assert made.routers["default"].families["ipv4 unicast"] == ["import vrf vrf_evpnz1"]
    assert "default-originate ipv6" in made.routers["vrf_evpnz1"].families["l2vpn evpn"]
    assert "ip route 10.200.0.0/24 null0" in made.vrfs["vrf_evpnz1"]
    assert [entry.action for entry in made.maps["MAP_VTEP_IN"]] == ["deny", "deny", "permit"]
    assert "import vrf" not in str(generate(two_zones, "pve02").routers)


def test_an_imported_route_target_is_listed(two_zones: dict[str, Any]) -> None:
    two_zones["zones"]["ids"]["evpnz1"]["rt-import"] = "65000:1"
    assert generate(two_zones).routers["vrf_evpnz1"].families["l2vpn evpn"] == ["route-target import 65000:1"]


def test_only_the_daemons_of_fabrics_are_switched_off() -> None:
    text = "bgpd=yes\nospfd=yes\nospf6d=yes\nfabricd=yes\n# ospfd=yes\n"
    assert force_daemons(text) == "bgpd=yes\nospfd=no\nospf6d=yes\nfabricd=no\n# ospfd=yes\n"


def test_daemons_that_are_off_stay_as_they_are_so_frr_is_not_restarted() -> None:
    text = "bgpd=yes\nospfd=no\nfabricd=no\n ospfd=yes\n"
    assert force_daemons(text) == text


@pytest.mark.parametrize(
    ("release", "network"), [("8.4", "0.11.2"), ("9.0.11", "1.1.8"), ("9.1", "1.3.0"), ("9.7", "1.3.0")]
)
def test_a_release_is_played_by_its_newest_pve_network(release: str, network: str) -> None:
    assert behaviour_of(release) is BEHAVIOURS[network]


@pytest.mark.parametrize(("release", "network"), [("7.4", None), ("nine", None), ("9.1", "1.9.9")])
def test_a_release_that_is_not_known_is_refused(release: str, network: str | None) -> None:
    with pytest.raises(ValueError, match=r"known here|want major"):
        behaviour_of(release, network)


def test_an_ipv6_underlay_takes_its_router_id_from_the_mac_address() -> None:
    own = configuration.LocalAddress("dummy_underlay", "fd00:0:0:ffff::1", 1500)
    found = configuration.find_underlay(["fd00:0:0:ffff::1"], [own], None, "02:00:0a:ff:00:01")
    assert found.router_id == "10.255.0.1"


def test_a_router_id_without_any_source_is_an_error() -> None:
    with pytest.raises(ValueError, match="router-id"):
        configuration.find_underlay(["10.0.0.1"], [], None, None)
