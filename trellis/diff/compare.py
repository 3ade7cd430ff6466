"""Puts together what differs between two plans."""

from __future__ import annotations

from dataclasses import replace

from trellis.diff.filters import filter_changes, in_order
from trellis.diff.hunks import hunks
from trellis.diff.model import SCHEMA_VERSION, Diff
from trellis.diff.nouns import noun_changes
from trellis.diff.outputs import edge_texts, output_changes
from trellis.diff.redundancy import failures, reserves
from trellis.diff.rollout import Bundles, host_changes, texts_of
from trellis.diff.routes import route_changes
from trellis.diff.sessions import session_changes
from trellis.plan.firewall_model import FirewallPlan
from trellis.plan.model import Plan
from trellis.render import FRR_CONF, FRR_CONF_LOCAL, render


def diff(before: Plan, after: Plan, *, at_any_size: bool = False) -> Diff:
    """Return what changes for whom between two plans.

    Args:
        before: The plan as it was.
        after: The plan as it will be.
        at_any_size: Consider failures also where that takes minutes.

    Raises:
        SiteRefused: If no host may get what one of the plans says (`trellis.render.render`).
    """
    bundles = _bundles(before), _bundles(after)
    judged = failures(before, after, at_any_size=at_any_size)
    edges = sorted({edge.name for plan in (before, after) for edge in plan.edges})
    was, will = (_texts(plan, own) for plan, own in zip((before, after), bundles, strict=True))
    _leave_out_what_stands_in_the_effective_one(was, will)
    return Diff(
        schema_version=SCHEMA_VERSION,
        nouns=noun_changes(before, after),
        sessions=session_changes(before, after),
        filters=filter_changes(before, after),
        routes=route_changes(before, after),
        hosts=host_changes((before, after), bundles),
        sdn=before.sdn != after.sdn,
        on_failure=after.rollout.on_failure,
        outputs=output_changes(before, after),
        reserves=reserves(before, after),
        failures=judged.failures,
        judged=judged.count,
        not_judged=judged.not_judged,
        hunks=hunks(was, will, (*in_order(before, after), *edges)),
    )


def nothing(like: Plan) -> Plan:
    """Return the plan of a site in which there is nothing yet: what a new one is compared with.

    Args:
        like: The other side; what has no "nothing" is as there.
    """
    empty = replace(like.rollout, batches=(), maintenance=())
    return Plan(
        site_name="",
        asn=like.asn,
        sdn=None,
        hosts=(),
        edges=(),
        vnets=(),
        guests=(),
        clusters=(),
        infrastructure=(),
        infrastructure_asns=(),
        firewall=FirewallPlan((), (), (), ()),
        zones=(),
        links=(),
        rollout=empty,
    )


def _bundles(plan: Plan) -> Bundles:
    return {bundle.host: bundle for bundle in render(plan)}


_Texts = dict[tuple[str, str], str]


def _texts(plan: Plan, bundles: Bundles) -> _Texts:
    of_hosts = {(name, path): text for name, own in bundles.items() for path, text in texts_of(own).items()}
    return of_hosts | edge_texts(plan)


def _leave_out_what_stands_in_the_effective_one(was: _Texts, will: _Texts) -> None:
    """Leave our part of a configuration out where the whole, as it is after Proxmox's merge, differs as well."""
    for key in [key for key in {*was, *will} if key[1] == FRR_CONF_LOCAL]:
        whole = key[0], FRR_CONF
        if was.get(whole) != will.get(whole):
            was.pop(key, None)
            will.pop(key, None)
