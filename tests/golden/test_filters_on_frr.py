"""The rules run filters as FRR runs them: every route-map of a host, on probes of every kind, here and in bgpd.

`show bgp FAMILY route-map NAME` lists the routes that a route-map permits; the rules' own reading must permit the same.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.golden.files import bundle_of
from tests.sites import plan_of
from trellis.lab.scratch import ScratchFrr
from trellis.plan.model import HostPlan
from trellis.plan.names import EXPORTED
from trellis.plan.rules.filters import Filters, network, route_of
from trellis.render import FRR_CONF

pytestmark = pytest.mark.frr

_POLICY = re.compile(r"^(?:(?:ip|ipv6) prefix-list .*|bgp community-list .*|route-map .*\n(?: .*\n)*exit)$", re.M)


def _probes(host: HostPlan) -> list[str]:
    """Return each listed prefix, the one that holds it, one inside it, and an address in it."""
    found = []
    for entry in (entry for prefix_list in host.policy.prefix_lists for entry in prefix_list.entries):
        own = network(entry.prefix)
        found.append(own)
        found += [own.supernet()] if own.prefixlen else []
        found += [next(own.subnets(new_prefix=own.max_prefixlen)), *list(own.subnets())[:1]]
    return sorted({str(prefix) for prefix in found if not prefix.is_multicast and not prefix.is_link_local})


def _originated(probes: list[str], communities: tuple[str, ...]) -> Iterator[str]:
    yield "route-map PROBE permit 1"
    if communities:
        yield f" set community {' '.join(sorted(communities))}"
    yield "exit"
    yield "router bgp 65000"
    yield " no bgp network import-check"
    for family, mark in (("ipv4", "."), ("ipv6", ":")):
        yield f" address-family {family} unicast"
        yield from (f"  network {probe} route-map PROBE" for probe in probes if mark in probe.split("/")[0])
        yield " exit-address-family"
    yield "exit"


def _permitted(frr: ScratchFrr, route_map: str) -> set[str]:
    answers = (frr.vtysh(f"show bgp {family} unicast route-map {route_map} json") for family in ("ipv4", "ipv6"))
    return {str(network(prefix)) for answer in answers for prefix in json.loads(answer)["routes"]}


@pytest.mark.parametrize("marks", ["none", "learned here", "all"])
@pytest.mark.parametrize(("example", "name"), [("homelab", "pve01"), ("mixed", "rtr01")])
def test_a_filter_permits_in_the_rules_what_it_permits_in_frr(
    example: str, name: str, marks: str, frr_root: Callable[[str], Path]
) -> None:
    host = next(found for found in plan_of(example).hosts if found.name == name)
    filters, probes = Filters(host.policy), _probes(host)
    both = sorted(filters.community_list(EXPORTED))
    communities = {"none": (), "learned here": tuple(both[:1]), "all": tuple(both)}[marks]
    policy = _POLICY.findall(bundle_of(example, name).text(FRR_CONF))
    with ScratchFrr(frr_root("10.3"), hostname=name, daemons=("bgpd",)) as frr:
        frr.load("\n".join(["frr defaults datacenter", *policy, *_originated(probes, communities), ""]))
        everything = set(probes)
        for _ in range(20):
            if _permitted(frr, "PROBE") == everything:
                break
            time.sleep(0.25)
        assert _permitted(frr, "PROBE") == everything
        for route_map in host.policy.route_maps:
            expected = {
                probe for probe in probes if filters.apply(route_map.name, route_of(probe, *communities)) is not None
            }
            assert _permitted(frr, route_map.name) == expected, route_map.name
