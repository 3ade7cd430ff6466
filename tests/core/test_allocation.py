"""Numbers follow from ids alone: nobody's neighbours, order or number of entries changes them."""

from __future__ import annotations

import re
from collections import Counter
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.core.generated import Data, sites
from tests.core.smaller import entries, without
from trellis import allocate
from trellis.agent.normalise import normalise
from trellis.plan import Plan, plan
from trellis.plan.rules import violations
from trellis.render import FRR_CONF, manifest, render
from trellis.render.firewall import FIREWALL
from trellis.site import SiteRefused, load_site

Numbers = dict[str, Any]


def numbers(planned: Plan) -> Numbers:
    """Return everything that a plan numbers, by whose it is."""
    found: Numbers = {}
    for host in planned.hosts:
        found[f"host {host.name}"] = (host.ipv4, host.ipv6)
        for vrf in host.vrfs:
            found[f"zone {vrf.zone} on {host.name}"] = (vrf.l3vni, vrf.route_distinguisher, vrf.route_target)
    for vnet in planned.vnets:
        found[f"vnet {vnet.name}"] = (vnet.vni, vnet.route_target)
    for guest in (entry.guest for entry in planned.guests):
        own = (guest.asn, guest.ipv4, guest.ipv6, guest.loopbacks, guest.pods, guest.router_id)
        found[f"guest {guest.name}"] = own
    for edge in planned.edges:
        found[f"edge {edge.name}"] = (edge.asn, edge.ipv4, edge.ipv6)
    for leak in planned.firewall.leaks:
        found[f"leak {leak.name}"] = leak.zones
    for service in planned.firewall.services:
        found[f"service {service.name}"] = (service.protocol, service.ports, service.to)
    return found


def stanzas_of_guests(planned: Plan) -> dict[tuple[str, str], list[str]]:
    """Return, by host and guest, the lines of the effective configuration that are about that guest alone."""
    found = {}
    for bundle in render(planned):
        lines = bundle.text(FRR_CONF).splitlines()
        for guest in (entry.guest for entry in planned.guests if bundle.host in entry.hosts):
            found[bundle.host, guest.name] = list(_about(lines, guest.name, str(guest.ipv6)))
    return found


def _about(lines: list[str], name: str, address: str) -> list[str]:
    own = re.compile(rf"TL-G-{name}-(IN|LO|PODS)\b|neighbor {re.escape(address)} ")
    inside, about = False, []
    for line in lines:
        inside = line.startswith(f"route-map TL-G-{name}-IN ") or (inside and line.startswith(" "))
        if inside or own.search(line):
            about.append(line)
    return about


@given(sites(), st.data())
def test_taking_an_entry_out_or_putting_it_in_changes_nobody_elses_numbers(site: Data, data: st.DataObject) -> None:
    smaller = without(site, *data.draw(st.sampled_from(entries(site)), label="entry"))
    assume(smaller is not None)
    assert smaller is not None
    whole, rest = plan(load_site(site)), plan(load_site(smaller))
    before, after = numbers(whole), numbers(rest)
    assert after.keys() < before.keys() or after == before
    assert {key: before[key] for key in after} == after
    told, left = stanzas_of_guests(whole), stanzas_of_guests(rest)
    assert {key: told[key] for key in left} == left


@given(sites(), st.data())
def test_an_entry_that_is_added_takes_no_line_away_and_changes_none(site: Data, data: st.DataObject) -> None:
    site["fabric"] |= {"full_mesh_limit": 16}  # to outgrow the full mesh is another change
    # A tenant's only VNet with IPv4 is another change: filters get an entry per family, and Proxmox numbers them anew.
    others = [(family, name) for family, name in entries(site) if family != "vnets"]
    smaller = without(site, *data.draw(st.sampled_from(others), label="entry"))
    assume(smaller is not None)
    assert smaller is not None
    after = {bundle.host: normalise(bundle.text(FRR_CONF)) for bundle in render(plan(load_site(site)))}
    for bundle in render(plan(load_site(smaller))):
        lost = normalise(bundle.text(FRR_CONF)) - after[bundle.host]
        # A filter that permits nothing yet says `deny`, until its first prefix comes.
        assert [line for line in lost if not re.fullmatch(r"route-map TL-\S+ deny 1", line[-1])] == [], bundle.host


