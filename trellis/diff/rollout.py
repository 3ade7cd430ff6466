"""Which hosts a change touches, in which order, and what reads the new files there."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.diff.filters import in_order
from trellis.diff.model import HostChange
from trellis.diff.nouns import what_of
from trellis.plan.model import Plan
from trellis.render import FRR_CONF, Bundle
from trellis.render.bundle import INTERFACES, RADVD_CONF

Bundles = dict[str, Bundle]


def host_changes(plans: tuple[Plan, Plan], bundles: tuple[Bundles, Bundles]) -> tuple[HostChange, ...]:
    """Return the hosts that get something else, in the order in which they are changed; those that are not, last.

    Args:
        plans: As it was, and as it will be.
        bundles: What each host gets, by its name, in both.
    """
    was, will = bundles
    touched = [name for name in in_order(*plans) if was.get(name) != will.get(name)]
    turns = dict(_turns(plans[1], touched))
    maintenance = dict(plans[1].rollout.maintenance)
    found = (_change(name, was.get(name), will.get(name), turns.get(name), maintenance.get(name)) for name in touched)
    return tuple(sorted(found, key=lambda change: (change.turn is None, change.turn or 0)))


def _turns(plan: Plan, touched: list[str]) -> Iterator[tuple[str, int]]:
    """Yield the turn of each touched host: batches with nobody in them are no turn."""
    batches = ([name for name in batch if name in touched] for batch in plan.rollout.batches)
    for turn, batch in enumerate(filter(None, batches), start=1):
        yield from ((name, turn) for name in batch)


def _change(name: str, old: Bundle | None, new: Bundle | None, turn: int | None, maintenance: str | None) -> HostChange:
    before, after = (texts_of(bundle) for bundle in (old, new))
    files = tuple(path for path in {**before, **after} if before.get(path) != after.get(path))
    own = new or old
    assert own is not None
    readers = {FRR_CONF: "FRR", own.nftables: "nftables", own.sysctls: "sysctl", RADVD_CONF: "radvd"}
    stays = old is not None and new is not None
    daemons = set(old.daemons if old else ()) ^ set(new.daemons if new else ()) if stays else set()
    return HostChange(
        host=name,
        what=what_of(old is not None, new is not None),
        turn=turn,
        maintenance=maintenance,
        reloads=tuple(dict.fromkeys(readers[path] for path in files if path in readers)) if new is not None else (),
        restarts=tuple(sorted(daemons)),
        files=files,
    )


def texts_of(bundle: Bundle | None) -> dict[str, str]:
    """Return the text of each file of a host, our part of a file of others among them.

    Args:
        bundle: What the host gets; None for a host that is not there.
    """
    if bundle is None:
        return {}
    loopbacks = {INTERFACES: bundle.text(INTERFACES)} if bundle.loopbacks is not None else {}
    return {file.path: file.text for file in bundle.files} | loopbacks
