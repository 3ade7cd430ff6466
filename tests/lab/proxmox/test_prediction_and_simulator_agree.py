"""What the product predicts of Proxmox and what the simulator plays were written apart: here they are compared.

The texts are nonsense on purpose: tricky lines in any order, under every release.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trellis import pve
from trellis.lab.proxmox.node import configuration, generated
from trellis.lab.proxmox.node.frr_conf import frr_conf
from trellis.lab.proxmox.node.generated import MergeError
from trellis.lab.proxmox.node.versions import behaviour_of

RELEASES = ("8.4", "9.0", "9.1", "9.2")
PEERS = ("10.255.0.1", "10.255.0.2", "10.255.0.3")

LINES = st.sampled_from(
    [
        "router bgp 4200001000",
        "router bgp 4200001000 vrf vrf_evpnz1",
        "router bgp 4200001000 vrf other",
        "router bgp 65001",
        "router ospf",
        " router ospf6",
        " address-family ipv4 unicast",
        "address-family l2vpn evpn",
        " exit-address-family",
        "exit-address-family",
        "exit",
        " exit",
        "exit-vrf",
        "vrf vrf_evpnz1",
        "vrf other",
        "interface lo",
        " interface lo",
        " ip ospf area 0",
        " neighbor 10.0.0.1 remote-as 65001",
        "  neighbor VTEP activate",
        " description a!b",
        "!",
        "# comment",
        "",
        "bgp community-list standard A seq 5 permit 1:1",
        " bgp community-list standard B seq 5 permit 1:1",
        "bgp large-community-list standard C seq 5 permit 1:1:1",
        "ip prefix-list P seq 10 permit 10.0.0.0/8",
        "ip prefix-list P seq 5 permit 10.0.0.0/8 le 24",
        "ip prefix-list P permit 10.0.0.0/8",
        "ipv6 prefix-list Q seq 1 permit ::/0",
        "access-list X seq 5 permit any",
        "access-list X permit any",
        "route-map R permit 10",
        "route-map R deny 20",
        "route-map MAP_VTEP_IN permit 5",
        " match community A",
        " on-match goto 20",
        "ip nht resolve-via-default",
        "bfd",
        " profile fast",
        "no route-map R",
    ]
)


def predicted(document: dict[str, Any], release: str, local: list[str]) -> tuple[list[str], list[pve.Loss]]:
    """The product's prediction: the text, and what it says is lost."""
    found = document["controllers"]["ids"]["evpn"]
    state = pve.SdnState(
        pve.EvpnController("evpn", found["asn"], tuple(found["peers"].split(","))),
        tuple(pve.EvpnZone(key, zone["vrf-vxlan"], "evpn") for key, zone in document["zones"]["ids"].items()),
    )
    node = pve.Node("pve01", PEERS[0], (PEERS[0],), pve.pve_version(release))
    merged = pve.effective(state, node, tuple(local))
    return list(merged.lines), list(merged.losses)


def played(document: dict[str, Any], release: str, local: list[str]) -> list[str]:
    """The simulator's text."""
    underlay = configuration.Underlay("dummy_underlay", PEERS[0], 1500, PEERS[0])
    made = generated.generate(configuration.parse(document), "pve01", {"evpn": underlay})
    text = "".join(f"{line}\n" for line in local)
    return frr_conf(made, text, "pve01", behaviour_of(release)).splitlines()


@pytest.mark.parametrize("release", RELEASES)
@settings(max_examples=150)
@given(local=st.lists(LINES, max_size=30))
def test_the_prediction_is_what_is_played(release: str, local: list[str]) -> None:
    lines, losses = predicted(DOCUMENT, release, local)
    try:
        text = played(DOCUMENT, release, local)
    except MergeError:
        text = None
    if text is None or any("HASH(" in line for line in text):
        assert losses, "Proxmox fails, or writes rubbish, and the prediction finds nothing wrong"
    else:
        assert lines == text


@pytest.mark.parametrize("release", RELEASES)
def test_they_agree_without_a_local_file(release: str, two_zones: dict[str, Any]) -> None:
    assert predicted(two_zones, release, [])[0] == played(two_zones, release, [])


DOCUMENT: dict[str, Any] = {
    "version": 1,
    "controllers": {"ids": {"evpn": {"type": "evpn", "asn": 4200001000, "peers": ",".join(PEERS)}}},
    "zones": {
        "ids": {
            "evpnz1": {"type": "evpn", "controller": "evpn", "vrf-vxlan": 4096},
            "evpnz2": {"type": "evpn", "controller": "evpn", "vrf-vxlan": 4097},
        }
    },
}
