"""Guests' speakers against their hosts: what one may say is what the other takes, and both texts say the same."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import given

from tests.core.generated import Data, site_of, sites
from tests.sites import EXAMPLES, plan_of, site_data
from trellis.plan import Plan, names, plan
from trellis.plan.model import GuestPlan, HostPlan
from trellis.plan.speakers import Range, SpeakerPlan
from trellis.render.cloud_init import user_data
from trellis.render.speakers import bird_pattern, frr_match, speaker_text
from trellis.site import load_site

Lengths = tuple[str, int, int]
"""A prefix with the shortest and longest length inside it that are meant."""


def of(ranges: tuple[Range, ...]) -> set[Lengths]:
    return {(found.prefix, found.shortest, found.longest) for found in ranges}


def own_length(prefix: str) -> int:
    return int(prefix.partition("/")[2])


def accepted(host: HostPlan, guest: str) -> set[Lengths]:
    """Return what a host's filter for a guest permits."""
    lists = {(found.family, found.name): found for found in host.policy.prefix_lists}
    (inbound,) = [found for found in host.policy.route_maps if found.name == names.guest_in(guest)]
    permitted = set()
    for entry in inbound.entries:
        if entry.action == "permit":
            assert entry.prefix_list is not None
            for match in lists[entry.prefix_list].entries:
                assert match.action == "permit"
                least = match.ge or own_length(match.prefix)
                most = match.le or ((128 if ":" in match.prefix else 32) if match.ge else own_length(match.prefix))
                permitted.add((match.prefix, least, most))
    return permitted


def in_bird(text: str, protocol: str, direction: str) -> set[Lengths]:
    """Return what a filter of a BIRD protocol takes, by its text alone."""
    found = re.search(rf"(?ms)^protocol \w+ {protocol} \{{\n(.*?)^\}}\n", text)
    assert found is not None
    sets = re.findall(rf"{direction} (?:where net ~|filter \{{\s*if net !~) \[ (.*?) \]", found[1])
    patterns = [pattern for each in sets for pattern in re.findall(r"[^\s,{]+(?:\{\d+,\d+\})?", each)]
    parsed = set()
    for pattern in patterns:
        prefix, _, lengths = pattern.partition("{")
        least, most = (int(number) for number in lengths[:-1].split(",")) if lengths else (own_length(prefix),) * 2
        parsed.add((prefix, least, most))
    return parsed


def in_frr(text: str, name: str) -> set[Lengths]:
    """Return what a prefix-list of a FRR text permits."""
    parsed = set()
    for line in re.findall(rf"(?m)^ipv?6? prefix-list {name} seq \d+ permit (.*)$", text):
        prefix, *words = line.split()
        bounds = dict(zip(words[::2], map(int, words[1::2]), strict=True))
        most = 128 if ":" in prefix else 32
        least = bounds.get("ge", own_length(prefix))
        parsed.add((prefix, least, bounds.get("le", most if "ge" in bounds else least)))
    return parsed


def guests(planned: Plan) -> Iterator[tuple[GuestPlan, HostPlan]]:
    hosts = {host.name: host for host in planned.hosts}
    return ((guest, hosts[host]) for guest in planned.guests for host in guest.hosts)


def assert_agreed(planned: Plan) -> None:
    for guest, host in guests(planned):
        assert of(guest.speaker.announces) == accepted(host, guest.guest.name), (guest.guest.name, host.name)
    for guest in planned.guests:
        speaker, said, heard = guest.speaker, of(guest.speaker.announces), of(guest.speaker.imports)
        bird = speaker_text(dataclasses.replace(speaker, kind="bird2"))
        assert (in_bird(bird, "uplink", "export"), in_bird(bird, "uplink", "import")) == (said, heard)
        assert in_bird(bird, "own", "import") == said
        frr = speaker_text(dataclasses.replace(speaker, kind="frr"))
        assert (in_frr(frr, "TO-GATEWAY"), in_frr(frr, "FROM-GATEWAY")) == (said, heard)


