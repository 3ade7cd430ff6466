"""A lab of the faults as it was when it was whole, and how it is made whole again: a defect may leave anything behind.

First by the lab's own way in, with FRR started anew; where that does not do, the host's power is cut and it boots.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from trellis.lab import command_line
from trellis.lab.errors import LabError
from trellis.lab.faults.bench import Bench
from trellis.lab.faults.look import HostState, changes
from trellis.lab.machine import BOOT_LIMIT_S

SESSIONS_WITHIN_S = 60.0
"""Seconds in which the sessions are back once FRR has been started anew; a quarter of that is usual."""

_PUT_BACK_S = 180.0
_ARCHIVE = "/var/lib/trellis-lab/whole.tar"
_PLACES = "etc/frr etc/trellis etc/sysctl.d etc/network/interfaces etc/systemd/system var/lib/trellis"

_KEEP = f"""
set -e
mkdir -p {_ARCHIVE.rpartition("/")[0]}
tar --create --file={_ARCHIVE} --directory=/ {_PLACES}
sync
"""

# Whatever of the agent runs is ended first, or it would go on changing what is put back.
_PUT_BACK = rf"""
units="trellis-guard.path trellis-guard.timer trellis-take-back.timer"
systemctl stop $units 2> /dev/null
for pid in $(pgrep -f '^[^ ]*python3 .*/agent\.py '); do kill -9 $pid; done
systemctl stop trellis-take-back.service trellis-guard.service 2> /dev/null
systemctl reset-failed
: > /run/lock/trellis.lock
rm -f /run/trellis/confirmed /run/trellis/asked /run/trellis/last.json
for place in /etc /usr/lib/frr/*; do while mountpoint -q $place; do umount -l $place; done; done
set -e
rm -rf /etc/frr/* /etc/frr/.[!.]* /etc/trellis /var/lib/trellis
tar --extract --preserve-permissions --file={_ARCHIVE} --directory=/
systemctl daemon-reload
systemctl start trellis-guard.path trellis-guard.timer
systemctl restart frr
"""


@dataclass(frozen=True, slots=True)
class Whole:
    """A lab as it was when it was whole.

    Args:
        bench: The lab, by the true product.
        states: Its hosts.
    """

    bench: Bench
    states: Mapping[str, HostState]

    def restore(self) -> str:
        """Make it so again, with the true agent on every host.

        Returns:
            How, for people; empty if nothing was to be done.

        Raises:
            LabError: It is not whole even after a boot.
        """
        bench, how = self.bench, []
        for host in bench.hosts:
            done = self._restored(host)
            how += [f"{host} {done}"] if done else []
        command_line.install(bench.twin, bench.say)
        if lacking := [*self._differing(), *bench.sessions_lacking(self.states, SESSIONS_WITHIN_S)]:
            raise LabError("the lab", why=f"it is not whole again: {lacking[:3]}", remedy="it is made anew")
        return ", ".join(how)

    def _restored(self, host: str) -> str:
        bench, before = self.bench, self.states[host]
        try:
            if not bench.at_work(host) and not changes(before, bench.look_at(host)):
                return ""
            bench.sh(host, _PUT_BACK, timeout_s=_PUT_BACK_S)
            if not changes(before, bench.look_at(host)):
                return "put back"
        except LabError as error:
            bench.say(f"{host}: {error.why}")
        machine = bench.lab.machine(host)
        machine.power_cut()
        machine.power_on()
        machine.wait_until_booted(time.monotonic() + BOOT_LIMIT_S)
        bench.sh(host, _PUT_BACK, timeout_s=_PUT_BACK_S)
        return "booted and put back"

    def _differing(self) -> list[str]:
        return [f"{host}: {one}" for host, now in self.bench.look().items() for one in changes(self.states[host], now)]


def keep(bench: Bench) -> Whole:
    """Remember a lab that is whole now, its hosts' files on their own disks."""
    with ThreadPoolExecutor(len(bench.hosts)) as pool:
        list(pool.map(lambda host: bench.sh(host, _KEEP), bench.hosts))
    return Whole(bench, bench.look())
