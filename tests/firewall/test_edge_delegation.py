"""What a RouterOS edge does about delegated prefixes: NAT66 where there is none, the hook, and the VLAN before it."""

from __future__ import annotations

import pytest

from tests.firewall.edge_scripts import HOOK, POOLS, imported, one, router, script, site, undelegated


def test_nat66_translates_every_unique_local_range_of_tenants_and_nothing_else() -> None:
    made = imported(site(nat66="always"))
    rule = one(made, "ipv6/firewall/nat", chain="srcnat", action="masquerade", disabled="no")
    assert rule["out-interface"] == "ether1"
    inside = ["fd00:101::6", "fd00:101:fe::11", "fd00:101:244::1", "fd00:101:250::1"]
    outside = ["fd00:10::11", "fd00:0:0:ffff::1", "2600:1700:ab1a:500e::1", "fd00:999::1"]
    assert [made.lists("ipv6", rule["src-address-list"], address) for address in inside] == [True] * 4
    assert [made.lists("ipv6", rule["src-address-list"], address) for address in outside] == [False] * 4


@pytest.mark.parametrize(("nat66", "disabled"), [("never", "yes"), ("always", "no")])
def test_the_site_has_nat66_on_or_off_and_the_router_leaves_it_so(nat66: str, disabled: str) -> None:
    made = imported(site(nat66=nat66), router())
    list(made.run(HOOK))
    assert made.table("ipv6/firewall/nat")[0]["disabled"] == disabled
    assert [entry["name"] for entry in made.table("system/script")] == ["trellis-delegation"]


def test_the_router_has_nat66_on_while_a_pool_has_no_prefix() -> None:
    made = imported(site(), router("pd-v100"))
    rule = made.table("ipv6/firewall/nat")[0]
    assert rule["disabled"] == "no"
    made.table("ipv6/pool").append({"name": "pd-v101", "dynamic": "yes"})
    list(made.run(HOOK))
    assert rule["disabled"] == "yes"
    made.table("ipv6/pool").clear()
    list(made.run(HOOK))
    assert rule["disabled"] == "no"
    assert list(made.run(script(site()))) == []


def test_a_delegation_that_changed_requests_a_sync_and_tells_nothing_else() -> None:
    made = imported(site())
    made.table("system/script").append({"name": "trellis-webhook-token", "source": "s3cret"})
    made.table("ipv6/pool")[0]["prefix"] = "2600:1700:ab1a:500f::/64"
    assert made.fetched == []
    list(made.run(HOOK))
    assert [sent["url"] for sent in made.fetched] == ["https://hook.example.net/prefixes"]
    assert (made.fetched[0]["http-method"], made.fetched[0]["http-data"]) == ("post", "")
    assert made.fetched[0]["check-certificate"] == "yes"
    assert "500f" not in str(made.fetched)
    assert made.fetched[0]["http-header-field"] == "Authorization: Bearer s3cret"
    assert "s3cret" not in script(site())
    assert list(made.run(script(site()))) == []


def test_without_the_webhooks_token_nothing_is_called_and_the_log_says_why() -> None:
    made = imported(site())
    list(made.run(HOOK))
    assert made.fetched == []
    assert "there is no script trellis-webhook-token" in made.logged[-1]


def test_a_webhook_that_does_not_answer_is_logged_after_nat66_was_switched() -> None:
    made = imported(site())
    made.table("system/script").append({"name": "trellis-webhook-token", "source": "s3cret"})
    made.variables["unreachable"] = True
    made.table("ipv6/pool").clear()
    list(made.run(HOOK))
    assert made.table("ipv6/firewall/nat")[0]["disabled"] == "no"
    assert "no sync could be requested" in made.logged[-1]


def test_clients_of_the_pools_run_the_hook_until_the_site_says_no_more() -> None:
    made = router(*POOLS)
    made.table("ipv6/dhcp-client")[1]["script"] = "/log info mine"
    made.table("ipv6/dhcp-client").append({"pool-name": "lan", "interface": "wan", "script": ""})
    imported(site(), made)
    assert [client["script"] for client in made.table("ipv6/dhcp-client")] == [HOOK, "/log info mine", ""]
    assert any("script of its own" in line for line in made.logged)
    imported(undelegated(), made)
    assert [client["script"] for client in made.table("ipv6/dhcp-client")] == ["", "/log info mine", ""]
    assert made.table("system/script") == []


def test_the_old_vlan_keeps_its_addresses_until_the_vnet_is_heard_of_by_bgp() -> None:
    made = router(*POOLS)
    old = [{"address": "10.101.0.1/24", "interface": "vlan101"}, {"address": "10.102.0.1/24", "interface": "vlan102"}]
    made.table("ip/address").extend(old)
    made.table("ipv6/address").extend(
        [
            {"address": "fd00:101::1/64", "interface": "vlan101"},
            {"address": "2600:1700:ab1a:500e::1/64", "interface": "vlan101", "from-pool": "pd-v101"},
            {"address": "fe80::1/64", "interface": "vlan101", "dynamic": "yes"},
        ]
    )
    made.table("ipv6/route").append({"dst-address": "fd00:101::/64", "bgp": "yes"})
    imported(site(), made)
    assert len([entry for entry in made.table("ipv6/address") if entry["interface"] == "vlan101"]) == 3
    assert "vnet101 is not heard of by BGP yet" in made.logged[-1]
    made.table("ip/route").append({"dst-address": "10.101.0.0/24", "bgp": "yes"})
    imported(site(), made)
    left = [e["address"] for menu in ("ip", "ipv6") for e in made.table(f"{menu}/address") if e["interface"] != "lo"]
    assert left == ["10.102.0.1/24", "fe80::1/64"]
