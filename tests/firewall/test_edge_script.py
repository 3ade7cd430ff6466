"""Everything that a RouterOS edge runs, as one script: what an import leaves, changes and leaves alone.

The script is read by ``rsc.py``, which refuses what four releases of RouterOS do not have.  What the router does about
delegated prefixes is in ``test_edge_delegation.py``.
"""

from __future__ import annotations

from copy import deepcopy
from random import Random

import pytest

from tests.core.generated import site_of
from tests.core.whole_site import WHOLE
from tests.firewall.edge_scripts import CURRENT, DEPRECATED, POOLS, imported, one, router, script, site, undelegated
from tests.firewall.route_filter import accepts, became
from tests.firewall.routeros import Router, Stopped
from tests.firewall.rsc import read
from trellis.plan import plan
from trellis.render.routeros import edge_script
from trellis.site import load_site


def test_a_second_import_changes_nothing() -> None:
    made = imported(site())
    before = deepcopy(made.tables)
    assert list(made.run(script(site()))) == []
    assert made.tables == before


@pytest.mark.parametrize("seed", range(20))
def test_the_script_of_a_drawn_site_is_taken_once_and_names_nothing_that_is_not_there(seed: int) -> None:
    planned = plan(load_site(site_of(Random(seed), least=1)))
    for edge in (edge for edge in planned.edges if edge.routeros is not None):
        made = router()
        text = edge_script(planned, edge)
        list(made.run(text))
        assert list(made.run(text)) == []
        assert_whole(made)
        assert len(made.table("routing/bgp/connection")) == 2 * len(planned.hosts)


def assert_whole(made: Router) -> None:
    """Fail if an entry names another that is not there."""
    names = {menu: {entry.get("name") for entry in entries} for menu, entries in made.tables.items()}
    chains = {rule["chain"] for rule in made.table("routing/filter/rule")}
    for connection in made.table("routing/bgp/connection"):
        assert connection["instance"] in names["routing/bgp/instance"]
        assert connection["templates"] in names["routing/bgp/template"]
    for template in made.table("routing/bgp/template"):
        assert {template["input.filter"], template["output.filter-chain"]} <= chains
    for area in made.table("routing/ospf/area"):
        assert area["instance"] in names["routing/ospf/instance"]
    for on in made.table("routing/ospf/interface-template"):
        assert on["area"] in names["routing/ospf/area"]
    for rule in made.table("routing/filter/rule"):
        assert not rule["rule"].startswith("jump ") or rule["rule"].removeprefix("jump ") in chains
    for rule in made.table("ipv6/firewall/nat"):
        assert made.lists("ipv6", rule["src-address-list"], "::1") is False


def test_sessions_are_with_each_hosts_loopbacks_from_the_edges_own() -> None:
    made = imported(site())
    sessions = {(c["afi"], c["remote.address"], c["local.address"]) for c in made.table("routing/bgp/connection")}
    assert ("ip", "10.255.0.2", "10.255.0.254") in sessions
    assert ("ipv6", "fd00:0:0:ffff::3", "fd00:0:0:ffff::fffe") in sessions
    assert len(sessions) == 6
    template = made.table("routing/bgp/template")[0]
    assert (template["hold-time"], template["keepalive-time"], template["use-bfd"]) == ("30s", "10s", "yes")
    with_host = one(made, "routing/bfd/configuration", addresses="10.255.0.2/32")
    on_link = one(made, "routing/bfd/configuration", interfaces="vlan10")
    assert (with_host["min-rx"], with_host["multiplier"]) == ("300ms", "5")
    assert (on_link["min-rx"], on_link["multiplier"]) == ("300ms", "3")
    assert one(made, "routing/ospf/interface-template", area="trellis-v3", interfaces="vlan10")["cost"] == "1000"
    assert one(made, "routing/ospf/interface-template", area="trellis-v2", interfaces="lo")["passive"] == "yes"


