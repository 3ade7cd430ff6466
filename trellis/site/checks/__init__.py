"""The rules between nouns, one module per kind of rule.

References are judged first and alone, because the other rules follow them.  Rules about a single value stand
in ``trellis.site.scalars``; rules about the rendered policy stand in ``trellis.plan.rules``.
"""

from __future__ import annotations

from trellis.site.checks import addresses, numbers, references, topology
from trellis.site.model import Site
from trellis.site.refusal import Refusal
from trellis.site.resolved import attached_guests


def check(site: Site) -> tuple[Refusal, ...]:
    """Return every reason to refuse ``site``; none means that it can be planned.

    Args:
        site: A site of the right shape.
    """
    dangling = tuple(references.check(site))
    if dangling:
        return dangling
    guests = attached_guests(site)
    return (
        *topology.check(site, guests),
        *numbers.check(site, guests),
        *addresses.check(site, guests),
    )
