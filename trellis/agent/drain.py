"""A drain: a host that others no longer send through, by lines over what was committed, until it is undrained.

BGP's graceful shutdown (RFC 8326) makes what this host announces the last choice of edges and other hosts, and OSPF's
costs keep everybody else's packets off its links; its own addresses and guests stay reachable. The lines are no part
of a manifest: whatever is committed, compared or mended while the host is drained is read through `meant`, so a deploy
keeps the drain, the guard mends it, and its lines are nobody's edit. The notice is a file of the transaction that
brings the lines, and comes, stays and goes with them.

Deliberately elsewhere: putting it into force (`operate`, by the transaction), and what is forwarded (`transit`).
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from trellis.agent.costs import COST
from trellis.agent.freeze import Notice
from trellis.agent.manifest import RUNNING_CONFIG, ManagedFile, Manifest, parse

FILE = Path("/var/lib/trellis/drained.json")
"""Where the notice is, for root alone."""

HIGHEST_COST = 65535
"""OSPF's highest cost of a link (RFC 2328, 16 bits)."""

_CONFIGS = (RUNNING_CONFIG, "/etc/frr/frr.conf.local")
_ROUTER = re.compile(r"router bgp [0-9]+")


@dataclass(frozen=True, slots=True)
class Drained(Notice):
    """A drain.

    Attributes:
        sessions: The fabric's neighbours with an Established session when it began.
        adjacent: The OSPF neighbours that it had, each as `FAMILY ROUTER-ID INTERFACE`.
        moved: The guests that were moved away for it.
    """

    sessions: tuple[str, ...] = ()
    adjacent: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()

    def as_file(self) -> ManagedFile:
        """The notice as a file of a change."""
        lines = tuple(json.dumps(asdict(self), indent=2).splitlines())
        return ManagedFile(str(FILE), 0o600, "root", "root", lines)


def drained() -> Drained | None:
    """The drain that holds now, or nothing."""
    try:
        text = FILE.read_text()
    except FileNotFoundError:
        return None
    try:
        found: Any = json.loads(text)
        return Drained(**{**found, **{name: tuple(found[name]) for name in ("sessions", "adjacent", "moved")}})
    except (ValueError, TypeError, KeyError):
        # Somebody drained this host, whatever became of the words.
        return Drained("its reason cannot be read", "unknown", "unknown")


def meant(text: str) -> Manifest:
    """Read a manifest as this host is to hold it now: with the drain's lines over it while the host is drained.

    Raises:
        BadManifest: It is none.
    """
    manifest = parse(text)
    return overlaid(manifest) if drained() is not None else manifest


def overlaid(manifest: Manifest) -> Manifest:
    """A manifest with a drain's lines; its digest stays that of what was asked for.

    Every cost of a link is raised by the same number, to 65535 at most: this host's own choice among its links stays
    as it is, and to everybody else each way through it costs more than one around it.

    Args:
        manifest: As it was read.
    """
    costs = [int(found[3]) for file in manifest.files if file.path in _CONFIGS for found in _costs(file)]
    raised = HIGHEST_COST - max(costs, default=HIGHEST_COST)
    files = (_overlaid(file, raised) if file.path in _CONFIGS else file for file in manifest.files)
    return replace(manifest, files=tuple(files))


def _costs(file: ManagedFile) -> list[re.Match[str]]:
    return [found for line in file.lines if (found := COST.fullmatch(line))]


def _overlaid(file: ManagedFile, raised: int) -> ManagedFile:
    lines: list[str] = []
    for line in file.lines:
        cost = COST.fullmatch(line)
        lines.append(f"{cost[1]}{int(cost[3]) + raised}" if cost else line)
        if _ROUTER.fullmatch(line):
            lines.append(" bgp graceful-shutdown")
    return replace(file, lines=tuple(lines))
