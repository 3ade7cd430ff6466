"""Top-level statements carried through the merge inside a block of our own."""

import pytest

from tests.core.pve.homelab import RELEASES, homelab, host
from trellis.pve import LossKind, NotCarriable, carry, carry_in_router, effective

STATEMENTS = (
    "bgp large-community-list standard TL_A seq 5 permit 4200001000:0:100",
    "bgp as-path access-list TA_A seq 5 permit ^4210101011$",
    "ip nht resolve-via-default",
    "bfd",
    " profile fast",
    "  receive-interval 310",
    " exit",
    " profile slow",
    "  passive-mode",
    " exit",
    "exit",
)
INTERFACE_LINES = ("ip ospf area 0", "ip ospf passive")


@pytest.mark.parametrize("release", RELEASES)
def test_a_router_carries_statements_through_every_releases_merge(release: str) -> None:
    block = carry_in_router("ospf6", ("ospf6 router-id 10.255.0.1",), STATEMENTS)
    merged = effective(homelab(), host(release), block)
    assert merged.losses == ()
    arrived = {line.strip() for line in merged.lines}
    assert {line.strip() for line in STATEMENTS} <= arrived


def test_a_router_that_carries_nothing_is_a_plain_block() -> None:
    assert carry_in_router("ospf6", ("ospf6 router-id 10.255.0.1",), ()) == (
        "router ospf6",
        " ospf6 router-id 10.255.0.1",
        "exit",
    )


@pytest.mark.parametrize("release", ["9.1", "9.2"])
def test_an_interface_carries_statements_through_the_new_merge(release: str) -> None:
    block = carry("dummy_underlay", INTERFACE_LINES, STATEMENTS)
    merged = effective(homelab(), host(release), block)
    assert merged.losses == ()
    assert "\n".join(block) in "\n".join(merged.lines)


@pytest.mark.parametrize("release", ["8.4", "9.0"])
def test_an_interface_carries_nothing_through_the_old_merge_and_that_is_named(release: str) -> None:
    merged = effective(homelab(), host(release), carry("dummy_underlay", INTERFACE_LINES, STATEMENTS))
    assert LossKind.MOVED in {loss.kind for loss in merged.losses}


def test_an_interface_without_a_statement_of_its_own_is_no_carrier() -> None:
    with pytest.raises(NotCarriable, match="interface lo: a carrier needs a statement of its own"):
        carry("lo", (), STATEMENTS)


def test_an_interface_that_carries_nothing_is_a_plain_block() -> None:
    assert carry("eth0", ("ip ospf area 0",), ()) == ("interface eth0", " ip ospf area 0", "exit")


def test_an_exit_too_many_is_refused() -> None:
    with pytest.raises(NotCarriable, match="statement 2 is an `exit` that closes nothing"):
        carry("dummy_underlay", INTERFACE_LINES, ("ip nht resolve-via-default", "exit"))


@pytest.mark.parametrize("line", [" !", "", " description oh!", "x address-family ipv4"])
def test_a_statement_that_a_block_would_lose_is_refused(line: str) -> None:
    with pytest.raises(NotCarriable, match="Proxmox drops"):
        carry_in_router("ospf6", (), ("bfd", line))
    with pytest.raises(NotCarriable, match="Proxmox drops"):
        carry("dummy_underlay", INTERFACE_LINES, ("bfd", line))


def test_a_router_that_proxmox_generates_is_no_carrier() -> None:
    with pytest.raises(NotCarriable, match="router bgp 4200001000: Proxmox may generate it"):
        carry_in_router("bgp 4200001000", (), STATEMENTS)


def test_a_bfd_peer_is_not_carried_by_a_router() -> None:
    with pytest.raises(NotCarriable, match=r"`peer 10\.0\.0\.1`"):
        carry_in_router("ospf6", (), ("bfd", " peer 10.0.0.1", "  profile fast", " exit", "exit"))


def test_a_statement_that_needs_the_exit_before_it_is_refused() -> None:
    with pytest.raises(NotCarriable, match="`agentx`: without the `exit` before it"):
        carry_in_router("ospf6", (), ("bfd", " profile fast", " exit", "exit", "agentx"))
