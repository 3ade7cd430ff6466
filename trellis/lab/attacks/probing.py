"""Attacks by looking around and by being loud: port scans, router advertisements, half-open connections."""

from __future__ import annotations

import time
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from trellis import allocate
from trellis.lab.attacks import packets
from trellis.lab.attacks.bench import Bench
from trellis.lab.attacks.wire import frames

if TYPE_CHECKING:
    from trellis.lab.attacks.trial import Trial

EVERY: Final = [[1, 65535]]
KNOWN: Final = [[1, 1024], [2049, 2049], [2379, 2380], [2600, 2623], [3128, 3128], [3784, 3785], [4784, 4784],
                [5404, 5405], [5900, 5999], [6789, 6789], [6800, 6810], [8006, 8007], [8443, 8443], [9100, 9342],
                [50051, 50051], [60000, 60050]]  # fmt: skip
"""Well-known ports, and those of Proxmox, FRR, Ceph, etcd, corosync, consoles, exporters, migrations."""
HALF_OPEN = 1000
_FEW = 240
"""Half-open connections that a host may be left with of thousands from two addresses: 20 each, and 10 a second."""
_BACKLOG = 4096
"""And of as many addresses as a stranger likes to invent: net.core.somaxconn; beyond it Linux sends cookies."""


def scan(trial: Trial) -> None:
    """Mallory asks every port of its gateway, and the known ones of hosts' loopbacks and of management."""
    bench = trial.bench
    place, site = bench.place("mallory"), bench.twin.site
    bench.end_speakers("mallory")
    vnet = site.vnets[place.vnet]
    probes: list[dict[str, Any]] = [{"source": place.source, "target": place.gateway, "ports": EVERY}]
    if vnet.subnets.ipv4 is not None:
        probes.append({"source": place.ipv4, "target": str(vnet.subnets.ipv4.gateway), "ports": KNOWN})
    for target in infrastructure(bench):
        source = place.source if ":" in target else place.ipv4
        probes.append({"source": source, "target": target, "ports": KNOWN})
    trial.noted["scan"] = found = packets.scan(bench, "mallory", probes)
    for target, seen in found.items():
        if seen["open"] or seen["closed"]:
            trial.fact(f"{target}: open {', '.join(map(str, seen['open'])) or 'none'}, {seen['closed']} said closed")
    silent = sum(1 for seen in found.values() if not seen["open"] and not seen["closed"])
    host = place.host
    trial.fact(f"{silent} targets silent; {host} dropped {trial.dropped(host, 'R12 host')} for itself,"
               f" {trial.dropped(host, 'R12 infrastructure')} for the infrastructure")  # fmt: skip


def infrastructure(bench: Bench) -> list[str]:
    """Addresses of hosts, edges and Proxmox that a guest has no business with."""
    site, pools = bench.twin.site, bench.twin.site.fabric.loopbacks
    found = [
        str(allocate.suffix_address(pool, host.id)) for host in site.hosts.values() for pool in (pools.ipv4, pools.ipv6)
    ]
    for edge in site.edges.values():
        found += [str(edge.loopback.ipv4), str(edge.loopback.ipv6)]
    ends = site.links["management"].ends.values()
    found += [str(address).split("/")[0] for end in ends for address in (end.ipv4, end.ipv6) if address is not None]
    return [*found, *([urlsplit(site.proxmox.endpoint).hostname or ""] if site.proxmox else [])]


def scanned(trial: Trial) -> str | None:
    """The proof: so many ports were asked, and the hosts' filters counted them."""
    host = trial.bench.place("mallory").host
    found = trial.noted["scan"]
    count = sum(seen["asked"] for seen in found.values())
    answered = any(seen["open"] for seen in found.values())
    dropped = trial.dropped(host, "R12 host") + trial.dropped(host, "R12 infrastructure")
    if dropped or answered:
        return f"{count} ports of {len(found)} addresses asked by SYN; {host} dropped {dropped} packets"
    return None


def only_bgp(trial: Trial) -> list[str]:
    """The end: of all ports only BGP's of its gateway is open to a guest, and nobody says that one is closed."""
    gateway = trial.bench.place("mallory").gateway
    problems = []
    for target, seen in trial.noted["scan"].items():
        wanted = [179] if target == gateway else []
        if extra := [port for port in seen["open"] if port not in wanted]:
            problems.append(f"{target}: open to a guest: {', '.join(map(str, extra))}")
        if seen["closed"]:
            problems.append(f"{target}: {seen['closed']} ports said that they are closed")
    if 179 not in trial.noted["scan"][gateway]["open"]:
        problems.append(f"{gateway}: port 179 is closed: the scan saw nothing at all")
    return problems


def advertise(trial: Trial) -> None:
    """Mallory and trent say to be routers, to a guest of their host and to one of another host."""
    bench = trial.bench
    sent = 0
    for name in ("mallory", "trent"):
        bench.end_speakers(name)
        place = bench.place(name)
        for listener in ("alice", "solcp01"):
            packets.listen(bench, listener, place.mac, seconds=20)
        packet = frames.router_advertisement(packets.link_local(place.mac), place.mac, "2001:db8:bad::")
        frame = frames.ethernet(frames.ALL_NODES[0], place.mac, frames.IPV6, packet)
        sent += packets.send(bench, name, packets.behind_tags([frame]), rounds=5, pause_s=0.2)
        time.sleep(2)
        for listener in ("alice", "solcp01"):
            found = packets.heard(bench, listener, "router advertisement")
            trial.noted.setdefault("heard", []).extend(
                f"{listener} heard {name}'s router advertisement: {line.split('>', 1)[-1][:60]}" for line in found[:1]
            )
    trial.noted["sent"] = sent
    host = bench.place("mallory").host
    trial.fact(f"{host} dropped {trial.dropped(host, 'R13 advertisement')} of {sent}")


