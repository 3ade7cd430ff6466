"""The merge row by row: what each kind of line of frr.conf.local becomes, under both styles of merge."""

import pytest

from tests.core.pve.homelab import homelab, host
from trellis.pve import LossKind, Merge, Reason, SdnState, effective

NEW = "9.1"
OLD = "9.0"
BOTH = (NEW, OLD)


def merged(release: str, text: str, state: SdnState | None = None) -> Merge:
    """Merge a text into what the homelab's first host gets."""
    return effective(homelab() if state is None else state, host(release), tuple(text.strip("\n").splitlines()))


def block(merge: Merge, header: str) -> list[str]:
    """The lines of the block that the header opens, without indentation and `!`, up to its end at column 0."""
    start = merge.lines.index(header)
    lines = []
    for line in merge.lines[start + 1 :]:
        if line and not line.startswith((" ", "\t")) and line != "!":
            break
        lines.append(line.strip())
    return [line for line in lines if line != "!"]


def losses(merge: Merge) -> list[tuple[int, LossKind, Reason]]:
    return [(loss.line_number, loss.kind, loss.reason) for loss in merge.losses]


@pytest.mark.parametrize("release", BOTH)
def test_lines_of_a_generated_router_are_appended_inside_it(release: str) -> None:
    merge = merged(release, "router bgp 4200001000\n neighbor VTEP update-source 10.255.0.1\nexit")
    assert block(merge, "router bgp 4200001000")[10:12] == [
        "neighbor VTEP update-source 10.255.0.1",
        "address-family l2vpn evpn",
    ]
    assert merge.losses == ()


@pytest.mark.parametrize("release", BOTH)
def test_lines_of_a_generated_address_family_are_appended_inside_it(release: str) -> None:
    merge = merged(
        release,
        "router bgp 4200001000\n address-family l2vpn evpn\n  neighbor 10.255.0.2 route-map TR out\n"
        " exit-address-family\nexit",
    )
    assert block(merge, "router bgp 4200001000")[-3:] == [
        "advertise-all-vni",
        "neighbor 10.255.0.2 route-map TR out",
        "exit-address-family",
    ]
    assert merge.losses == ()


@pytest.mark.parametrize("release", BOTH)
def test_an_address_family_that_proxmox_does_not_generate_is_emitted_in_its_router(release: str) -> None:
    merge = merged(
        release,
        "router bgp 4200001000 vrf vrf_evpnz1\n address-family ipv6 unicast\n  import vrf default\n"
        " exit-address-family\nexit",
    )
    assert block(merge, "router bgp 4200001000 vrf vrf_evpnz1")[-3:] == [
        "address-family ipv6 unicast",
        "import vrf default",
        "exit-address-family",
    ]
    assert merge.losses == ()


@pytest.mark.parametrize("release", BOTH)
def test_an_address_family_goes_to_the_router_named_last(release: str) -> None:
    merge = merged(
        release,
        "router bgp 4200001000\n bgp bestpath as-path multipath-relax\nexit\n"
        "router bgp 4200001000 vrf vrf_evpnz2\n address-family ipv4 unicast\n  redistribute connected\n"
        " exit-address-family\nexit",
    )
    assert "redistribute connected" in block(merge, "router bgp 4200001000 vrf vrf_evpnz2")
    assert "redistribute connected" not in block(merge, "router bgp 4200001000")
    assert merge.losses == ()


@pytest.mark.parametrize("release", BOTH)
@pytest.mark.parametrize(
    "header",
    [
        "router ospf",
        "router ospf6",
        "router isis core",
        "router bgp 65010 vrf other",
        "interface vmbr1v20",
        "vrf other",
    ],
)
def test_a_block_that_proxmox_does_not_generate_is_emitted_as_written(release: str, header: str) -> None:
    merge = merged(release, f"{header}\n a statement\n no other statement\nexit")
    assert block(merge, header) == ["a statement", "no other statement"]
    assert merge.losses == ()


@pytest.mark.parametrize("release", BOTH)
def test_lines_of_a_generated_vrf_follow_its_vni(release: str) -> None:
    merge = merged(release, "vrf vrf_evpnz1\n ip route 10.9.0.0/16 Null0\nexit")
    assert block(merge, "vrf vrf_evpnz1") == ["vni 4096", "ip route 10.9.0.0/16 Null0"]
    assert merge.losses == ()


