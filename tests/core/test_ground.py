"""What a host must have first, as the plan says it: packages, links with MTU and addresses, loopbacks with a stanza."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sites import EXAMPLES, plan_of, site_data
from trellis.agent.interfaces import OWNER, Described, described
from trellis.agent.manifest import parse, parse_preparation
from trellis.plan import plan
from trellis.render import Bundle, ground_document, manifest, render
from trellis.site import load_site


def _bundle(data: dict[str, Any], host: str) -> Bundle:
    return next(bundle for bundle in render(plan(load_site(data))) if bundle.host == host)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_agent_reads_what_is_rendered_and_finds_the_same_in_both_documents(example: str) -> None:
    for bundle in render(plan_of(example)):
        whole, part = parse(manifest(bundle)), parse_preparation(ground_document(bundle))
        assert (part.host, part.kind) == (whole.host, whole.kind)
        assert (part.preconditions, part.loopbacks) == (whole.preconditions, whole.loopbacks)
        assert whole.loopbacks
        text = "\n".join(whole.loopbacks.stanza)
        assert described(text, whole.loopbacks.interface) == Described(True, frozenset(whole.loopbacks.addresses))
        assert OWNER in whole.loopbacks.stanza


def test_a_host_needs_its_own_ends_of_links_with_the_sites_mtu_and_addresses() -> None:
    needed = _bundle(site_data("homelab"), "pve02").preconditions
    assert needed.packages == ("frr", "frr-pythontools", "nftables", "radvd")
    assert [(entry.name, entry.path, entry.mtu, entry.addresses) for entry in needed.interfaces] == [
        ("vmbr0.10", "links.management.ends.pve02", 9000, ("10.10.0.12/24", "fd00:10::12/64")),
        ("vmbr1v20", "links.mesh-pve01-pve02.ends.pve02", 9000, ("10.20.20.1/31", "fc00:20::2/64")),
        ("vmbr1v22", "links.mesh-pve02-pve03.ends.pve02", 9000, ("10.20.22.0/31", "fc00:22::2/64")),
    ]
    assert needed.interfaces[0].why == (
        "links.management.mtu is 9000; zone evpnz1 needs 9000: 8950 and 50 of VXLAN over IPv4"
    )


def test_a_host_needs_no_radvd_where_nobody_is_told_anything_by_it() -> None:
    assert _bundle(site_data("leaks"), "pve02").preconditions.packages == ("frr", "frr-pythontools", "nftables")


def test_vxlan_over_ipv6_needs_seventy_bytes() -> None:
    data = site_data("homelab")
    for host in data["hosts"].values():
        host["frr_version"] = "10.7"
    for zone in data["zones"].values():
        zone.update(vtep="ipv6", mtu=8930)
    [why] = {entry.why.partition("; ")[2] for entry in _bundle(data, "pve01").preconditions.interfaces}
    assert why == "zone evpnz1 needs 9000: 8930 and 70 of VXLAN over IPv6"


def test_a_proxmox_host_s_dummy_is_made_by_ifupdown2_a_plain_host_s_by_a_command() -> None:
    pve, plain = _bundle(site_data("mixed"), "pve01"), _bundle(site_data("mixed"), "rtr01")
    assert pve.loopbacks
    assert plain.loopbacks
    assert "    link-type dummy" in pve.loopbacks.stanza
    assert "    pre-up ip link add dummy_underlay type dummy || true" in plain.loopbacks.stanza


def test_another_name_of_the_loopback_interface_is_used_throughout() -> None:
    data = site_data("homelab")
    data["fabric"]["loopback_interface"] = "dummy9"
    found = _bundle(data, "pve01").loopbacks
    assert found
    assert found.interface == "dummy9"
    assert not any("dummy_underlay" in line for line in found.stanza)


def test_a_guest_that_comes_or_goes_changes_nothing_that_a_host_needs_first() -> None:
    data = site_data("homelab")
    before = ground_document(_bundle(data, "pve01"))
    del data["guests"]["debian-test-1"]
    assert ground_document(_bundle(data, "pve01")) == before
