"""Three clusters that Trellis did not configure: what is imported of each, and exactly what is said not to be.

The inputs stand in ``foreign/``, what comes of them in ``golden/`` (``--update-golden`` writes it).
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from tests.adoption.rendered import HOST_ITSELF, cluster_of
from trellis.adoption import Adopted, adopted
from trellis.cli.import_ import blocks, stack_text
from trellis.cli.import_reading import read_folder
from trellis.site import attached_guests, site_of_stack
from trellis.site.model import Bfd

FOREIGN, GOLDEN = Path(__file__).parent / "foreign", Path(__file__).parent / "golden"
CLUSTERS = sorted(path.name for path in FOREIGN.iterdir() if path.is_dir())


@cache
def imported(name: str) -> Adopted:
    """Return a foreign cluster as a site."""
    return adopted(name, read_folder(FOREIGN / name, None, None), HOST_ITSELF)


@pytest.mark.parametrize("name", CLUSTERS)
def test_a_foreign_cluster_gives_what_was_reviewed(name: str, request: pytest.FixtureRequest) -> None:
    found = imported(name)
    assumed = ["", "assumed:", *(f"  {line}" for line in found.assumed)]
    texts = {
        GOLDEN / f"Pulumi.{name}.yaml": stack_text(found),
        GOLDEN / f"{name}.txt": "\n".join((*blocks(found.unexpressed), *assumed, "")),
    }
    if request.config.getoption("--update-golden"):
        GOLDEN.mkdir(exist_ok=True)
        for path, text in texts.items():
            path.write_text(text, encoding="utf-8")
    assert {path.name: path.read_text(encoding="utf-8") for path in texts} == {p.name: t for p, t in texts.items()}


@pytest.mark.parametrize("name", CLUSTERS)
def test_the_stack_file_of_a_foreign_cluster_is_accepted_as_it_is(name: str) -> None:
    assert site_of_stack(stack_text(imported(name))) == imported(name).site


def test_hand_kept_templates_keep_their_loopbacks_links_edge_zone_and_open_vnet() -> None:
    site = imported("architecture").site
    assert {name: host.id for name, host in site.hosts.items()} == {"pve01": 1, "pve02": 2}
    assert {link.kind: (link.cost, link.mtu) for link in site.links.values()} == {
        "segment": (1000, 9000),
        "point-to-point": (10, 9000),
    }
    (edge,) = site.edges.values()
    assert (edge.asn, str(edge.loopback.ipv6)) == (4200000000, "fd00:0:0:ffff::fffe")
    assert site.tenants["tenant101"].guest_bgp.mode == "open"


def test_an_exit_node_a_vni_beyond_the_zones_and_a_vnet_without_ipv6_are_told_of() -> None:
    found = imported("plain-evpn")
    told = {one.line for one in found.unexpressed if not one.host}
    assert {"evpn: evpn1 > exitnodes pve1", "evpn: evpn1 > vrf-vxlan 10000", "vnet: green"} <= told
    assert set(found.site.vnets) == {"blue"}


def test_a_line_that_proxmox_drops_from_frr_conf_local_is_said_not_to_be_in_force() -> None:
    local = [one for one in imported("plain-evpn").unexpressed if one.place == "frr.conf.local"]
    assert [(one.line, "not in force" in one.why) for one in local] == [
        ("ip prefix-list EXTRA permit 10.0.0.0/8", True),
        ("bgp large-community-list standard OWN permit 65000:1:1", True),
        ("router bgp 65000 > neighbor VTEP timers 5 15", False),
    ]


def test_a_static_neighbour_becomes_a_guest_with_its_own_asn_and_prefixes() -> None:
    (guest,) = attached_guests(imported("fabric").site)
    assert (guest.name, guest.host, guest.asn, guest.mac) == ("db-1", "rt1", 65305, "bc:24:11:0b:00:05")
    assert [str(prefix) for prefix in guest.extra] == ["fdaa:b::1005/128"]


def test_a_neighbour_whose_mac_nobody_knows_is_left_out_and_told_of() -> None:
    found = imported("fabric")
    assert any("nobody-knows" in line and "left out" in line for line in found.assumed)
    assert any("fdaa:b::9 remote-as 65309" in one.line for one in found.unexpressed)


def test_what_stands_behind_a_stray_exit_is_said_never_to_have_been_in_force() -> None:
    last = [one for one in imported("fabric").unexpressed if one.line == "ip route 198.18.0.0/15 null0"]
    assert [(one.host, "stops reading" in one.why) for one in last] == [("rt1", True), ("rt2", True)]


def test_keys_of_sessions_become_names_and_a_second_key_for_one_name_is_told_of() -> None:
    found = imported("fabric")
    assert found.secrets == ("edge-upstream", "fabric")
    assert [one.host for one in found.unexpressed if "different keys" in one.why] == ["rt2"]
    assert any(line.startswith("edges.upstream.md5 signs every session") for line in found.assumed)
    shown = "\n".join((stack_text(found), *blocks(found.unexpressed), repr(found.accounts), *found.assumed))
    assert "s3cret" not in shown


def test_bfd_profiles_of_other_names_give_the_timers_of_links_and_between_loopbacks() -> None:
    def by_hand(text: str) -> str:
        timers = r"\g<0>\n\1 transmit-interval 150\n\1 receive-interval 150"
        text = re.sub(r"(?m)^( +)profile tl-link$", timers, text)
        text = text.replace("detect-multiplier 5\n", "detect-multiplier 7\n")
        return text.replace("tl-link", "fast").replace("tl-multihop", "slow")

    cluster = cluster_of("homelab")
    hosts = [replace(own, files={name: by_hand(text) for name, text in own.files.items()}) for own in cluster.hosts]
    fabric = adopted("by-hand", replace(cluster, hosts=tuple(hosts)), HOST_ITSELF).site.fabric
    assert (fabric.bfd, fabric.multihop_bfd) == (Bfd(interval_ms=150), Bfd(multiplier=7))
