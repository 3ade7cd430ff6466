"""What breaks a host, a connection or a run: real causes, each with the fact that shows that it is there.

Most of them are used as a fault's `cause` (before the run) or as its strike's action (in the middle of it).
"""

from __future__ import annotations

import re
import shlex
import subprocess
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from trellis.agent import state
from trellis.agent.itself import AGENT_PATH
from trellis.lab import from_site, network
from trellis.lab.errors import LabError
from trellis.lab.faults import hold
from trellis.lab.faults.fault import Action
from trellis.lab.faults.proofs import journal
from trellis.lab.machine import BOOT_LIMIT_S
from trellis.lab.processes import run

if TYPE_CHECKING:
    from trellis.lab.faults.trial import Trial

CONTROLLER_ADDRESS = "10.10.0.250"
"""Where the controller of the lab is: the site has no host there, so `trellis.lab.from_site` takes it."""

_AWAITING_S = 90.0
_INTO_THE_WAIT_S = 1.0
"""The agent writes that it waits just before it does: a clock that jumped in between would cut nothing short."""


def command(script: str, undo: str = "") -> Action:
    """Run a shell script on the host; each line that it prints is a fact."""

    def act(trial: Trial) -> None:
        if undo:
            trial.afterwards(lambda: trial.sh(undo))
        for line in trial.sh(script).splitlines():
            trial.fact(line)

    return act


def small_file_system(free_kib: int) -> Action:
    """Put /etc on a file system of its own on which that much is free, KiB; its contents stay."""
    script = f"""
    set -e
    size=$(du -sk /etc | cut -f1)
    mkdir -p /run/trellis-lab/etc
    mount -t tmpfs -o size=$((size * 2 + 4096))k small /run/trellis-lab/etc
    cp -a /etc/. /run/trellis-lab/etc/
    free=$(df --output=avail -k /run/trellis-lab/etc | tail -1)
    head -c $(((free - {free_kib}) * 1024)) /dev/zero > /run/trellis-lab/etc/filler
    mount --move /run/trellis-lab/etc /etc || mount --bind /run/trellis-lab/etc /etc
    df -k --output=size,avail,target /etc | tail -1 | sed 's/^/KiB, free, of: /'
    """
    return command(script, undo=_UNMOUNT_ETC)


_UNMOUNT_ETC = """
umount -l /etc
umount -l /run/trellis-lab/etc 2> /dev/null
true
"""


def read_only_etc(trial: Trial) -> None:
    """Remount /etc so that nobody can write to it."""
    script = "mount --bind /etc /etc && mount -o remount,bind,ro /etc && touch /etc/try 2>&1; true"
    command(script, undo="umount -l /etc")(trial)


def kill(*daemons: str) -> Action:
    """Kill daemons of FRR as the kernel would: they have no last word."""
    words = " ".join(daemons)
    script = f"for d in {words}; do p=$(cat /run/frr/$d.pid); kill -9 $p && echo killed $d, process $p; done"
    return command(script)


def dead_for_good(daemon: str) -> Action:
    """Kill a daemon whose program can't be started again, as after half an upgrade: watchfrr tries in vain."""
    program = f"/usr/lib/frr/{daemon}"
    script = f"mount --bind /dev/null {program}; kill -9 $(cat /run/frr/{daemon}.pid); sleep 0.5; ls -l {program}"
    return command(script, undo=f"umount -l {program}; /usr/lib/frr/watchfrr.sh restart {daemon} > /dev/null 2>&1")


def kill_agent(trial: Trial) -> None:
    """Kill the agent that works on the change, as the kernel does when memory runs out."""
    script = r"""
    pid=$(pgrep -f '^[^ ]*python3 .*agent\.py .*commit$' | head -1)
    echo "lock: $(cat /run/lock/trellis.lock)"
    kill -9 $pid && echo "killed the agent, process $pid"
    """
    command(script)(trial)


def let_reload_go(trial: Trial) -> None:
    """Have the held reload go on, before the strike is over."""
    hold.let_go(trial)


def await_confirmation(trial: Trial) -> None:
    """Wait until the change of the host waits for its confirmation; from here on recovery is timed."""
    deadline = time.monotonic() + _AWAITING_S
    while state.AWAITING not in trial.bench.under_way(trial.host):
        if time.monotonic() > deadline:
            why = f"it did not wait for its confirmation within {_AWAITING_S:g} s"
            raise LabError(f"{trial.host}: the change", why=why, remedy="see the agent's steps")
        time.sleep(0.05)
    time.sleep(_INTO_THE_WAIT_S)
    trial.struck()


def boot(trial: Trial) -> None:
    """Start the host again after a power cut, and wait until it is up."""
    machine = trial.bench.lab.machine(trial.host)
    machine.power_on()
    machine.wait_until_booted(time.monotonic() + BOOT_LIMIT_S)
    trial.fact(f"{trial.host}: booted, kernel process {machine.pid()}")


def cut_link(trial: Trial) -> None:
    """Take the controller's cable out until the host has settled: every packet from and to it is lost."""
    fabric, port = network.fabric_namespace(trial.bench.twin.stack), _controllers_port(trial)
    trial.until_settled(lambda: mend_link(trial))
    run(["ip", "-n", fabric, "link", "set", "dev", port, "down"])
    trial.fact(run(["ip", "-n", fabric, "-brief", "link", "show", "dev", port]).stdout)


