"""What the lab looks like to everybody but the attackers: the edges' tables, the zones' tables, sessions, pings."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from trellis.lab.attacks.bench import Bench
from trellis.lab.proof import SessionState, sessions
from trellis.lab.proof.continuity import Key, compare

Own = Callable[[str], bool]
"""Whether a prefix is one that attackers may announce, which comes and goes as they please."""

LONGEST_GAP = 5
"""Pings in a row that may be lost, a second in all: hosts here share two processors with whoever attacks."""
_PING_S = 0.2
_SEQ = re.compile(r"icmp_seq=(\d+) ttl")


@dataclass(frozen=True, slots=True)
class Picture:
    """One moment of the lab.

    Args:
        kernel: The edge's kernel: prefix -> gateways.
        tables: BGP's tables of the edge and of every host's zones: (node, VRF, prefix) -> paths and next hops.
        sessions: Every BGP session.
    """

    kernel: Mapping[str, str]
    tables: Mapping[tuple[str, str, str], str]
    sessions: Mapping[Key, SessionState]


def picture(bench: Bench) -> Picture:
    """Look at the lab now."""
    edge, zones = bench.edge, sorted(bench.twin.site.zones)

    def of_host(host: str) -> dict[tuple[str, str, str], str]:
        asked = [(f"vrf_{zone}", version) for zone in zones for version in (4, 6)]
        said = [bench.vtysh_json(host, f"show bgp vrf {vrf} ipv{version} unicast json") for vrf, version in asked]
        return {
            (host, vrf, prefix): paths
            for (vrf, _), table in zip(asked, said, strict=True)
            for prefix, paths in paths_of(table).items()
        }

    with ThreadPoolExecutor(len(bench.hosts) + 1) as pool:
        found = list(pool.map(of_host, bench.hosts))
    at_edge = {
        (edge.name, "default", prefix): paths
        for version in (4, 6)
        for prefix, paths in paths_of(json.loads(edge.vtysh(f"show bgp ipv{version} unicast json"))).items()
    }
    tables = {key: paths for table in (at_edge, *found) for key, paths in table.items()}
    return Picture(kernel_of_edge(bench), tables, sessions(bench.twin))


def kernel_of_edge(bench: Bench) -> dict[str, str]:
    """What the edge's kernel forwards by BGP: prefix -> gateways."""
    edge = bench.edge
    found = {}
    for family in ("-4", "-6"):
        listed = json.loads(edge.run(["ip", "-json", family, "route", "show", "proto", "bgp"]).stdout or "[]")
        for route in listed:
            hops = route.get("nexthops") or [route]
            via = (hop.get("gateway") or hop.get("via", {}).get("host", "") or hop.get("dev", "") for hop in hops)
            found[_whole(route["dst"], family)] = " ".join(sorted(via))
    return found


def _whole(prefix: str, family: str) -> str:
    if prefix == "default":
        return "0.0.0.0/0" if family == "-4" else "::/0"
    return str(ip_network(prefix))


def paths_of(said: Any) -> dict[str, str]:
    """Of `show bgp ... unicast json`: what leads to each prefix, whichever is best.

    How long ago, and in which order, is left out: neither is a change to anybody.
    """
    found: dict[str, str] = {}
    for prefix, paths in (said.get("routes") or {}).items():
        told = {
            f"{path.get('path', '')} by {', '.join(sorted(hop.get('ip', '?') for hop in path.get('nexthops', ())))}"
            for path in paths
        }
        found[prefix] = "; ".join(sorted(told))
    return found


def differences(before: Picture, after: Picture, own: Own, free: frozenset[str]) -> Iterator[str]:
    """Name what is not as it was, and should be.

    Args:
        before: A moment.
        after: A later one.
        own: Tells the attackers' own prefixes.
        free: Addresses whose sessions may come and go.
    """
    for what, was, now in (
        ("the edge's kernel", before.kernel, after.kernel),
        *_tables(before, after),
    ):
        for prefix in sorted({*was, *now}):
            if not own(prefix) and was.get(prefix) != now.get(prefix):
                yield f"{what}: {prefix} is {now.get(prefix, 'gone')}, was {was.get(prefix, 'not there')}"
    changes = compare(before.sessions, after.sessions)
    for fate in ("reset", "gone", "new", "came_up"):
        for key in getattr(changes, fate):
            if key[2] not in free:
                yield f"session {' '.join(key)}: {fate.replace('_', ' ')}"


def _tables(before: Picture, after: Picture) -> Iterator[tuple[str, dict[str, str], dict[str, str]]]:
    for node, vrf in sorted({key[:2] for key in (*before.tables, *after.tables)}):
        was, now = ({p: v for (n, f, p), v in t.tables.items() if (n, f) == (node, vrf)} for t in (before, after))
        yield f"BGP of {node}, {vrf}", was, now


class EdgeWatch:
    """Every route that comes to the edge's kernel or leaves it, however briefly."""

    def __init__(self, bench: Bench) -> None:
        """Start to watch."""
        argv = ["ip", "netns", "exec", bench.edge.namespace, "ip", "-o", "monitor", "route"]
        self._process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def stop(self) -> list[str]:
        """Stop watching; returns each change as a line."""
        self._process.terminate()
        return self._process.communicate(timeout=10)[0].splitlines()


def moved(lines: list[str], own: Own) -> set[str]:
    """The prefixes that came or went in a watch's lines, but the attackers' own."""
    found = set()
    for line in lines:
        words = [word for word in line.split() if word not in ("Deleted", "unicast", "none", "blackhole")]
        try:
            prefix = str(ip_network(words[0]))
        except (ValueError, IndexError):
            prefix = words[0] if words and words[0] == "default" else ""
        if prefix and " proto bgp" in line and not own(prefix):
            found.add(prefix)
    return found


class Pings:
    """Pings from other guests to the internet, for as long as an attack lasts."""

    def __init__(self, bench: Bench, names: tuple[str, ...]) -> None:
        """Start them, from the guests' loopbacks: what BGP brought there brings the answers back."""
        self._bench, self._names = bench, names
        guests = {guest.name: guest for guest in bench.twin.guests}
        for host in bench.hosts:
            lines = []
            for name in names:
                if bench.place(name).host == host:
                    source = next(str(lo.network_address) for lo in guests[name].loopbacks if lo.version == 6)
                    ping = f"ping -n -i {_PING_S} -I {source} {bench.twin.upstream[1]}"
                    lines.append(f"setsid ip netns exec {name} {ping} > /run/{name}.ping 2>&1 < /dev/null &")
            bench.sh(host, "\n".join((*lines, "true")))

    def stop(self) -> dict[str, tuple[int, int]]:
        """End them; returns per guest how many were answered, and the most that were lost in a row."""
        found = {}
        for name in self._names:
            host = self._bench.place(name).host
            script = (
                f"for pid in $(ip netns pids {name}); do grep -q '^ping' /proc/$pid/cmdline && kill -INT $pid; done;"
                f" sleep 0.2; cat /run/{name}.ping; rm -f /run/{name}.ping"
            )
            found[name] = gap_of(self._bench.sh(host, script, check=False).stdout)
        return found


def gap_of(output: str) -> tuple[int, int]:
    """Of what `ping` printed: how many answers, and the most that lack in a row."""
    seen = sorted({int(number) for number in _SEQ.findall(output)})
    sent = re.search(r"(\d+) packets transmitted", output)
    # The last that was sent was still under way when it was stopped.
    ends = [0, *seen, max([*seen, int(sent[1]) - 1 if sent else 0]) + 1]
    return len(seen), max((after - before - 1 for before, after in itertools.pairwise(ends)), default=0)
