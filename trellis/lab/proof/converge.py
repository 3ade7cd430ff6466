"""Waiting until a twin has converged, by looking at what is cheap to look at.

The edges are asked first: they run on this machine itself, and a guest's route arrives there only when its session,
its host's underlay and the edge's session all stand.  The hosts are asked when the edges have everything.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from trellis.lab.errors import LabError
from trellis.lab.evidence import Evidence, Question
from trellis.lab.processes import Say
from trellis.lab.proof import ask, peering, routing
from trellis.lab.proof.fabric import VERSIONS, Fabric
from trellis.lab.proof.prove import ask_twin, fabric_of, questions
from trellis.lab.proof.row import Chapter
from trellis.lab.proof.spoken import routes

if TYPE_CHECKING:
    from trellis.lab.twin import Twin

_PAUSE_S = 1.0
_SHOWN = 4
"""How many of the things that are missing are named."""
_SESSIONS: Sequence[Chapter] = (peering.mesh, peering.edges, peering.guests, peering.bfd)
"""BFD too: it comes up some seconds behind the session that it watches."""


class NotConvergedError(LabError):
    """The time is up and something is still missing; `missing` names all of it."""

    def __init__(self, missing: Sequence[str], limit_s: float) -> None:
        super().__init__(
            "the fabric has not converged",
            why=f"after {limit_s:g} s there are missing: {'; '.join(missing)}",
            remedy="trellis lab shell HOST, then vtysh: `show bgp vrf all summary`, `show ip ospf neighbor`",
        )
        self.missing = tuple(missing)


def wait_until_converged(twin: Twin, say: Say, limit_s: float = 180) -> float:
    """Wait until all routes are at the edges by the right next hops, all sessions are Established, and BFD is up.

    Args:
        twin: The twin, its guests started.
        say: Takes progress: what is missing, whenever that changes.
        limit_s: Seconds to wait at most; OSPF alone takes 40 on a segment.

    Returns:
        Seconds that it took.

    Raises:
        NotConvergedError: The time is up.
    """
    began, said = time.monotonic(), ""
    while missing := _missing(twin):
        waited = time.monotonic() - began
        if waited > limit_s:
            raise NotConvergedError(missing, limit_s)
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        if (now := f"{'; '.join(missing[:_SHOWN])}{more}") != said:
            say(f"  {waited:3.0f} s, waiting for {now}")
            said = now
        time.sleep(_PAUSE_S)
    return time.monotonic() - began


def _missing(twin: Twin) -> list[str]:
    fabric = fabric_of(twin)
    tables = [ask.all_routes(edge, version) for edge in sorted(fabric.site.edges) for version in VERSIONS]
    lacking = list(missing_at_edges(fabric, ask_twin(twin, tables)))
    if lacking:
        return lacking
    asked: tuple[Question, ...] = questions(fabric, _SESSIONS)
    evidence = ask_twin(twin, asked)
    rows = (row for chapter in _SESSIONS for row in chapter(fabric, evidence))
    return [f"{row.name}: {row.seen}" for row in rows if row.fails]


def missing_at_edges(fabric: Fabric, evidence: Evidence) -> Iterator[str]:
    """What the edges' tables lack, or have by another next hop."""
    for edge in sorted(fabric.site.edges):
        tables = {version: routes(evidence[ask.all_routes(edge, version)].json()) for version in VERSIONS}
        for name, _, prefix, hops in routing.expected_at_edges(fabric):
            found = tables[prefix.version].get(prefix)
            if found is None:
                yield f"{name} at {edge}"
            elif found.next_hops != hops:
                yield f"{name} at {edge} (now via {', '.join(sorted(map(str, found.next_hops)))})"