def mend_link(trial: Trial) -> None:
    """Put the controller's cable back."""
    fabric = network.fabric_namespace(trial.bench.twin.stack)
    run(["ip", "-n", fabric, "link", "set", "dev", _controllers_port(trial), "up"])


def slow_link(trial: Trial) -> None:
    """Make the controller's cable so slow that an upload takes seconds."""
    inside = ["ip", "netns", "exec", trial.bench.controller, "tc", "qdisc"]
    trial.afterwards(lambda: run([*inside, "del", "dev", "eth0", "root"]))
    run([*inside, "add", "dev", "eth0", "root", "tbf", "rate", "100kbit", "burst", "10kb", "latency", "400ms"])


def await_login(trial: Trial) -> None:
    """Wait until the deploy user has logged in."""
    deadline = time.monotonic() + 30
    while not (line := journal("Accepted publickey for")(trial)):
        if time.monotonic() > deadline:
            raise LabError(f"{trial.host}: the deploy user", why="no login within 30 s", remedy="see sshd's journal")
        time.sleep(0.1)
    trial.fact(line)


def count_received(trial: Trial) -> None:
    """See how much of what the controller sends has arrived."""
    shown = run(["ip", "netns", "exec", trial.bench.controller, "ss", "-tinH", "dport = :22"]).stdout
    arrived = max((int(number) for number in re.findall(r"bytes_acked:([0-9]+)", shown)), default=0)
    whole = len(trial.change.text)
    if arrived < whole:
        trial.fact(f"{arrived} bytes have arrived in all, of the manifest's {whole}")


def end_ssh_sessions(trial: Trial) -> None:
    """Kill the sshd processes that serve the deploy user, and with them their connections."""
    user = trial.bench.twin.site.hosts[trial.host].ssh.user
    script = f"pgrep -af '^sshd(-session)?: {shlex.quote(user)}'; pkill -9 -f '^sshd(-session)?: {user}'; true"
    command(script)(trial)


def power_cut(trial: Trial) -> None:
    """Kill the host's kernel; `boot` brings it back."""
    machine = trial.bench.lab.machine(trial.host)
    trial.fact(f"{trial.host}: power cut, kernel process {machine.pid()}")
    machine.power_cut()


def both(*actions: Action) -> Action:
    """One after the other."""

    def act(trial: Trial) -> None:
        for action in actions:
            action(trial)

    return act


def _controllers_port(trial: Trial) -> str:
    """The bridge's end of the controller's cable, named as `trellis.lab.network` does."""
    names: Sequence[str] = [spec.name for spec in trial.bench.lab.topology.namespaces]
    return f"n{names.index(from_site.CONTROLLER)}v0p"


def fill_etc(trial: Trial) -> None:
    """Fill the small file system of `small_file_system` to its last block."""
    command("cat /dev/zero > /etc/filler2 2>/dev/null; df -k --output=size,avail,target /etc | tail -1")(trial)


def hold_config_lock(for_s: int) -> Action:
    """Hold the lock on FRR's configuration from another vtysh, for so many seconds."""
    holder = f"(echo configure terminal file-lock; sleep {for_s}) | vtysh"
    return command(
        f"setsid sh -c '{holder}' > /dev/null 2>&1 & sleep 1; vtysh -c 'configure terminal file-lock' 2>&1; true"
    )


def status(trial: Trial) -> None:
    """See what the agent says of itself."""
    for line in trial.sh(f"python3 {AGENT_PATH} status").splitlines():
        if '"lock"' in line:
            trial.fact(line)


def set_clock(shift: str) -> Action:
    """Set the host's clock, as a wrong time server does; afterwards it is set right."""

    def act(trial: Trial) -> None:
        trial.afterwards(lambda: trial.sh(f"date --set=@{time.time():.3f}"))
        command(f"echo clock: $(date -Is), then $(date -Is --set='{shift}')")(trial)

    return act


def watch_reachability(trial: Trial) -> None:
    """Ask the host from the controller five times a second whether it is there, until the trial is over."""
    address = from_site.ssh_address(trial.bench.twin.site, trial.host)
    inside = ["ip", "netns", "exec", trial.bench.controller]
    seen = trial.bench.lab.state / "reachability.txt"
    with seen.open("w") as file:
        ping = subprocess.Popen([*inside, "ping", "-n", "-D", "-i", "0.2", address], stdout=file)

    def end() -> None:
        ping.kill()
        ping.wait()

    trial.afterwards(end)


def silence(trial: Trial) -> str | None:
    """The longest time without an answer to `watch_reachability`, which is what recovery took."""
    text = (trial.bench.lab.state / "reachability.txt").read_text()
    heard = [float(moment) for moment in re.findall(r"^\[([0-9.]+)\].* bytes from", text, re.MULTILINE)]
    gaps = [after - before for before, after in pairwise(heard)]
    if not gaps or max(gaps) < 1:
        return None
    trial.recovered_s = max(gaps)
    return f"no answer to the controller's pings for {max(gaps):.1f} s, then again"