@given(sites())
def test_what_a_speaker_may_say_is_exactly_what_its_host_takes_of_it(data: Data) -> None:
    assert_agreed(plan(load_site(data)))


@pytest.mark.parametrize("example", EXAMPLES)
def test_speakers_of_the_examples_may_say_exactly_what_their_hosts_take(example: str) -> None:
    assert_agreed(plan_of(example))


def speaker(example: str, name: str, **changed: Any) -> SpeakerPlan:
    found = next(guest.speaker for guest in plan_of(example).guests if guest.guest.name == name)
    return dataclasses.replace(found, **changed)


def test_a_filter_that_lets_more_out_would_be_noticed() -> None:
    text = speaker_text(speaker("homelab", "solcp01"))
    wider = text.replace("10.101.240.0/24, ", "10.101.240.0/21, ")
    assert in_bird(wider, "uplink", "export") != in_bird(text, "uplink", "export")


@pytest.mark.parametrize(
    ("found", "bird", "frr"),
    [
        (Range("::/0", 0, 0), "::/0", "::/0"),
        (Range("10.1.0.0/24", 24, 24), "10.1.0.0/24", "10.1.0.0/24"),
        (Range("10.1.0.0/24", 32, 32), "10.1.0.0/24{32,32}", "10.1.0.0/24 ge 32"),
        (Range("10.1.0.0/21", 24, 24), "10.1.0.0/21{24,24}", "10.1.0.0/21 ge 24 le 24"),
        (Range("10.1.0.0/21", 21, 24), "10.1.0.0/21{21,24}", "10.1.0.0/21 le 24"),
        (Range("10.1.0.0/21", 21, 32), "10.1.0.0/21{21,32}", "10.1.0.0/21 le 32"),
        (Range("fd00::/48", 64, 128), "fd00::/48{64,128}", "fd00::/48 ge 64"),
    ],
)
def test_a_range_is_written_as_each_speaker_prints_it(found: Range, bird: str, frr: str) -> None:
    assert (bird_pattern(found), frr_match(found)) == (bird, frr)


@pytest.mark.parametrize("kind", ["bird2", "frr"])
def test_a_speaker_has_bfd_or_graceful_restart_as_it_declares_and_never_both(kind: Any) -> None:
    fast = speaker_text(speaker("mixed", "mooncp01", kind=kind))
    restart = speaker_text(speaker("mixed", "restarter", kind=kind))
    neither = speaker_text(speaker("mixed", "mooncp01", kind=kind, bfd=None))
    has_bfd, has_restart = r"(?m)^ +(neighbor \S+ bfd$|bfd on;)", r"(?m)^ +(bgp graceful-restart$|graceful restart on;)"
    found = [(bool(re.search(has_bfd, text)), bool(re.search(has_restart, text))) for text in (fast, restart, neither)]
    assert found == [(True, False), (False, True), (False, False)]
    assert ("restart-time 30" if kind == "frr" else "graceful restart time 30;") in restart


@pytest.mark.parametrize("kind", ["bird2", "frr"])
def test_a_speaker_speaks_from_its_primary_address_though_it_shares_another(kind: Any) -> None:
    data = site_data("homelab")
    data["clusters"]["sol"]["vip"] = {"ipv4": "10.101.0.200", "ipv6": "fd00:101::200"}
    data["clusters"]["sol"]["speaker"] = kind
    del data["clusters"]["sol"]["cilium"]
    found = next(guest for guest in plan(load_site(data)).guests if guest.guest.name == "solcp01")
    text = speaker_text(found.speaker)
    own = "local fd00:101::11 as 4210101011;" if kind == "bird2" else "update-source fd00:101::11\n"
    assert own in text
    assert "10.101.0.200" not in text
    assert "fd00:101::200" not in text


def test_a_key_stands_in_a_text_as_its_placeholder() -> None:
    assert '  password "{{secret:guest-key}}";\n' in speaker_text(speaker("homelab", "solcp01", md5="guest-key"))
    signed = speaker_text(speaker("homelab", "debian-test-1", md5="guest-key"))
    assert " neighbor fd00:101::fffe password {{secret:guest-key}}\n" in signed


