"""The rules between nouns, one module per kind of rule.

References are judged first, because the other rules follow them: what refers to nothing is left out of the rest.
Rules about a single value stand in ``trellis.site.scalars``; rules about the rendered policy stand in
``trellis.plan.rules``, and about the text that hosts get in ``trellis.render.sound``.
"""

from __future__ import annotations

from trellis.site.checks import (
    addresses,
    bootstrap,
    cluster_ips,
    clusters,
    delegated,
    distance,
    edges,
    isolation,
    lists,
    machines,
    numbers,
    peering,
    ranges,
    references,
    rollout,
    topology,
)
from trellis.site.model import Site
from trellis.site.refusal import Refusal
from trellis.site.resolved import attached_guests


def dangling(site: Site) -> tuple[Refusal, ...]:
    """Return a refusal for each name in ``site`` that points at nothing.

    Args:
        site: A site of the right shape.
    """
    return tuple(references.check(site))


def check(site: Site) -> tuple[Refusal, ...]:
    """Return every reason to refuse ``site``; none means that it can be planned.

    Args:
        site: A site of the right shape, whose references hold.
    """
    guests = attached_guests(site)
    return (
        *topology.check(site, guests),
        *rollout.check(site),
        *numbers.check(site, guests),
        *peering.check(site, guests),
        *addresses.check(site, guests),
        *clusters.check(site, guests),
        *bootstrap.check(site),
        *machines.check(site, guests),
        *cluster_ips.check(site),
        *ranges.check(site),
        *delegated.check(site),
        *distance.check(site),
        *edges.check(site),
        *lists.check(site),
        *isolation.check(site, guests),
    )
