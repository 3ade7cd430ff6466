"""FRR on this host: its daemons, its configuration, and how a new one is put into force. Every call is bounded."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from pathlib import Path

from trellis.agent import costs, interface_lines, vault, veil
from trellis.agent.files import found, write_whole
from trellis.agent.manifest import RUNNING_CONFIG
from trellis.agent.normalise import ConfigLine, difference, shown
from trellis.agent.process import Ended, OutOfTime, run
from trellis.agent.report import Fault, masked, some

DAEMON_FILES = ("/etc/frr/daemons", "/etc/frr/daemons.conf")
"""FRR starts what either of them names; the second is not Proxmox's to rewrite."""

ALWAYS = ("zebra", "mgmtd", "staticd")
"""Daemons that FRR starts on its own account, where the release has them."""

ANSWER_S = 20.0
"""What one question to FRR may take; 0.03 s is usual."""

RESTART_S = 90.0
"""What a restart of all of FRR may take."""

CRASHED_DAEMON_S = 20.0
"""How long a daemon may be gone; watchfrr restarts a crashed one after about 5 s."""

SETTLE_S = 3.0
"""How long FRR may take to print what it was told; daemons get it from mgmtd one after the other."""

_BINARIES = Path("/usr/lib/frr")
_RUN = Path("/run/frr")
_SCRATCH = Path("/run/trellis")


def version() -> str:
    """The installed FRR's version, as MAJOR.MINOR."""
    ended = run([str(_BINARIES / "zebra"), "--version"], ANSWER_S)
    match = re.search(r"version ([0-9]+\.[0-9]+)", ended.out)
    if match is None:
        raise Fault("FRR's version", f"zebra --version says {ended.out[:80]!r}", "install FRR from its packages")
    return match[1]


def alive() -> dict[str, int]:
    """The daemons that answer, with their process ids."""
    ended = run(["vtysh", "-c", "show daemons"], ANSWER_S)
    if ended.status:
        return {}
    return {name: _pid(name) for name in ended.out.split() if name != "watchfrr"}


def needed(daemons: tuple[str, ...]) -> set[str]:
    """The named daemons and those that FRR always runs."""
    return {name for name in ALWAYS if (_BINARIES / name).exists()} | set(daemons)


def enabled() -> set[str]:
    """The daemons that this host's FRR is told to start, now, by any of its files."""
    texts = [file.content.decode(errors="replace") for path in DAEMON_FILES if (file := found(path))]
    pattern = re.compile(r"^\s*([a-z0-9]+d)\s*=\s*[\"']?yes", re.MULTILINE)
    return {name for text in texts for name in pattern.findall(text)} | set(ALWAYS)


def wait_alive(wanted: set[str], within_s: float) -> dict[str, int]:
    """Wait until daemons answer: watchfrr brings a crashed one back within seconds.

    Raises:
        Fault: One does not answer in time.
    """
    deadline = time.monotonic() + within_s
    while not wanted <= (running := alive()).keys():
        if time.monotonic() >= deadline:
            dead = ", ".join(sorted(wanted - running.keys()))
            raise Fault(f"not running: {dead}", "no answer on its vty", _REMEDY_DEAD)
        time.sleep(0.5)
    return running


_REMEDY_DEAD = "see `systemctl status frr` and `journalctl -u frr`; start it, then run again"


def running_config() -> str:
    """What FRR runs, as it prints it, with the placeholders of the secrets that it was given."""
    ended = run(["vtysh", "-c", "show running-config no-header"], ANSWER_S)
    if ended.status:
        raise Fault("show running-config", f"status {ended.status}: {some(ended.complaints)}", _REMEDY_DEAD)
    return vault.hide(ended.out)


def await_running(intent: str, said: list[str]) -> int:
    """Wait until FRR runs what is intended.

    Args:
        intent: The configuration that it is to run.
        said: What FRR said when it got it, which may explain a difference.

    Returns:
        How many lines that are.

    Raises:
        Fault: It runs something else.
    """
    deadline = time.monotonic() + SETTLE_S
    while any(found := difference(intent, running_config())):
        if time.monotonic() >= deadline:
            raise not_as_intended(*found, said)
        time.sleep(0.2)
    return len(intent.splitlines())


def not_as_intended(missing: list[ConfigLine], unexpected: list[ConfigLine], said: list[str]) -> Fault:
    """What to say of a configuration that FRR was given and does not run as it was written."""
    lines = [f"missing: {line}" for line in shown(missing)]
    lines += [f"unexpected: {line}" for line in shown(unexpected)]
    why = f"{some(lines)}{'; FRR said: ' if said else ''}{some(said)}"
    remedy = "FRR took or printed these lines differently: mend what renders them"
    return Fault("the running configuration is not the intended one", why, remedy)


