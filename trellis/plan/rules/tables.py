"""R4 and R12: what crosses between the tables of a host, and between zones; what filters let pass is ``isolation``'s.

An unfiltered leak in both directions broke guest sessions within a minute when it was measured; two zones that
import from each other are one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from trellis.plan.model import HostPlan, Plan
from trellis.plan.rules import expected
from trellis.plan.rules.filters import Filters, route_of
from trellis.plan.rules.speakers import vrf_instances
from trellis.plan.rules.violation import Violation

_REACHED = "what is announced in one zone would be reached from the other"


def r4_default_alone_enters_a_vrf(plan: Plan, host: HostPlan) -> Iterator[Violation]:
    """Yield where more than the default, and what the site accepts from an edge, enters a VRF from the global table."""
    filters, allowed = Filters(host.policy), expected.upstream(plan)
    for instance in vrf_instances(host):
        for family in instance.families:
            if not family.import_vrfs:
                continue
            where = f"{instance.vrf}, {family.name}"
            passed = ({None} if family.import_map is None else filters.spans(family.import_map)) - allowed
            if passed:
                what = f"{where}: {family.import_map or 'no filter'} lets in {len(passed)} ranges beside the default"
                yield Violation("R4", host.name, what, "routes of guests come back by other hosts, and sessions end")
            default = expected.DEFAULTS[family.name != "ipv4 unicast"]
            if filters.apply(family.import_map, route_of(default)) is None:
                yield Violation("R4", host.name, f"{where}: the default is kept out", "guests would have no way out")


def r12_zones_apart(plan: Plan, host: HostPlan) -> Iterator[Violation]:
    """Yield where a zone's table takes routes of another zone."""
    for instance in vrf_instances(host):
        for family in instance.families:
            for name in set(family.import_vrfs) - {"default"}:
                yield Violation("R12", host.name, f"{instance.vrf}, {family.name}: imports {name}", _REACHED)
    own = {vrf.name for vrf in host.vrfs}
    for family in host.bgp[0].families:
        for name in set(family.import_vrfs) - own:
            yield Violation("R12", host.name, f"the global table imports {name}, which is not carried here", _REACHED)
        if family.import_vrfs and family.import_map is None:
            yield Violation("R12", host.name, "the global table imports VRFs without a filter", _REACHED)
    targets = [(vrf.route_target, f"VRF {vrf.name}") for vrf in host.vrfs]
    targets += [(vnet.route_target, f"VNet {vnet.name}") for vnet in plan.vnets]
    yield from _shared(host, "route target", targets)
    vnis = [(str(vrf.l3vni), f"VRF {vrf.name}") for vrf in host.vrfs]
    yield from _shared(host, "VNI", [*vnis, *((str(vnet.vni), f"VNet {vnet.name}") for vnet in plan.vnets)])


def _shared(host: HostPlan, noun: str, claims: Iterable[tuple[str, str]]) -> Iterator[Violation]:
    holders: dict[str, str] = {}
    for value, claimant in claims:
        holder = holders.setdefault(value, claimant)
        if holder != claimant:
            yield Violation("R12", host.name, f"{claimant} and {holder} share the {noun} {value}", _REACHED)
