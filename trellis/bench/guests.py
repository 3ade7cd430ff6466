"""A host's bgpd under the sessions of many guests, beside the same host with none, natively.

Host and edge are FRR 10.3 in namespaces (``trellis.bench.guest_hosts``) with the text that the host would have
(``trellis.bench.guest_sites``); the guests are light speakers in one process (``trellis.bench.guest_speaker``).
What is left out of the host is said in ``EVENTS``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from trellis.bench.guest_hosts import Bench, Memory
from trellis.bench.guest_observer import Observer, can_observe
from trellis.bench.guest_sites import JUDGED, Load, Shape, light_guests, texts
from trellis.bench.processes import BenchError
from trellis.lab.images import ensure_root

LOAD = Load(100, 10)
STEADY_S = 20.0

MOST_SESSION_S = 5.0
MOST_PROPAGATION_S = 2.0
MOST_CONVERGENCE_S = 5.0
MOST_CPU_PERCENT = 20.0
MOST_MEMORY_BYTES = 256 * 1024 * 1024
"""The seed's targets (section 9), of which design section 13 has the last two for 100 guests x 10 routes: processor
time in percent of one processor and memory, each beyond the same host without guests."""

_SAMPLES = 20
_WITHIN_S = 120.0
_QUIET_S = 3.0
_SETTLE_S = 12.0  # bgpd holds back what it tells a group of neighbours by up to 10 s (subgroup_coalesce_timer)

EVENTS = {
    "host": "bgpd, zebra, mgmtd, staticd of FRR 10.3, native; its VRF is a network namespace (zebra --vrfwnetns): one "
    "bgpd, the instance `router bgp ASN vrf vrf_z101` and the import between it and the default one as on a host",
    "text": "of the frr.conf that Proxmox would merge: both instances with all neighbours, groups, limits, "
    "soft-reconfiguration, and all lists and route-maps; not in force for want of devices: interfaces, OSPF, the "
    "VRF's L3VNI (so no type-5 routes), bfdd (guests' BFD profile is configured, nobody speaks BFD)",
    "edge": "another FRR with the lab's text of an edge; its table is its kernel's, read by `ip monitor`",
    "guests": "one process, one address, ASN and TCP connection for each (trellis/bench/guest_speaker.py); all connect "
    "at once, and again after 1 s if refused",
    "bound": "a static passive neighbour for each guest, its own filter and limit; as rendered",
    "open": "one listen range for the VNet's subnet, ASNs 65200-65299; as rendered",
    "ranges": "a listen range /128 and a peer-group for each guest, its own filter; not rendered, to be weighed",
    "none": "the same host with no guest in its text",
    "session": "from a guest's first attempt to connect until it has the host's OPEN and KEEPALIVE; the slowest",
    "sessions": "from the first attempt of the first guest until the last one's session",
    "all routes": "from the first attempt until the last of all prefixes is in the edge's table",
    "announced": "from the moment before the UPDATE is sent until the prefix is in the edge's table; "
    f"{_SAMPLES} guests one after another, median and slowest; `withdrawn` likewise until it is gone",
    "killed": "from the moment before the guest's connection is reset until the last of its prefixes is gone; likewise",
    "burst CPU": "bgpd's processor seconds from before the first attempt until all routes are at the edge; and "
    f"until {_SETTLE_S:g} s later, for what it tells the guests themselves it holds back by up to 10 s",
    "steady CPU": "percent of one processor that bgpd takes while nothing changes (keepalives every 10 s)",
    "waiting": "bgpd's memory with its text loaded and no guest there; `connected`: after the steady time; `dead`: "
    "after all guests' connections were reset at once",
    "observed": "`agent.py observe --every-s 1` on the host: its process and bgpd for as long as the steady state, "
    "nothing changing; bgpd's percent includes the steady state's own",
    "judged": "session, announced (slowest), killed (slowest), steady CPU and the largest of the three memories "
    "beyond none's, of bound and open, up to 100 x 10",
}
"""What is measured, for whoever reads a figure."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Several times of one event, in seconds."""

    count: int
    median_s: float
    slowest_s: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Samples:
        """Return what is kept of ``seconds``, of which there is at least one."""
        return cls(len(seconds), round(median(seconds), 4), round(max(seconds), 4))


