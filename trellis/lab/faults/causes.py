"""What breaks a host, a connection or a run: real causes, each with the fact that shows that it is there.

Most of them are used as a fault's `cause` (before the run) or as its strike's action (in the middle of it).
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from trellis.lab import from_site, network
from trellis.lab.faults.fault import Action
from trellis.lab.processes import run

if TYPE_CHECKING:
    from trellis.lab.faults.trial import Trial


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


def dead_without_supervision(daemon: str) -> Action:
    """Kill a daemon and stop the one that would start it again, as when FRR gave up on it."""
    script = f"kill -STOP $(cat /run/frr/watchfrr.pid); kill -9 $(cat /run/frr/{daemon}.pid); sleep 0.2"
    return command(f"{script}; vtysh -c 'show daemons'", undo="kill -CONT $(cat /run/frr/watchfrr.pid)")


def cut_link(trial: Trial) -> None:
    """Take the controller's cable out: from now on every packet from and to it is lost."""
    fabric, port = network.fabric_namespace(trial.bench.twin.stack), _controllers_port(trial)
    trial.afterwards(lambda: run(["ip", "-n", fabric, "link", "set", "dev", port, "up"]))
    run(["ip", "-n", fabric, "link", "set", "dev", port, "down"])
    trial.fact(run(["ip", "-n", fabric, "-brief", "link", "show", "dev", port]).stdout)


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
