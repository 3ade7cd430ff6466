"""Putting back what is ours on a host where others have been, and nothing else; for the guard.

Each part is mended although another one could not be. Files come first, so that whatever is started reads them; new
rules of the firewall come before FRR gets routes. FRR is told the missing lines alone: a reload of the whole file
would take away what others gave it by hand.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from trellis.agent import files, frr, mending, outside, state, sysctl, units, vault
from trellis.agent.files import Found, write_whole
from trellis.agent.host import Differences, wanted_sysctls
from trellis.agent.manifest import RUNNING_CONFIG, ManagedFile, Manifest
from trellis.agent.mending import Split, own_lines, split
from trellis.agent.normalise import ConfigLine, difference, in_order, shown
from trellis.agent.process import Ended, run
from trellis.agent.report import Fault, masked, some

STARTS_S = 60.0
"""How long FRR as a whole may take to answer; Proxmox restarts it where its reload fails, and a boot is busy."""

TELL_S = 60.0
"""What giving FRR the missing lines may take."""

_UNIT_FOLDER = "/etc/systemd/system/"


@dataclass(frozen=True, slots=True)
class Finding:
    """In what a host differs from its manifest, by whose it is.

    Attributes:
        ours: What is to be mended, for people.
        foreign: What is told and stays, for people.
        files: Our files that are to be put back; frr.conf is none of them.
        config: How frr.conf differs; None where it is missing or cut short.
        running: How what FRR runs differs.
        found: What the agent's own comparison says.
    """

    ours: list[str]
    foreign: list[str]
    files: tuple[ManagedFile, ...]
    config: Split | None
    running: Split
    found: Differences


def bring_frr_up() -> None:
    """Wait for FRR, which a boot or others may be starting; start it where it failed.

    Raises:
        Fault: It does not run. One that somebody stopped is not started.
    """
    deadline = time.monotonic() + STARTS_S
    while not frr.needed(()) <= frr.alive().keys():
        now = units.systemctl("show", "--property=ActiveState", "--value", "frr").strip()
        if now == "failed":
            frr.restart()
        elif now == "inactive" or time.monotonic() >= deadline:
            why = "somebody stopped it" if now == "inactive" else f"no answer within {STARTS_S:g} s"
            raise Fault("FRR does not run", why, "see `systemctl status frr`; `systemctl start frr`")
        time.sleep(1)


def finding(manifest: Manifest, found: Differences) -> Finding:
    """Say whose the differences are.

    Args:
        manifest: What was committed.
        found: In what the host differs from it.
    """
    ours = [*(f"{daemon} does not run" for daemon in found.daemons), *found.sysctls, *found.firewall, *found.units]
    foreign: list[str] = []
    for line in found.loopbacks:
        (foreign if line.endswith("which it should not") else ours).append(line)
    back = []
    for path, what in found.files.items():
        if path != RUNNING_CONFIG:
            file = manifest.file(path)
            if added := _only_added(file, what):
                foreign.append(f"{path} has lines of somebody else's: {some(added)}")
            else:
                ours.append(f"{path} ({', '.join(what)})")
                back.append(file)
    config, running = _of_frr(manifest)
    if config is None:
        ours.append(f"{RUNNING_CONFIG} is missing or cut short")
    for where, part in ((RUNNING_CONFIG, config or Split()), ("running", running)):
        ours += [f"{where} lacks: {masked(line)}" for line in shown(list(part.missing))]
        ours += [f"{where} has, in a filter of ours: {masked(line)}" for line in shown(list(part.surplus))]
        foreign += [f"{where} has: {masked(line)}" for line in shown(list(part.foreign))]
        foreign += [f"{where} lacks what Proxmox was to generate: {masked(line)}" for line in shown(list(part.gone))]
    if RUNNING_CONFIG in found.files and manifest.kind != "pve" and config == Split():
        ours.append(f"{RUNNING_CONFIG} ({', '.join(found.files[RUNNING_CONFIG])})")
    return Finding(ours, foreign, tuple(back), config, running, found)


def _of_frr(manifest: Manifest) -> tuple[Split | None, Split]:
    """How frr.conf, and what FRR runs, differ; between an SDN apply and the commit after it, from what that gives."""
    running, actual = frr.running_config(), files.found(RUNNING_CONFIG)
    intent, own = _intent(manifest, running), own_lines(manifest)
    text = _text(actual) if actual else ""
    whole = actual is not None and (manifest.kind != "pve" or mending.is_whole(text))
    return split(intent, own, text) if whole else None, split(intent, own, running, also=text if whole else intent)


def _intent(manifest: Manifest, running: str) -> str:
    expected = state.expected()
    return manifest.intent if expected is None or any(difference(expected, running)) else expected


def _only_added(file: ManagedFile, what: list[str]) -> list[str]:
    """The lines that somebody put into a file of ours; none where anything of ours is not as it was."""
    actual = files.found(file.path)
    if actual is None or what != ["content"]:
        return []
    wanted, have = Counter(file.lines), Counter(actual.content.decode(errors="replace").splitlines())
    return [] if wanted - have else list((have - wanted).elements())


@dataclass(slots=True)
class _Work:
    """What was done, and what failed."""

    done: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def attempt(self, action: Callable[[], str]) -> None:
        """Do one thing, and go on whatever comes of it."""
        try:
            if said := action():
                self.done.append(said)
        except (Fault, OSError) as error:
            self.problems.append(str(error))


def mend(manifest: Manifest, finding: Finding) -> tuple[list[str], list[str]]:
    """Put back what is ours; the caller holds the lock.

    Args:
        manifest: What was committed.
        finding: What is not as it says.

    Returns:
        What was done, and what failed.
    """
    work, found = _Work(), finding.found
    work.attempt(lambda: _put_back([*finding.files, *outside.file_to_write(manifest)]))
    work.attempt(lambda: _mend_file(manifest, finding.config))
    if found.daemons:
        work.attempt(lambda: _start(manifest))
    if found.sysctls:
        work.attempt(lambda: f"{sysctl.load(wanted_sysctls(manifest))} kernel parameter(s) set")
    if found.loopbacks:
        work.attempt(lambda: f"loopbacks: {outside.give_loopbacks(manifest, frozenset())}")
    if found.firewall:
        work.attempt(lambda: f"firewall: {outside.load_table(manifest)}")
    if found.units:
        work.attempt(lambda: "; ".join(units.bring_up(manifest.up)))
    if finding.running.is_ours or found.daemons:
        work.attempt(lambda: _tell(manifest, finding))
    for reload in manifest.units_changed_reload:
        if set(reload.paths) & {file.path for file in finding.files}:
            work.attempt(lambda unit=reload.unit: _told_anew(unit))  # type: ignore[misc]
    return work.done, work.problems


def _put_back(wanted: list[ManagedFile]) -> str:
    if not wanted:
        return ""
    for file in wanted:
        _keep(file.path, files.found(file.path))
    files.stage(wanted)
    files.publish(wanted)
    paths = [file.path for file in wanted]
    files.settle(paths)
    if any(path.startswith(_UNIT_FOLDER) for path in paths):
        units.systemctl("daemon-reload")
    return f"put back {', '.join(paths)}"


def _keep(path: str, found: Found | None) -> None:
    """Keep what was found in the place of a file of ours: somebody may want to know what it was."""
    if found is not None:
        folder = state.HOME / "guard"
        folder.mkdir(mode=0o700, exist_ok=True)
        write_whole(folder / f"{Path(path).name}.found", _text(found).encode())


def _mend_file(manifest: Manifest, config: Split | None, displaced: tuple[ConfigLine, ...] = ()) -> str:
    """Give frr.conf our lines; as committed where nobody else has any in it."""
    wanted, actual = manifest.file(RUNNING_CONFIG), files.found(RUNNING_CONFIG)
    if config is None or actual is None:
        return _put_back([wanted])
    if set(config.foreign) <= set(displaced) and not config.gone:
        differs = config.is_ours or displaced or (manifest.kind != "pve" and files.differences(wanted, actual))
        lines = tuple(_intent(manifest, frr.running_config()).splitlines())
        return _put_back([replace(wanted, lines=lines)]) if differs else ""
    if not config.is_ours and not displaced:
        return ""
    lines = tuple(mending.mended(_text(actual), config, displaced).splitlines())
    return _put_back([ManagedFile(RUNNING_CONFIG, actual.mode, actual.owner, actual.group, lines)])


def _text(found: Found) -> str:
    """A file of FRR's as the agent compares it: with placeholders for secrets."""
    return vault.hide(found.content.decode(errors="replace"))


