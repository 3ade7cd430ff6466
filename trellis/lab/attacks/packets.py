"""Attacks by packets: frames that no kernel would send, scans, and captures of what came through."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from trellis.lab.attacks.bench import TOOLS, Bench
from trellis.lab.attacks.wire import frames

if TYPE_CHECKING:
    from trellis.lab.attacks.trial import Trial


def send(
    bench: Bench, name: str, sent: Sequence[bytes], *, rounds: int = 1, pause_s: float = 0.1, per_s: int = 2000
) -> int:
    """Send frames from a guest's port; returns how many left it.

    Args:
        bench: The lab.
        name: The guest or stranger.
        sent: The frames.
        rounds: How often all of them are sent.
        pause_s: Seconds between rounds.
        per_s: At most so many a second.
    """
    asked = {
        "device": "eth0",
        "frames": [frame.hex() for frame in sent],
        "rounds": rounds,
        "pause_s": pause_s,
        "per_s": per_s,
    }
    return int(json.loads(bench.tool(name, "send", asked))["sent"])


def gateway_mac(bench: Bench, name: str) -> str:
    """The MAC that a guest knows its gateway by."""
    place = bench.place(name)
    script = f"ping -c 1 -W 2 {place.gateway} > /dev/null; ip -json neigh show {place.gateway} dev eth0"
    return str(json.loads(bench.inside(name, script).stdout)[0]["lladdr"])


def scan(bench: Bench, name: str, probes: Sequence[dict[str, Any]], per_s: int = 4000) -> dict[str, dict[str, Any]]:
    """Scan ports from a guest; returns per target how many were asked, which are open, how many said closed."""
    asked = {
        "device": "eth0",
        "mac": bench.place(name).mac,
        "gateway_mac": gateway_mac(bench, name),
        "probes": list(probes),
        "per_s": per_s,
        "wait_s": 2,
    }
    found: dict[str, dict[str, Any]] = json.loads(bench.tool(name, "scan", asked, timeout_s=240))
    return found


def behind_tags(plain: Sequence[bytes]) -> list[bytes]:
    """The same frames as they are, and behind one and two tags of VLAN 0, which receivers take off (CVE-2021-27853)."""
    tag = frames.VLAN.to_bytes(2, "big") + b"\0\0"
    return [frame[:12] + tag * tags + frame[12:] for frame in plain for tags in (0, 1, 2)]


def listen(bench: Bench, name: str, mac: str, *, seconds: int) -> None:
    """Begin to capture what comes to a guest from a MAC."""
    file = f"{TOOLS}/{name}.heard"
    line = f"setsid ip netns exec {name} timeout {seconds} tcpdump -lnnepi eth0 ether src {mac}"
    bench.sh(bench.place(name).host, f"{line} > {file} 2>/dev/null < /dev/null &\nsleep 1.5")


def heard(bench: Bench, name: str, pattern: str) -> list[str]:
    """Lines of the capture that match."""
    said = bench.sh(bench.place(name).host, f"cat {TOOLS}/{name}.heard", check=False).stdout
    return [line for line in said.splitlines() if re.search(pattern, line)]


def neighbours(bench: Bench, name: str) -> dict[str, str]:
    """Whom a guest takes for whom on its VNet: address -> MAC."""
    listed = json.loads(bench.inside(name, "ip -json neigh show dev eth0").stdout or "[]")
    return {entry["dst"]: entry["lladdr"] for entry in listed if "lladdr" in entry}


def neighbours_of_host(bench: Bench, host: str, vnet: str) -> dict[str, str]:
    """Whom a host takes for whom on a VNet: address -> MAC."""
    listed = json.loads(bench.sh(host, f"ip -json neigh show dev {vnet}").stdout or "[]")
    return {entry["dst"]: entry["lladdr"] for entry in listed if "lladdr" in entry}


def taken_over(trial: Trial, attackers: Sequence[str], watched: Sequence[str]) -> list[str]:
    """Name every address that a guest or its host believes to be an attacker's, and is not."""
    bench = trial.bench
    macs = {bench.place(name).mac.lower() for name in attackers}
    own = {address for name in attackers for address in (bench.place(name).source, bench.place(name).ipv4)}
    found = []
    for name in watched:
        place = bench.place(name)
        sides = ((name, neighbours(bench, name)), (place.host, neighbours_of_host(bench, place.host, place.vnet)))
        for who, table in sides:
            found += [
                f"{who} takes {mac} for {address}"
                for address, mac in table.items()
                if mac in macs and address not in own and not _link_local_of(address, mac)
            ]
    return list(dict.fromkeys(found))


def link_local(mac: str) -> str:
    """The link-local address that a kernel makes of a MAC (RFC 4291, modified EUI-64)."""
    raw = frames.mac_bytes(mac)
    return f"fe80::{raw[0] ^ 2:02x}{raw[1]:02x}:{raw[2]:02x}ff:fe{raw[3]:02x}:{raw[4]:02x}{raw[5]:02x}"


def _link_local_of(address: str, mac: str) -> bool:
    return ip_address(address) == ip_address(link_local(mac))