@pytest.mark.parametrize("release", BOTH)
@pytest.mark.parametrize(
    "line",
    [
        "bgp community-list standard TC_A seq 5 permit 65000:1",
        "ip prefix-list TP_A seq 5 permit 10.0.0.0/8 le 32",
        "ipv6 prefix-list TP_A seq 5 permit ::/0",
        "access-list A seq 5 permit 10.0.0.0/8",
    ],
)
def test_a_list_entry_with_a_number_is_kept(release: str, line: str) -> None:
    merge = merged(release, line)
    assert line in merge.lines
    assert merge.losses == ()


@pytest.mark.parametrize("release", BOTH)
@pytest.mark.parametrize(
    "line",
    ["ip prefix-list P permit 10.0.0.0/8", "ipv6 prefix-list P permit ::/0", "access-list A permit any"],
)
def test_a_list_entry_without_a_number_is_dropped(release: str, line: str) -> None:
    merge = merged(release, line)
    assert line not in merge.lines
    assert losses(merge) == [(1, LossKind.DROPPED, Reason.NO_SEQ)]


@pytest.mark.parametrize("release", BOTH)
@pytest.mark.parametrize(
    "line",
    [
        "bgp large-community-list standard L seq 5 permit 4200001000:0:100",
        "bgp as-path access-list A seq 5 permit ^4210101011$",
        "bgp extcommunity-list standard E seq 5 permit rt 65000:1",
        "bfd",
        "ip nht resolve-via-default",
        "ip route 10.9.0.0/16 Null0",
        "ip protocol bgp route-map R",
        "no route-map R",
        "segment-routing",
    ],
)
def test_a_statement_at_top_level_that_the_parser_does_not_know_is_dropped(release: str, line: str) -> None:
    merge = merged(release, line)
    assert line not in merge.lines
    assert losses(merge) == [(1, LossKind.DROPPED, Reason.TOP_LEVEL)]


@pytest.mark.parametrize("release", BOTH)
def test_a_value_with_an_exclamation_mark_is_dropped_inside_a_block_too(release: str) -> None:
    merge = merged(release, "router bgp 4200001000\n neighbor 10.0.0.1 password ha!\nexit")
    assert not any("password" in line for line in merge.lines)
    assert losses(merge) == [(2, LossKind.DROPPED, Reason.EXCLAMATION)]


@pytest.mark.parametrize("release", BOTH)
def test_comments_and_blank_lines_are_no_loss(release: str) -> None:
    merge = merged(release, "! one\n# two\n\n   \ninterface eth0\n # three\n ip ospf area 0\n !\nexit")
    assert merge.losses == ()


@pytest.mark.parametrize("release", BOTH)
def test_a_description_that_names_an_address_family_opens_one(release: str) -> None:
    merge = merged(
        release, "router bgp 4200001000\n neighbor 10.0.0.1 description for address-family ipv4 unicast\nexit"
    )
    assert losses(merge) == [(2, LossKind.DROPPED, Reason.READ_AS_FAMILY)]


@pytest.mark.parametrize("release", BOTH)
def test_route_map_entries_keep_every_clause_and_are_numbered_in_file_order(release: str) -> None:
    clauses = " match peer 10.0.0.1\n on-match next\n set comm-list C delete\n set large-community 1:2:3 additive"
    merge = merged(release, f"route-map TR permit 10\n{clauses}\nexit\nroute-map TR deny 20\nexit")
    assert block(merge, "route-map TR permit 1") == [line.strip() for line in clauses.splitlines()]
    assert "route-map TR deny 2" in merge.lines
    assert losses(merge) == [
        (1, LossKind.RENUMBERED, Reason.RENUMBERED),
        (7, LossKind.RENUMBERED, Reason.RENUMBERED),
    ]
    assert merge.losses[1].detail == "becomes `route-map TR deny 2`"


@pytest.mark.parametrize("release", BOTH)
def test_entries_that_are_numbered_in_file_order_already_lose_nothing(release: str) -> None:
    merge = merged(release, "route-map TR permit 1\nexit\nroute-map TR deny 2\nexit\nroute-map TS permit 1\nexit")
    assert merge.losses == ()


