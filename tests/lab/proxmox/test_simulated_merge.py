"""The simulator's merge of frr.conf.local, row by row, under both of Proxmox's grammars."""

from __future__ import annotations

from typing import Any

import pytest

from trellis.lab.proxmox.node import configuration, generated, stripped, verbatim
from trellis.lab.proxmox.node.generated import Generated, MergeError

UNDERLAY = configuration.Underlay("dummy_underlay", "10.255.0.1", 1500, "10.255.0.1")


@pytest.fixture
def proxmox(two_zones: dict[str, Any]) -> Generated:
    """What Proxmox generates on pve01."""
    return generated.generate(configuration.parse(two_zones), "pve01", {"evpn": UNDERLAY})


def added(merged: list[str], alone: list[str]) -> list[str]:
    """The lines that frr.conf.local brought, in their order, without what only ends or divides blocks."""
    left = list(alone)
    out = []
    for line in merged:
        if line in left:
            left.remove(line)
        elif line.strip() not in ("!", "exit"):
            out.append(line)
    return out


def block(merged: list[str], head: str) -> list[str]:
    """A block from its head to its end at column 0."""
    start = merged.index(head)
    end = next(number for number in range(start, len(merged)) if merged[number].startswith("exit"))
    return merged[start : end + 1]


def newer(proxmox: Generated, local: str) -> list[str]:
    """The lines that the grammar of 1.3.0 brings."""
    return added(verbatim.merge(proxmox, local), verbatim.merge(proxmox, ""))


def older(proxmox: Generated, local: str) -> list[str]:
    """The lines that the grammar up to 1.2.5 brings."""
    return added(stripped.merge(proxmox, local), stripped.merge(proxmox, ""))


DROPPED_BY_BOTH = [
    "bgp large-community-list standard CL seq 5 permit 65000:0:100",
    "bgp as-path access-list AP seq 5 permit ^65000$",
    "bgp extcommunity-list standard EC seq 5 permit rt 65000:1",
    "ip nht resolve-via-default",
    "ip route 10.0.0.0/8 blackhole",
    "ip protocol bgp route-map X",
    "no route-map X",
    "segment-routing",
    "ip prefix-list P permit 10.0.0.0/8",
    "ipv6 prefix-list P permit fd00::/8",
    "access-list A permit any",
    "bfd",
    "! a comment",
]


@pytest.mark.parametrize("line", DROPPED_BY_BOTH)
def test_a_top_level_line_that_matches_no_rule_is_lost(proxmox: Generated, line: str) -> None:
    assert newer(proxmox, line + "\n") == []
    assert older(proxmox, line + "\n") == []


KEPT_BY_BOTH = [
    "bgp community-list standard CL seq 5 permit 65000:100",
    "ip prefix-list P seq 5 permit 10.0.0.0/8 le 24",
    "ipv6 prefix-list P seq 5 permit fd00::/8",
    "access-list A seq 5 permit any",
]


@pytest.mark.parametrize("line", KEPT_BY_BOTH)
def test_a_list_entry_with_a_number_is_kept(proxmox: Generated, line: str) -> None:
    assert line in newer(proxmox, line + "\n")
    assert line in older(proxmox, line + "\n")


def test_lines_for_a_generated_router_go_into_it_before_its_address_families(proxmox: Generated) -> None:
    local = "router bgp 4200001000\n neighbor 10.255.0.254 remote-as 4200000000\nexit\n"
    body = block(verbatim.merge(proxmox, local), "router bgp 4200001000")
    assert body.index(" neighbor 10.255.0.254 remote-as 4200000000") < body.index(" address-family l2vpn evpn")
    assert older(proxmox, local) == [" neighbor 10.255.0.254 remote-as 4200000000"]


