"""Getting a host ready: seeing that it has what is counted on, and giving it its loopbacks. Before SDN is applied.

Proxmox looks for a node's VTEP among the addresses in /etc/network/interfaces, at each SDN apply and on all nodes at
once; so the loopbacks come before it, and everything else after it, by `commit`. Nothing is removed here: an address
that an earlier commit gave stays on the device until the next one.
"""

from __future__ import annotations

import contextlib

from trellis.agent import files, freeze, loopbacks, outside, state
from trellis.agent.ground import Loopbacks
from trellis.agent.host import refuse_another_host, refuse_another_proxmox
from trellis.agent.lock import held_lock
from trellis.agent.manifest import Preparation
from trellis.agent.report import Fault, Report


def prepare(wanted: Preparation, report: Report) -> None:
    """Make a host ready for its manifest, or say why it is not; the report says how that ended.

    Args:
        wanted: What it is to have.
        report: Where steps, outcome and fault go; the outcome is `refused` until something has changed.
    """
    try:
        with contextlib.ExitStack() as stack:
            with report.step("lock") as step:
                step.detail = stack.enter_context(held_lock())
            with report.step("frozen"):
                freeze.refuse_if_frozen("prepare")
            with report.step("host"):
                refuse_another_host(wanted.host)
                state.prepare()
            with report.step("preconditions"):
                outside.refuse_unless_ready(wanted.preconditions, wanted.loopbacks, wanted.kind)
            if wanted.base is not None:
                _look_ahead(wanted, report)
            if wanted.loopbacks is None:
                report.outcome = "unchanged"
            else:
                _give(wanted.loopbacks, wanted.kind, report)
    except Fault as fault:
        report.fail_once(fault)


def _look_ahead(wanted: Preparation, report: Report) -> None:
    from trellis.agent import between  # noqa: PLC0415 - hosts with Proxmox alone need it

    with report.step("in-between state") as step:
        if wanted.pve_version is not None:
            refuse_another_proxmox(wanted.pve_version, wanted.pve_network)
        step.detail = between.expect_after_sdn(wanted)


def _give(wanted: Loopbacks, kind: str, report: Report) -> None:
    from trellis.agent import release  # noqa: PLC0415 - no commit needs it

    with report.step("stage files") as step:
        # A commit that was cut off may have left its own copy of the old file; it counts as the old one.
        files.take_back([loopbacks.INTERFACES])
        new = loopbacks.file_to_write(wanted, kind)
        changed = [new] if new else []
        files.stage(changed)
        step.detail = f"{len(changed)}"
    earlier = loopbacks.before(wanted)
    release.remember_ground(wanted)
    try:
        with report.step("loopbacks") as step:
            files.publish(changed)
            orders = loopbacks.bring_up(wanted, frozenset())
            step.detail = "; ".join(orders) or "as they were"
    except Fault:
        report.outcome = "broken"
        with report.step("restore"):
            files.take_back([loopbacks.INTERFACES])
            loopbacks.put_back(earlier)
        report.outcome = "restored"
        raise
    files.settle([loopbacks.INTERFACES])
    report.outcome = "applied" if changed or orders else "unchanged"
