"""An edge's script for RouterOS: what its rules let pass, and that importing it leaves no gap and nothing behind."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from tests.core.generated import site_of
from tests.firewall.routeros import Packet, Router
from tests.sites import EXAMPLES, plan_of, site_data
from trellis.plan import Plan, plan
from trellis.render.edge import edge_filter
from trellis.site import load_site

SYN = frozenset({"syn"})
FAMILIES = ("IPv4", "IPv6")
API = {"IPv4": "10.10.0.200", "IPv6": "fd00:10::200"}
WORLD = {"IPv4": "198.51.100.7", "IPv6": "2001:db8::7"}
APPS, BACKUP, GUESTS, REPLICA = 101, 102, 103, 112


def of(number: int, family: str) -> str:
    return f"10.{number}.0.6" if family == "IPv4" else f"fd00:{number}::6"


def script(plan: Plan) -> str:
    return edge_filter(plan, plan.edges[0], "routeros")


def imported(*texts: str) -> Router:
    router = Router()
    for text in texts:
        list(router.run(text))
    return router


@pytest.mark.parametrize("family", FAMILIES)
def test_it_judges_packets_as_the_nftables_edge_does(family: str) -> None:
    router = imported(script(plan_of("leaks")))
    apps, guests, api = of(APPS, family), of(GUESTS, family), API[family]
    reply = {"IPv4": ("icmp", 0, 8), "IPv6": ("icmpv6", 129, 128)}[family]
    passes = [
        Packet(apps, WORLD[family], port=443, flags=SYN),
        Packet(WORLD[family], apps, port=443, flags=SYN),
        Packet(api, guests, port=22, flags=SYN),
        Packet(apps, of(BACKUP, family), port=22, flags=SYN),
        Packet(of(BACKUP, family), apps, port=22, flags=SYN),
        Packet(of(BACKUP, family), of(REPLICA, family), port=22, flags=SYN),
        Packet(apps, api, port=8006, flags=SYN),
        Packet(guests, api, port=40000, flags=frozenset({"syn", "ack"})),
        Packet(guests, api, port=40000, flags=frozenset({"rst"})),
        Packet(guests, api, reply[0], icmp_type=reply[1]),
    ]
    dropped = [
        Packet(apps, guests, port=22, flags=SYN),
        Packet(apps, guests, port=22, flags=frozenset({"ack"})),
        Packet(apps, of(REPLICA, family), port=22, flags=SYN),
        Packet(of(REPLICA, family), apps, "udp", port=53),
        Packet(apps, api, port=22, flags=SYN),
        Packet(apps, api, "udp", port=8006),
        Packet(guests, api, port=8006, flags=SYN),
        Packet(guests, api, reply[0], icmp_type=reply[2]),
    ]
    assert [packet for packet in passes if router.passes(packet) is False] == []
    assert [packet for packet in dropped if router.passes(packet) is not False] == []


@pytest.mark.parametrize("example", [name for name in EXAMPLES if plan_of(name).edges])
def test_a_second_import_changes_nothing(example: str) -> None:
    router = imported(script(plan_of(example)))
    assert router.tables
    assert list(router.run(script(plan_of(example)))) == []


def test_a_change_is_in_its_place_before_what_it_replaces_goes_and_leaves_nothing_behind() -> None:
    old, new = plan_of("leaks"), replace(plan_of("leaks"), firewall=replace(plan_of("leaks").firewall, leaks=()))
    router = imported(script(old))
    kept_out = [Packet(of(APPS, family), of(GUESTS, family), port=22, flags=SYN) for family in FAMILIES]
    for done in router.run(script(new)):
        assert [router.passes(packet) for packet in kept_out] == [False, False], done
    assert router.by_chain() == imported(script(new)).by_chain()
    assert script(old).splitlines()[3] != script(new).splitlines()[3]


@pytest.mark.parametrize("seed", range(30))
def test_the_script_of_a_drawn_site_is_one_that_the_router_takes_once(seed: int) -> None:
    drawn = plan(load_site(site_of(Random(seed), least=2)))
    for edge in drawn.edges:
        router = imported(edge_filter(drawn, edge, "routeros"))
        assert list(router.run(edge_filter(drawn, edge, "routeros"))) == []
        named = {
            (family, rule[key])
            for family in ("ip", "ipv6")
            for rule in router.table(f"{family}/firewall/raw")
            for key in ("src-address-list", "dst-address-list")
            if key in rule and not rule[key].endswith("-tenants")
        }
        lists = {family: router.table(f"{family}/firewall/address-list") for family in ("ip", "ipv6")}
        assert named <= {(family, entry["list"]) for family, found in lists.items() for entry in found}


def test_an_import_that_was_cut_off_is_made_whole_by_the_next() -> None:
    router, whole = Router(), imported(script(plan_of("leaks")))
    for number, _ in enumerate(router.run(script(plan_of("leaks")))):
        if number == 30:
            break
    list(router.run(script(plan_of("leaks"))))
    assert router.by_chain() == whole.by_chain()


def test_an_operators_own_entries_stay_and_ours_come_first() -> None:
    router = Router()
    own = {"chain": "prerouting", "action": "drop", "src-address": "192.0.2.1", "comment": "mine, not of a trellis"}
    router.table("ip/firewall/raw").append(own)
    list(router.run(script(plan_of("leaks"))))
    chain = [rule for rule in router.table("ip/firewall/raw") if rule["chain"] == "prerouting"]
    assert [rule["action"] for rule in chain] == ["jump", "drop"]
    assert chain[1] == own


def test_more_ports_than_a_rule_can_hold_are_several_rules() -> None:
    plan = plan_of("leaks")
    many = tuple(
        replace(found, ports=tuple(range(9000, 9032))) if found.to else found for found in plan.firewall.services
    )
    router = imported(script(replace(plan, firewall=replace(plan.firewall, services=many))))
    for port in (9000, 9014, 9015, 9031):
        assert router.passes(Packet("10.101.0.6", "10.10.0.200", port=port, flags=SYN))
    assert max(rule.get("dst-port", "").count(",") for rule in router.table("ip/firewall/raw")) == 14


def test_global_addresses_of_two_zones_do_not_meet_and_reach_the_world() -> None:
    data = site_data("homelab")
    data["vnets"]["vnet200"]["delegation"] = {"pool": "pd-v200"}
    data["delegated"]["vnet200"] = {"current": "2600:1700:ab1a:5002::/64"}
    router = imported(script(plan(load_site(data))))
    here, there, own, world, pve = (
        "2600:1700:ab1a:500e::6",
        "2600:1700:ab1a:5002::6",
        "fd00:200::6",
        "2001:db8::7",
        "fd00:10::11",
    )
    passed = [(here, world), (world, here), (there, world), (here, "fd00:101::7"), (here, "2600:1700:ab1a:500e::7")]
    dropped = [(here, there), (there, here), (own, here), (here, own), (here, pve), (there, pve)]
    assert [pair for pair in passed if router.passes(Packet(*pair, port=443, flags=SYN)) is False] == []
    assert [pair for pair in dropped if router.passes(Packet(*pair, port=443, flags=SYN)) is not False] == []
