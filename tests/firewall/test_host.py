"""What a host's table lets pass, on this machine's kernel: R12, R8 and R13, and what each drop is there for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial

import pytest

from tests.firewall.conftest import VNETS, Fabric
from tests.firewall.namespaces import together

Probe = Callable[[Fabric], bool]

FAMILIES = ("IPv4", "IPv6")
WORLD = {"IPv4": "198.51.100.7", "IPv6": "2001:db8::7"}
API = {"IPv4": "10.10.0.200", "IPv6": "fd00:10::200"}
LOOPBACK = {"IPv4": "10.255.0.1", "IPv6": "fd00:0:0:ffff::1"}


def of(vnet: str, family: str, suffix: str) -> str:
    """Return an address on a VNet: of its guest (``6``) or of its gateway."""
    number = VNETS[vnet]
    if suffix == "gateway":
        suffix = "254" if family == "IPv4" else "fffe"
    return f"10.{number}.0.{suffix}" if family == "IPv4" else f"fd00:{number}::{suffix}"


@pytest.fixture(autouse=True)
def table(fabric: Fabric) -> None:
    fabric.load()


@pytest.mark.parametrize("family", FAMILIES)
class TestBetweenGuests:
    def test_guests_of_a_zone_reach_each_other(self, fabric: Fabric, family: str) -> None:
        assert fabric.guests["backup1"].connects(of("replica1", family, "6"), 22)
        assert fabric.guests["replica1"].pings(of("backup1", family, "6"))

    @pytest.mark.parametrize(("one", "other"), [("apps1", "guests1"), ("guests1", "backup1"), ("replica1", "apps1")])
    def test_guests_of_two_zones_do_not(self, fabric: Fabric, family: str, one: str, other: str) -> None:
        attempts = [
            attempt
            for source, destination in ((one, other), (other, one))
            for attempt in (
                partial(fabric.guests[source].connects, of(destination, family, "6"), 22),
                partial(fabric.guests[source].pings, of(destination, family, "6")),
            )
        ]
        assert together(*attempts) == {False}

    def test_a_leak_lets_what_it_names_pass_both_ways(self, fabric: Fabric, family: str) -> None:
        for source, destination in (("apps1", "backup1"), ("backup1", "apps1")):
            assert fabric.guests[source].connects(of(destination, family, "6"), 22)
            assert fabric.guests[source].pings(of(destination, family, "6"))


@pytest.mark.parametrize("family", FAMILIES)
class TestBeyond:
    def test_a_guest_reaches_the_rest_of_the_world(self, fabric: Fabric, family: str) -> None:
        assert fabric.guests["apps1"].connects(WORLD[family], 22)

    def test_it_does_not_with_an_address_of_another_zone_or_of_nobody(self, fabric: Fabric, family: str) -> None:
        guest = fabric.guests["apps1"]
        for forged in (of("guests1", family, "66"), {"IPv4": "203.0.113.9", "IPv6": "2001:db8:9::9"}[family]):
            guest.run(f"ip addr add {forged} dev lo" + (" nodad" if family == "IPv6" else ""))
            seen = _dropped(fabric, "R12 forged source")
            assert not guest.connects(WORLD[family], 22, source=forged)
            assert _dropped(fabric, "R12 forged source") > seen

    def test_no_guest_reaches_the_infrastructure(self, fabric: Fabric, family: str) -> None:
        attempts = [
            attempt
            for vnet in ("apps1", "guests1")
            for destination in (LOOPBACK[family], API[family])
            for attempt in (
                partial(fabric.guests[vnet].pings, destination),
                partial(fabric.guests[vnet].connects, destination, 22),
            )
        ]
        assert together(*attempts) == {False}
        assert not fabric.guests["apps1"].sends(API[family], 123, fabric.beyond)

    def test_a_service_is_reached_from_the_vnets_that_it_names_alone(self, fabric: Fabric, family: str) -> None:
        assert fabric.guests["apps1"].connects(API[family], 8006)
        assert not fabric.guests["backup1"].connects(API[family], 8006)
        assert not fabric.guests["apps1"].connects(LOOPBACK[family], 8006)

    def test_guests_answer_the_infrastructure(self, fabric: Fabric, family: str) -> None:
        for vnet in ("apps1", "guests1"):
            assert fabric.beyond.connects(of(vnet, family, "6"), 22, source=API[family])
            assert fabric.beyond.pings(of(vnet, family, "6"))

    def test_a_guests_packet_that_comes_back_by_way_of_an_edge_is_dropped(self, fabric: Fabric, family: str) -> None:
        stray = of("apps1", family, "77")
        length = 32 if family == "IPv4" else 128
        fabric.beyond.run(f"ip addr add {stray}/{length} dev lo" + (" nodad" if family == "IPv6" else ""))
        seen = _dropped(fabric, "R12 infrastructure")
        assert not fabric.beyond.connects(LOOPBACK[family], 22, source=stray)
        assert _dropped(fabric, "R12 infrastructure") > seen
        fabric.beyond.run(f"ip addr del {stray}/{length} dev lo")


@pytest.mark.parametrize("family", FAMILIES)
class TestHost:
    def test_its_gateway_address_answers_pings(self, fabric: Fabric, family: str) -> None:
        for vnet, guest in fabric.guests.items():
            assert guest.pings(of(vnet, family, "gateway"))

    def test_its_ports_are_closed_to_guests(self, fabric: Fabric, family: str) -> None:
        attempts = [
            partial(guest.connects, of(vnet, family, "gateway"), port)
            for vnet, guest in fabric.guests.items()
            for port in (22, 8006)
        ]
        assert together(*attempts) == {False}

    def test_bgp_is_open_where_a_tenant_listens_and_over_ipv6(self, fabric: Fabric, family: str) -> None:
        to_own = {
            vnet: partial(guest.connects, of(vnet, family, "gateway"), 179) for vnet, guest in fabric.guests.items()
        }
        speakers = {"apps1", "backup1", "replica1"} if family == "IPv6" else set()
        assert {vnet for vnet in speakers if to_own[vnet]()} == speakers
        to_other = partial(fabric.guests["replica1"].connects, of("backup1", family, "gateway"), 179)
        assert together(to_other, *(to_own[vnet] for vnet in set(VNETS) - speakers)) == {False}

    def test_a_declared_service_is_open_on_the_vnets_that_it_names(self, fabric: Fabric, family: str) -> None:
        told = {v for v, guest in fabric.guests.items() if guest.sends(of(v, family, "gateway"), 123, fabric.host)}
        assert told == {"apps1", "backup1", "guests1"}

    def test_it_reaches_its_guests(self, fabric: Fabric, family: str) -> None:
        for vnet in VNETS:
            assert fabric.host.connects(of(vnet, family, "6"), 22)
            assert fabric.host.pings(of(vnet, family, "6"))


def test_a_guests_router_advertisement_is_dropped(fabric: Fabric) -> None:
    seen = _dropped(fabric, "R13 advertisement")
    fabric.guests["apps1"].advertises_itself("eth0")
    assert _dropped(fabric, "R13 advertisement") == seen + 1


ATTEMPTS: dict[str, Probe] = {
    "R12 other zone": lambda fabric: fabric.guests["apps1"].connects("10.103.0.6", 22),
    "R12 infrastructure": lambda fabric: fabric.guests["apps1"].connects("fd00:0:0:ffff::1", 22),
    "R12 host": lambda fabric: fabric.guests["apps1"].connects("fd00:101::fffe", 22),
}


@pytest.mark.parametrize("rule", ATTEMPTS)
def test_what_a_rule_keeps_out_gets_in_without_it(fabric: Fabric, rule: str) -> None:
    assert not ATTEMPTS[rule](fabric)
    without = "\n".join(line for line in fabric.table.splitlines() if f'comment "{rule}"' not in line)
    assert without != fabric.table
    fabric.load(without + "\n")
    if rule == "R12 infrastructure":  # what is let in so far meets the host's own drop
        assert not ATTEMPTS["R12 host"](fabric)
        fabric.load("\n".join(line for line in without.splitlines() if 'comment "R12 host"' not in line) + "\n")
    assert ATTEMPTS[rule](fabric)


def test_loading_again_replaces_the_table_and_leaves_others_alone(fabric: Fabric) -> None:
    fabric.host.run("nft add table inet operator")
    before = _rules(fabric)
    fabric.load()
    assert _rules(fabric) == before
    tables = re.findall(r"table (inet \S+|bridge \S+)", fabric.host.run("nft list tables"))
    ours = ["bridge trellis", "bridge trellis_gateways"]
    assert sorted(tables) == [*ours, "inet operator", "inet trellis", "inet trellis_peers"]


def _rules(fabric: Fabric) -> str:
    return re.sub(r"packets \d+ bytes \d+", "", fabric.host.run("nft list table inet trellis"))


def _dropped(fabric: Fabric, comment: str) -> int:
    """Return how many packets the rules of that comment have dropped, as packets or as frames."""
    listed = (fabric.host.run(f"nft -j list table {family} trellis") for family in ("inet", "bridge"))
    objects = [found for text in listed for found in json.loads(text)["nftables"]]
    rules = [found["rule"] for found in objects if found.get("rule", {}).get("comment") == comment]
    assert rules, comment
    counters = [part["counter"] for rule in rules for part in rule["expr"] if "counter" in part]
    return sum(int(counter["packets"]) for counter in counters)