@pytest.mark.parametrize(
    ("prefix", "taken"),
    [
        ("10.101.0.0/24", True),
        ("fd00:101::/64", True),
        ("10.101.254.11/32", True),
        ("10.101.240.0/24", True),
        (CURRENT, True),
        (DEPRECATED, True),
        ("2600:1700:ab1b:400f::/64", False),
        ("2600:1700:ab1b:400e::/65", False),
        ("2600:1700:ab1a:500e::/65", False),
        ("2600:1700:ab1a:5000::/52", False),
        ("2600:1700:ab1b::/64", False),
        ("10.101.240.0/21", False),
        ("10.101.240.0/25", False),
        ("10.100.0.1/32", False),
        ("10.10.0.0/24", False),
        ("10.10.0.11/32", False),
        ("10.255.0.1/32", False),
        ("fd00:0:0:ffff::1/128", False),
        ("fd00:10::/64", False),
        ("0.0.0.0/0", False),
        ("::/0", False),
        ("192.0.2.0/24", False),
    ],
)
def test_hosts_may_announce_what_the_site_says_and_nothing_of_the_infrastructure(prefix: str, taken: bool) -> None:
    assert accepts(imported(site()).table("routing/filter/rule"), "trellis-in", prefix) is taken


def test_infrastructure_within_what_is_delegated_is_refused_all_the_same() -> None:
    data = site()
    data["fabric"]["infrastructure"].append("2600:1700:ab1a:5001::/64")
    rules = imported(data).table("routing/filter/rule")
    assert not accepts(rules, "trellis-in", "2600:1700:ab1a:5001::/64")
    assert accepts(rules, "trellis-in", "2600:1700:ab1a:5002::/64")


@pytest.mark.parametrize("seed", range(12))
def test_all_that_hosts_export_of_a_drawn_site_is_accepted_and_nothing_of_its_infrastructure(seed: int) -> None:
    drawn = load_site(site_of(Random(seed), least=2))
    planned = plan(drawn)
    exported = {subnet for vnet in planned.vnets for subnet in vnet.every_subnet}
    for guest in (entry.guest for entry in planned.guests):
        exported |= {str(prefix) for prefix in (*guest.loopbacks, *guest.pods, *guest.extra)}
        exported |= {f"{service[1]}/{service.max_prefixlen}" for service in guest.services}
    inner = {*planned.infrastructure, *(address for host in planned.hosts for address in (host.ipv4, host.ipv6))}
    inner |= {address for edge in planned.edges for address in (edge.ipv4, edge.ipv6)} | {"0.0.0.0/0", "::/0"}
    for edge in (edge for edge in planned.edges if edge.routeros is not None):
        made = router()
        list(made.run(edge_script(planned, edge)))
        rules = made.table("routing/filter/rule")
        assert [prefix for prefix in sorted(exported) if not accepts(rules, "trellis-in", prefix)] == []
        assert [prefix for prefix in sorted(inner) if accepts(rules, "trellis-in", prefix)] == []


def test_hosts_are_told_the_default_and_what_the_site_accepts_of_the_edge() -> None:
    data = site()
    data["edges"]["edge1"]["accepts"] = ["192.168.70.0/24"]
    made = imported(data)
    rules = made.table("routing/filter/rule")
    told = ["0.0.0.0/0", "::/0", "192.168.70.0/24", "192.168.70.0/25", "10.101.0.0/24", "10.255.0.1/32"]
    assert [accepts(rules, "trellis-out", prefix) for prefix in told] == [True, True, True, False, False, False]
    assert made.lists("ip", "trellis-announced", "192.168.70.9")


def test_a_new_filter_stands_before_the_old_one_goes() -> None:
    made, changed = imported(site()), undelegated()
    kept = ["10.101.0.0/24", "fd00:101:fe::11/128", "10.101.240.0/24"]
    for done in made.run(script(changed)):
        rules = made.table("routing/filter/rule")
        assert [accepts(rules, "trellis-in", prefix) for prefix in kept] == [True] * 3, done
    assert not accepts(made.table("routing/filter/rule"), "trellis-in", "2600:1700:ab1a:500e::/64")
    fresh = {tuple(sorted(rule.items())) for rule in imported(changed).table("routing/filter/rule")}
    assert {tuple(sorted(rule.items())) for rule in made.table("routing/filter/rule")} == fresh


def test_what_the_router_makes_unreachable_stands_behind_what_hosts_announce() -> None:
    made = imported(site())
    assert made.table("routing/settings") == [{"dynamic-in-chain": "trellis-dynamic"}]
    rules = made.table("routing/filter/rule")
    vnets = [CURRENT, DEPRECATED, "2600:1700:ab1a:5001::/64"]
    others = ["::/0", "0.0.0.0/0", "2600:1700:ab1a:5000::/60", "2600:1700:ab1b:1::/64", "fd00:101::/64"]
    assert [became(rules, "trellis-dynamic", prefix, distance=1) for prefix in vnets] == [254] * 3
    assert [became(rules, "trellis-dynamic", prefix, distance=1) for prefix in others] == [1] * 5
    # Where nothing is delegated any more, all that is added is taken as it is.
    imported(undelegated(), made)
    assert became(made.table("routing/filter/rule"), "trellis-dynamic", CURRENT, distance=1) == 1


