"""In which order hosts are changed: the canary alone, then batches; hosts in maintenance not at all.

What happens within a host's own change is the agent's (``trellis.agent``); how the order becomes dependencies, and
confirmations that are withheld, is ``components.rollout``'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trellis.site.model import Site
from trellis.site.resolved import by_id


@dataclass(frozen=True, slots=True)
class RolloutPlan:
    """The order of a run.

    Attributes:
        batches: Names of hosts, each batch after the one before it; the first is the canary's.
        maintenance: Hosts that are left out, with why.
        on_failure: What becomes of hosts that are done when a later one fails.
        confirm_within_s: Seconds that a host waits for its confirmation before it takes its change back.
        sessions_within_s: Seconds that sessions may take to be up again.
    """

    batches: tuple[tuple[str, ...], ...]
    maintenance: tuple[tuple[str, str], ...]
    on_failure: Literal["keep", "roll_back"]
    confirm_within_s: int
    sessions_within_s: int


def rollout(site: Site) -> RolloutPlan:
    """Return the order in which the hosts of ``site`` are changed.

    Args:
        site: A site that was accepted.
    """
    wanted, ordered = site.rollout, by_id(site, site.hosts)
    maintenance = tuple((name, why) for name in ordered if (why := site.hosts[name].maintenance) is not None)
    hosts = [name for name in ordered if site.hosts[name].maintenance is None]
    first = [name for name in hosts if name == (wanted.canary or hosts[0])]
    rest = [name for name in hosts if name not in first]
    size = wanted.batch_size
    batches = (tuple(first), *(tuple(rest[start : start + size]) for start in range(0, len(rest), size)))
    batches = tuple(batch for batch in batches if batch)
    return RolloutPlan(
        batches=batches,
        maintenance=maintenance,
        on_failure=wanted.on_failure,
        # Where nobody is confirmed before all have applied, the first host waits for every batch behind it.
        confirm_within_s=wanted.confirm_within_s * (max(1, len(batches)) if wanted.on_failure == "roll_back" else 1),
        sessions_within_s=wanted.sessions_within_s,
    )