@given(sites(), st.data())
def test_a_guest_that_is_added_changes_the_hosts_of_its_placement_alone(site: Data, data: st.DataObject) -> None:
    assume(site["guests"])
    name = data.draw(st.sampled_from(sorted(site["guests"])), label="guest")
    smaller = without(site, "guests", name)
    assert smaller is not None
    whole = plan(load_site(site))
    placed, guest = next((entry.hosts, entry.guest) for entry in whole.guests if entry.guest.name == name)
    before = {bundle.host: manifest(bundle) for bundle in render(plan(load_site(smaller)))}
    changed = {bundle.host for bundle in render(whole) if manifest(bundle) != before[bundle.host]}
    # What it has, nobody on an open VNet of its tenant may announce any more.
    open_zones = {
        vnet.zone for vnet in whole.vnets if vnet.tenant == guest.tenant and vnet.peering and vnet.peering.ranges
    }
    watching = {host.name for host in whole.hosts if any(vrf.zone in open_zones for vrf in host.vrfs)}
    assert set(placed) <= changed <= set(placed) | watching


@given(sites(), st.data())
def test_a_leak_or_a_service_that_is_added_adds_lines_of_its_own_and_changes_no_other(
    site: Data, data: st.DataObject
) -> None:
    opened = [("leaks", name) for name in site["leaks"]] + [("firewall", name) for name in site["firewall"]]
    assume(opened)
    family, name = data.draw(st.sampled_from(opened), label="entry")
    smaller = without(site, family, name)
    assert smaller is not None
    after = {bundle.host: bundle for bundle in render(plan(load_site(site)))}
    for before in render(plan(load_site(smaller))):
        for file in before.files:
            lines, fewer = (Counter(bundle.text(file.path).splitlines()) for bundle in (after[before.host], before))
            assert fewer - lines == Counter(), file.path
            comment = f'comment "{"leak" if family == "leaks" else "service"} {name}"'
            route = r" ip(v6)? route \S+ vrf_\w+ nexthop-vrf vrf_\w+"
            own = f".*{re.escape(comment)}" if file.path == FIREWALL else route
            assert [line for line in lines - fewer if not re.fullmatch(own, line)] == [], file.path


@given(sites())
def test_every_rule_holds_on_every_site_that_is_accepted(site: Data) -> None:
    assert [str(found) for found in violations(plan(load_site(site)))] == []


@given(sites())
def test_a_guests_stanzas_name_it_by_its_own_numbers(site: Data) -> None:
    planned = plan(load_site(site))
    stanzas = stanzas_of_guests(planned)
    for guest in (entry.guest for entry in planned.guests):
        for host in guest.placement:
            lines = "\n".join(stanzas[host, guest.name])
            assert f"neighbor {guest.ipv6} remote-as {guest.asn}\n" in lines
            for prefix in (*guest.loopbacks, *guest.pods):
                assert f"permit {prefix}" in lines


def _collide(site: Data, family: str, key: str) -> tuple[str, str]:
    first, second = sorted(site[family])[:2]
    site[family][second][key] = site[family][first][key]
    return f"{family}.{first}", f"{family}.{second}"


@given(sites(least=2), st.sampled_from(["hosts", "zones", "tenants", "clusters", "guests"]))
def test_an_id_that_two_entries_claim_is_refused_with_both_places_named(site: Data, family: str) -> None:
    assume(len(site[family]) > 1)
    first, second = _collide(site, family, "mac" if family == "guests" else "id")
    with pytest.raises(SiteRefused) as caught:
        load_site(site)
    assert any(refusal.path.startswith(second) and f"{first}." in refusal.rule for refusal in caught.value.refusals), (
        str(caught.value)
    )


