"""What of a configuration is ours, and the least text that puts it back."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sites import EXAMPLES, bundles_of
from trellis.agent.mending import is_whole, mended, patch, split, written
from trellis.agent.normalise import in_order, normalise
from trellis.render import Bundle

LOCAL, CONFIG = "/etc/frr/frr.conf.local", "/etc/frr/frr.conf"
PVE_BUNDLES = [bundle for name in EXAMPLES for bundle in bundles_of(name)[:2] if bundle.kind == "pve"]
NAMED = pytest.mark.parametrize("bundle", PVE_BUNDLES, ids=lambda bundle: f"{bundle.host}-{len(bundle.files[0].text)}")


@NAMED
def test_every_line_of_our_own_file_is_in_the_configuration_that_proxmox_makes_of_it(bundle: Bundle) -> None:
    assert Counter(in_order(bundle.text(LOCAL))) - Counter(in_order(bundle.text(CONFIG))) == Counter()


@NAMED
def test_a_configuration_that_is_taken_apart_and_written_again_says_the_same(bundle: Bundle) -> None:
    assert normalise(written(in_order(bundle.text(CONFIG)))) == normalise(bundle.text(CONFIG))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PVE_BUNDLES), st.integers(0, 2**32))
def test_whatever_is_lost_of_ours_comes_back_and_nothing_else_changes(bundle: Bundle, seed: int) -> None:
    chance = random.Random(seed)
    intent, own = bundle.text(CONFIG), Counter(in_order(bundle.text(LOCAL)))
    lines = in_order(intent)
    openers = {line[:depth] for line in lines for depth in range(1, len(line))}
    left = written([line for line in lines if line in openers or chance.random() > 0.3] + [("ip route 1.1.1.1/32 lo",)])
    found = split(intent, own, left)
    after = split(intent, own, mended(left, found))
    assert not after.is_ours
    assert after.foreign == found.foreign == (("ip route 1.1.1.1/32 lo",),)
    assert Counter(after.gone) == Counter(found.gone)


INTENT = """frr version 10.4.1
router bgp 65000
 neighbor VTEP peer-group
 neighbor 10.0.0.1 remote-as 65001
 address-family ipv4 unicast
  neighbor 10.0.0.1 route-map TL-IN in
 exit-address-family
exit
route-map TL-IN permit 1
 match ip address prefix-list TL-A
exit
route-map TL-IN deny 2
exit
line vty
"""
OWN = Counter(in_order(INTENT.replace(" neighbor VTEP peer-group\n", "")))


def test_i12_an_entry_in_the_place_of_one_of_ours_goes_and_one_elsewhere_stays() -> None:
    found = split(INTENT, OWN, INTENT.replace("deny 2", "permit 2") + "route-map THEIRS permit 1\nexit\n")
    assert found.surplus == (("route-map TL-IN permit 2",),)
    assert found.missing == (("route-map TL-IN deny 2",),)
    assert found.foreign == (("route-map THEIRS permit 1",),)
    assert patch(found) == "no route-map TL-IN permit 2\nroute-map TL-IN deny 2\nexit\n"


def test_an_entry_that_somebody_added_to_a_filter_of_ours_is_told_and_stays() -> None:
    found = split(INTENT, OWN, f"{INTENT}route-map TL-IN permit 3\nexit\n")
    assert not found.is_ours
    assert found.foreign == (("route-map TL-IN permit 3",),)


def test_what_proxmox_no_longer_generates_is_told_and_not_ours() -> None:
    found = split(INTENT, OWN, INTENT.replace(" neighbor VTEP peer-group\n", ""))
    assert not found.is_ours
    assert found.gone == (("router bgp 65000", "neighbor VTEP peer-group"),)


def test_what_frr_conf_still_says_must_run_too() -> None:
    running = INTENT.replace(" neighbor VTEP peer-group\n", "")
    assert split(INTENT, OWN, running, also=INTENT).missing == (("router bgp 65000", "neighbor VTEP peer-group"),)


def test_a_neighbour_comes_back_before_the_family_that_names_it() -> None:
    found = INTENT.replace(" neighbor 10.0.0.1 remote-as 65001\n", "")
    text = mended(found, split(INTENT, OWN, found))
    assert text.index("remote-as") < text.index("address-family ipv4 unicast")
    assert text.startswith("frr version 10.4.1\n")
    assert text.endswith("line vty\n")


def test_a_patch_closes_each_stanza_that_it_opens() -> None:
    assert patch(split(INTENT, OWN, "")) == written([line for line in in_order(INTENT) if line in OWN])
    assert patch(split(INTENT, OWN, "")).count("exit\n") == 3


@pytest.mark.parametrize(
    ("text", "whole"),
    [("router ospf\nexit\n!\nline vty\n!", True), ("x\n!\nend\n", True), ("router bgp 1\n neighb", False), ("", False)],
)
def test_a_file_that_was_cut_short_is_known(text: str, whole: bool) -> None:
    assert is_whole(text) is whole