def test_cilium_may_hand_over_pods_and_services_and_nothing_of_the_nodes_own() -> None:
    text = speaker_text(speaker("homelab", "solcp01", cilium=True))
    own = {("10.101.254.11/32", 32, 32), ("fd00:101:fe::11/128", 128, 128)}
    assert in_bird(text, "cilium", "import") == of(speaker("homelab", "solcp01").announces) - own
    assert in_bird(text, "cilium", "export") == set()
    assert text.count("    export none;\n") == 2
    assert "protocol bgp cilium" not in speaker_text(speaker("homelab", "solcp01", cilium=False))


def test_a_node_without_a_block_of_its_own_announces_any_block_that_cilium_hands_over_and_none_by_itself() -> None:
    text = speaker_text(speaker("mixed", "mooncp01", kind="bird2", cilium=True))
    assert ("10.101.128.0/22", 24, 24) in in_bird(text, "cilium", "import")
    assert "protocol static" not in text


def test_a_guest_that_has_nothing_to_say_says_nothing() -> None:
    bird = speaker_text(speaker("mixed", "v6-guest", kind="bird2"))
    frr = speaker_text(speaker("mixed", "v6-guest", kind="frr"))
    assert bird.count("    export none;\n") == 2
    assert "route-map TO-GATEWAY deny 1\n" in frr
    assert "redistribute" not in frr


def test_talos_own_speaker_has_no_text() -> None:
    with pytest.raises(ValueError, match="solcp01: talos-native is configured by documents"):
        speaker_text(speaker("homelab", "solcp01", kind="talos-native"))


def files_of(example: str, guest: str) -> dict[str, dict[str, Any]]:
    text = user_data(plan_of(example), guest)
    assert text.startswith("#cloud-config\n")
    return {entry["path"]: entry for entry in yaml.safe_load(text)["write_files"]}


def test_user_data_puts_the_speakers_text_where_its_package_reads_it_and_keeps_it_from_others() -> None:
    for example, guest, path, owner in (
        ("homelab", "solcp01", "/etc/bird/bird.conf", "root:bird"),
        ("homelab", "debian-test-1", "/etc/frr/frr.conf", "frr:frr"),
    ):
        entry = files_of(example, guest)[path]
        assert entry["content"] == speaker_text(speaker(example, guest))
        assert (entry["owner"], entry["permissions"], entry["defer"]) == (owner, "0640", True)


def test_a_machine_boots_with_a_default_that_its_speakers_beats_in_the_kernel_and_in_zebra() -> None:
    def metrics(guest: str) -> set[str]:
        text = files_of("homelab", guest)["/etc/systemd/network/05-trellis-vnet.network"]["content"]
        return set(re.findall(r"(?m)^Metric=(\d+)$", text))

    assert metrics("solcp01") == {"4096"}
    (beside_frr,) = metrics("debian-test-1")
    assert int(beside_frr) >> 24 == 254


def test_where_frr_speaks_the_machine_ends_packets_for_pods_that_are_not_there() -> None:
    data = site_data("homelab")
    data["clusters"]["sol"]["speaker"] = "frr"
    del data["clusters"]["sol"]["cilium"]
    text = user_data(plan(load_site(data)), "solcp01")
    assert text.count("Type=blackhole") == 2
    assert "Type=blackhole" not in user_data(plan_of("homelab"), "solcp01")


@pytest.mark.parametrize("seed", range(10))
def test_user_data_of_drawn_sites_is_read_back_as_what_it_was_made_of(seed: int) -> None:
    planned = plan(load_site(site_of(Random(seed), least=2)))
    for guest in planned.guests:
        document = yaml.safe_load(user_data(planned, guest.guest.name))
        assert document["hostname"] == guest.guest.name
        contents = [entry["content"] for entry in document["write_files"]]
        assert speaker_text(guest.speaker) in contents
        assert all(content.endswith("\n") for content in contents)
