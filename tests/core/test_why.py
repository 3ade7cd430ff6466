"""``trellis why``: each refusal of the attacks is explained with its rule, and each step is read off the plan."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from tests.sites import REPOSITORY, plan_of, site_data
from trellis.lab.attacks import Said as SaidRoute
from trellis.lab.attacks import Speech, read
from trellis.plan import Plan
from trellis.plan import plan as plan_for
from trellis.reach.fabric import Fabric
from trellis.reach.places import UnknownPlaceError
from trellis.reach.why import Said, Why, questions, why
from trellis.render.routeros import _from_hosts
from trellis.render.speakers import speaker_text
from trellis.site import load_site, site_data_of_stack

ATTACKS = REPOSITORY / "tests/lab/attacks"
STRANGERS = {"peggy": ("fd00:200::99", 65201)}
"""Whom nobody declares: address and ASN, as the lab's bench has them."""

BOUND, OPEN, TAKEN = "no entry of the guest's own map", "no entry of the VNet's map", "what is taken"


@cache
def attacked() -> Plan:
    return plan_for(load_site(site_data_of_stack((ATTACKS / "Pulumi.attacks.yaml").read_text(encoding="utf-8"))))


def told(plan: Plan, guest: str, prefix: str, **said: Any) -> Why:
    fabric = Fabric(plan)
    (asked,) = questions(fabric, guest, prefix, Said(**said))
    return why(fabric, asked)


def of_speech(speech: Speech, route: SaidRoute) -> Why:
    guest, asn = STRANGERS.get(speech.guest, (speech.guest, None))
    communities = (*route.communities, *route.large, *(f"rt:{target}" for target in route.targets))
    return told(attacked(), guest, route.prefix, path=route.path, communities=communities, asn=speech.asn or asn)


SPEECHES = [
    pytest.param(number, speech, route, id=f"{number}-{speech.guest}-{route.prefix}")
    for attacks in read(ATTACKS).values()
    for attack in attacks
    for number, speech in ((attack.number, speech) for speech in attack.speeches)
    for route in speech.refused
]
BY_PATH = {(11, "mallory"): "TL-GUEST-PATHS", (11, "peggy"): "TL-V-vnet200-PATHS", (12, "peggy"): "TL-V-vnet200-PATHS"}
FABRICS = 5
"""The attack on what is the fabric's: R5; the others take what is others': R7."""


@pytest.mark.parametrize(("number", "speech", "route"), SPEECHES)
def test_each_route_that_the_attacks_have_refused_is_stopped_where_its_host_refuses_it(
    number: int, speech: Speech, route: SaidRoute
) -> None:
    found = of_speech(speech, route)
    assert found.stop is not None
    assert not found.arrives
    assert found.stop.node == {"solcp01": "pve02"}.get(speech.guest, "pve01")
    assert found.stop.remedy
    path_list = BY_PATH.get((number, speech.guest))
    if path_list is not None:
        assert (found.stop.kind, found.stop.entry.name, found.stop.rule) == ("AS path", path_list, "R7")
        return
    own = "TL-V-vnet200-IN" if speech.guest in STRANGERS else f"TL-G-{speech.guest}-IN"
    assert (found.stop.kind, found.stop.entry.name) == ("filter in", own)
    assert found.stop.rule == ("R5" if number == FABRICS else "R7")


ACCEPTED = [
    pytest.param(speech, route, id=f"{attack.number}-{speech.guest}-{route.prefix}")
    for attacks in read(ATTACKS).values()
    for attack in attacks
    for speech in attack.speeches
    for route in speech.accepted
]


@pytest.mark.parametrize(("speech", "route"), ACCEPTED)
def test_each_route_that_attackers_may_announce_arrives_with_the_marks_of_its_class_alone(
    speech: Speech, route: SaidRoute
) -> None:
    found = of_speech(speech, route)
    assert found.arrives
    assert found.edges == ("edge1",)
    pods = route.prefix == "fd00:101:244::/64"
    assert found.marks == (("65000:100", "4200001000:0:100") if pods else ("65000:101", "4200001000:0:101"))


@pytest.mark.parametrize(
    ("guest", "asn", "rule"),
    [("mallory", 4200101007, "R7"), ("mallory", 4200000000, "R7"), ("peggy", 4200001000, "R8")],
)
def test_anothers_asn_is_refused_at_open(guest: str, asn: int, rule: str) -> None:
    name, prefix = STRANGERS.get(guest, (guest,))[0], "fd00:200:fe::99" if guest in STRANGERS else "fd00:101:fe::66"
    stop = told(attacked(), name, prefix, asn=asn).stop
    assert stop is not None
    assert (stop.kind, stop.rule) == ("session", rule)
    assert "refused at OPEN (notification 2/2, bad peer AS)" in stop.why


