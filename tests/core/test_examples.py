"""Each example shows what it is there for."""

from __future__ import annotations

import runpy

import pytest

from tests.sites import EXAMPLES, REPOSITORY, plan_of, site_of
from trellis.plan.rules.speakers import guests, mesh


def test_the_examples_are_the_seeds_sites_a_mixed_fabric_one_with_leaks_and_a_large_one() -> None:
    assert set(EXAMPLES) == {"homelab", "guest-peering", "delegated", "mixed", "leaks", "scale-32x16"}


def test_the_large_site_is_what_its_script_writes() -> None:
    script = runpy.run_path(str(REPOSITORY / "examples" / "scale" / "generate.py"))
    assert EXAMPLES["scale-32x16"].read_text(encoding="utf-8") == script["text"]()


def test_the_large_site_has_route_reflectors_instead_of_a_full_mesh() -> None:
    site, planned = site_of("scale-32x16"), plan_of("scale-32x16")
    assert (len(site.hosts), len(site.tenants)) == (32, 16)
    assert len(site.hosts) > site.fabric.full_mesh_limit
    peers = {host.name: {found.session.name for found in mesh(planned, host)} for host in planned.hosts}
    # One session per family with each peer.
    assert {name: len(found) for name, found in peers.items() if len(found) != 2 * 2} == {"pve16": 62, "pve32": 62}


def test_the_guest_peering_example_binds_one_guest_to_its_address_asn_and_virtual_address() -> None:
    planned = plan_of("guest-peering")
    (host,) = planned.hosts
    assert (host.kind, planned.asn, planned.sdn) == ("frr", 65101, None)
    assert {(found.session.name, found.session.remote_as) for found in guests(host)} == {
        ("2a01:b000:1046:10::11", 65201)
    }
    (guest,) = planned.guests
    assert [str(prefix) for prefix in guest.guest.extra] == ["2a01:b000:1046:10::100/128"]


def test_nobody_is_listened_to_where_no_tenant_has_guest_bgp() -> None:
    for host in plan_of("delegated").hosts:
        assert guests(host) == []
        assert all(not instance.sessions for instance in host.bgp if instance.vrf)


def test_the_mixed_fabric_has_both_merges_two_frr_versions_and_a_plain_router() -> None:
    hosts = plan_of("mixed").hosts
    assert {(host.kind, host.pve_version, host.frr_version) for host in hosts} == {
        ("pve", "8.4", "10.3"),
        ("pve", "9.1", "10.3"),
        ("pve", "9.2", "10.7"),
        ("frr", None, "10.7"),
    }
    sdn = plan_of("mixed").sdn
    assert sdn is not None
    # Proxmox refuses the name of a node that it does not know: the plain router's.
    assert {zone.id: zone.nodes for zone in sdn.zones} == {"evpnz1": (), "evpnz2": ("pve02", "pve03")}


def test_the_leaks_example_has_hosts_with_both_zones_of_a_leak_and_one_that_needs_an_edge() -> None:
    planned = plan_of("leaks")
    (leak,) = planned.firewall.leaks
    both = {host.name for host in planned.hosts if set(leak.zones) <= {vrf.zone for vrf in host.vrfs}}
    assert both == {"pve01", "pve02", "rtr01"}
    led = {host.name for host in planned.hosts if any(route.vrf for vrf in host.vrfs for route in vrf.routes)}
    assert led == both
    assert {edge.kind for edge in planned.edges} == {"routeros", "frr"}


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_says_that_its_host_keys_are_placeholders(example: str) -> None:
    assert "placeholder" in EXAMPLES[example].read_text(encoding="utf-8")