def advertised(trial: Trial) -> str | None:
    """The proof: frames left the attackers' ports, and the host counted them or handed them on."""
    host = trial.bench.place("mallory").host
    counted = trial.dropped(host, "R13 advertisement")
    if counted or trial.noted["heard"]:
        return f"{trial.noted['sent']} router advertisements sent, plain and behind tags; {host} counted {counted}"
    return None


def nobody_heard(trial: Trial) -> list[str]:
    """The end: no other guest heard one, and no host took a route from one."""
    bench = trial.bench
    problems = list(trial.noted["heard"])
    for host in bench.hosts:
        if "2001:db8:bad" in bench.sh(host, "ip -6 route show table all; ip -6 address").stdout:
            problems.append(f"{host} took a prefix from a guest's router advertisement")
    return problems


def half_open(trial: Trial) -> None:
    """A thousand SYNs each: mallory from its own address, peggy from its own, and peggy from as many addresses.

    Alice and dave begin their sessions anew meanwhile.
    """
    bench = trial.bench
    sent, most = 0, dict[int, int]()
    for name in ("mallory", "peggy"):
        bench.end_speakers(name)
        # What the kernel did not ask for it would refuse, and so close what is to stay half open.
        bench.inside(name, "nft 'table inet quiet { chain out { type filter hook output priority 0;"
                           " tcp sport >= 20000 tcp flags & rst == rst drop; }; }'")  # fmt: skip
    host = bench.place("mallory").host
    loud = [("mallory", 1, _syns(bench, "mallory", 1)), ("peggy", 1, _syns(bench, "peggy", 1)),
            ("peggy", HALF_OPEN, _syns(bench, "peggy", HALF_OPEN))]  # fmt: skip
    bounced: dict[str, float | None] = {}
    for (name, sources, syns), victim in zip(loud, ("alice", "dave", "alice"), strict=True):
        sent += packets.send(bench, name, syns, per_s=1000)
        took = _bounce(bench, victim, lambda name=name, syns=syns: packets.send(bench, name, syns, per_s=1000))
        sent += 2 * len(syns)
        bounced[f"{victim} while {name} is loud from {sources} addresses"] = took
        most[sources] = max(most.get(sources, 0), _half_open_now(bench, host))
    trial.noted.update(sent=sent, most=most, bounced=bounced)
    rules = {name: trial.dropped(host, name) for name in trial.counters(host) if name.startswith("rate ")}
    cookies = bench.sh(host, "nstat -az TcpExtSyncookiesSent | tail -1").stdout.split()
    told = ", ".join(f"{count} by `{name}`" for name, count in rules.items() if count)
    trial.fact(
        f"{host} dropped {told or 'none'}; half open {most[1]} of two addresses,"
        f" {most[HALF_OPEN]} of {HALF_OPEN}; cookies sent: {cookies[1] if cookies else 0}"
    )
    for who, seconds in bounced.items():
        trial.fact(f"{who}: Established again after {'never' if seconds is None else f'{seconds:.1f} s'}")


def _syns(bench: Bench, name: str, sources: int) -> list[bytes]:
    place = bench.place(name)
    gateway = packets.gateway_mac(bench, name)
    first = ip_address(place.source)
    found = []
    for number in range(HALF_OPEN):
        source = str(first) if sources == 1 else str(first + 0x1000 + number)
        packet = frames.syn(source, place.gateway, 20000 + number, 179)
        found.append(frames.ethernet(gateway, place.mac, frames.IPV6, packet))
    return found


def _half_open_now(bench: Bench, host: str) -> int:
    return int(bench.sh(host, "ss -Htn state syn-recv '( sport = :179 )' | wc -l").stdout)


def _bounce(bench: Bench, guest: str, loud: Any, within_s: float = 30.0) -> float | None:
    """End a guest's session from its own side and time until it is back, while somebody is loud; None if it is not."""
    place = bench.place(guest)
    bench.sh(place.host, f"vtysh -N {guest} -c 'clear bgp *'")
    began = time.monotonic()
    loud()
    loud()
    while time.monotonic() - began < within_s:
        said = bench.vtysh_json(place.host, f"show bgp vrf {place.vrf} neighbors {place.source} json")
        if said.get(place.source, {}).get("bgpState") == "Established":
            return time.monotonic() - began
        time.sleep(0.5)
    return None


def were_loud(trial: Trial) -> str | None:
    """The proof: so many SYNs left the attackers' ports."""
    return f"{trial.noted['sent']} SYNs for port 179 sent, none of them answered" if trial.noted["sent"] else None


def still_served(trial: Trial) -> list[str]:
    """The end: sessions came up meanwhile, and hosts were not left with what was half open."""
    problems = [f"{who}: no session within 30 s" for who, seconds in trial.noted["bounced"].items() if seconds is None]
    if (few := trial.noted["most"][1]) > _FEW:
        problems.append(f"{few} half-open connections from two addresses")
    if (many := trial.noted["most"][HALF_OPEN]) > _BACKLOG:
        problems.append(f"{many} half-open connections at once")
    return problems
