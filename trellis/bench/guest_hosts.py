"""A host, an edge and guests in network namespaces of this machine, joined by cables; and what the host's bgpd takes.

The host's VRF is a network namespace of its own (``zebra --vrfwnetns``), for this machine's kernel may have no VRFs:
it is the same bgpd, the same instance ``router bgp ASN vrf NAME`` and the same import between the two as on a host.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Condition, Thread
from types import TracebackType
from typing import Any, Self

from trellis.bench.guest_sites import EDGE, VRF, LightGuest, Texts
from trellis.bench.processes import BenchError
from trellis.lab.processes import run
from trellis.lab.scratch import ScratchFrr

_UPLINK = (("fd00:fffe::1/64", "198.18.0.1/30"), ("fd00:fffe::2/64", "198.18.0.2/30"))
_UPSTREAM = ("198.51.100.1/30", "2001:db8:fffe::1/64")
_LONGEST_S = 120.0
_LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Memory:
    """What a process holds: ``rss_bytes`` resident, ``pss_bytes`` of these its share (proc(5), smaps_rollup)."""

    rss_bytes: int
    pss_bytes: int


class Daemon:
    """A process in a scratch FRR, by the number that it has there."""

    def __init__(self, frr: ScratchFrr, pid: int) -> None:
        """Look at process ``pid`` of ``frr``."""
        self._proc = frr.path(f"/proc/{pid}")

    def cpu_s(self) -> float:
        """Processor seconds so far of all its threads, to the nanosecond (proc(5), schedstat; a tick is 10 ms)."""
        threads = (self._proc / "task").glob("*/schedstat")
        return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9

    def memory(self) -> Memory:
        """What it holds now."""
        found = dict(re.findall(r"(?m)^(Rss|Pss): +(\d+) kB", (self._proc / "smaps_rollup").read_text()))
        return Memory(int(found["Rss"]) * 1024, int(found["Pss"]) * 1024)


def daemon(frr: ScratchFrr, name: str) -> Daemon:
    """Return the daemon of that name."""
    return Daemon(frr, int(frr.read(f"/run/frr/{name}.pid")))


def ask(frr: ScratchFrr, command: str) -> dict[str, Any]:
    """Ask bgpd over its own socket, without a vtysh, and return the JSON object that it answers."""
    with socket.socket(socket.AF_UNIX) as vty:
        vty.settimeout(_LONGEST_S)
        vty.connect(str(frr.path("/run/frr/bgpd.vty")))
        vty.sendall(f"{command}\0".encode())
        said = bytearray()
        while len(said) < 4 or said[-4:-1] != b"\0\0\0":
            some = vty.recv(1 << 20)
            if not some:
                raise BenchError(f"bgpd of {frr.hostname} closed its socket at `{command}`")
            said += some
    answer: dict[str, Any] = json.loads(said[:-4].strip(b"\0") or b"{}")
    return answer


class Arrivals:
    """When routes came into a namespace's kernel table and when they left it, by ``ip monitor``'s own clock."""

    def __init__(self, frr: ScratchFrr) -> None:
        """Watch the IPv6 routes that bgpd has put into the table of ``frr``."""
        inside = ["nsenter", f"--net=/proc/{frr.pid}/ns/net", "--"]  # no PID namespace, so what is killed is `ip`
        watch = ["env", "TZ=UTC", "ip", "-rcvbuf", "33554432", "-ts", "-o", "-6", "monitor", "route"]
        self._process = subprocess.Popen([*inside, *watch], stdout=subprocess.PIPE, text=True)
        self._news = Condition()
        self._at: dict[str, float] = {}
        self._gone: dict[str, float] = {}
        self._behind = time.time() - time.monotonic()
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        if self._process.stdout is None:  # Popen was given a pipe: this narrows types
            return
        for line in self._process.stdout:
            found = arrival(line)
            if found is None:
                continue
            prefix, at, deleted = found
            with self._news:
                there, other = (self._gone, self._at) if deleted else (self._at, self._gone)
                there.setdefault(prefix, at - self._behind)
                other.pop(prefix, None)
                self._news.notify_all()

    def there(self, prefixes: Sequence[str], within_s: float = _LONGEST_S) -> float:
        """Wait until all ``prefixes`` are in the table; return when the last one came."""
        return self._all(self._at, prefixes, within_s, "are not in the edge's table")

    def gone(self, prefixes: Sequence[str], within_s: float = _LONGEST_S) -> float:
        """Wait until all ``prefixes`` have left the table; return when the last one went."""
        return self._all(self._gone, prefixes, within_s, "have not left the edge's table")

    def _all(self, seen: dict[str, float], prefixes: Sequence[str], within_s: float, what: str) -> float:
        with self._news:
            if not self._news.wait_for(lambda: all(prefix in seen for prefix in prefixes), within_s):
                missing = [prefix for prefix in prefixes if prefix not in seen]
                raise BenchError(f"{len(missing)} of {len(prefixes)} {what} after {within_s:g} s, e.g. {missing[0]}")
            return max(seen[prefix] for prefix in prefixes)

    def close(self) -> None:
        """Stop to watch."""
        self._process.kill()
        self._process.wait()
        self._thread.join()
        if self._process.stdout is not None:
            self._process.stdout.close()


def arrival(line: str) -> tuple[str, float, bool] | None:
    """Return prefix, time (seconds since 1970) and whether it left, of a line of ``ip -ts -o monitor route``.

    Args:
        line: The line; None is returned if it says nothing of a route that bgpd has put in.
    """
    found = re.match(r"\[(\S+)\] (Deleted )?([0-9a-f:]+)(/\d+)? .*proto bgp", line)
    if found is None:
        return None
    at = datetime.fromisoformat(found[1]).replace(tzinfo=UTC).timestamp()
    return found[3] + (found[4] or "/128"), at, found[2] is not None


class Guests:
    """The guests' process, in a network namespace of its own."""

    def __init__(self, guests: Sequence[LightGuest]) -> None:
        """Start it; nobody connects yet."""
        self.guests = guests
        argv = ["unshare", "--net", "--", sys.executable, "-m", "trellis.bench.guest_speaker"]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._line()
        self.pid = self._process.pid
        self._send([asdict(guest) for guest in guests])

    def do(self, what: str, guests: Sequence[int], **more: Any) -> dict[str, Any]:
        """Have guests do something; return the answer.

        Raises:
            BenchError: They could not.
        """
        answer = self._send({"do": what, "guests": list(guests), **more})
        if "failed" in answer:
            raise BenchError(f"guests, {what}: {answer['failed']}")
        return answer

    def _send(self, request: object) -> dict[str, Any]:
        if self._process.stdin is None:  # as above
            raise BenchError("guests without a pipe")
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise BenchError("the guests' process ended; what it said is on standard error")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process and with it its namespace."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        self._process.terminate()
        self._process.wait()


