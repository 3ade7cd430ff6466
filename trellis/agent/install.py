"""Putting the agent on a host, which root does once: from then on the deploy user runs it by sudo, and nothing else.

The agent that runs this installs itself, with what it needs: the deploy user with its keys, the rule that lets it run
this one file as root, and our units. The user owns nothing, not even its home: it cannot give itself another key.
Neither command runs by way of that rule; `trellis install` has them run on root's own connection (trellis/cli).
What the host runs, and what was committed, is not touched here.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from trellis.agent import files, guard, recovery, state, units, vault, veil
from trellis.agent.itself import AGENT_PATH, own_text
from trellis.agent.lock import held_lock
from trellis.agent.manifest import ManagedFile
from trellis.agent.process import run
from trellis.agent.report import Fault, Report, some

FOLDER = str(Path(AGENT_PATH).parent)
HOME = f"{FOLDER}/login"
"""The deploy user's home; root's, as all in it."""

OBSERVER = "trellis-observe"
"""Who may have the agent tell what it sees, and nothing else."""

OBSERVER_HOME = f"{FOLDER}/observer"

SUDOERS = "/etc/sudoers.d/trellis"
UNITS: dict[str, str] = {**recovery.UNITS, **guard.UNITS}
"""Our units: file name -> text. Those with an [Install] section are enabled; paths and timers are started, too."""

ANSWER_S = 30.0
"""What one call of useradd, visudo or sudo may take; 0.1 s is usual."""

_KEYS = f"{HOME}/.ssh/authorized_keys"
_OBSERVER_KEYS = f"{OBSERVER_HOME}/.ssh/authorized_keys"
_UNIT_FOLDER = "/etc/systemd/system"
_RECORD = "installed.json"
_KEY = re.compile(r"(?:sk-)?(?:ssh-(?:ed25519|rsa)|ecdsa-sha2-nistp\d+)(?:@openssh\.com)? [A-Za-z0-9+/]+={0,3}")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")

_RULE = """\
# Trellis: the deploy user runs the agent as root, and nothing else. Written by `trellis install`.
Defaults!{agent} !use_pty, !requiretty, !pam_session
{user} ALL=(root) NOPASSWD: {agent}
"""

# Not by sudo's wildcards: `*` matches blanks too, and `freeze --reason x --owner observe` would pass for observing.
_OBSERVER_RULE = """\
# Who observes: one command with its options, and nothing else. sudo knows expressions since 1.9.10.
{observer} ALL=(root) NOPASSWD: {agent} ^--agent [0-9a-f]{{64}} observe( --[a-z-]+( [0-9.]+)?)*$
"""


@dataclass(frozen=True, slots=True)
class _Installed:
    """What an earlier installation left here."""

    user: str
    paths: tuple[str, ...]


def install(user: str, keys: list[str], report: Report, observer_keys: list[str] | None = None) -> None:
    """Install this agent, or upgrade the one that is there; what is as it should be is left alone.

    Args:
        user: The deploy user; made if there is none.
        keys: The public keys that it logs in with, in place of those of an earlier installation; none keeps those.
        report: Where steps, outcome and fault go.
        observer_keys: The same of who observes; without any, now or earlier, there is no such user.
    """
    try:
        with contextlib.ExitStack() as stack:
            _begin(report, stack)
            with report.step("deploy user"):
                keys, observing = keys or _present_keys(_KEYS), observer_keys or _present_keys(_OBSERVER_KEYS)
                _refuse_unusable(user, HOME, keys)
                if observing:
                    _refuse_unusable(OBSERVER, OBSERVER_HOME, observing)
            _install(user, keys, observing, report)
    except Fault as fault:
        report.fail_once(fault)


def uninstall(report: Report) -> None:
    """Take away what `install` brought; configuration, history and backups stay.

    Args:
        report: Where steps, outcome and fault go.
    """
    try:
        with contextlib.ExitStack() as stack:
            _begin(report, stack)
            earlier = _installed()
            if earlier is None:
                report.outcome = "unchanged"
                return
            report.outcome = "broken"
            with report.step("units"):
                _end_units(earlier.paths)
            with report.step("files"):
                for path in earlier.paths:
                    Path(path).unlink(missing_ok=True)
                units.systemctl("daemon-reload")
            with report.step("deploy user"):
                _remove_user(earlier.user)
                _remove_user(OBSERVER)
                shutil.rmtree(FOLDER, ignore_errors=True)
            with report.step("secrets"):
                # FRR's files keep those that it uses; nobody is left to whom the agent's own copy would be of use.
                vault.STORE.unlink(missing_ok=True)
                shutil.rmtree(veil.FOLDER, ignore_errors=True)
            (state.HOME / _RECORD).unlink()
            report.outcome = "applied"
    except Fault as fault:
        report.fail_once(fault)


def _begin(report: Report, stack: contextlib.ExitStack) -> None:
    with report.step("lock") as step:
        # Neither may change under a commit, nor under one that somebody still has to take back.
        step.detail = stack.enter_context(held_lock())
    with report.step("caller"):
        if os.environ.get("SUDO_COMMAND", "").startswith(AGENT_PATH):
            raise Fault("install", "the deploy user cannot install or remove the agent", "run `trellis install`")
        if (change := state.under_way()) is not None:
            why = f"the change to {change.digest[:12]} is neither committed nor taken back"
            raise Fault("a change is under way", why, "deploy again, which takes it back, then install")
    state.prepare()
    # What is written here is for others to read: no folder may shut them out.
    os.umask(0o022)


def _present_keys(path: str) -> list[str]:
    """The keys that an earlier installation let in."""
    there = files.found(path)
    lines = there.content.decode(errors="replace").splitlines() if there else []
    return [" ".join(line.split()[1:3]) for line in lines]


def _refuse_unusable(user: str, home: str, keys: list[str]) -> None:
    if not _USER.fullmatch(user) or user == "root":
        raise Fault(
            f"the deploy user {user!r}", "it is root, or no name of a user", "name another in the site: ssh.user"
        )
    if shutil.which("visudo") is None or shutil.which("sudo") is None:
        raise Fault("sudo", "it is not installed, and the deploy user runs the agent by it", "apt-get install sudo")
    bad = [key for key in keys if not _KEY.fullmatch(key)]
    if bad or not keys:
        why = "is none of ssh-ed25519, ecdsa or ssh-rsa" if bad else "none was given"
        raise Fault("the deploy user's public key", why, "give it as `ssh-keygen -y` prints it, without its comment")
    with contextlib.suppress(KeyError):
        there = pwd.getpwnam(user)
        if there.pw_dir != home:
            why = f"it has its own home, {there.pw_dir}, and was not made by trellis"
            raise Fault(f"the user {user} is there already", why, "name another in the site: hosts.NAME.ssh.user")


def _install(user: str, keys: list[str], observing: list[str], report: Report) -> None:
    earlier = _installed()
    rules = _rules(user, observed=bool(observing))
    wanted = _wanted(rules, keys, observing)
    with report.step("stage files") as step:
        files.take_back([file.path for file in wanted])  # of a run that was cut off
        changed = [file for file in wanted if files.differences(file, files.found(file.path))]
        files.stage(changed)
        step.detail = ", ".join(Path(file.path).name for file in changed) or "as they were"
    new_units = [name for name in UNITS if not Path(_UNIT_FOLDER, name).exists()]
    made: list[str] = []
    try:
        with report.step("check sudoers"):
            _check_rules(rules)
        with report.step("make user"):
            made += _make_user(user, HOME, "Trellis deploys")
            made += _make_user(OBSERVER, OBSERVER_HOME, "Trellis observes") if observing else []
        with report.step("replace files"):
            _open_folders([HOME, *([OBSERVER_HOME] if observing else [])])
            files.publish(changed)
        with report.step("units") as step:
            orders = _bring_up_units([Path(file.path).name for file in changed])
            step.detail = "; ".join(orders) or "as they were"
        with report.step("sudo"):
            _refuse_unless_allowed(user)
            if observing:
                _refuse_unless_allowed(OBSERVER, "--agent", "0" * 64, "observe")
    except Fault:
        report.outcome = "broken"
        with report.step("restore"):
            _take_back([file.path for file in wanted], new_units, made)
        report.outcome = "restored"
        raise
    files.settle([file.path for file in wanted])
    with report.step("leftovers") as step:
        step.detail = _clear_leftovers(earlier, user, [file.path for file in wanted])
    report.outcome = "applied" if changed or made or orders or step.detail else "unchanged"


def _rules(user: str, *, observed: bool) -> str:
    """What sudo is told."""
    rules = _RULE.format(agent=AGENT_PATH, user=user)
    return rules + (_OBSERVER_RULE.format(agent=AGENT_PATH, observer=OBSERVER) if observed else "")


def _wanted(rules: str, keys: list[str], observing: list[str]) -> list[ManagedFile]:
    """Every file of an installation, the one that lets somebody in last."""
    texts = [(AGENT_PATH, own_text().decode(), 0o755)]
    texts += [(f"{_UNIT_FOLDER}/{name}", text, 0o644) for name, text in sorted(UNITS.items())]
    texts.append((SUDOERS, rules, 0o440))
    for path, own in ((_OBSERVER_KEYS, observing), (_KEYS, keys)):
        if own:
            texts.append((path, "".join(f"restrict {key} trellis\n" for key in sorted(set(own))), 0o644))
    # Not splitlines: it ends a line at characters, too, that a file may hold in one.
    return [ManagedFile(path, mode, "root", "root", tuple(text.split("\n")[:-1])) for path, text, mode in texts]


def _check_rules(rules: str) -> None:
    """Have sudo read our rules before it is in force: a file that it cannot read locks everybody out of sudo."""
    with tempfile.NamedTemporaryFile("w", suffix=".sudoers") as copy:
        copy.write(rules)
        copy.flush()
        ended = run(["visudo", "-c", "-f", copy.name], ANSWER_S)
    if ended.status:
        raise Fault("the rule for sudo", some(ended.complaints), "report this with the version of sudo")


def _make_user(user: str, home: str, comment: str) -> list[str]:
    """Make a user, if there is none of the name; returns whom it made."""
    with contextlib.suppress(KeyError):
        pwd.getpwnam(user)
        return []
    # The password "*" is one that nobody has; sshd takes the usual "!" for a locked account, which has no keys either.
    _called("useradd", "--system", "--user-group", "--no-create-home", "--home-dir", home, "--shell", "/bin/sh",
            "--password", "*", "--comment", comment, user)  # fmt: skip
    return [user]


def _open_folders(homes: list[str]) -> None:
    """Have the folders of our files be root's, and let their users and sshd read what is in them."""
    for folder in (Path(FOLDER), *(Path(home, inner) for home in homes for inner in ("", ".ssh"))):
        folder.mkdir(parents=True, exist_ok=True)
        os.chown(folder, 0, 0)
        folder.chmod(0o755)