def test_a_router_of_another_asn_is_a_block_of_its_own(proxmox: Generated) -> None:
    local = "router bgp 65001\n neighbor 10.0.0.1 remote-as 1\nexit\n"
    expected = ["router bgp 65001", " neighbor 10.0.0.1 remote-as 1", "exit"]
    assert block(verbatim.merge(proxmox, local), "router bgp 65001") == expected
    assert block(stripped.merge(proxmox, local), "router bgp 65001") == expected


def test_a_generated_address_family_takes_the_lines_and_is_closed_once(proxmox: Generated) -> None:
    local = "router bgp 4200001000\n address-family l2vpn evpn\n  advertise-svi-ip\n exit-address-family\nexit\n"
    body = block(verbatim.merge(proxmox, local), "router bgp 4200001000")
    assert body[-3:] == ["  advertise-svi-ip", " exit-address-family", "exit"]
    assert older(proxmox, local) == ["  advertise-svi-ip"]


def test_an_address_family_that_is_not_generated_is_emitted_as_a_new_one(proxmox: Generated) -> None:
    local = (
        "router bgp 4200001000 vrf vrf_evpnz1\n address-family ipv4 unicast\n  redistribute connected\n"
        " exit-address-family\nexit\n"
    )
    expected = [" address-family ipv4 unicast", "  redistribute connected", " exit-address-family"]
    assert newer(proxmox, local) == expected
    assert older(proxmox, local) == expected


def test_an_address_family_matches_in_the_middle_of_a_line(proxmox: Generated) -> None:
    local = "router bgp 4200001000\n neighbor 10.0.0.1 description address-family one\nexit\n"
    assert newer(proxmox, local) == [" address-family one"]


def test_a_line_after_a_foreign_address_family_leaves_the_router(proxmox: Generated) -> None:
    local = (
        "router bgp 4200001000\n address-family ipv4 unicast\n  network 10.0.0.0/8\n exit-address-family\n"
        " neighbor 10.0.0.9 remote-as 1\nexit\n"
    )
    merged = verbatim.merge(proxmox, local)
    assert " neighbor 10.0.0.9 remote-as 1" not in block(merged, "router bgp 4200001000")
    assert " neighbor 10.0.0.9 remote-as 1" in merged
    assert "  neighbor 10.0.0.9 remote-as 1" in stripped.merge(proxmox, local)


def test_lines_for_a_generated_vrf_go_into_it(proxmox: Generated) -> None:
    local = "vrf vrf_evpnz1\n ip route 10.0.0.0/8 null0\nexit\n"
    merged = verbatim.merge(proxmox, local)
    expected = ["vrf vrf_evpnz1", " vni 4096", " ip route 10.0.0.0/8 null0", "exit-vrf"]
    assert block(merged, "vrf vrf_evpnz1") == expected
    assert block(stripped.merge(proxmox, local), "vrf vrf_evpnz1") == expected


def test_exit_vrf_is_a_statement_for_the_older_grammar(proxmox: Generated) -> None:
    local = "vrf vrf_evpnz1\n ip route 10.0.0.0/8 null0\nexit-vrf\n"
    assert newer(proxmox, local) == [" ip route 10.0.0.0/8 null0"]
    assert older(proxmox, local) == [" ip route 10.0.0.0/8 null0", " exit-vrf"]


@pytest.mark.parametrize("head", ["interface lo", "router ospf", "router ospf6", "vrf other"])
def test_a_block_that_is_not_generated_is_emitted_as_written(proxmox: Generated, head: str) -> None:
    merged = verbatim.merge(proxmox, f"{head}\n zulu\n  alpha\nexit\n")
    assert block(merged, head) == [head, " zulu", "  alpha", "exit"]


def test_the_older_grammar_sorts_an_interfaces_lines(proxmox: Generated) -> None:
    assert older(proxmox, "interface lo\n zulu\n alpha\nexit\n") == ["interface lo", " alpha", " zulu"]


