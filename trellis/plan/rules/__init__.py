"""The design's rules as functions over a plan: what must hold whoever wrote the site.

A site that was accepted never breaks one; a defect of ours can.  Each rule judges what filters and sessions do (see
``filters``), independently of the modules that made them.  What only the text can tell (R1, and parts of R10, R13
and R14) stands in ``trellis.render.rules``; what only traffic can tell is the lab's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from trellis.plan.model import HostPlan, Plan
from trellis.plan.rules.exits import (
    r2_own_guests_only,
    r3_mesh_carries_defaults_only,
    r5_infrastructure_stays,
    r6_own_default_wins,
)
from trellis.plan.rules.guests import (
    r7_own_prefixes_only,
    r8_listen_where_enabled,
    r10_real_default,
    r11_class_of_each_route,
)
from trellis.plan.rules.isolation import r12_filters_know_everybody
from trellis.plan.rules.sessions import r9_primary_source, r13_no_advertisements, r14_all_defined
from trellis.plan.rules.tables import r4_default_alone_enters_a_vrf, r12_zones_apart
from trellis.plan.rules.violation import Violation

Rule = Callable[[Plan, HostPlan], Iterator[Violation]]


def _r12_isolated(plan: Plan, host: HostPlan) -> Iterator[Violation]:
    yield from r12_zones_apart(plan, host)
    yield from r12_filters_know_everybody(plan, host)


RULES: dict[str, Rule] = {
    "R2": r2_own_guests_only,
    "R3": r3_mesh_carries_defaults_only,
    "R4": r4_default_alone_enters_a_vrf,
    "R5": r5_infrastructure_stays,
    "R6": r6_own_default_wins,
    "R7": r7_own_prefixes_only,
    "R8": r8_listen_where_enabled,
    "R9": r9_primary_source,
    "R10": r10_real_default,
    "R11": r11_class_of_each_route,
    "R12": _r12_isolated,
    "R13": r13_no_advertisements,
    "R14": r14_all_defined,
}
"""Every rule that a plan can be judged by, under the name that the design gives it."""

__all__ = ["RULES", "Rule", "Violation", "violations"]


def violations(plan: Plan) -> tuple[Violation, ...]:
    """Return every place where ``plan`` breaks a rule, sorted; none for a plan that may be rendered.

    Args:
        plan: The plan to judge.
    """
    return tuple(sorted({found for host in plan.hosts for rule in RULES.values() for found in rule(plan, host)}))
