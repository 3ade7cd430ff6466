"""The guard: notices what others do to a host between our deploys, tells it, and mends what is ours.

Proxmox rewrites frr.conf and FRR's daemons file at each SDN apply, network reload and boot, whoever asked for it
(incidents I1, I2, I12). systemd calls this whenever one of the two changes, after a boot, and every few minutes.
Usually all is as committed, and nothing is written at all. What is not ours (Proxmox's objects, a colleague's line)
is told and stays; our own goes back without a rollback, for what was committed was confirmed when it came.

Deliberately elsewhere: what is ours (`mending`), and how it is put back (`repairs`). A deploy never meets the guard:
it looks without the lock, and takes that to mend alone, for seconds.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from trellis.agent import freeze, frr, repairs, state
from trellis.agent.drain import meant
from trellis.agent.files import write_whole
from trellis.agent.host import differences
from trellis.agent.itself import AGENT_PATH
from trellis.agent.lock import Locked, held_lock, is_held
from trellis.agent.manifest import RUNNING_CONFIG, BadManifest, Manifest
from trellis.agent.repairs import Finding
from trellis.agent.report import SCHEMA_VERSION, Fault, say, some

LOOKS_AGAIN_AFTER_S = 3.0
"""What differs must differ twice, this far apart: Proxmox writes first and reloads after, FRR takes 3 s to settle."""

OTHER_RELOAD_S = 240.0
"""How long somebody else's reload of FRR is waited for; taking 6,000 lines away takes 22 s natively."""

PATIENCE_S = 240.0
"""How long systemd's guard waits for a change under way to end: Proxmox may write beside it, and tells only once."""

LOOKS_AT_MOST = 5
"""Times that it looks while files go on changing: what changes while it works does not start it again."""

RETRY_S = 900.0
"""What could not be mended is tried again after this long, not at each call: a session may hang on each try."""

UNITS = {
    "trellis-guard.path": """[Unit]
Description=Notice that FRR's configuration was rewritten
ConditionPathExists=/etc/frr

[Path]
PathChanged=/etc/frr/frr.conf
PathChanged=/etc/frr/daemons

[Install]
WantedBy=multi-user.target
""",
    "trellis-guard.timer": """[Unit]
Description=Compare this host with what was committed, now and then

[Timer]
# Monotonic both: setting the clock moves neither.
OnBootSec=20s
OnUnitInactiveSec=5min
AccuracySec=5s

[Install]
WantedBy=timers.target
""",
    "trellis-guard.service": f"""[Unit]
Description=Mend what is ours of this host's routing, and tell what is not
ConditionPathExists=/var/lib/trellis/committed.json
# Not after pve-sdn-commit.service: that waits for the cluster's quorum, which may wait for what is mended here.
After=trellis-recover.service frr.service
# A path unit that met a start limit would stay failed.
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart={AGENT_PATH} guard --patience-s {PATIENCE_S:g}
# 1: somebody else's lines are there. That is told, and no failure of this unit.
SuccessExitStatus=1
TimeoutStartSec=600
Nice=5
""",
}
"""The guard's units by file name; those with an [Install] section are enabled and started."""


@dataclass(slots=True)
class Guarded:
    """How a look at the host ended; also what /var/lib/trellis/drift.json holds.

    Attributes:
        digest: What was committed when it was looked at; of another one the document says nothing.
        outcome: `nothing committed`, `skipped` (a change is under way), `same`, `foreign` (only what is not ours
            differs), `repaired`, `frozen` (ours differ, and no deploy is wanted), `failed` (ours still differ).
        ours: In what ours differed.
        foreign: What others have there, or took away.
        repaired: What was done.
        at: When, as UTC.
    """

    digest: str = ""
    outcome: str = "nothing committed"
    ours: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    why: str = ""
    at: str = ""

    @property
    def status(self) -> int:
        """The exit status: 0, 1 for what is not ours, 4 where ours could not be put back."""
        return {"foreign": 1, "frozen": 1, "failed": 4}.get(self.outcome, 0)


def drift_file() -> Path:
    """Where the last look is kept, as long as there was something to tell."""
    return state.HOME / "drift.json"


def guard(patience_s: float = 0.0) -> Guarded:
    """Look at this host, mend what is ours, and remember what there was to tell.

    Args:
        patience_s: How long to wait for a change under way to end.
    """
    deadline = time.monotonic() + patience_s
    while _busy() and time.monotonic() < deadline:
        time.sleep(1)
    for _ in range(LOOKS_AT_MOST):
        before = _stamps()
        guarded = _once()
        if guarded.outcome not in ("same", "foreign") or _stamps() == before:
            break
    return guarded


def _stamps() -> list[tuple[int, int]]:
    """What tells whether somebody has written the files that start the guard."""
    found = [path.stat() for path in map(Path, (RUNNING_CONFIG, *frr.DAEMON_FILES)) if path.exists()]
    return [(status.st_ino, status.st_mtime_ns) for status in found]