def _start(manifest: Manifest) -> str:
    needed = frr.needed(manifest.daemons)
    missing = needed - frr.alive().keys()
    frr.start_missing(manifest.timeout_s)
    frr.wait_alive(needed, frr.CRASHED_DAEMON_S)
    return f"started {', '.join(sorted(missing))}"


def _tell(manifest: Manifest, finding: Finding) -> str:
    """Give FRR our lines that it does not run; then a foreign line that had the place of one leaves frr.conf too."""
    before = frr.running_config()
    # Daemons that were started meanwhile have read the file.
    now = _of_frr(manifest)[1]
    if not now.is_ours:
        return ""
    ended = _told(mending.patch(now))
    _drop_displaced(manifest, before)
    left = _of_frr(manifest)[1]
    if left.is_ours:
        raise Fault("FRR", f"does not take what is ours: {some(ended.complaints)}", "see `trellis check`")
    return f"gave FRR {len(now.missing)} line(s), took {len(now.surplus)} out of our filters"


def _told(text: str) -> Ended:
    """Give FRR a text with its secrets filled in, from memory: they stand in no file for it."""
    with os.fdopen(os.memfd_create("trellis"), "wb", buffering=0) as draft:
        draft.write(vault.fill(text.encode()))
        return run(["vtysh", "-f", f"/proc/{os.getpid()}/fd/{draft.fileno()}"], TELL_S)


def _drop_displaced(manifest: Manifest, before: str) -> None:
    """Take those foreign lines out of frr.conf that FRR dropped when it got ours: the next reload would swap them."""
    gone = Counter(in_order(before)) - Counter(in_order(frr.running_config()))
    config = _of_frr(manifest)[0]
    if config is not None and (displaced := tuple(line for line in config.foreign if line in gone)):
        _mend_file(manifest, config, displaced)


def _told_anew(unit: str) -> str:
    units.reload(unit)
    return f"reloaded {unit}"
