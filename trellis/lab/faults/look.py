"""What a host holds and runs at one moment, as the lab's own way in shows it; two moments can be compared.

Nothing of the agent is asked: what judges it is written beside it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from trellis.lab.faults.change import Change
from trellis.lab.ssh import Access

UNDER_WAY = "/var/lib/trellis/under-way.json"
_STATE = "/var/lib/trellis/committed.json"

# One process on the host gathers everything: each one costs 0.1 s on its kernel.
_GATHER = r"""
import glob, hashlib, json, os, subprocess
def text(*argv):
    done = subprocess.run(argv, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else ""
def held(path):
    with open(path, "rb") as file:
        content = file.read()
    status = os.stat(path)
    return [hashlib.sha256(content).hexdigest(), f"{status.st_mode & 0o7777:04o}", status.st_uid, status.st_gid,
            status.st_mtime_ns]
def read(path):
    try:
        return json.loads(open(path).read())
    except (OSError, ValueError):
        return None
places = ["/etc/frr/*", "/etc/frr/.*", "/etc/trellis/*", "/etc/sysctl.d/90-trellis*", "/etc/network/interfaces",
          "/etc/systemd/system/trellis*", "/etc/systemd/system/frr.service.d/*"]
files = {path: held(path) for place in places for path in glob.glob(place) if os.path.isfile(path)}
pids = {path.split("/")[-1][:-4]: open(path).read().strip() for path in glob.glob("/run/frr/*.pid")}
last, change = read("STATE"), read("UNDER_WAY")
units = text("systemctl", "list-units", "--all", "--plain", "--no-legend", "trellis-take-back*").split("\n")
print(json.dumps({
    "files": files,
    "config": open("/etc/frr/frr.conf").read() if os.path.isfile("/etc/frr/frr.conf") else "",
    "running": text("vtysh", "-c", "show running-config no-header"),
    "pids": pids,
    "committed": last["digest"] if last else "",
    "manifest": last["manifest"] if last else "",
    "under_way": change["digest"] if change else "",
    "armed": [line.split()[0] for line in units if " waiting " in line or " running " in line],
    "backups": sorted(os.path.basename(path) for path in glob.glob("/var/lib/trellis/backup/*")),
    "bgp": text("vtysh", "-c", "show bgp vrf all summary json"),
}))
""".replace("STATE", _STATE).replace("UNDER_WAY", UNDER_WAY)


@dataclass(frozen=True, slots=True)
class HostState:
    """A host at one moment.

    Args:
        files: What the agent may own, by path: SHA-256, mode, user, group, time of last change in ns.
        config: The text of frr.conf.
        running: What FRR runs, as it prints it.
        pids: FRR's daemons with their process ids.
        committed: Digest of what was last committed; empty if nothing was.
        manifest: Its text.
        under_way: Digest of a change that has begun and not ended; empty if there is none.
        armed: Units of a rollback timer that wait or run.
        backups: Numbers of the backups that are kept.
        sessions: BGP sessions that are Established, as VRF and peer -> how often they have come up.
    """

    files: Mapping[str, tuple[str, str, int, int, int]]
    config: str
    running: str
    pids: Mapping[str, str]
    committed: str
    manifest: str
    under_way: str
    armed: tuple[str, ...]
    backups: tuple[str, ...]
    sessions: Mapping[str, int]


def look(access: Access, host: str) -> HostState:
    """See what a host holds and runs now.

    Raises:
        LabError: The lab can't get in.
    """
    raw = json.loads(access.run(host, ["nsenter", "--target=1", "--mount", "python3", "-I", "-"], stdin=_GATHER).stdout)
    return HostState(
        files={path: tuple(held) for path, held in sorted(raw["files"].items())},
        config=raw["config"],
        running=raw["running"],
        pids=raw["pids"],
        committed=raw["committed"],
        manifest=raw["manifest"],
        under_way=raw["under_way"],
        armed=tuple(raw["armed"]),
        backups=tuple(raw["backups"]),
        sessions=dict(_established(json.loads(raw["bgp"] or "{}"))),
    )


def _established(vrfs: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for vrf, families in vrfs.items():
        for family in families.values() if isinstance(families, dict) else ():
            for address, peer in family.get("peers", {}).items() if isinstance(family, dict) else ():
                if peer.get("state") == "Established":
                    yield f"{vrf} {address}", int(peer.get("connectionsEstablished", 0))


def changes(before: HostState, after: HostState) -> list[str]:
    """In what a host's configuration is another one than before: files byte for byte, what FRR runs, what is committed.

    When a file was written does not count: one that was put back is as it was.
    """
    found = [
        f"{path} {'is gone' if path not in after.files else 'is new' if path not in before.files else 'is another one'}"
        for path in sorted({*before.files, *after.files})
        if before.files.get(path, ())[:4] != after.files.get(path, ())[:4]
    ]
    gone, new = running_changes(before.running, after.running)
    found += [f"FRR runs no longer: {line}" for line in gone[:3]] + [f"FRR runs besides: {line}" for line in new[:3]]
    if before.committed != after.committed:
        found.append(f"committed is {after.committed[:12] or 'nothing'}, was {before.committed[:12] or 'nothing'}")
    return found + unfinished(after)


def unfinished(state: HostState) -> list[str]:
    """What tells that a change has not ended on a host."""
    found = [f"a change to {state.under_way[:12]} is still under way"] if state.under_way else []
    return found + [f"{unit} is still armed" for unit in state.armed]


def lacking(change: Change, state: HostState) -> list[str]:
    """What keeps a change from being in force on a host, whole."""
    problems = unfinished(state)
    if change.digest and state.committed != change.digest:
        problems.append(f"committed is {state.committed[:12]}, not {change.digest[:12]}")
    problems += [f"frr.conf does not say: {line}" for line in change.lines if line not in state.config]
    return problems + [f"FRR does not run: {line}" for line in change.lines if line not in state.running]


def running_changes(before: str, after: str) -> tuple[list[str], list[str]]:
    """Lines of a running configuration that went and that came, each with the block that it stands in."""
    old, new = list(_placed(before)), list(_placed(after))
    return sorted(set(old) - set(new)), sorted(set(new) - set(old))


def _placed(text: str) -> Iterator[str]:
    block: list[str] = []
    for line in text.splitlines():
        words = line.strip()
        if not words or words.startswith(("!", "exit", "Building", "Current configuration", "end")):
            continue
        depth = len(line) - len(line.lstrip())
        block = [*block[:depth], words]
        yield " > ".join(block)