@dataclass(frozen=True, slots=True)
class Idle:
    """A host whose guests are not there.

    Attributes:
        load_s: Seconds in which FRR took the text; ``load_cpu_s`` bgpd's processor seconds for it.
        memory: What bgpd then holds.
        steady_cpu_percent: Percent of one processor that it takes.
    """

    load_s: float
    load_cpu_s: float
    memory: Memory
    steady_cpu_percent: float


@dataclass(frozen=True, slots=True)
class Observed:
    """What looking at a host's guests each second takes, while nothing changes.

    Attributes:
        cpu_percent: Percent of one processor that the observer takes.
        bgpd_cpu_percent: And bgpd in the same time.
        memory: What the observer holds.
        lines: Lines that it wrote in that time, and ``written_bytes`` their size.
    """

    cpu_percent: float
    bgpd_cpu_percent: float
    memory: Memory
    lines: int
    written_bytes: int


@dataclass(frozen=True, slots=True)
class Measured:
    """A host with guests of one shape; times in seconds, as ``EVENTS`` defines them.

    Attributes:
        attempts: Connections that guests tried until all had a session; more than guests if some were refused.
        memory_connected: bgpd's with all sessions up.
        memory_dead: bgpd's after all guests died.
        beyond_bytes: The largest resident memory of the three beyond the host's without guests.
        beyond_cpu_percent: Steady processor time beyond the host's without guests.
        observed: None where the agent can't observe.
    """

    shape: Shape
    guests: int
    routes: int
    waiting: Idle
    attempts: int
    session_s: float
    sessions_s: float
    all_routes_s: float
    burst_cpu_s: float
    settled_cpu_s: float
    steady_cpu_percent: float
    memory_connected: Memory
    announced: Samples
    withdrawn: Samples
    killed: Samples
    memory_dead: Memory
    beyond_bytes: int
    beyond_cpu_percent: float
    observed: Observed | None


@dataclass(frozen=True, slots=True)
class Result:
    """All shapes beside the host without guests, of one run."""

    none: Idle
    shapes: tuple[Measured, ...]


def measure(load: Load, shapes: Sequence[Shape], steady_s: float, say: Callable[[str], None]) -> Result:
    """Measure a host with guests of each shape, and one without, each with daemons of its own.

    Args:
        load: How many guests and routes.
        shapes: The shapes.
        steady_s: Seconds for which the steady state is watched.
        say: Where progress goes.

    Raises:
        BenchError: If FRR does not take its text, or sessions or routes do not come.
    """
    root = ensure_root("trixie", say)
    say("a host with no guests")
    with Bench(root, texts(replace(load, guests=0), "bound"), ()) as bench:
        none = _idle(bench, steady_s)
    return Result(none, tuple(_measured(root, load, shape, none, steady_s, say) for shape in shapes))


def misses(result: Result) -> list[str]:
    """Return what of the targets is missed, one sentence each; a load beyond ``LOAD`` is not judged."""
    return [
        f"{one.shape}, {one.guests}x{one.routes}: {what} {found:.4g} {unit}, target below {most:.4g}"
        for one in result.shapes
        if one.shape in JUDGED and one.guests <= LOAD.guests and one.routes <= LOAD.routes
        for what, found, most, unit in (
            ("a session takes", one.session_s, MOST_SESSION_S, "s"),
            ("an announcement takes", one.announced.slowest_s, MOST_PROPAGATION_S, "s"),
            ("a killed guest's routes stay", one.killed.slowest_s, MOST_CONVERGENCE_S, "s"),
            ("bgpd takes beyond none", one.beyond_cpu_percent, MOST_CPU_PERCENT, "% of a processor"),
            ("bgpd holds beyond none", one.beyond_bytes / 2**20, MOST_MEMORY_BYTES / 2**20, "MiB"),
        )
        if found >= most
    ]