@pytest.mark.parametrize(
    ("guest", "prefix", "entry"),
    [
        ("mallory", "fd00:101::fffe/128", (None, None)),
        ("fd00:200::99", "fd00:200::fffe/128", (2, "deny")),
        ("fd00:200::99", "10.200.254.6/32", (1, "deny")),
        ("fd00:200::99", "fd00:200:fe::99/128", (4, "permit")),
    ],
)
def test_the_entry_that_decides_is_named_by_its_number(guest: str, prefix: str, entry: tuple[Any, Any]) -> None:
    step = told(attacked(), guest, prefix).at("filter in")
    assert step is not None
    assert (step.entry.seq, step.entry.action) == entry


def test_a_class_that_a_policy_allows_is_asked_for_by_community_and_any_other_is_not() -> None:
    asked = told(attacked(), "mallory", "fd00:101:fe::66", communities=("65000:100",))
    assert asked.marks == ("65000:100", "4200001000:0:100")
    forbidden = told(attacked(), "mallory", "fd00:101:fe::66", communities=("65000:200",))
    assert forbidden.marks == ("65000:101", "4200001000:0:101")
    step = asked.at("filter in")
    assert step is not None
    assert step.entry.text.endswith("community-list TL-CLASS-100")


@pytest.mark.parametrize(
    ("guest", "announced", "remedy"),
    [
        ("mallory", 11, "tenants.tenant101.guest_bgp.max_prefixes: 11"),
        ("solcp01", 14, "tenants.tenant101.guest_bgp.max_prefixes: 12"),
        ("fd00:200::99", 10000, "tenants.tenant200.guest_bgp.max_prefixes: 10000"),
    ],
)
def test_who_announces_more_than_the_limit_is_told_of_the_limit(guest: str, announced: int, remedy: str) -> None:
    prefix = {"mallory": "fd00:101:fe::66", "solcp01": "fd00:101:fe::11"}.get(guest, "fd00:200:fe::99")
    stop = told(attacked(), guest, prefix, announced=announced).stop
    assert stop is not None
    assert (stop.kind, stop.rule) == ("session", "R7")
    assert stop.remedy is not None
    assert stop.remedy.startswith(remedy)
    assert told(attacked(), guest, prefix, announced=10).arrives


def test_the_remedies_of_a_declared_guest_let_its_route_through_when_they_are_followed() -> None:
    data = site_data("homelab")
    prefix = "fd00:101::55/128"
    refused = told(plan_for(load_site(data)), "debian-test-1", prefix)
    assert refused.stop is not None
    assert refused.stop.remedy == f'guests.debian-test-1.announces: ["{prefix}"]'
    data["guests"]["debian-test-1"]["announces"] = [prefix]
    assert told(plan_for(load_site(data)), "debian-test-1", prefix).arrives


def test_the_remedy_of_a_prefix_of_another_length_names_the_bound_that_would_hold_it() -> None:
    data = site_data("homelab")
    prefix = "fd00:101::80/126"
    refused = told(plan_for(load_site(data)), "debian-test-1", prefix)
    policy = "tenants.tenant101.guest_bgp.prefix_lengths.ipv6.shortest: 126"
    assert refused.stop is not None
    assert refused.stop.remedy == f'{policy}, and guests.debian-test-1.announces: ["{prefix}"]'
    data["tenants"]["tenant101"]["guest_bgp"]["prefix_lengths"] = {"ipv6": {"shortest": 126, "longest": 128}}
    data["guests"]["debian-test-1"]["announces"] = [prefix]
    assert told(plan_for(load_site(data)), "debian-test-1", prefix).arrives


def test_a_stranger_on_a_bound_vnet_is_not_heard_and_told_how_it_would_be() -> None:
    stop = told(attacked(), "fd00:101::5", "fd00:101:fe::5").stop
    assert stop is not None
    assert (stop.kind, stop.rule) == ("session", "R8")
    assert "declare who it is" in str(stop.remedy)


def test_an_open_vnets_own_subnet_is_accepted_and_loses_to_the_hosts_own_route() -> None:
    text = (ATTACKS / "Pulumi.attacks.yaml").read_text(encoding="utf-8")
    data = site_data_of_stack(text)
    data["tenants"]["tenant200"]["guest_bgp"]["prefix_lengths"] = {"ipv6": {"shortest": 64, "longest": 128}}
    found = told(plan_for(load_site(data)), "fd00:200::99", "fd00:200::/64")
    accepted = found.at("filter in")
    assert accepted is not None
    assert accepted.verdict == "passes"
    assert found.stop is not None
    assert found.stop.kind == "VRF"
    remedy = "tenants.tenant200.guest_bgp.prefix_lengths.ipv6.shortest: 65"
    assert str(found.stop.remedy).startswith(remedy)