def test_an_operators_chain_for_dynamic_routes_stays_and_is_told_of_ours() -> None:
    made = router(*POOLS)
    made.table("routing/settings").append({"dynamic-in-chain": "mine"})
    imported(site(), made)
    assert made.table("routing/settings") == [{"dynamic-in-chain": "mine"}]
    assert any("jump to trellis-dynamic" in line for line in made.logged)
    assert imported(undelegated()).table("routing/settings") == []


def test_an_import_leaves_the_sessions_of_other_hosts_alone() -> None:
    made, changed = imported(site()), site()
    changed["hosts"]["pve09"] = {**changed["hosts"]["pve01"], "id": 9}
    changed["hosts"]["pve09"]["ssh"] = {**changed["hosts"]["pve01"]["ssh"], "address": "10.10.0.19"}
    done = [line for line in made.run(script(changed)) if "bgp" in line or "ospf" in line]
    assert len(done) == 2, done
    assert all(line.startswith("/routing/bgp/connection add ") and "pve09" in line for line in done)
    back = [line for line in made.run(script(site())) if "bgp" in line or "ospf" in line]
    assert len(back) == 2, back
    assert all(line.startswith("/routing/bgp/connection remove ") for line in back)


def test_a_changed_timer_is_set_where_it_stands() -> None:
    made, changed = imported(site()), site()
    changed["fabric"] |= {"keepalive_s": 3, "hold_time_s": 9}
    done = list(made.run(script(changed)))
    assert [line.split(" {")[0] for line in done] == ["/routing/bgp/template set"]
    assert made.table("routing/bgp/template")[0]["hold-time"] == "9s"


def test_an_address_that_somebody_gave_by_hand_is_taken_over() -> None:
    made = router()
    made.table("ip/address").append({"address": "10.255.0.254/32", "interface": "lo", "comment": "mine"})
    imported(site(), made)
    assert len(made.table("ip/address")) == 1


def test_an_operators_own_entries_stay() -> None:
    made = router()
    own: dict[str, dict[str, str]] = {
        "routing/bgp/connection": {"name": "transit", "comment": "trellis is not this"},
        "routing/filter/rule": {"chain": "transit-in", "rule": "accept", "comment": ""},
        "routing/ospf/instance": {"name": "other"},
        "ipv6/firewall/address-list": {"list": "mine", "address": "2001:db8::/32"},
        "system/script": {"name": "backup", "source": ""},
    }
    for menu, entry in own.items():
        made.table(menu).append(dict(entry))
    imported(site(), made)
    assert all(entry in made.table(menu) for menu, entry in own.items())


def test_a_key_is_typed_on_the_router_and_forgotten_after_the_import() -> None:
    data = site()
    data["edges"]["edge1"]["md5"] = "edge-key"
    made = router()
    with pytest.raises(Stopped, match="secret's value"):
        list(made.run(script(data)))
    assert made.table("routing/bgp/connection") == []
    made.variables["edge-key"] = "k3y"
    list(made.run(script(data)))
    assert {connection["tcp-md5-key"] for connection in made.table("routing/bgp/connection")} == {"k3y"}
    assert made.variables == {}
    assert list(made.run(script(data))) == []
    imported(site(), made)
    assert {connection["tcp-md5-key"] for connection in made.table("routing/bgp/connection")} == {""}


def test_an_import_that_was_cut_off_is_made_whole_by_the_next() -> None:
    whole, text = imported(site()), script(site())
    for stop in range(0, 140, 7):
        made = router(*POOLS)
        for number, _ in enumerate(made.run(text)):
            if number == stop:
                break
        list(made.run(text))
        assert made.by_chain() == whole.by_chain(), stop


def test_scripts_on_the_router_are_read_as_well() -> None:
    for entry in imported(site()).table("system/script"):
        assert read(entry["source"]).statements


def test_the_whole_site_with_every_field_is_taken() -> None:
    made = router()
    made.variables["edge-key"] = "k3y"
    list(made.run(script(WHOLE)))
    assert_whole(made)