def check_syntax(text: str) -> None:
    """Have FRR read a configuration without applying it.

    Raises:
        Fault: FRR does not know a line, or would leave the file early (a stray `exit`), on which its exit status
            is 0 all the same: any line that it names is a refusal.
    """
    _SCRATCH.mkdir(mode=0o700, exist_ok=True)
    draft = _SCRATCH / "syntax-check.conf"
    write_whole(draft, text.encode())
    try:
        ended = run(["vtysh", "-C", "-f", str(draft)], ANSWER_S)
    finally:
        draft.unlink(missing_ok=True)
    named = [line for line in ended.complaints if line.startswith("line ")]
    if ended.status or named:
        raise Fault("vtysh -C", some(named or ended.complaints) or f"status {ended.status}", _REMEDY_TEXT)


_REMEDY_TEXT = "mend what renders this line; `trellis render` shows the text"


def wait_no_reload(within_s: float) -> None:
    """Wait until nobody else reloads FRR: two at once mix their configurations.

    Raises:
        Fault: Somebody still does.
    """
    deadline = time.monotonic() + within_s
    while others := _running_reloads():
        if time.monotonic() >= deadline:
            why = f"process {', '.join(map(str, others))} has been at it for over {within_s:g} s"
            raise Fault("FRR is being reloaded by somebody else", why, "see whose it is (ps), let it end, run again")
        time.sleep(0.5)


def _running_reloads() -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if any(word.endswith(b"/frr-reload.py") for word in entry.read_bytes().split(b"\0")[:2]):
                found.append(int(entry.parent.name))
    return found


def reload(within_s: float) -> list[str]:
    """Make /etc/frr/frr.conf the running configuration, touching only what differs.

    (For a file of any other name frr-reload.py would have FRR write its running configuration over frr.conf.)

    Returns:
        What FRR said meanwhile: warnings, and why it dropped a line although its exit status is 0.

    Raises:
        Fault: It failed or took too long. FRR may run a part of the new configuration then.
    """
    _make_way(within_s)
    with veil.reload_arguments() as arguments:
        ended = run([str(_BINARIES / "frr-reload.py"), "--reload", *arguments], within_s)
    if ended.status:
        raise Fault("frr-reload.py", _reasons(ended), _REMEDY_TEXT)
    return list(dict.fromkeys(ended.complaints))


def _make_way(within_s: float) -> None:
    """Do first what a reload would do badly: see `trellis.agent.costs` and `trellis.agent.interface_lines`."""
    target = found(RUNNING_CONFIG)
    if target is None:
        return
    running, wanted = running_config(), target.content.decode(errors="replace")
    if commands := costs.in_place(running, wanted):
        ended = _tell(commands, within_s)
        if ended.status:
            raise Fault("OSPF's costs", _reasons(ended), _REMEDY_TEXT)
    for commands in interface_lines.taken_away(running, wanted):
        _tell(commands, within_s)  # what FRR refuses of it, the reload tries again, and says why it fails


def _tell(commands: tuple[str, ...], within_s: float) -> Ended:
    return run(["vtysh", *(word for command in commands for word in ("-c", command))], within_s)


def start_missing(within_s: float) -> None:
    """Have FRR's own unit start daemons that its files newly enable, and stop those they no longer do.

    `systemctl reload frr` gives watchfrr its new list: measured with FRR 10.3, it starts the new daemons and leaves
    the others, their processes and their sessions alone. (It also reloads frr.conf, but with exit status 0 whatever
    comes of it, so `reload` still has to follow.) A restart would end every session; started by hand a daemon would
    live outside of the unit.
    """
    try:
        ended = run(["systemctl", "reload", "frr"], within_s)
    except OutOfTime:
        _end_reload_of_unit()
        raise
    if ended.status:
        raise Fault("systemctl reload frr", some(ended.complaints), _REMEDY_DEAD)


def _end_reload_of_unit() -> None:
    """End what systemd runs for a reload, with its children: it would go on applying a configuration given up."""
    answer = run(["systemctl", "show", "--property=ControlPID", "--value", "frr"], ANSWER_S).out.strip()
    doomed = [int(answer)] if answer.isdigit() and int(answer) > 1 else []
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # pid (name) state parent ...; a name may hold spaces and brackets.
            parents[int(entry.parent.name)] = int(entry.read_text().rpartition(")")[2].split()[1])
    for pid in doomed:
        doomed += [child for child, parent in parents.items() if parent == pid]
    for pid in doomed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def restart(within_s: float = RESTART_S) -> None:
    """Start FRR anew from its files: the last resort, which ends every session."""
    ended = run(["systemctl", "restart", "frr"], within_s)
    if ended.status:
        raise Fault("systemctl restart frr", some(ended.complaints), _REMEDY_DEAD)


def _pid(daemon: str) -> int:
    try:
        return int((_RUN / f"{daemon}.pid").read_text())
    except (OSError, ValueError):
        return 0


def _reasons(ended: Ended) -> str:
    """The lines of a failed reload that say why, or its last ones."""
    telling = [line for line in ended.complaints if "%" in line or "rror" in line or "ailed" in line]
    return f"status {ended.status}: {some(telling or [masked(line) for line in ended.complaints[-5:]])}"
