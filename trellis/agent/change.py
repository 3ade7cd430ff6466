"""A change: the moves that put a target in force on a host, and what they find on the way.

Each is one step of a transaction, which gives their order, times them, and takes everything back when one fails.
"""

from __future__ import annotations

from collections.abc import Mapping

from trellis.agent import accepted, backups, files, frr, outside, recovery, sessions, state, sysctl, units, vault
from trellis.agent.host import differences, file_differences, wanted_sysctls
from trellis.agent.limits import TAKE_BACK_S, Limit, change_s
from trellis.agent.manifest import ManagedFile
from trellis.agent.recovery import DROP_INS
from trellis.agent.report import Fault, some
from trellis.agent.sessions import Sessions
from trellis.agent.target import Target


class Change:
    """One target on its way into force.

    Attributes:
        changed: Files that are not as they are to be.
        absent: Files that are there and are to go.
    """

    def __init__(self, target: Target) -> None:
        """Nothing is looked at yet."""
        self.target = target
        self.manifest = target.manifest
        self.changed: list[ManagedFile] = []
        self.absent: list[str] = []
        self.enabled_before: set[str] = set()
        self._sysctls: list[sysctl.Setting] = []
        self._given_before: frozenset[str] = frozenset()
        self._sessions = Sessions()
        self._said: list[str] = []
        self._pids: dict[str, int] = {}
        self._limit = Limit(self.manifest.timeout_s)

    @property
    def paths(self) -> list[str]:
        """The files that it replaces or removes."""
        return [*(file.path for file in self.changed), *self.absent]

    def look(self) -> str:
        """See what there is to be set; raises a Fault where the kernel lacks a parameter."""
        back = [sysctl.Setting(key, value, optional=True) for key, value in self.target.sysctls.items()]
        self._sysctls = [*back, *wanted_sysctls(self.manifest)]
        self._given_before = outside.given_before()
        absent = sysctl.absent(self._sysctls)
        return f"no device yet for {', '.join(absent)}" if absent else ""

    def back_up(self) -> backups.Backup:
        """Keep what the host holds and runs, and see which files change."""
        beside = [*outside.file_to_write(self.manifest), *self.target.beside]
        wanted, ran = [*self.manifest.files, *beside], frr.running_config()
        if self.target.secrets is not None:
            # What ran was read with the values of before; all that is compared from here on has the new ones.
            vault.change_to(self.target.secrets)
            beside = [*beside, _store(self.target.secrets)]
            wanted = [*wanted, *beside[-1:]]
        actual = {path: files.found(path) for path in [*(file.path for file in wanted), *self.target.absent]}
        self.changed = [file for file in self.manifest.files if file_differences(self.manifest, file)] + beside
        self.absent = [path for path in self.target.absent if actual[path] is not None]
        if self.manifest.sessions_within_s is not None:
            found_now = sessions.now()
            self._sessions = found_now.of_fabric() if self.target.guests_leave else found_now
        found = outside.before(self.manifest)
        if self.target.loopbacks is not None:
            found["loopbacks"] = outside.loopbacks_now(self.target.loopbacks)
        found["units"] |= units.lacking(tuple(self.target.units_off))
        why = f"{self.target.why}: before {self.manifest.digest}"
        return backups.take(actual, ran, sysctl.earlier(self._sysctls), found, why)

    def stage(self) -> str:
        """Write every new file beside the old one."""
        files.stage(self.changed)
        return f"{len(self.changed)} to write, {len(self.absent)} to remove"

    def begin(self, before: backups.Backup) -> None:
        """From here on something changes: whoever comes later can take it back."""
        self._limit = Limit(self.manifest.timeout_s)
        state.begin(self._under_way(before, state.APPLYING, None))

    def await_confirmation(self, before: backups.Backup) -> None:
        """Everything is in force: from here on it may be confirmed."""
        state.begin(self._under_way(before, state.AWAITING, state.clock()))

    def _under_way(self, before: backups.Backup, phase: str, since_s: float | None) -> state.UnderWay:
        over_at_s = state.clock() + change_s(self.manifest) + TAKE_BACK_S
        boot = state.this_boot()
        return state.UnderWay(self.manifest.digest, before.number, self.paths, phase, boot, since_s, over_at_s)

    def give_loopbacks(self) -> str:
        """Make the device of the loopbacks as wanted, or as it was before the first deploy."""
        if self.target.loopbacks is not None:
            outside.put_back_loopbacks({"loopbacks": self.target.loopbacks})
            return "as before the first deploy"
        return outside.give_loopbacks(self.manifest, self._given_before)

    def start_daemons(self) -> str:
        """Put the files in place that say which daemons run, and start those.

        New daemons start under the old frr.conf. Under a new one they alone would get its `frr defaults`, FRR would
        print both profiles, and frr-reload.py would see nothing to do (measured with FRR 10.3).
        """
        units.put_back({unit: list(lacks) for unit, lacks in self.target.units_off.items()})
        files.publish([file for file in self.changed if _about_daemons(file.path)])
        files.remove(path for path in self.absent if _about_daemons(path))
        recovery.reread_units(self.paths)
        needed = frr.needed(self.manifest.daemons)
        missing = needed - frr.alive().keys()
        if not missing and frr.enabled() == self.enabled_before:
            return "all run"
        frr.start_missing(self._limit.left())
        frr.wait_alive(needed, self._limit.left(frr.CRASHED_DAEMON_S))
        return f"started {', '.join(sorted(missing)) or 'none'}"

    def replace_files(self) -> str:
        """Put all other files in place, and take out those that are to go."""
        files.publish([file for file in self.changed if not _about_daemons(file.path)])
        files.remove(path for path in self.absent if not _about_daemons(path))
        gone = f"; removed {', '.join(self.absent)}" if self.absent else ""
        return f"{', '.join(file.path for file in self.changed) or 'none'}{gone}"

    def set_parameters(self) -> str:
        """Set the kernel parameters that are not as wanted."""
        return f"{sysctl.load(self._sysctls)} set"

    def load_table(self) -> str:
        """The host's table and its unit, before FRR gets new routes: no packet may pass between zones meanwhile."""
        return "; ".join([outside.load_table(self.manifest), *units.bring_up(self.manifest.units)])

    def reload(self) -> str:
        """Have FRR run the intended configuration."""
        self._pids = frr.alive()
        made_way = accepted.make_way(self._sessions, self.manifest.intent) if self._sessions.dynamic else ""
        if self.manifest.running is None:
            self._said = frr.reload(self._limit.left())
        else:
            self._said = recovery.reload_text(self.manifest.running, self._limit.left())
        return made_way

    def refuse_crashed(self) -> None:
        """Raise a Fault when a daemon is gone, or is another process than before the reload."""
        now = frr.wait_alive(frr.needed(self.manifest.daemons), self._limit.left(frr.CRASHED_DAEMON_S))
        crashed = sorted(name for name in self._pids.keys() & now.keys() if self._pids[name] != now[name])
        if crashed:
            why = "ended after it got the new configuration, and was started again"
            raise Fault(f"{', '.join(crashed)} crashed", why, "see `journalctl -u frr`; report the crash to FRR")

    @property
    def readers(self) -> list[str]:
        """The units that read files of ours."""
        return [reader.unit for reader in self.manifest.units_changed_reload]

    def have_read(self, unit: str) -> str:
        """Have a unit run on the files that it reads: come up, or read them again where one has changed.

        Guests are told of a prefix after FRR has its routes, and not before.
        """
        [paths] = [reader.paths for reader in self.manifest.units_changed_reload if reader.unit == unit]
        done = units.bring_up((unit,))
        if f"start {unit}" not in done and set(paths) & set(self.paths):
            units.reload(unit)
            done.append(f"reload {unit}")
        return "; ".join(done) or "as it was"

    def refuse_other_configuration(self) -> str:
        """Raise a Fault unless FRR runs what is intended, and nothing else."""
        return f"{frr.await_running(self.manifest.intent, self._said)} lines as intended"

    def refuse_differences(self) -> None:
        """Raise a Fault unless everything is as it is to be."""
        self.refuse_crashed()
        found = differences(self.manifest)
        left = [f"{path} is still there" for path in self.target.absent if files.found(path) is not None]
        if found or left:
            why = f"{found}: {some([*left, *found.details()])}"
            raise Fault("the host is not as the manifest says", why, "see who else changes it")

    def await_sessions(self, before: backups.Backup) -> str:
        """Wait for the sessions that were up before."""
        return sessions.await_back(
            self._sessions, before.running, self.manifest.intent, self.manifest.sessions_within_s or 0
        )

    def settle(self) -> None:
        """It stands: drop what would have been put back."""
        files.settle(self.paths)


def _store(secrets: Mapping[str, str]) -> ManagedFile:
    """The host's secrets as a file of the change, which goes and comes back with the others."""
    lines = tuple(vault.stored_text(secrets).splitlines())
    return ManagedFile(str(vault.STORE), 0o600, "root", "root", lines)


def _about_daemons(path: str) -> bool:
    return path.startswith((*frr.DAEMON_FILES, DROP_INS))
