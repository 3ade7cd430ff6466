"""Guests beside VMs: each way to differ is named, whoever is on a VNet undeclared is found, and nobody twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.operations.vms import DEBIAN, DEBIAN_VM, GUESTS, as_declared, machines, stranger
from tests.sites import site_data, site_of
from trellis.observe.virtual_machines import Card, Machine, Machines
from trellis.operations.discovery import Discovery, Found, compare
from trellis.site import load_site

SITE = site_of("homelab")
OTHER = "bc:24:11:ff:ff:01"


def debian(**changes: Any) -> Machine:
    return as_declared("debian-test-1", **changes)


def found(*more: Machine, **changes: Machine | None) -> Found:
    guest = compare(SITE, machines(*more, **changes)).guest("debian-test-1")
    assert guest is not None
    return guest


def test_guests_whose_vms_are_as_the_site_says_are_as_declared() -> None:
    discovery = compare(SITE, machines())
    assert discovery.same
    assert {guest.guest: guest.state for guest in discovery.guests} == dict.fromkeys(GUESTS, "as declared")
    assert (discovery.undeclared, discovery.unread) == ((), ())


@pytest.mark.parametrize(
    ("vm", "differences"),
    [
        (debian(node="pve03"), []),  # its placement is all of its zone
        (debian(running=False), []),
        (debian(node="pve09"), ["node: the site says pve01 or pve02 or pve03; Proxmox says pve09"]),
        (
            debian(cards=(Card("net0", DEBIAN.mac, "vnet102"),)),
            ["vnet: the site says vnet101; Proxmox says vnet102"],
        ),
        (debian(cards=(Card("net0", DEBIAN.mac),)), ["vnet: the site says vnet101; Proxmox says no bridge"]),
        (debian(cards=(Card("net0", OTHER, "vnet101"),)), [f"mac: the site says {DEBIAN.mac}; Proxmox says {OTHER}"]),
        (
            debian(cards=(Card("net0", OTHER, "vmbr0"), Card("net3", DEBIAN.mac, "vnet101"))),
            ["nic: the site says net0; Proxmox says net3"],
        ),
        (debian(cards=()), ["nic: the site says net0; Proxmox says VM 1006 has no such card"]),
        (debian(vmid=1077), ["vmid: the site says 1006; Proxmox says 1077"]),
        (debian(tags=("prod", "tenant101", "vnet101")), []),
        (
            debian(tags=("tenant102", "sol")),
            [
                "tag: the site says it is of tenant101, vnet101; Proxmox says tenant102",
                "tag: the site says it is of tenant101, vnet101; Proxmox says sol",
            ],
        ),
        (
            debian(template=True),
            ["template: the site says a guest, which runs; Proxmox says VM 1006 is a template, which never does"],
        ),
    ],
)
def test_each_way_to_differ_is_named_with_both_values(vm: Machine, differences: list[str]) -> None:
    guest = found(debian_test_1=vm)
    assert [str(difference) for difference in guest.differences] == differences
    assert guest.state == ("differs" if differences else "as declared")
    assert guest.node == vm.node


def test_a_card_of_a_guest_is_no_strangers_however_it_differs() -> None:
    for card in (Card("net0", OTHER, "vnet101"), Card("net0", DEBIAN.mac, "vnet102")):
        assert compare(SITE, machines(debian_test_1=debian(cards=(card,)))).undeclared == ()


def test_an_address_that_two_vms_have_is_named_and_the_vm_of_the_number_is_the_guest() -> None:
    twin = stranger(1050, cards=(Card("net1", DEBIAN.mac, "vnet101"),))
    guest = found(twin)
    assert (guest.vmid, [str(one) for one in guest.differences]) == (
        1006,
        [f"mac: the site says {DEBIAN.mac} is one guest's; Proxmox says net1 of VM 1050 has it too"],
    )
    assert compare(SITE, machines(twin)).undeclared == ()


def test_a_template_with_a_guests_address_is_in_nobodys_way() -> None:
    assert found(stranger(9000, template=True, cards=(Card("net0", DEBIAN.mac, "vnet101"),))).state == "as declared"


def test_a_guest_that_was_made_anew_is_found_by_its_name_on_its_vnet() -> None:
    anew = stranger(1050, name="debian-test-1", cards=(Card("net0", OTHER, "vnet101"),))
    guest = found(anew, debian_test_1=None)
    assert guest.state == "differs"
    assert [one.what for one in guest.differences] == ["vmid", "mac"]
    elsewhere = replace(anew, cards=(Card("net0", OTHER, "vmbr0"),))
    assert found(elsewhere, debian_test_1=None).state == "absent"


def test_a_guest_is_absent_only_if_proxmox_says_so_and_all_cards_were_read() -> None:
    gone = found(debian_test_1=None)
    assert (gone.state, gone.why) == ("absent", f"there is no VM 1006, and none has a network card {DEBIAN.mac}")
    unseen = compare(SITE, Machines({**machines(debian_test_1=None).by_vmid}))
    guest = unseen.guest("debian-test-1")
    assert guest is not None
    assert (guest.state, "VM.Audit" in guest.why) == ("unknown", True)
    dark = stranger(1050, cards=(), unread="595: No route to host")
    assert found(dark, debian_test_1=None).why == "the cards of 1 VM(s) were not read, VM 1050's among them"


def test_a_guest_whose_cards_were_not_read_is_unknown_and_the_site_is_not_the_same() -> None:
    discovery = compare(SITE, machines(debian_test_1=debian(cards=(), unread="595: No route to host")))
    guest = discovery.guest("debian-test-1")
    assert guest is not None
    assert (guest.state, guest.differences, guest.node) == ("unknown", (), "pve01")
    assert [(vm.vmid, vm.why) for vm in discovery.unread] == [(DEBIAN_VM, "595: No route to host")]
    assert not discovery.same


def test_a_guest_without_a_number_is_known_by_its_card_whichever_that_is() -> None:
    data = site_data("homelab")
    del data["guests"]["debian-test-1"]["vmid"]
    site = load_site(data)
    moved = debian(vmid=1077, cards=(Card("net2", DEBIAN.mac, "vnet101"),))
    assert compare(site, machines(debian_test_1=moved)).same
    gone = compare(site, machines(debian_test_1=None)).guest("debian-test-1")
    assert gone is not None
    assert (gone.state, gone.why) == ("absent", f"no VM has a network card {DEBIAN.mac}")


@pytest.mark.parametrize(
    ("vm", "heard"),
    [
        (stranger(vnet="vnet101"), ["bound"]),
        (stranger(vnet="vnet200"), ["open"]),
        (stranger(vnet="vnet102"), ["nobody"]),
        (stranger(vnet="vmbr0"), []),
        (stranger(vnet="vnet101", template=True), []),
        (stranger(cards=(Card("net0", OTHER, "vnet101"), Card("net1", DEBIAN.mac[:-1] + "f", "vnet200"))),
         ["bound", "open"]),
    ],
)  # fmt: skip
def test_who_is_on_a_vnet_and_not_in_the_site_is_found_with_what_its_policy_wants(
    vm: Machine, heard: list[str]
) -> None:
    discovery = compare(SITE, machines(vm))
    assert [card.heard for card in discovery.undeclared] == heard
    assert discovery.same == ("bound" not in heard)


MACS = st.sampled_from([guest.mac for guest in GUESTS.values()] + [OTHER, "bc:24:11:ff:ff:02"])
BRIDGES = st.sampled_from([*SITE.vnets, "vmbr0"])
SOME = st.lists(
    st.builds(Card, st.sampled_from(["net0", "net1", "net2"]), MACS, BRIDGES),
    max_size=3,
    unique_by=lambda card: card.name,
)
CARDS = SOME.map(tuple)
VMS = st.lists(
    st.builds(
        Machine,
        vmid=st.sampled_from([guest.vmid for guest in GUESTS.values()] + [7001, 7002]),
        node=st.sampled_from(["pve01", "pve02", "pve09"]),
        running=st.sampled_from([True, False, None]),
        cards=CARDS,
        name=st.sampled_from([*GUESTS, "other", ""]),
        tags=st.sampled_from([(), ("tenant101",), ("tenant102", "x")]),
        template=st.booleans(),
        unread=st.sampled_from(["", "", "595: No route to host"]),
    ),
    unique_by=lambda machine: machine.vmid,
)


def _places(discovery: Discovery) -> tuple[list[tuple[int, str]], set[tuple[int, str]]]:
    strangers = [(card.vmid, card.nic) for card in discovery.undeclared]
    return strangers, {(one.vmid, one.nic) for one in discovery.guests if one.vmid is not None and one.nic}


@given(vms=VMS, destroyed=st.frozensets(st.sampled_from([guest.vmid for guest in GUESTS.values()])))
def test_whatever_there_is_every_guest_is_told_once_and_no_card_on_a_vnet_is_forgotten_or_told_twice(
    vms: list[Machine], destroyed: frozenset[int]
) -> None:
    by_vmid = {machine.vmid: machine for machine in vms}
    discovery = compare(SITE, Machines(by_vmid, destroyed - by_vmid.keys()))
    assert [one.guest for one in discovery.guests] == sorted(GUESTS)
    for one in discovery.guests:
        assert (one.state == "differs") == bool(one.differences)
        assert (one.state in ("absent", "unknown")) == bool(one.why)
        if one.state == "as declared":
            machine = by_vmid[one.vmid or 0]
            card = next(card for card in machine.cards if card.name == one.nic)
            guest = GUESTS[one.guest]
            assert (card.mac, card.bridge, machine.vmid) == (guest.mac, guest.vnet, guest.vmid)
            assert machine.node in guest.placement
    # Of guests two may be told of one card: one has its number, the other its address.
    strangers, own = _places(discovery)
    assert len(strangers) == len(set(strangers))
    assert not set(strangers) & own
    macs = {guest.mac for guest in GUESTS.values()}
    on_vnets = {
        (machine.vmid, card.name)
        for machine in vms
        for card in machine.cards
        if card.bridge in SITE.vnets and not machine.template and card.mac not in macs
    }
    assert on_vnets <= {*strangers, *own}


@given(vms=VMS, order=st.randoms(use_true_random=False))
def test_the_order_in_which_vms_are_listed_means_nothing(vms: list[Machine], order: Any) -> None:
    mixed = [*vms]
    order.shuffle(mixed)
    one, two = ({machine.vmid: machine for machine in listed} for listed in (vms, mixed))
    assert compare(SITE, Machines(one)) == compare(SITE, Machines(two))
