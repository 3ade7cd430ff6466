"""Making the kernel's devices what /etc/network/interfaces.d/sdn says: `ifreload -a` for SDN's part of it.

The decisions are in `devices`; here commands run. Devices are made bare, then get the settings of
sysctl.d that udev would load for a new device, then their attributes and addresses, and only then are
set up. A port's neighbour suppression stands before its bridge is up: with it, duplicate address
detection for the anycast gateway stays on this host.
"""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from . import dummies
from .configuration import LocalAddress, RunningConfig, Underlay, find_underlay, split_list
from .devices import Live, Plan, plan, read_kernel
from .interfaces import Stanza

PROC_SYS = Path("/proc/sys")
TABLE_MAP = Path("/etc/iproute2/rt_tables.d/ifupdown2_vrf_map.conf")
SYSTEMD_SYSCTL = "/usr/lib/systemd/systemd-sysctl"

_LOCAL_RULE = "0: from all lookup local"
_LOCAL_PREFERENCE = "32765"  # ifupdown2: after the rule for VRFs (1000), before the main table (32766)

Say = Callable[[str], None]


class CommandError(Exception):
    """A command failed; the text holds it and its own words."""


def run(argv: Sequence[str], stdin: str | None = None, timeout_s: float = 120) -> str:
    """Run a command and return its output.

    Raises:
        CommandError: It is missing, failed, or did not end in time.
    """
    shown = " ".join(argv)
    try:
        done = subprocess.run(list(argv), input=stdin, capture_output=True, text=True, timeout=timeout_s, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CommandError(f"command '{shown}' failed: {error}") from error
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip()
        raise CommandError(f"command '{shown}' failed: exit code {done.returncode}: {words}")
    return done.stdout


def read_live() -> dict[str, Live]:
    """The devices that exist now."""
    return read_kernel(run(["ip", "-json", "-details", "address", "show"]))


def find_underlays(config: RunningConfig) -> dict[str, Underlay]:
    """Where this node stands among the peers of each controller."""
    live = read_live()
    addresses = [
        LocalAddress(name, address.partition("/")[0], device.mtu)
        for name, device in live.items()
        for address in sorted(device.addresses)
    ]
    out = {}
    for key, controller in config.controllers.items():
        peers = split_list(controller.get("peers"))
        own = {entry.address: entry for entry in addresses}
        routed = None if any(peer in own for peer in peers) else _routed(peers, live)
        holder = next((own[peer].interface for peer in peers if peer in own), None)
        mac = live[holder].mac if holder else None
        out[key] = find_underlay(peers, addresses, routed, mac)
    return out


def _routed(peers: list[str], live: dict[str, Live]) -> LocalAddress | None:
    """The source address and interface towards the first peer, which Proxmox falls back to."""
    if not peers:
        return None
    words = run(["ip", "route", "get", peers[0]]).split()
    found = dict(itertools.pairwise(words))
    if "src" not in found or "dev" not in found:
        return None
    device = live.get(found["dev"])
    return LocalAddress(found["dev"], found["src"], device.mtu if device else 1500)


def bring(wanted: list[Stanza], previous: list[Stanza], say: Say) -> Plan:
    """Make the devices what the stanzas say, and delete those that only the previous stanzas named.

    Args:
        wanted: The stanzas of the file.
        previous: Those of the file before it.
        say: Takes a line of progress for each thing that changed.

    Returns:
        What was done.

    Raises:
        CommandError: The kernel refused something.
    """
    steps = plan(wanted, previous, read_live(), _read_table_map())
    if steps.tables:
        _prefer_vrfs(say)
    _batch(steps.remove, say)
    _batch(steps.create, say)
    if steps.created:
        _load_sysctls(steps.created)
    for path, value in steps.settings:
        _write_setting(path, value)
    _batch(steps.configure, say)
    for command in steps.commands:
        subprocess.run(command.split(), capture_output=True, check=False, timeout=30)
    _write_table_map(steps.tables)
    return steps


def bring_dummies(say: Say) -> None:
    """Make the dummy interfaces of /etc/network/interfaces, where something of them is missing.

    Raises:
        CommandError: The kernel refused something.
    """
    text = dummies.INTERFACES.read_text() if dummies.INTERFACES.exists() else ""
    _batch(dummies.commands(dummies.read(text), read_live()), say)


def _batch(lines: list[str], say: Say) -> None:
    for line in lines:
        say(f"  ip {line}")
    if lines:
        run(["ip", "-batch", "-"], "\n".join(lines) + "\n")


def _load_sysctls(devices: list[str]) -> None:
    """What udev's rule does for a new device; the lab's hosts have no udev."""
    kinds = ("ipv4/conf", "ipv4/neigh", "ipv6/conf", "ipv6/neigh")
    prefixes = [f"--prefix=/net/{kind}/{device}" for device in devices for kind in kinds]
    run([SYSTEMD_SYSCTL, *prefixes])


def _write_setting(path: str, value: str) -> None:
    target = PROC_SYS / path
    if target.exists() and target.read_text().strip() != value:
        target.write_text(value)


def _prefer_vrfs(say: Say) -> None:
    """Let the rule for VRFs come before the local table, as ifupdown2 does on its first VRF."""
    for family in ("-4", "-6"):
        rules = [" ".join(line.split()) for line in run(["ip", family, "rule", "show"]).splitlines()]
        if _LOCAL_RULE in rules:
            say(f"  ip {family} rule: local table to {_LOCAL_PREFERENCE}")
            run(["ip", family, "rule", "add", "pref", _LOCAL_PREFERENCE, "table", "local"])
            run(["ip", family, "rule", "delete", "pref", "0"])


def _read_table_map() -> dict[str, int]:
    if not TABLE_MAP.exists():
        return {}
    pairs = [line.split() for line in TABLE_MAP.read_text().splitlines() if line[:1].isdigit()]
    return {name: int(number) for number, name in pairs}


def _write_table_map(tables: dict[str, int]) -> None:
    if not tables and not TABLE_MAP.exists():
        return
    TABLE_MAP.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{number} {name}" for name, number in sorted(tables.items(), key=lambda item: item[1])]
    text = "\n".join(["# VRF to table map", *lines]) + "\n"
    if not TABLE_MAP.exists() or TABLE_MAP.read_text() != text:
        TABLE_MAP.write_text(text)