class Bench:
    """A host with its texts loaded, an edge that has a session with it, and guests that do not speak yet."""

    def __init__(self, root: Path, given: Texts, guests: Sequence[LightGuest]) -> None:
        """Describe it; entering the `with` block makes it.

        Args:
            root: The lab's root with FRR.
            given: What host and edge load.
            guests: Who will speak.
        """
        self._root, self._texts, self._guests = root, given, guests
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as closing:
            self.host = closing.enter_context(ScratchFrr(self._root, "pve001", ("bgpd",), vrfs=(VRF,)))
            self.edge = closing.enter_context(ScratchFrr(self._root, EDGE, ("bgpd",)))
            self.guests = Guests(self._guests)
            closing.callback(self.guests.close)
            self._cables()
            self.arrivals = Arrivals(self.edge)
            closing.callback(self.arrivals.close)
            self.bgpd = daemon(self.host, "bgpd")
            _load(self.edge, self._texts.edge)
            before, at = self.bgpd.cpu_s(), time.monotonic()
            _load(self.host, self._texts.host)
            self.load_cpu_s, self.load_s = self.bgpd.cpu_s() - before, time.monotonic() - at
            self._await_ready()
            self._closing = closing.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def established(self) -> int:
        """How many guests' sessions the host's bgpd calls established."""
        peers = self._peers(VRF)
        return sum(peer["state"] == "Established" for peer in peers)

    def _peers(self, vrf: str) -> list[dict[str, Any]]:
        return list(ask(self.host, f"show bgp vrf {vrf} ipv6 unicast summary json").get("peers", {}).values())

    def _cables(self) -> None:
        """Join the three, with addresses and routes; a guest's neighbour entry is permanent.

        Else a thousand guests would meet the kernel's limit of 1,024 learned neighbours, which is not bgpd's.
        """
        _cable("uplink", self.host.pid, self.edge.pid, ())
        loopbacks = self._texts.loopbacks
        for number, frr in enumerate((self.host, self.edge)):
            lines = [f"addr add {address} dev lo" for address in loopbacks[number]]
            lines += [f"addr add {address} dev uplink{_nodad(address)}" for address in _UPLINK[number]]
            lines += [f"addr add {address} dev uplink{_nodad(address)}" for address in _UPSTREAM if frr is self.edge]
            lines.append("link set uplink up")
            others = zip(loopbacks[1 - number], reversed(_UPLINK[1 - number]), strict=True)
            lines += [f"route add {address} via {via.partition('/')[0]}" for address, via in others]
            _batch(frr.command(["ip", "-batch", "-"]), lines)
        inside = ["nsenter", f"--net={self.host.path(f'/run/netns/{VRF}')}", "--"]
        for vnet, gateway in self._texts.gateways.items():
            _cable(vnet, None, self.guests.pid, inside)
            _batch([*inside, "ip", "-batch", "-"], [f"addr add {gateway} dev {vnet} nodad", f"link set {vnet} up"])
            self._attach(vnet, inside)

    def _attach(self, vnet: str, inside: list[str]) -> None:
        of_vnet = [guest.address for guest in self.guests.guests if guest.vnet == vnet]
        there = ["nsenter", f"--net=/proc/{self.guests.pid}/ns/net", "--"]
        lines = [f"addr add {address}/64 dev {vnet} nodad" for address in of_vnet]
        _batch([*there, "ip", "-batch", "-"], [*lines, f"link set {vnet} up"])
        shown = json.loads(run([*there, "ip", "-json", "link", "show", vnet]).stdout)
        mac = shown[0]["address"]
        entries = [f"neigh replace {address} lladdr {mac} dev {vnet} nud permanent" for address in of_vnet]
        _batch([*inside, "ip", "-batch", "-"], entries)

    def _await_ready(self) -> None:
        """Wait until the edge's session is up, its default has come, and every static neighbour is listened for."""
        for _ in _looks():
            fabric = [peer["state"] for peer in self._peers("default")]
            default = ask(self.host, f"show bgp vrf {VRF} ipv6 unicast ::/0 json").get("paths")
            waiting = [peer for peer in self._peers(VRF) if peer["state"] == "Idle"]
            if "Established" in fabric and default and not waiting:
                return
        raise BenchError("host and edge have no session, or the host does not wait for its guests")


def _looks() -> Iterator[None]:
    deadline = time.monotonic() + _LONGEST_S
    while time.monotonic() < deadline:
        yield
        time.sleep(_LOOK_S)


def _cable(name: str, here: int | None, there: int, inside: Sequence[str]) -> None:
    """Join two processes' namespaces by devices of one name; None is the namespace that ``inside`` enters."""
    near = [] if here is None else ["netns", str(here)]
    far = ["peer", "name", name, "netns", str(there)]
    run([*inside, "ip", "link", "add", "name", name, *near, "type", "veth", *far])


def _nodad(address: str) -> str:
    return " nodad" if ":" in address else ""


def _batch(argv: list[str], lines: Sequence[str]) -> None:
    run(argv, stdin="\n".join((*lines, "")))


def _load(frr: ScratchFrr, text: str) -> None:
    """Load a text; what FRR says of it is an error, but for route-maps that come later in it."""
    done = frr.load(text)
    wrong = [line for line in done.text.splitlines() if "%" in line]
    if done.status or wrong:
        raise BenchError(f"{frr.hostname} does not take its text: {wrong or done.text[-500:]}")