def _measured(
    root: Path, load: Load, shape: Shape, none: Idle, steady_s: float, say: Callable[[str], None]
) -> Measured:
    say(f"{shape}, {load}: loading")
    with Bench(root, texts(load, shape), light_guests(load, shape)) as bench:
        waiting = _idle(bench, steady_s)
        say(f"{shape}, {load}: all connect")
        before = bench.bgpd.cpu_s()
        came = bench.guests.do("connect", range(load.guests), within_s=_WITHIN_S)
        first = min(came["connect_at"])
        there = bench.arrivals.there([prefix for guest in bench.guests.guests for prefix in guest.prefixes])
        burst = bench.bgpd.cpu_s() - before
        time.sleep(min(_SETTLE_S, steady_s))
        settled = bench.bgpd.cpu_s() - before
        steady = _percent(bench, steady_s)
        connected = bench.bgpd.memory()
        if (up := bench.established()) != load.guests:
            raise BenchError(f"{shape}, {load}: bgpd has {up} sessions of {load.guests}")
        observed = _observed(bench, steady_s) if can_observe() else None
        say(f"{shape}, {load}: one guest at a time")
        samples = [_changes(bench, number) for number in _chosen(load.guests)]
        bench.guests.do("reset", range(load.guests))
        bench.arrivals.gone([prefix for guest in bench.guests.guests for prefix in guest.prefixes])
        time.sleep(min(_QUIET_S, steady_s))
        dead = bench.bgpd.memory()
        most = max(memory.rss_bytes for memory in (waiting.memory, connected, dead))
        sessions = zip(came["connect_at"], came["established_at"], strict=True)
        return Measured(
            shape=shape,
            guests=load.guests,
            routes=load.routes,
            waiting=waiting,
            attempts=came["attempts"],
            session_s=round(max(up - start for start, up in sessions), 4),
            sessions_s=round(max(came["established_at"]) - first, 4),
            all_routes_s=round(there - first, 4),
            burst_cpu_s=round(burst, 2),
            settled_cpu_s=round(settled, 2),
            steady_cpu_percent=steady,
            memory_connected=connected,
            withdrawn=Samples.of([one[0] for one in samples]),
            announced=Samples.of([one[1] for one in samples]),
            killed=Samples.of([one[2] for one in samples]),
            memory_dead=dead,
            beyond_bytes=most - none.memory.rss_bytes,
            beyond_cpu_percent=round(steady - none.steady_cpu_percent, 2),
            observed=observed,
        )


def _idle(bench: Bench, steady_s: float) -> Idle:
    time.sleep(min(_QUIET_S, steady_s))
    percent = _percent(bench, steady_s)
    return Idle(round(bench.load_s, 2), round(bench.load_cpu_s, 2), bench.bgpd.memory(), percent)


def _percent(bench: Bench, steady_s: float) -> float:
    """Return percent of one processor that bgpd takes for ``steady_s`` seconds."""
    before, at = bench.bgpd.cpu_s(), time.monotonic()
    time.sleep(steady_s)
    return round(100 * (bench.bgpd.cpu_s() - before) / (time.monotonic() - at), 2)


def _observed(bench: Bench, steady_s: float) -> Observed:
    with Observer(bench.host) as observer:
        time.sleep(min(_QUIET_S, steady_s))
        before, at, written = observer.process.cpu_s(), time.monotonic(), observer.written
        percent = _percent(bench, steady_s)
        return Observed(
            cpu_percent=round(100 * (observer.process.cpu_s() - before) / (time.monotonic() - at), 2),
            bgpd_cpu_percent=percent,
            memory=observer.process.memory(),
            lines=observer.written[0] - written[0],
            written_bytes=observer.written[1] - written[1],
        )


def _chosen(guests: int) -> list[int]:
    """Return the numbers of the guests that are looked at one by one, spread over all."""
    count = min(_SAMPLES, guests)
    return [number * guests // count for number in range(count)]


def _changes(bench: Bench, number: int) -> tuple[float, float, float]:
    """Have one guest withdraw a prefix, announce it, die and come back; return the seconds of the first three."""
    prefixes = bench.guests.guests[number].prefixes
    one = prefixes[-1:]
    at = bench.guests.do("withdraw", [number], prefixes=one)["at"]
    withdrawn = bench.arrivals.gone(one) - at
    at = bench.guests.do("announce", [number], prefixes=one)["at"]
    announced = bench.arrivals.there(one) - at
    at = bench.guests.do("reset", [number])["at"]
    killed = bench.arrivals.gone(prefixes) - at
    bench.guests.do("connect", [number], within_s=_WITHIN_S)
    bench.arrivals.there(prefixes)
    return withdrawn, announced, killed
