"""Leaving a host: the configuration from before the first deploy, by the same transaction as any change.

Each file and each kernel parameter goes back to what the oldest backup that knows it holds; files of ours that were
not there go. /etc/network/interfaces is edited by others too, so only the stanza of the loopbacks goes back there.
What `trellis install` brought stays (the agent, its user, its units, which do nothing on a host that holds nothing of
ours) until `trellis uninstall`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from trellis.agent import backups, drain, files, frr, loopbacks, state, units, vault
from trellis.agent.backups import Backup
from trellis.agent.files import Found, write_whole
from trellis.agent.ground import NOTHING_NEEDED, Loopbacks
from trellis.agent.interfaces import stanza_of, with_stanza
from trellis.agent.manifest import ManagedFile, Manifest, UnitReload, parse
from trellis.agent.report import Fault
from trellis.agent.target import Target

CONFIRM_WITHIN_S = 60.0
"""How long a change by an operator waits for its confirmation where the manifest names no time."""


def remember_ground(wanted: Loopbacks) -> None:
    """Before this host is given loopbacks for the first time: write down how their interface was.

    That comes before the first commit and so before any backup: Proxmox needs them for its SDN.
    """
    if state.committed() is not None or _ground() is not None:
        return
    text = _text(loopbacks.INTERFACES)
    stanza = stanza_of(text, wanted.interface) if text is not None else ()
    content = {"device": loopbacks.before(wanted), "stanza": list(stanza)}
    write_whole(_ground_file(), json.dumps(content, indent=1).encode())


def forget_ground() -> None:
    """The host was released: its loopbacks are as they were."""
    _ground_file().unlink(missing_ok=True)


def target() -> Target:
    """What this host held and ran before the first deploy.

    Raises:
        Fault: Nothing of ours is in force here, or what was before is not known any more.
        BadManifest: What was committed cannot be read by this agent.
    """
    last = state.committed()
    if last is None:
        why = "nothing was ever committed here, or the host was released already"
        raise Fault("nothing of ours is in force on this host", why, "there is nothing to give back")
    _refuse_pending_network()
    manifest = parse(last.manifest)
    kept = [backups.read(number) for number in backups.numbers()]
    first = next((backup for backup in kept if backup.number == last.first), kept[0] if kept else None)
    if first is None:
        raise Fault("no backup", "the one from before the first deploy is gone", f"see {state.HOME}/backup")
    # What this host was sent of secrets is ours: no backup's copy of it comes back.
    # Neither does a drain, whatever the oldest backup that is left knows of one.
    was = {**_earliest_files(kept, manifest), str(vault.STORE): None, str(drain.FILE): None}
    ground = _ground()
    given_back = [found.as_wanted(path) for path, found in was.items() if found is not None]
    given_back += _interfaces(manifest, ground)
    readers = _readers(manifest, kept, was)
    device = ground["device"] if ground else first.outside.get("loopbacks")
    return Target(
        replace(
            manifest,
            digest=hashlib.sha256(f"release {last.digest} {first.number}".encode()).hexdigest(),
            frr_version=frr.version(),
            pve_version=None,
            daemons=_daemons(was),
            files=tuple(given_back),
            running=first.running,
            sysctls=None,
            units_changed_reload=readers,
            nftables=None,
            units=(),
            preconditions=NOTHING_NEEDED,
            loopbacks=None,
            confirm_within_s=manifest.confirm_within_s or CONFIRM_WITHIN_S,
            # Our sessions end: that is what is asked for.
            sessions_within_s=None,
            base=None,
        ),
        text=None,
        why="release",
        absent=tuple(path for path, found in was.items() if found is None),
        units_off=dict.fromkeys(manifest.units, units.OFF)
        | {
            reader.unit: tuple(_earliest_units(kept).get(reader.unit, units.OFF))
            for reader in manifest.units_changed_reload
            if reader not in readers
        },
        over_drift=True,
        sysctls=_earliest_sysctls(kept),
        loopbacks=device,
    )


def _earliest_files(kept: list[Backup], manifest: Manifest) -> dict[str, Found | None]:
    """Each file that we ever wrote, as the oldest backup that knows it has it; none where it was not there."""
    was: dict[str, Found | None] = {}
    for backup in kept:
        for path, found in backup.files().items():
            was.setdefault(path, found)
    was.pop(loopbacks.INTERFACES, None)
    for file in manifest.files:
        was.setdefault(file.path, None)
    return was


def _readers(manifest: Manifest, kept: list[Backup], was: Mapping[str, Found | None]) -> tuple[UnitReload, ...]:
    """Units that read files before the first deploy, too, and go on with those."""
    earlier = _earliest_units(kept)
    return tuple(
        reader
        for reader in manifest.units_changed_reload
        if earlier.get(reader.unit) == [] and all(was.get(path) is not None for path in reader.paths)
    )


def _earliest_units(kept: list[Backup]) -> dict[str, list[str]]:
    """What each unit was not, as the oldest backup that knows it has it."""
    found: dict[str, list[str]] = {}
    for backup in kept:
        found = {**backup.outside.get("units", {}), **found}
    return found


def _earliest_sysctls(kept: list[Backup]) -> dict[str, str]:
    values: dict[str, str] = {}
    for backup in kept:
        values = {**backup.sysctls, **values}
    return values


def _daemons(was: Mapping[str, Found | None]) -> tuple[str, ...]:
    """The daemons that FRR starts by the files that it gets back."""
    texts = []
    for path in frr.DAEMON_FILES:
        found = was[path] if path in was else files.found(path)
        texts.append(found.content.decode(errors="replace") if found else "")
    names = {name for text in texts for name in re.findall(r"^\s*([a-z0-9]+d)\s*=\s*[\"']?yes", text, re.MULTILINE)}
    return tuple(sorted(names))


def _interfaces(manifest: Manifest, ground: dict[str, Any] | None) -> list[ManagedFile]:
    """/etc/network/interfaces without what we wrote into it; nothing where that is nothing."""
    actual = files.found(loopbacks.INTERFACES)
    if manifest.loopbacks is None or ground is None or actual is None:
        return []
    text = actual.content.decode(errors="surrogateescape")
    name, stanza = manifest.loopbacks.interface, tuple(ground["stanza"])
    if stanza_of(text, name) == stanza:
        return []
    new = with_stanza(text, name, stanza).encode(errors="surrogateescape")
    return [replace(actual, content=new).as_wanted(loopbacks.INTERFACES)]


def _refuse_pending_network() -> None:
    if Path(loopbacks.PENDING).exists():
        raise Fault(
            loopbacks.PENDING,
            "there are network changes that nobody has applied yet, and they hold our stanza too",
            "apply or revert them in Proxmox's GUI (node, System, Network), then run again",
        )


def _ground_file() -> Path:
    return state.HOME / "ground.json"


def _ground() -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(_ground_file().read_text())
    except (FileNotFoundError, ValueError):
        return None
    return content


def _text(path: str) -> str | None:
    actual = files.found(path)
    return actual.content.decode(errors="surrogateescape") if actual else None
