"""Dummy interfaces of /etc/network/interfaces on a simulated node: what is read, and what is made of it."""

from __future__ import annotations

from tests.sites import site_of
from trellis.lab.proxmox.node.devices import Live
from trellis.lab.proxmox.node.dummies import Dummy, commands, read
from trellis.plan import plan
from trellis.render import render

WANTED = Dummy("dummy_underlay", ("10.255.0.1/32", "fd00:0:0:ffff::1/128"))


def test_the_stanzas_that_the_product_writes_are_read() -> None:
    (bundle,) = (bundle for bundle in render(plan(site_of("homelab"))) if bundle.host == "pve01")
    assert bundle.loopbacks is not None
    text = "\n".join(("auto lo", "iface lo inet loopback", "", *bundle.loopbacks.stanza, ""))
    assert read(text) == [WANTED]


def test_an_interface_of_another_kind_or_one_that_does_not_come_up_by_itself_is_left_alone() -> None:
    bridge = "auto vmbr0\niface vmbr0 inet static\n\taddress 192.0.2.1/24\n\tbridge-ports none\n"
    by_hand = "iface dummy0 inet static\n\taddress 192.0.2.2/32\n\tlink-type dummy\n"
    assert read(bridge + by_hand) == []


def test_only_what_is_missing_is_made() -> None:
    assert commands([WANTED], {}) == [
        "link add dummy_underlay type dummy",
        "address add 10.255.0.1/32 dev dummy_underlay",
        "address add fd00:0:0:ffff::1/128 dev dummy_underlay",
        "link set dummy_underlay up",
    ]
    there = Live("dummy", 1500, "", None, True, {}, {}, None, frozenset(WANTED.addresses))
    assert commands([WANTED], {"dummy_underlay": there}) == []
