"""Plan -> text: the configuration of a guest's own speaker, for BIRD 2 and for FRR.

What it says and takes is decided in ``trellis.plan.speakers``; how the file reaches a machine in
``trellis.render.cloud_init`` and in Talos's documents.  Talos's own speaker is a document and has no text.

A packet for a pod that is not there must end on its node, instead of circling by the default (incident I4).  BIRD
gives the kernel a route for that, worse than any other.  FRR cannot: zebra has one metric for all that it installs,
20, which beats Cilium's IPv6 routes of the same prefix (1024), and it does not see routes of protocol ``kernel``, as
Cilium's are.  So beside FRR it is the machine that has these routes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from trellis.plan.speakers import Range, SpeakerPlan
from trellis.render.stanzas import Stanzas

LEARNED_METRIC = 32
"""Metric of what BIRD gives the kernel, its own default; better than the route that a machine boots with."""

DISCARD_METRIC = 65535
"""Metric of what ends on a node: worse than all that Cilium (0 and 1024), people and installers give their routes."""


@dataclass(frozen=True, slots=True)
class _Family:
    """What a speaker does of one family, as its template writes it."""

    version: int
    keyword: str
    imports: tuple[str, ...]
    announces: tuple[str, ...]
    pods: tuple[str, ...]
    handed_over: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Map:
    """A route-map of FRR with an entry for each family of which its prefix-list has something."""

    name: str
    keywords: tuple[str, ...]


def speaker_text(plan: SpeakerPlan) -> str:
    """Return the configuration of a guest's speaker: bird.conf or frr.conf.

    A key of its session is not in it: its placeholder is (``trellis.agent.vault``).

    Args:
        plan: What the speaker does.

    Returns:
        The file's text.

    Raises:
        ValueError: The speaker is Talos's own.
    """
    if plan.kind == "bird2":
        return Stanzas().fill(
            "guest/bird.conf.j2",
            speaker=plan,
            families=_families(plan, bird_pattern),
            learned_metric=LEARNED_METRIC,
            discard_metric=DISCARD_METRIC,
            discards=bool(plan.pods or plan.cilium),
        )
    if plan.kind == "frr":
        families = _families(plan, frr_match)
        maps = (
            _Map("FROM-GATEWAY", tuple(family.keyword for family in families if family.imports)),
            _Map("TO-GATEWAY", tuple(family.keyword for family in families if family.announces)),
        )
        return Stanzas().fill("guest/frr.conf.j2", speaker=plan, families=families, maps=maps)
    raise ValueError(f"{plan.guest}: {plan.kind} is configured by documents of Talos, not by a text")


def bird_pattern(found: Range) -> str:
    """Return a range as BIRD's prefix pattern: itself, or the lengths inside it.

    Args:
        found: The range.
    """
    return found.prefix if found.exact else f"{found.prefix}{{{found.shortest},{found.longest}}}"


def frr_match(found: Range) -> str:
    """Return a range as an entry of FRR's prefix-lists, as FRR prints it.

    Args:
        found: The range.
    """
    if found.exact:
        return found.prefix
    own, most = int(found.prefix.partition("/")[2]), 32 if found.version == 4 else 128
    from_ = f" ge {found.shortest}" if found.shortest > own else ""
    to = f" le {found.longest}" if found.longest < most or not from_ else ""
    return f"{found.prefix}{from_}{to}"


def _families(plan: SpeakerPlan, written: Callable[[Range], str]) -> tuple[_Family, ...]:
    addresses = {prefix for prefix in plan.own if prefix not in plan.pods}
    return tuple(
        _Family(
            version=version,
            keyword=keyword,
            imports=tuple(written(found) for found in plan.imports if found.version == version),
            announces=tuple(written(found) for found in plan.announces if found.version == version),
            pods=tuple(prefix for prefix in plan.pods if (6 if ":" in prefix else 4) == version),
            handed_over=tuple(
                written(found)
                for found in plan.announces
                if found.version == version and not (found.exact and found.prefix in addresses)
            ),
        )
        for version, keyword in ((4, "ip"), (6, "ipv6"))
    )