@pytest.mark.parametrize("release", BOTH)
def test_a_jump_to_a_renumbered_entry_is_named(release: str) -> None:
    merge = merged(release, "route-map TR permit 10\n on-match goto 20\nexit\nroute-map TR permit 20\nexit")
    assert (2, LossKind.RENUMBERED, Reason.GOTO) in losses(merge)


@pytest.mark.parametrize(("release", "number"), [(NEW, 2), (OLD, 2)])
def test_an_entry_added_to_proxmoxs_own_route_map_is_never_reached(release: str, number: int) -> None:
    merge = merged(release, "route-map MAP_VTEP_OUT deny 1\nexit")
    assert f"route-map MAP_VTEP_OUT deny {number}" in merge.lines
    assert losses(merge) == [(1, LossKind.RENUMBERED, Reason.BEHIND_PROXMOX)]


@pytest.mark.parametrize("release", BOTH)
def test_an_entry_of_proxmoxs_own_route_map_is_named_even_if_its_number_stays(release: str) -> None:
    merge = merged(release, "route-map MAP_VTEP_OUT deny 2\nexit")
    assert losses(merge) == [(1, LossKind.MOVED, Reason.BEHIND_PROXMOX)]


@pytest.mark.parametrize("release", BOTH)
def test_what_follows_the_number_of_an_entry_is_lost(release: str) -> None:
    merge = merged(release, "route-map TR permit 1 extra\nexit")
    assert "route-map TR permit 1" in merge.lines
    assert losses(merge)[0][2] is Reason.ROUTE_MAP_TAIL


def test_after_an_address_family_of_ours_a_routers_statement_lands_at_top_level() -> None:
    local = (
        "router bgp 4200001000\n address-family ipv4 unicast\n  network 10.255.0.1/32\n exit-address-family\n"
        " neighbor 10.0.0.1 remote-as 65001\nexit"
    )
    merge = merged(NEW, local)
    assert losses(merge) == [(5, LossKind.MOVED, Reason.AFTER_FAMILY)]
    assert "lands at top level instead of `router bgp 4200001000`" in merge.losses[0].explanation
    assert losses(merged(OLD, local)) == [(5, LossKind.MOVED, Reason.ELSEWHERE)]


def test_after_the_generated_address_family_a_routers_statement_is_still_the_routers() -> None:
    merge = merged(
        NEW,
        "router bgp 4200001000\n address-family l2vpn evpn\n  advertise-default-gw\n exit-address-family\n"
        " neighbor 10.0.0.1 remote-as 65001\nexit",
    )
    assert "neighbor 10.0.0.1 remote-as 65001" in block(merge, "router bgp 4200001000")
    assert merge.losses == ()


@pytest.mark.parametrize("release", BOTH)
def test_an_address_family_outside_a_router_is_named(release: str) -> None:
    merge = merged(release, "address-family ipv4 unicast\n  network 10.0.0.0/8\nexit-address-family")
    assert (1, LossKind.MOVED, Reason.FAMILY_WITHOUT_ROUTER) in losses(merge)


@pytest.mark.parametrize("release", BOTH)
def test_an_address_family_behind_the_end_of_its_router_is_named(release: str) -> None:
    merge = merged(
        release,
        "router bgp 4200001000\n bgp bestpath as-path multipath-relax\nexit\n"
        "address-family ipv4 unicast\n  network 10.0.0.0/8\nexit-address-family",
    )
    assert (4, LossKind.MOVED, Reason.FAMILY_WITHOUT_ROUTER) in losses(merge)


def test_an_end_of_an_address_family_that_is_not_open_stops_the_new_generator() -> None:
    merge = merged(NEW, "interface eth0\n ip ospf area 0\nexit\nexit-address-family")
    assert losses(merge) == [(4, LossKind.DROPPED, Reason.STRAY_EXIT_FAMILY)]
    assert merged(OLD, "interface eth0\n ip ospf area 0\nexit\nexit-address-family").losses == ()


def test_an_empty_block_of_a_generated_vrf_can_stop_the_new_generator() -> None:
    assert losses(merged(NEW, "vrf vrf_evpnz1\nexit-vrf")) == [(1, LossKind.DROPPED, Reason.EMPTY_VRF)]
    assert merged(OLD, "vrf vrf_evpnz1\nexit").losses == ()