def _bring_up_units(changed: list[str]) -> list[str]:
    """Have systemd know our units, and run those that watch something; returns what that took."""
    orders: list[tuple[str, ...]] = []
    if known := UNITS.keys() & set(changed):
        units.systemctl("daemon-reload")
    lacking = units.lacking(tuple(sorted(UNITS)))
    for name, lacks in lacking.items():
        watches = name.endswith((".path", ".timer"))
        if "[Install]" in UNITS[name] and units.NOT_ENABLED in lacks:
            orders.append(("enable", name))
        if watches and units.NOT_ACTIVE in lacks:
            orders.append(("start", name))
        elif watches and name in changed:
            orders.append(("restart", name))
    for order in orders:
        units.systemctl(*order)
    return [*(["daemon-reload"] if known else []), *(" ".join(order) for order in orders)]


def _refuse_unless_allowed(user: str, *arguments: str) -> None:
    """See that sudo itself says so: its main file may not read ours."""
    ended = run(["sudo", "-n", "-l", "-U", user, AGENT_PATH, *arguments], ANSWER_S)
    if ended.status:
        remedy = "have /etc/sudoers end with `@includedir /etc/sudoers.d`"
        raise Fault(f"sudo does not let {user} run the agent", some(ended.complaints) or "it says no", remedy)


