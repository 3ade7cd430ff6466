"""Entries for VMs that a site lacks: with numbers that nobody has, borne by the site, or refused in its own words."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.operations.vms import machines, stranger
from tests.sites import site_data
from trellis.observe.virtual_machines import Card, Machine
from trellis.operations.discovery import compare
from trellis.operations.proposals import Proposal, as_yaml, propose
from trellis.site import attached_guests, load_site

DATA = site_data("homelab")


def proposed(*vms: Machine, data: dict[str, Any] | None = None) -> tuple[Proposal, ...]:
    site = load_site(data or DATA)
    return propose(data or DATA, site, compare(site, machines(*vms)).undeclared)


def test_the_entry_has_the_lowest_suffix_that_nobody_of_the_tenant_has() -> None:
    one, two = proposed(stranger(1050), stranger(1051, cards=(Card("net2", "bc:24:11:aa:00:01", "vnet101"),)))
    assert (one.name, one.entry, one.refused) == (
        "web-1050-example",
        {"vnet": "vnet101", "suffix": 1, "host": "pve01", "mac": "BC:24:11:AA:04:1A", "vmid": 1050},
        (),
    )
    assert (two.entry["suffix"], two.entry["nic"]) == (2, 2)


def test_a_suffix_whose_address_a_gateway_a_cluster_or_its_vip_has_is_not_free() -> None:
    data = site_data("homelab")
    data["clusters"]["sol"]["vip"] = {"ipv4": "10.101.0.2", "ipv6": "fd00:101::2"}
    data["vnets"]["vnet101"]["subnets"]["ipv4"]["gateway"] = "10.101.0.1"
    vms = [stranger(1050 + number) for number in range(9)]
    assert [one.entry["suffix"] for one in proposed(*vms, data=data)] == [3, 4, 5, 7, 8, 9, 10, 14, 15]


def test_names_that_are_taken_or_no_names_become_such() -> None:
    names = ["solcp01", "pve01", "", "Web.Example", "web-example", "-_-"]
    vms = [stranger(1050 + number, name=name) for number, name in enumerate(names)]
    found = [one.name for one in proposed(*vms)]
    assert found == ["solcp01-1050", "pve01-1051", "vm-1052", "web-example", "web-example-1054", "vm-1055"]


def test_what_the_site_refuses_is_told_of_that_entry_and_the_others_stand() -> None:
    good, nowhere = stranger(1050), stranger(1051, node="pve09")
    twins = [stranger(vmid, cards=(Card("net0", "bc:24:11:aa:00:01", "vnet101"),)) for vmid in (1052, 1053)]
    found = {one.of.vmid: one for one in proposed(good, nowhere, *twins)}
    assert found[1050].refused == ()
    (refusal,) = found[1051].refused
    assert (refusal.path, refusal.value) == ("guests.web-1051-example.host", "pve09")
    assert all("guests.web-1052-example.mac" in str(found[vmid].refused[0]) for vmid in (1052, 1053))


def test_an_entry_that_another_guest_is_refused_for_is_the_one_that_is_refused() -> None:
    mac = "BC:24:11:01:01:06"  # debian-test-1's, whose name comes after this one's
    (one,) = propose(DATA, load_site(DATA), [_undeclared(mac)])
    assert any("guests.a.mac" in refusal.rule for refusal in one.refused)


def _undeclared(mac: str) -> Any:
    site = load_site(DATA)
    (card,) = compare(site, machines(stranger(1050, name="a"))).undeclared
    return type(card)(card.vmid, card.name, card.node, card.nic, mac.lower(), card.vnet, card.heard)


def test_who_is_not_heard_gets_no_entry() -> None:
    assert proposed(stranger(vnet="vnet102")) == ()


def test_a_tenant_whose_suffixes_are_used_up_says_so() -> None:
    data = site_data("homelab")
    data["clusters"] = {}
    del data["vnets"]["vnet101"]["subnets"]["ipv4"]
    del data["tenants"]["tenant101"]["loopbacks"]["ipv4"]
    data["guests"] = {
        f"g{number}": {
            "vnet": "vnet101",
            "suffix": number,
            "host": "pve01",
            "mac": f"BC:24:11:02:{number // 256:02X}:{number % 256:02X}",
        }
        for number in range(1, 1000)
    }
    (one,) = proposed(stranger(1050), data=data)[-1:]
    assert [refusal.value for refusal in one.refused] == ["none is left"]


def test_the_yaml_can_be_pasted_into_the_stack_file() -> None:
    found = proposed(stranger(1050), stranger(1051, node="pve09"), stranger(1052))
    text = as_yaml(found)
    assert text.splitlines()[:2] == [
        "guests:",
        "  web-1050-example: {vnet: vnet101, suffix: 1, host: pve01, mac: 'BC:24:11:AA:04:1A', vmid: 1050}",
    ]
    data = {**DATA, "guests": {**DATA["guests"], **yaml.safe_load(text)["guests"]}}
    assert {guest.name for guest in attached_guests(load_site(data))} >= {"web-1050-example", "web-1052-example"}
    assert as_yaml([]) == ""


@pytest.mark.parametrize("stack", ["homelab", "guest-peering"])
@settings(max_examples=20, deadline=None)
@given(chosen=st.data())
def test_whatever_is_proposed_the_site_bears_all_that_is_not_refused(stack: str, chosen: st.DataObject) -> None:
    data = site_data(stack)
    site = load_site(data)
    vnets, nodes = st.sampled_from([*site.vnets, "vmbr0"]), st.sampled_from([*site.hosts, "elsewhere"])
    macs = st.sampled_from(["bc:24:11:01:01:06", "bc:24:11:aa:00:01", "bc:24:11:aa:00:02", "bc:24:11:aa:00:03"])
    cards = st.lists(
        st.builds(Card, st.sampled_from(["net0", "net1"]), macs, vnets), max_size=2, unique_by=lambda card: card.name
    )
    names = st.text(max_size=70)
    vms = chosen.draw(
        st.lists(
            st.builds(Machine, st.integers(5000, 5004), nodes, st.just(True), cards.map(tuple), names),
            unique_by=lambda vm: vm.vmid,
            max_size=4,
        )
    )
    found = propose(data, site, compare(site, machines(*vms)).undeclared)
    entries = {one.name: one.entry for one in found if not one.refused}
    load_site({**data, "guests": {**data.get("guests", {}), **entries}})
    assert len({one.name for one in found}) == len(found)