@given(sites(least=2), st.data())
def test_a_number_that_is_declared_and_derived_elsewhere_is_refused_with_both_places_named(
    site: Data, data: st.DataObject
) -> None:
    first, second = sorted(site["vnets"])[:2]
    what = data.draw(st.sampled_from(["vni of a VNet", "L3VNI of a zone", "ASN of a guest", "ASN of an edge"]))
    guests = sorted(site["guests"])
    if what == "vni of a VNet":
        site["vnets"][first]["vni"] = 10000 + site["tenants"][site["vnets"][second]["tenant"]]["id"]
        places = (f"vnets.{first}", f"vnets.{second}")
    elif what == "L3VNI of a zone":
        zone = sorted(site["zones"])[0]
        site["vnets"][first]["vni"] = 4095 + site["zones"][zone]["id"]
        places = (f"vnets.{first}", f"zones.{zone}")
    elif what == "ASN of a guest":
        assume(len(guests) > 1)
        one, two = guests[:2]
        tenant = site["tenants"][site["vnets"][site["guests"][two]["vnet"]]["tenant"]]["id"]
        site["guests"][one]["asn"] = 4200000000 + tenant * 1000 + site["guests"][two]["suffix"]
        places = (f"guests.{one}", f"guests.{two}")
    else:
        assume(guests and site["edges"])
        tenant = site["tenants"][site["vnets"][site["guests"][guests[0]]["vnet"]]["tenant"]]["id"]
        edge = sorted(site["edges"])[0]
        site["edges"][edge]["asn"] = 4200000000 + tenant * 1000 + site["guests"][guests[0]]["suffix"]
        places = (f"guests.{guests[0]}", f"edges.{edge}")
    with pytest.raises(SiteRefused) as caught:
        load_site(site)
    assert any(all(place in f"{r.path} {r.rule}" for place in places) for r in caught.value.refusals), str(caught.value)


@given(st.integers(1, 84966), st.integers(11, 99), st.integers(1, 84966), st.integers(11, 99))
def test_no_two_nodes_get_one_asn(cluster: int, suffix: int, other_cluster: int, other_suffix: int) -> None:
    assume((cluster, suffix) != (other_cluster, other_suffix))
    assert allocate.node_asn(cluster, suffix) != allocate.node_asn(other_cluster, other_suffix)
    assert allocate.node_asn(cluster, suffix) <= 4294967294


@given(st.integers(100, 9999), st.integers(1, 999), st.integers(1, 84966), st.integers(11, 99))
def test_no_guest_gets_the_asn_of_a_node(tenant: int, suffix: int, cluster: int, node_suffix: int) -> None:
    assert allocate.guest_asn(tenant, suffix) < allocate.node_asn(cluster, node_suffix)


@given(st.integers(0, 7), st.integers(0, 7))
def test_blocks_of_a_pool_lie_in_it_and_do_not_overlap(one: int, other: int) -> None:
    for text, length in (("10.101.240.0/21", 24), ("fd00:101:240::/61", 64)):
        pool: Any = ip_network(text)
        block, second = allocate.pod_block(pool, length, one), allocate.pod_block(pool, length, other)
        assert block.subnet_of(pool)
        assert block.overlaps(second) == (one == other)


def test_the_seeds_numbers_come_out() -> None:
    assert [allocate.node_asn(101, suffix) for suffix in (11, 21)] == [4210101011, 4210101021]
    assert allocate.guest_asn(101, 6) == 4200101006
    assert allocate.l2vni(101) == 10101
    assert allocate.l3vni(1) == 4096
    assert allocate.route_target(4200001000, 4096) == "60904:4096"
    assert str(allocate.suffix_address(ip_network("fd00:101:fe::/64"), 11)) == "fd00:101:fe::11"
    assert str(allocate.suffix_address(ip_network("10.101.254.0/24"), 11)) == "10.101.254.11"


@pytest.mark.parametrize("index", [-1, 8])
def test_a_block_that_the_pool_has_not_is_an_error(index: int) -> None:
    with pytest.raises(IndexError, match=r"10\.101\.240\.0/21 has 8 blocks of /24"):
        allocate.pod_block(ip_network("10.101.240.0/21"), 24, index)  # type: ignore[type-var]
