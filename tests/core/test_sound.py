"""Text that no host may get is refused, whoever's defect it is; text that FRR prints itself is not."""

from __future__ import annotations

import pytest

from tests.sites import EXAMPLES, bundles_of
from trellis.render import FRR_CONF
from trellis.render.sound import Soundness

ROUTER = next(bundle for bundle in bundles_of("mixed") if bundle.host == "rtr01").text(FRR_CONF)


def rules(text: str) -> set[str]:
    """Return the rules that a frr.conf breaks."""
    return {found.rule for found in Soundness().refusals("rtr01", [(FRR_CONF, (text,))], FRR_CONF, text)}


@pytest.mark.parametrize("example", EXAMPLES)
def test_what_is_rendered_is_sound_also_after_proxmoxs_merge(example: str) -> None:
    for bundle in bundles_of(example):
        text = bundle.text(FRR_CONF)
        assert rules(text) == set(), bundle.host


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("", "exit\n", "each exit closes what was opened"),
        ("exit-address-family\n", "exit-address-family\n exit-address-family\n", "each exit closes what was opened"),
        ("hostname ", f"hostname {'x' * 4096}", "a line has at most 4095 characters"),
        ("hostname ", "hostname \x00", "a line holds printable ASCII only"),
        ("hostname ", "hostname caf\u00e9", "a line holds printable ASCII only"),
        ("hostname ", "hostname \r", "a line holds printable ASCII only"),
        (
            "hostname ",
            "hostname <pulumi.output.Output object at 0x7f>",
            "every value is known before anything is rendered",
        ),
        ("hostname ", "hostname {{secret:key}}", "a placeholder is a neighbour's whole password"),
        (
            " neighbor 10.255.0.254 remote-as ",
            " neighbor 10.255.0.254 password x{{secret:key}}\n neighbor 10.255.0.254 remote-as ",
            "a placeholder is a neighbour's whole password",
        ),
        ("route-map TL-EDGE-IN permit 1\n", "route-map TL-EDGE-IN permit 2\n", "each number stands once"),
        (
            "route-map TL-EDGE-IN permit 1\n",
            "route-map TL-EDGE-IN permit 65536\n",
            "entries of a route-map are numbered",
        ),
        (
            "community-list standard TL-LEARNED-HERE ",
            "community-list standard TL-OTHER ",
            "every filter, list and profile that is used",
        ),
        (" profile tl-link\n", " profile tl-other\n", "every filter, list and profile that is used"),
        ("route-map TL-EDGE-IN in", "route-map TL-FROM-EDGE in", "every filter, list and profile that is used"),
        ("seq 5 permit 0.0.0.0/0", "seq 5 permit 0.0.0.0/0 ge 28 le 26", "an entry's lengths rise"),
        ("seq 5 permit 0.0.0.0/0", "seq 5 permit 10.0.0.0/8 ge 7", "an entry's lengths rise"),
        ("seq 5 permit 0.0.0.0/0", "seq 5 permit 0.0.0.0/0 le 33", "an entry's lengths rise"),
        (" peer-group TL-FABRIC\n", " peer-group TL-FABRICS\n", "a neighbour's peer-group is defined before it"),
        (" neighbor 10.255.0.254 remote-as 4200000000\n", "", "a neighbour that is activated has a remote-as"),
        ("  neighbor 10.255.0.254 route-map TL-EDGE-IN in\n", "", "an eBGP session has a filter of what goes in"),
        (
            " bgp ebgp-requires-policy\n",
            " bgp listen range ::/0 peer-group TL-FABRIC\n",
            "a host listens to a subnet only by a group",
        ),
    ],
)
def test_a_text_with_one_defect_is_refused_for_it(old: str, new: str, rule: str) -> None:
    assert old in ROUTER
    broken = rules(ROUTER.replace(old, new, 1) if old else ROUTER + new)
    assert any(found.startswith(rule) for found in broken), broken


def test_a_file_of_comments_alone_is_refused() -> None:
    found = list(Soundness().refusals("h", [("/etc/sysctl.d/90-trellis.conf", ("# nothing\n",))], FRR_CONF, ROUTER))
    assert [refusal.rule for refusal in found] == ["a file that a host gets says something"]


def test_a_frr_conf_without_a_bgp_router_is_refused() -> None:
    assert "a host's FRR configuration speaks BGP" in rules("frr defaults datacenter\n!\n")
