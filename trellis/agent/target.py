"""What a transaction is to bring about, and what asked for it: a deploy, or a way back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trellis.agent import state, units
from trellis.agent.manifest import BadManifest, ManagedFile, Manifest, parse


@dataclass(frozen=True, slots=True)
class Target:
    """What a host is to hold and to run afterwards.

    Attributes:
        manifest: Files, daemons, parameters and limits; of a document, or made out of a backup.
        text: What is recorded as committed; None where nothing of ours holds any more (a release).
        why: The command that asked for it, for history and journal.
        absent: Files that must be gone.
        units_off: Units that must not run any more, or not come up at boot any more: which of it, of each. They are
            stopped before their files go.
        over_drift: Overwrite what somebody edited by hand instead of refusing.
        sysctls: Kernel parameters to put back, by key, beside what the manifest sets.
        loopbacks: The loopbacks' device as a backup saw it, to be put back; None leaves it to the manifest.
        secrets: Name -> value, all that this host is to keep from here on; None leaves them as they are.
        beside: Files of the agent's own that come with the change, and go with it if it is taken back.
        guests_leave: Guests are on their way off this host, and no session with one is waited for. One that asked for
            graceful restart keeps its session for the hold time after it has moved.
    """

    manifest: Manifest
    text: str | None
    why: str = "commit"
    absent: tuple[str, ...] = ()
    units_off: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    over_drift: bool = False
    sysctls: Mapping[str, str] = field(default_factory=dict)
    loopbacks: dict[str, Any] | None = None
    secrets: Mapping[str, str] | None = None
    beside: tuple[ManagedFile, ...] = ()
    guests_leave: bool = False


def deploy(manifest: Manifest, text: str, why: str = "commit", *, over_drift: bool = False) -> Target:
    """A manifest as a target: what the last committed one had and this one has not is to go.

    Args:
        manifest: The manifest, validated.
        text: The same as it was read.
        why: The command that asks for it.
        over_drift: Overwrite what somebody edited by hand.
    """
    last = state.committed()
    try:
        earlier = parse(last.manifest) if last else None
    except BadManifest:  # of an agent that read other fields; its files are not known any more
        earlier = None
    if earlier is None:
        return Target(manifest, text, why, over_drift=over_drift)
    kept = {file.path for file in manifest.files}
    absent = tuple(file.path for file in earlier.files if file.path not in kept)
    off = {unit: units.OFF for unit in earlier.up if unit not in manifest.up}
    return Target(manifest, text, why, absent, off, over_drift)