def _once() -> Guarded:
    last = state.committed()
    if last is None:
        return Guarded()
    guarded = Guarded(last.digest)
    try:
        manifest = meant(last.manifest)
        _guard(manifest, guarded)
    except BadManifest as bad:
        guarded.outcome, guarded.why = "failed", f"what was committed cannot be read: {bad}"
    except Locked as locked:
        guarded.outcome, guarded.why = "skipped", str(locked)  # between the look and the lock
    except Fault as fault:
        guarded.outcome, guarded.why = "failed", f"{fault}; {fault.remedy}"
    except OSError as error:
        guarded.outcome, guarded.why = "failed", str(error)
    _remember(guarded)
    return guarded


def _guard(manifest: Manifest, guarded: Guarded) -> None:
    if why := _busy():
        guarded.outcome, guarded.why = "skipped", why
        return
    found = _look(manifest)
    if found is not None and found.ours:
        # Proxmox may be between its file and its reload, FRR between the reload and what it prints.
        time.sleep(LOOKS_AGAIN_AFTER_S)
        found = _look(manifest)
    if found is None or not (found.ours or found.foreign):
        # Nothing at all, or what an SDN apply was computed to make until the commit that follows it.
        guarded.outcome = "same"
        return
    guarded.ours, guarded.foreign = found.ours, found.foreign
    if not found.ours:
        guarded.outcome = "foreign"
    elif why := _busy():
        guarded.outcome, guarded.why = "skipped", why
    elif why := _frozen():
        guarded.outcome, guarded.why = "frozen", why
    elif _failed_just_now(guarded):
        guarded.outcome, guarded.why = "failed", "it was tried before, and is tried again later"
    else:
        _mend(manifest, guarded)


def _look(manifest: Manifest) -> Finding | None:
    frr.wait_no_reload(OTHER_RELOAD_S)
    repairs.bring_frr_up()
    found = differences(manifest)
    return repairs.finding(manifest, found) if found else None


def _mend(manifest: Manifest, guarded: Guarded) -> None:
    with held_lock(about="guard"):
        last = state.committed()
        if last is None or last.digest != manifest.digest or state.under_way() is not None:
            guarded.outcome, guarded.why = "skipped", "something else was committed meanwhile"
            return
        left, before = _look(manifest), None
        # FRR's lock may be somebody's for a part of it: as long as less is left than before, it is tried again.
        while left is not None and (before is None or (left.ours and len(left.ours) < before)):
            before = len(left.ours)
            repaired, problems = repairs.mend(manifest, left)
            guarded.repaired += repaired
            guarded.why = "; ".join(problems)
            left = _look(manifest)
    guarded.foreign = left.foreign if left else []
    if left is not None and left.ours:
        guarded.outcome = "failed"
        guarded.why = f"still: {some(left.ours)}{'; ' if guarded.why else ''}{guarded.why}"
    else:
        guarded.outcome = "repaired"


def _busy() -> str:
    """Why this is no moment to look: somebody of ours is at work, or left work behind that is another unit's."""
    if is_held():
        return "another run holds this host's lock"
    if state.under_way() is not None:
        return "a change is under way"
    return ""


def _frozen() -> str:
    """Why nothing may change this host now."""
    found = freeze.frozen()
    return f"frozen: {found}" if found else ""


def _failed_just_now(guarded: Guarded) -> bool:
    earlier = _remembered()
    if earlier.get("outcome") != "failed" or earlier.get("digest") != guarded.digest:
        return False
    age_s = time.time() - drift_file().stat().st_mtime
    return earlier.get("ours") == guarded.ours and 0 <= age_s < RETRY_S


def _remember(guarded: Guarded) -> None:
    """Keep what there is to tell, and write it to the journal once; a host that is as committed has no document."""
    if guarded.outcome == "skipped":
        return
    if guarded.outcome == "same":
        if drift_file().exists():
            drift_file().unlink()
            say("guard: this host is as committed again")
        return
    guarded.at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    document = {"schema_version": SCHEMA_VERSION, **asdict(guarded)}
    earlier = _remembered()
    if {**earlier, "at": "", "why": ""} == {**document, "at": "", "why": ""}:
        return
    write_whole(drift_file(), json.dumps(document, indent=2).encode())
    parts = (
        ("ours", guarded.ours),
        ("done", guarded.repaired),
        ("not ours, left as it is", guarded.foreign),
        ("why", [guarded.why] if guarded.why else []),
    )
    said = "; ".join(f"{what}: {some(lines)}" for what, lines in parts if lines)
    say(f"guard: {guarded.outcome}: {said}")


def _remembered() -> dict[str, object]:
    try:
        found = json.loads(drift_file().read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