def test_an_edge_that_is_too_far_is_said_to_have_no_session() -> None:
    plan = plan_of("homelab")
    links = tuple(
        replace(link, ends=tuple(end for end in link.ends if (end.node, link.name) != ("pve01", "management")))
        for link in plan.links
    )
    found = told(replace(plan, links=links), "solcp01", "10.101.254.11")
    # By way of pve02 or pve03 it is two links, which the session's TTL allows.
    assert found.arrives
    alone = tuple(link for link in links if not any(end.node == "pve01" for end in link.ends))
    stop = told(replace(plan, links=alone), "solcp01", "10.101.254.11").stop
    assert stop is not None
    assert (stop.kind, stop.why) == ("edge session", "no link leads there")


def test_without_an_edge_nobody_outside_hears_of_a_route() -> None:
    stop = told(replace(plan_of("homelab"), edges=()), "solcp01", "10.101.254.11").stop
    assert stop is not None
    assert stop.entry.text == "the site has no edge"


def test_the_number_of_an_edges_rule_is_its_place_in_the_rendered_chain() -> None:
    plan = plan_of("homelab")
    own = plan.edges[0].routeros
    assert own is not None
    rules = _from_hosts(own).rules
    for guest, prefix in (("solcp01", "10.101.254.11/32"), ("solcp01", "fd00:101:244:0::/64"), ("solcp01", "own")):
        for asked in questions(Fabric(plan), guest, prefix):
            step = why(Fabric(plan), asked).at("edge")
            assert step is not None
            assert step.entry.seq is not None
            rule = rules[step.entry.seq - 1]
            named = step.entry.text.partition(": ")[2].split(",")[0]
            assert f" {named} " in rule or f"{named})" in rule
            assert "{accept}" in rule


@pytest.mark.parametrize("example", ["homelab", "mixed", "guest-peering", "leaks"])
def test_the_entry_of_a_guests_own_speaker_stands_in_its_text(example: str) -> None:
    plan = plan_of(example)
    for planned in plan.guests:
        if planned.speaker.kind == "talos-native":
            continue
        text = speaker_text(planned.speaker)
        for prefix in planned.speaker.own:
            (asked,) = questions(Fabric(plan), planned.guest.name, prefix)
            step = why(Fabric(plan), asked).steps[0]
            assert step.verdict == "passes"
            if planned.speaker.kind == "frr":
                keyword = "ip" if asked.route.prefix.version == 4 else "ipv6"
                seq = step.entry.prefix_list_seq
                assert f"{keyword} prefix-list TO-GATEWAY seq {seq} permit {asked.prefix}\n" in text
                matches = (
                    f"route-map TO-GATEWAY permit {step.entry.seq}\n match {keyword} address prefix-list TO-GATEWAY"
                )
                assert matches in text
            else:
                assert asked.prefix in text.partition("export where")[2]


def test_a_speaker_that_would_not_announce_it_is_only_a_warning() -> None:
    found = told(attacked(), "mallory", "fd00:101:fe::7")
    assert found.steps[0].verdict == "warns"
    assert found.steps[1].verdict == "passes"


@pytest.mark.parametrize(
    ("guest", "prefix", "said", "message"),
    [
        ("mallry", "own", {}, "the plan has no guest mallry; did you mean mallory?"),
        ("fd00:200::fffe", "::/0", {}, "fd00:200::fffe is the gateway of vnet200"),
        ("fd00:999::1", "::/0", {}, "fd00:999::1 is in no VNet's subnet"),
        ("fd00:200::99", "own", {}, "fd00:200::99 has no loopback in the site: name a prefix"),
        ("mallory", "fd00:101::1/64", {}, "has host bits, which no route has; is fd00:101::/64 meant?"),
        ("mallory", "web", {}, "web is no prefix; write it as"),
        ("mallory", "own", {"asn": 0}, "0 is no ASN"),
        ("mallory", "own", {"path": (4294967295,)}, "4294967295 is no ASN"),
        ("mallory", "own", {"communities": ("65536:1",)}, "65536:1 is no community"),
        ("mallory", "own", {"host": "pve9"}, "the plan has no host pve9"),
    ],
)
def test_what_can_not_be_meant_is_a_mistake(guest: str, prefix: str, said: dict[str, Any], message: str) -> None:
    with pytest.raises(UnknownPlaceError) as raised:
        questions(Fabric(attacked()), guest, prefix, Said(**said))
    assert message in str(raised.value)


def test_a_guest_is_known_by_each_of_its_addresses_and_asked_about_where_it_may_run() -> None:
    for name in ("fd00:101::66", "10.101.0.66", "fd00:101:fe::66"):
        assert told(attacked(), name, "fd00:101:fe::66").guest == "mallory"
    assert told(attacked(), "mallory", "fd00:101:fe::66", host="pve02").host == "pve02"
    with pytest.raises(UnknownPlaceError, match="not on rtr01"):
        questions(Fabric(plan_of("mixed")), _elsewhere(), "own", Said(host="rtr01"))


def _elsewhere() -> str:
    """Return a guest of the mixed example that may not run on rtr01."""
    return next(found.guest.name for found in plan_of("mixed").guests if "rtr01" not in found.hosts)
