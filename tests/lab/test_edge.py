"""The edges' FRR: its text on real daemons, and the default route only while there is a way upstream."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sites import site_data, site_of
from trellis.lab.edge import DAEMONS, edge_config, upstream_link
from trellis.lab.scratch import ScratchFrr
from trellis.site import load_site


def test_an_edge_speaks_with_both_loopbacks_of_every_host() -> None:
    text = edge_config(site_of("homelab"), "edge1")
    for number in (1, 2, 3):
        assert f" neighbor 10.255.0.{number} peer-group HOSTS4\n" in text
        assert f" neighbor fd00:0:0:ffff::{number} peer-group HOSTS6\n" in text
    assert text.count(" peer-group HOSTS") == 6


@pytest.mark.parametrize("group", ["HOSTS4", "HOSTS6"])
def test_bfd_comes_before_the_source_or_frr_10_3_waits_for_the_other_end_for_ever(group: str) -> None:
    lines = edge_config(site_of("homelab"), "edge1").splitlines()
    (bfd,) = [n for n, line in enumerate(lines) if line == f" neighbor {group} bfd"]
    (source,) = [n for n, line in enumerate(lines) if line.startswith(f" neighbor {group} update-source ")]
    assert bfd < source


def test_an_edge_is_on_every_link_of_its_own_at_the_links_cost() -> None:
    data = site_data("homelab")
    data["links"]["management"]["cost"] = 77
    text = edge_config(load_site(data), "edge1")
    bfd = " ip ospf bfd\n ip ospf bfd profile links\n"
    assert f"interface vlan10\n ip ospf area 0.0.0.0\n{bfd} ip ospf cost 77\n" in text
    assert "network point-to-point" not in text


def test_an_edge_brings_what_the_site_accepts_from_it_beside_the_default() -> None:
    text = edge_config(site_of("mixed"), "edge2")
    for line in (" network 192.168.70.0/24", " network fd00:70::/64"):
        assert line in text
    assert "192.168.70.0/24" not in edge_config(site_of("mixed"), "edge1")


def test_an_edge_signs_its_sessions_with_the_key_that_the_lab_gave_its_hosts() -> None:
    data = site_data("homelab")
    data["edges"]["edge1"]["md5"] = "edge1-key"
    text = edge_config(load_site(data), "edge1", {"edge1-key": "the-lab-s-own-key", "other": "another-one"})
    for group in ("HOSTS4", "HOSTS6"):
        assert f" neighbor {group} password the-lab-s-own-key\n" in text
    assert "another-one" not in text
    assert " password " not in edge_config(site_of("homelab"), "edge1", {"edge1-key": "the-lab-s-own-key"})


def test_two_edges_have_different_ways_upstream() -> None:
    links = [upstream_link(number) for number in (0, 1)]
    addresses = [address for link in links for pair in link for address in pair]
    assert len(set(addresses)) == len(addresses) == 8


@pytest.fixture
def edge(frr_root: Callable[[str], Path]) -> Iterator[ScratchFrr]:
    """The homelab's edge with its cable upstream, on a real FRR."""
    (own4, own6), _ = upstream_link(0)
    with ScratchFrr(frr_root("10.3"), "edge1", DAEMONS) as frr:
        for command in (
            "link add upstream type veth peer name beyond",
            f"address add {own4} dev upstream",
            f"address add {own6} dev upstream nodad",
            "link set upstream up",
            "link set beyond up",
        ):
            assert frr.run(["ip", *command.split()]).status == 0
        yield frr


@pytest.mark.frr
@pytest.mark.parametrize(("example", "name"), [("homelab", "edge1"), ("mixed", "edge2")])
def test_real_frr_takes_and_prints_every_line_of_an_edge(
    frr_root: Callable[[str], Path], example: str, name: str
) -> None:
    text = edge_config(site_of(example), name)
    with ScratchFrr(frr_root("10.3"), name, DAEMONS) as frr:
        checked = frr.check(text)
        assert (checked.status, checked.text.strip()) == (0, "")
        frr.load(text)
        printed = {line.strip() for line in frr.running_config().splitlines()}
        for family in ("ip", "ipv6"):  # FRR prints that line in neither state, and shows what it made of it
            assert f"no {family} nht resolve-via-default" in text
            assert "Resolve via default: off" in frr.vtysh(f"show {family} nht")
            printed.add(f"no {family} nht resolve-via-default")
    defaults = {"detect-multiplier 3", "transmit-interval 300", "receive-interval 300"}  # which FRR does not print
    wanted = {line.strip() for line in text.splitlines()} - defaults - {""}
    assert wanted - printed == set()


@pytest.mark.frr
def test_the_default_is_announced_while_the_upstream_is_there_and_not_after(edge: ScratchFrr) -> None:
    edge.load(edge_config(site_of("homelab"), "edge1"))
    assert until(lambda: announced(edge, "ipv4", "0.0.0.0/0") and announced(edge, "ipv6", "::/0"))
    assert edge.run(["ip", "link", "set", "upstream", "down"]).status == 0
    assert until(lambda: not announced(edge, "ipv4", "0.0.0.0/0") and not announced(edge, "ipv6", "::/0"))


def announced(frr: ScratchFrr, family: str, prefix: str) -> bool:
    """Whether the edge has a usable route to tell its neighbours."""
    said = json.loads(frr.vtysh(f"show bgp {family} unicast json") or "{}")
    return any(path.get("bestpath") for path in said.get("routes", {}).get(prefix, []))


def until(holds: Callable[[], bool], limit_s: float = 15) -> bool:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.2)
    return False
