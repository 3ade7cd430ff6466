"""Where FRR puts each line of a text; that vtysh sees it so is proved in test_on_a_real_frr."""

import pytest

from trellis.pve.nodes import read_positions


def read(text: str) -> list[tuple[str, ...] | None]:
    """The opening lines of the blocks around each line."""
    lines = text.splitlines()
    return [
        None if position is None else tuple(lines[index].strip() for index in position)
        for position in read_positions(lines).positions
    ]


def test_a_statement_is_in_the_block_above_it_whatever_its_indentation() -> None:
    assert read("router ospf\nospf router-id 10.0.0.1\n      passive-interface default\nexit\nhostname a") == [
        (),
        ("router ospf",),
        ("router ospf",),
        None,
        (),
    ]


def test_an_address_family_is_in_its_router_until_its_end() -> None:
    bgp, family = "router bgp 65000", "address-family ipv4 unicast"
    assert read(f"{bgp}\n {family}\n  network a\n exit-address-family\n neighbor b\nexit") == [
        (),
        (bgp,),
        (bgp, family),
        None,
        (bgp,),
        None,
    ]


def test_the_end_of_an_address_family_ends_what_is_open_inside_it() -> None:
    bgp, family = "router bgp 65000", "address-family l2vpn evpn"
    assert read(f"{bgp}\n {family}\n  vni 7\n   rd 1:1\n exit-address-family\n neighbor b")[2:] == [
        (bgp, family),
        (bgp, family, "vni 7"),
        None,
        (bgp,),
    ]


def test_a_block_that_has_no_end_ends_with_the_next_one() -> None:
    assert read("interface a\n ip ospf area 0\nvrf b\n vni 5\nroute-map c permit 1\n match tag 5") == [
        (),
        ("interface a",),
        (),
        ("vrf b",),
        (),
        ("route-map c permit 1",),
    ]


def test_a_statement_of_the_top_level_leaves_the_block() -> None:
    assert read("interface a\n ip prefix-list b seq 5 permit any\n ip ospf area 0")[1:] == [(), ()]


@pytest.mark.parametrize("line", ["ip route 10.0.0.0/8 Null0", "ip nht resolve-via-default"])
def test_some_statements_of_the_top_level_belong_to_a_vrf_as_well(line: str) -> None:
    assert read(f"vrf b\n {line}")[1] == ("vrf b",)
    assert read(f"router ospf\n {line}")[1] == ()


def test_profiles_follow_each_other_inside_bfd_without_an_end() -> None:
    text = "router ospf6\n bfd\n profile a\n passive-mode\n profile b\n passive-mode\nexit"
    assert read(text) == [
        (),
        (),
        ("bfd",),
        ("bfd", "profile a"),
        ("bfd",),
        ("bfd", "profile b"),
        None,
    ]


def test_the_first_exit_that_closes_nothing_is_named() -> None:
    assert read_positions(["interface a", "exit", "exit", "exit"]).stray_exit == 2
    assert read_positions(["interface a", " ip ospf area 0", "exit"]).stray_exit is None
    assert read_positions(["exit-vrf", "exit-address-family"]).stray_exit is None


def test_comments_and_ends_are_no_statements() -> None:
    assert read("! a\n# b\n\nend") == [None, None, None, None]