def _take_back(paths: list[str], new_units: list[str], made: list[str]) -> None:
    with contextlib.suppress(Fault):
        units.put_back({name: [units.NOT_ENABLED, units.NOT_ACTIVE] for name in new_units})
    if any(path.startswith(_UNIT_FOLDER) for path in files.take_back(paths)):
        units.systemctl("daemon-reload")
    for user in made:
        _remove_user(user)
    if not Path(AGENT_PATH).exists():
        shutil.rmtree(FOLDER, ignore_errors=True)


def _clear_leftovers(earlier: _Installed | None, user: str, paths: list[str]) -> str:
    """Remove what an earlier installation had and this one does not, and remember this one."""
    stale = [path for path in (earlier.paths if earlier else ()) if path not in paths]
    _end_units(tuple(stale))
    for path in stale:
        Path(path).unlink(missing_ok=True)
    gone = [f"removed {path}" for path in stale]
    if earlier is not None and earlier.user != user:
        _remove_user(earlier.user)
        gone.append(f"removed user {earlier.user}")
    record = json.dumps({"user": user, "paths": paths}).encode()
    if files.found(str(state.HOME / _RECORD)) is None or gone:
        files.write_whole(state.HOME / _RECORD, record)
    return "; ".join(gone)


def _end_units(paths: tuple[str, ...]) -> None:
    names = [Path(path).name for path in paths if path.startswith(_UNIT_FOLDER) and Path(path).exists()]
    units.put_back({name: [units.NOT_ENABLED, units.NOT_ACTIVE] for name in names})


def _remove_user(user: str) -> None:
    with contextlib.suppress(KeyError):
        if pwd.getpwnam(user).pw_dir in (HOME, OBSERVER_HOME):
            _called("userdel", user)


def _installed() -> _Installed | None:
    record = files.found(str(state.HOME / _RECORD))
    if record is None:
        return None
    entry = json.loads(record.content)
    return _Installed(entry["user"], tuple(entry["paths"]))


def _called(*argv: str) -> None:
    ended = run(list(argv), ANSWER_S)
    if ended.status:
        raise Fault(" ".join(argv[:1]), some(ended.complaints), "see /etc/passwd and the journal")