def test_an_empty_interface_block_stops_the_old_generator() -> None:
    assert losses(merged(OLD, "interface eth0\nexit")) == [(1, LossKind.DROPPED, Reason.EMPTY_INTERFACE)]
    assert merged(NEW, "interface eth0\nexit").losses == ()


def test_exit_vrf_is_a_statement_to_the_old_parser() -> None:
    local = "vrf vrf_evpnz1\n ip route 10.9.0.0/16 Null0\nexit-vrf"
    assert losses(merged(OLD, local)) == [(3, LossKind.MOVED, Reason.EXIT_VRF)]
    assert merged(NEW, local).losses == ()


def test_a_route_map_entry_without_exit_is_lost_to_the_old_parser() -> None:
    local = "route-map TR permit 1\n set community 65000:1"
    merge = merged(OLD, local)
    assert not any("TR" in line for line in merge.lines)
    assert losses(merge) == [
        (1, LossKind.DROPPED, Reason.UNCLOSED_ROUTE_MAP),
        (2, LossKind.DROPPED, Reason.UNCLOSED_ROUTE_MAP),
    ]
    assert merged(NEW, local).losses == ()


def test_a_route_map_entry_that_is_closed_in_another_block_is_lost_to_the_old_parser() -> None:
    merge = merged(OLD, "route-map TR permit 1\n set community 65000:1\nvrf other\nexit")
    assert not any("TR" in line for line in merge.lines)
    assert losses(merge) == [
        (1, LossKind.DROPPED, Reason.UNCLOSED_ROUTE_MAP),
        (2, LossKind.DROPPED, Reason.UNCLOSED_ROUTE_MAP),
    ]


@pytest.mark.parametrize("release", BOTH)
def test_route_maps_are_written_in_the_order_of_their_names(release: str) -> None:
    merge = merged(release, "route-map TS permit 1\nexit\nroute-map TR permit 1\nexit")
    assert merge.lines.index("route-map TR permit 1") < merge.lines.index("route-map TS permit 1")


@pytest.mark.parametrize(("release", "first"), [(NEW, "B"), (OLD, "A")])
def test_community_lists_are_sorted_by_the_old_merge_only(release: str, first: str) -> None:
    lists = {name: f"bgp community-list standard {name} seq 5 permit 65000:1" for name in "BA"}
    merge = merged(release, "\n".join(lists.values()))
    assert next(line for line in merge.lines if line in lists.values()) == lists[first]


def test_the_old_merge_keeps_the_last_of_two_entries_with_one_number() -> None:
    local = "ip prefix-list P seq 5 permit 10.0.0.0/8\nip prefix-list P seq 5 permit 11.0.0.0/8"
    assert losses(merged(OLD, local)) == [(1, LossKind.DROPPED, Reason.REPLACED)]
    assert merged(NEW, local).losses == ()


def test_the_old_parser_leaves_an_interface_open_behind_its_exit_and_sorts_it() -> None:
    local = "interface eth0\n ip ospf area 0\nexit\nbgp large-community-list standard L seq 5 permit 1:2:3"
    merge = merged(OLD, local)
    assert block(merge, "interface eth0") == [
        "bgp large-community-list standard L seq 5 permit 1:2:3",
        "ip ospf area 0",
    ]
    # vtysh takes the list for one of the top level, leaves the interface for it, and never comes back.
    assert losses(merge) == [(2, LossKind.MOVED, Reason.ELSEWHERE)]


def test_without_a_controller_every_router_is_ours() -> None:
    local = "router bgp 4200001000\n neighbor 10.0.0.1 remote-as 65001\nexit"
    merge = merged(NEW, local, SdnState())
    assert block(merge, "router bgp 4200001000") == ["neighbor 10.0.0.1 remote-as 65001"]
    assert merge.losses == ()


def test_an_asn_in_other_digits_is_another_router_to_the_parser() -> None:
    merge = merged(NEW, "router bgp 64086.61416\n neighbor 10.0.0.1 remote-as 65001\nexit")
    assert block(merge, "router bgp 64086.61416") == ["neighbor 10.0.0.1 remote-as 65001"]


def test_every_reason_says_why_and_what_to_do() -> None:
    for reason in Reason:
        assert reason.why
        assert reason.remedy
    assert len({reason.value for reason in Reason}) == len(Reason)
