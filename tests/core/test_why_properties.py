"""Whatever the site and whatever the route: `trellis why` says of it what the plan's own filters do, and why."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from random import Random

from hypothesis import strategies as st

from tests.core.generated import site_of
from tests.counted import Cases
from trellis.plan import plan as plan_for
from trellis.plan.rules.filters import Filters
from trellis.reach.fabric import Fabric
from trellis.reach.why import Question, Said, Why, questions, why
from trellis.site import load_site

ROUTES = 40
"""Routes that are judged on one site."""

AnyNetwork = IPv4Network | IPv6Network


def speakers(fabric: Fabric) -> list[str]:
    """Return who may speak: guests, and on each open VNet an address that nobody declared."""
    strangers = [
        str(ip_network(vnet.subnets[0])[200])
        for vnet in fabric.plan.vnets
        if vnet.peering is not None and vnet.peering.mode == "open" and fabric.zones[vnet.zone].hosts
    ]
    return [*fabric.guests, *(name for name in strangers if ip_address(name) not in fabric.guests_by_address)]


def drawn(draw: Random, fabric: Fabric, guest: str) -> Question:
    """Return a route that a guest may announce, or one near it, or of somebody else, with a path and communities."""
    plan, prefix = fabric.plan, _prefix(draw, fabric, guest)
    odd = [*plan.infrastructure_asns, *(planned.guest.asn for planned in plan.guests), 65200, 65299, 64496]
    path = tuple(draw.choice(odd) for _ in range(draw.choice([0, 0, 0, 1, 2])))
    marks = ["65000:1", "65000:2", "65000:100", "65000:101", "65000:200", f"{plan.asn}:0:200", "rt:65000:4097"]
    communities = tuple(draw.sample(marks, draw.choice([0, 0, 1, 3])))
    (asked,) = questions(fabric, guest, str(prefix), Said(path, communities))
    return asked


def _prefix(draw: Random, fabric: Fabric, guest: str) -> AnyNetwork:
    plan, planned = fabric.plan, fabric.guests.get(guest)
    ranges = [ip_network(outer) for vnet in plan.vnets if vnet.peering for outer in vnet.peering.ranges]
    own = [ip_network(found.prefix) for found in planned.speaker.announces] if planned is not None else ranges
    taken = [ip_network(inner) for vnet in plan.vnets if vnet.peering for inner in vnet.peering.taken]
    others = [ip_network(found.prefix) for other in plan.guests for found in other.speaker.announces]
    rest = [ip_network(prefix) for prefix in (*plan.infrastructure, "0.0.0.0/0", "::/0")]
    pools = [pool for pool in (own, own, own, ranges, taken, taken, others, rest) if pool]
    base = draw.choice(draw.choice(pools))
    longest = base.max_prefixlen
    length = draw.choice([base.prefixlen, base.prefixlen, longest, longest, 64, 24, draw.randint(0, longest)])
    length = min(length, longest)
    spare = longest - base.prefixlen
    number = int(base.network_address) | (draw.getrandbits(spare) if spare and draw.random() < 0.5 else 0)
    number = number >> (longest - length) << (longest - length)
    return IPv4Network((number, length)) if base.version == 4 else IPv6Network((number, length))


def test_a_route_stops_exactly_where_the_plans_filters_stop_it_and_is_told_why(cases: Cases) -> None:
    def judged(seed: int) -> Iterator[str]:
        draw = Random(seed)
        fabric = Fabric(plan_for(load_site(site_of(draw, least=1))))
        known = speakers(fabric)
        for _ in range(ROUTES if known else 0):
            asked = drawn(draw, fabric, draw.choice(known))
            found = why(fabric, asked)
            _sound(asked, found)
            yield "arrives" if found.arrives else f"stops: {found.stop.kind if found.stop else 'nowhere'}"

    cases.run(judged, ROUTES, simplify=False, seed=st.integers(0, 2**32))


def _sound(asked: Question, found: Why) -> None:
    stop, filters = found.stop, Filters(asked.host.policy)
    path, inward = found.at("AS path"), found.at("filter in")
    if path is not None:
        assert path.entry.name is None or (path.verdict == "passes") == filters.path_passes(
            path.entry.name, *asked.path
        )
    if inward is not None:
        name = str(inward.entry.name)
        after = filters.apply(name, asked.route)
        assert (inward.verdict == "passes") == (after is not None)
        assert "no entry permits it" not in inward.why, "the filters refuse what no rule does"
        if after is not None:
            assert inward.communities == (*sorted(after.communities), *sorted(after.large))
    if stop is None:
        assert found.arrives
        assert len(found.marks) == 2, "a class, by both kinds of community, and no mark of a host"
    elif stop.kind in ("session", "update", "AS path", "filter in"):
        assert stop.rule in ("R5", "R7", "R8")
        assert stop.remedy
    else:
        # What a host has accepted stops at no filter: only where there is no edge, or a better route of its own.
        assert stop.kind in ("VRF", "edge session"), stop
    assert stop is not found.steps[0]
    assert found.steps[-1].verdict != "warns"