def test_route_maps_follow_the_generated_entries_and_are_renumbered_in_file_order(proxmox: Generated) -> None:
    local = (
        "route-map MAP_VTEP_IN deny 5\n match community A\nexit\nroute-map OWN permit 30\nexit\n"
        "route-map OWN deny 20\n on-match goto 30\nexit\n"
    )
    expected = ["route-map MAP_VTEP_IN deny 2", "route-map OWN permit 1", "route-map OWN deny 2"]
    assert [line for line in newer(proxmox, local) if line.startswith("route-map")] == expected
    assert [line for line in older(proxmox, local) if line.startswith("route-map")] == expected
    assert " on-match goto 30" in newer(proxmox, local)


def test_the_older_grammar_loses_a_route_map_without_exit(proxmox: Generated) -> None:
    local = "route-map OWN permit 10\n match community A\n"
    assert older(proxmox, local) == []
    assert "route-map OWN permit 1" in newer(proxmox, local)


def test_a_line_with_an_exclamation_mark_is_lost_inside_a_block_too(proxmox: Generated) -> None:
    local = "router bgp 4200001000\n neighbor VTEP password s3cret!\nexit\n"
    assert newer(proxmox, local) == []
    assert older(proxmox, local) == []


CARRIED = (
    "interface lo\n exit\nbgp large-community-list standard CL seq 5 permit 1:1:1\nbfd\n profile fast\n"
    "  receive-interval 310\n exit\n exit\nip nht resolve-via-default\n interface lo\nexit\n"
)


def test_indented_lines_carry_top_level_statements_through_the_newer_grammar(proxmox: Generated) -> None:
    merged = verbatim.merge(proxmox, CARRIED)
    assert block(merged, "interface lo") == CARRIED.splitlines()


def test_they_do_not_carry_them_through_the_older_one(proxmox: Generated) -> None:
    assert "bfd" not in [line for line in older(proxmox, CARRIED) if not line.startswith(" ")]


def test_a_large_community_list_survives_inside_a_vrf_block_of_the_older_grammar(proxmox: Generated) -> None:
    local = "vrf other\n ip route 10.0.0.0/8 null0\nexit\nbgp large-community-list standard C permit 1:1:1\n"
    assert " bgp large-community-list standard C permit 1:1:1" in older(proxmox, local)


def test_a_block_left_open_puts_its_exit_into_a_generated_router(proxmox: Generated) -> None:
    local = "route-map OWN permit 10\nrouter bgp 4200001000\n neighbor 10.0.0.1 remote-as 1\nexit\n"
    closed, left_open = (
        block(verbatim.merge(proxmox, text), "router bgp 4200001000")
        for text in (local.replace("10\n", "10\nexit\n", 1), local)
    )
    assert closed.count(" address-family l2vpn evpn") == 1
    assert left_open[-1] == "exit"
    assert " address-family l2vpn evpn" not in left_open


def test_an_empty_vrf_block_stops_the_newer_generator(proxmox: Generated) -> None:
    with pytest.raises(MergeError, match="vrf_evpnz1"):
        verbatim.merge(proxmox, "vrf vrf_evpnz1\nexit-vrf\n")


def test_an_empty_interface_block_stops_the_older_generator(proxmox: Generated) -> None:
    with pytest.raises(MergeError, match="interface lo"):
        stripped.merge(proxmox, "interface lo\nexit\n")


def test_a_stray_exit_address_family_stops_the_newer_generator(proxmox: Generated) -> None:
    with pytest.raises(MergeError, match="no address family"):
        verbatim.merge(proxmox, "exit-address-family\n")


def test_the_older_grammar_sorts_numbers_of_lists_as_text(proxmox: Generated) -> None:
    local = "ip prefix-list P seq 10 permit 10.0.0.0/8\nip prefix-list P seq 5 permit 11.0.0.0/8\n"
    listed = [line for line in older(proxmox, local) if line.startswith("ip prefix-list")]
    assert listed == [
        "ip prefix-list P seq 10 permit 10.0.0.0/8",
        "ip prefix-list P seq 5 permit 11.0.0.0/8",
    ]
