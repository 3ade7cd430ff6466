"""A host is drained and taken back while traffic goes through it: three times, and not one packet is lost.

The link between two hosts is cut, so that what their guests send each other goes through the third; and the edge has
three ways into a VNet, one of them by that host. Every request and every answer is counted, at both ends.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.lab.main_job.nodes import inside, node, pinged
from tests.lab.main_job.standing import await_sessions_back
from trellis.lab import network
from trellis.lab.command_line import trellis
from trellis.lab.twin import Twin

pytestmark = [pytest.mark.lab, pytest.mark.engine, pytest.mark.scenario, pytest.mark.timeout(2400)]

HOST, CUT = "pve03", "mesh-pve01-pve02"
SENDER, RECEIVER = "debian-test-1", "solcp02"
"""Guests on the ends of the link that is cut."""
RUNS = 3
APART_S, LEAST, LEAST_S = 0.01, 1000, 20.0
"""Of a stream: seconds between two pings, how many there are at least, and how long it lasts for that: on these kernels
two are up to 0.02 s apart."""
OWN_ADDRESS_S, LOOPBACK_S = 1.0, 3.0
"""The bounds of a migration (design, section 13)."""

_RECEIVED = re.compile(r"icmp_seq=(\d+)")
_SENT = re.compile(r"(\d+) packets transmitted, (\d+) received")

# Pings until its standard input ends: SSH passes no signal on.
_PINGS = """
import signal, subprocess, sys
child = subprocess.Popen(sys.argv[1:])
sys.stdin.read()
child.send_signal(signal.SIGINT)
sys.exit(child.wait())
"""


@dataclass
class Stream:
    """A stream of pings, counted at both ends; complete when it has ended.

    Attributes:
        sent: Requests that left.
        answered: Answers that came.
        lost: The numbers of the requests between the first and the last answer that have none.
        heard: Requests that the other end's kernel counted, of all streams to it.
    """

    sent: int = 0
    answered: int = 0
    lost: tuple[int, ...] = ()
    heard: int = 0


def requests_heard(dev: Twin, guest: str, version: int) -> int:
    """How many requests a guest's kernel has had since it was made."""
    if version == 6:
        said = inside(dev, guest, "grep '^Icmp6InEchos' /proc/net/snmp6")
        return int(said.split()[1])
    names, values = (line.split() for line in inside(dev, guest, "grep '^Icmp:' /proc/net/snmp").splitlines())
    return int(dict(zip(names, values, strict=True))["InEchos"])


@contextmanager
def streamed(dev: Twin, command: list[str], guest: str, version: int) -> Iterator[Stream]:
    """Run a stream of pings to a guest for as long as the block lasts, and until it has enough."""
    found, before, began = Stream(), requests_heard(dev, guest, version), time.monotonic()
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    lines: list[str] = []
    try:
        yield found
        time.sleep(max(0.0, LEAST_S - (time.monotonic() - began)))
    finally:
        assert child.stdin is not None
        out, _ = child.communicate("", timeout=60)
        lines += out.splitlines()
    seen = {int(number) for line in lines for number in _RECEIVED.findall(line)}
    [(sent, answered)] = _SENT.findall("\n".join(lines))
    found.sent, found.answered = int(sent), int(answered)
    found.lost = tuple(sorted({*range(min(seen), max(seen) + 1)} - seen))
    found.heard = requests_heard(dev, guest, version) - before


def from_guest(dev: Twin, address: str) -> list[str]:
    """The command that pings from the one guest, on its host."""
    ping = ["ip", "netns", "exec", SENDER, "ping", "-n", "-i", str(APART_S), address]
    words = " ".join(f"'{word}'" for word in ping)
    return [*dev.lab.access.command(dev.host_of(SENDER)), f"python3 -u -c '{_PINGS}' {words}"]


def from_upstream(dev: Twin, address: str) -> list[str]:
    """The command that pings from behind the edge."""
    space = network.namespace_of(dev.stack, "upstream")
    return [sys.executable, "-c", _PINGS, "ip", "netns", "exec", space, "ping", "-n", "-i", str(APART_S), address]


def told(dev: Twin, *words: str) -> dict[str, Any]:
    """Run a command of `trellis` that has to succeed; returns its JSON."""
    done = trellis(dev, *words, "--yes", "--json", timeout_s=900)
    assert done.returncode == 0, done.stderr
    print(done.stderr)
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def forwards(dev: Twin) -> float:
    """Packets a second that go through the host."""

    def look() -> tuple[float, int]:
        said = json.loads(dev.lab.access.run(HOST, "python3 /usr/local/lib/trellis/agent.py transit").stdout)
        return said["at_s"], sum(said["forwarded"].values())

    before = look()
    time.sleep(3)
    now = look()
    return (now[1] - before[1]) / (now[0] - before[0])


@contextmanager
def link_cut(dev: Twin) -> Iterator[None]:
    """Cut the link at both of its ends, until OSPF has gone around it, and join it again."""
    ends = dev.site.links[CUT].ends
    for host, end in ends.items():
        dev.lab.access.run(host, f"ip link set {end.interface} down")
    try:
        far = f"ip -json route get {_loopback(dev, RECEIVER)}"
        _eventually(lambda: '"vmbr1v21"' in dev.lab.access.run(dev.host_of(SENDER), far).stdout, "the way by the host")
        yield
    finally:
        for host, end in ends.items():
            dev.lab.access.run(host, f"ip link set {end.interface} up")
        await_sessions_back(dev)


def _loopback(dev: Twin, guest: str) -> str:
    """The IPv4 loopback of the host that a guest is on: its VTEP."""
    return f"10.255.0.{dev.site.hosts[dev.host_of(guest)].id}"


def _eventually(holds: Callable[[], bool], what: str, within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
        time.sleep(0.5)


def _transits(dev: Twin) -> dict[str, tuple[list[str], str, int]]:
    """The streams through the host: name -> command, who hears it, family."""
    end = node(dev, RECEIVER)
    own4, own6 = str(end.ipv4), str(end.ipv6)
    loopback4, loopback6 = (str(prefix.network_address) for prefix in end.loopbacks)
    return {
        f"{SENDER} to {RECEIVER}, IPv4": (from_guest(dev, loopback4), RECEIVER, 4),
        f"upstream to {RECEIVER}, IPv4": (from_upstream(dev, own4), RECEIVER, 4),
        f"{SENDER} to {RECEIVER}, IPv6": (from_guest(dev, loopback6), RECEIVER, 6),
        f"upstream to {RECEIVER}, IPv6": (from_upstream(dev, own6), RECEIVER, 6),
    }


def _assert_nothing_is_lost(streams: dict[str, Stream], families: dict[str, int], what: str) -> None:
    for name, stream in streams.items():
        print(f"{what}: {name}: {stream}")
    for name, stream in streams.items():
        assert stream.answered >= LEAST, name
        assert stream.lost == (), f"{what}: {name}: {stream}"
        assert stream.sent - stream.answered <= 1, f"{what}: {name}: {stream}"  # the last may be under way
    for version in (4, 6):
        sent = sum(stream.sent for name, stream in streams.items() if families[name] == version)
        heard = [stream.heard for name, stream in streams.items() if families[name] == version]
        assert max(heard) >= sent - len(heard), f"{what}: IPv{version}: {sent} were sent, {heard} heard"


@contextmanager
def nothing_is_lost(dev: Twin, what: str) -> Iterator[None]:
    """All streams run for as long as the block lasts, and none of them loses anything."""
    transits = _transits(dev)
    with ExitStack() as stack:
        streams = {name: stack.enter_context(streamed(dev, *transit)) for name, transit in transits.items()}
        time.sleep(1)
        yield
    _assert_nothing_is_lost(streams, {name: version for name, (_, _, version) in transits.items()}, what)


@contextmanager
def undrained_afterwards(dev: Twin) -> Iterator[None]:
    """Take the host back though the block failed while it was drained: what comes next needs it."""
    try:
        yield
    except BaseException:
        print(trellis(dev, "undrain", HOST, "--migrate-back", "--yes", timeout_s=900).stderr)
        raise


def test_three_times_a_host_is_drained_and_taken_back_without_the_loss_of_a_packet(dev: Twin) -> None:
    await_sessions_back(dev)
    with link_cut(dev), undrained_afterwards(dev):
        for number in range(1, RUNS + 1):
            with nothing_is_lost(dev, f"drain {number}"):
                assert forwards(dev) > 1 / APART_S, "nothing proves that traffic goes through the host"
                said = told(dev, "drain", HOST, "--reason", f"run {number}", "--owner", "the test")
            assert said["done"]
            assert {stay["guest"] for stay in said["decision"]["stays"]} == set()
            with nothing_is_lost(dev, f"drained {number}"):
                assert forwards(dev) < 5
            with nothing_is_lost(dev, f"undrain {number}"):
                said = told(dev, "undrain", HOST, "--migrate-back")
                _eventually(lambda: forwards(dev) > 1 / APART_S, "traffic is back")
            assert sorted(said["moved"]) == ["solcp03", "solwk03"]


def test_a_guest_that_a_drain_moves_is_away_for_no_longer_than_a_migration(dev: Twin) -> None:
    await_sessions_back(dev)
    moving = [guest for guest in dev.guests if dev.host_of(guest.name) == HOST and guest.resilience == "fast_failure"]
    assert moving
    own = {str(address): OWN_ADDRESS_S for guest in moving for address in (guest.ipv4, guest.ipv6) if address}
    loopbacks = {str(prefix.network_address): LOOPBACK_S for guest in moving for prefix in guest.loopbacks}
    bounds = {**own, **loopbacks}
    try:
        with pinged(dev, bounds) as streams:
            told(dev, "drain", HOST)
        assert {dev.host_of(guest.name) for guest in moving} <= {*dev.site.hosts} - {HOST}
        assert {address: silent for address, silent in streams.silent_s.items() if silent > bounds[address]} == {}
    finally:
        told(dev, "undrain", HOST, "--migrate-back")
        await_sessions_back(dev)


def test_a_drain_outlives_a_deploy_an_sdn_apply_and_a_reboot_and_is_told_by_check(dev: Twin) -> None:
    from trellis.lab.scenarios import breaking  # noqa: PLC0415 (it calls Proxmox as another operator)

    def state() -> dict[str, Any]:
        done = trellis(dev, "check", HOST, "--json")
        [host] = json.loads(done.stdout)["hosts"]
        found: dict[str, Any] = host
        return found

    told(dev, "drain", HOST, "--no-migrate", "--reason", "kernel", "--owner", "ada")
    try:
        dev.deploy("up", print)
        assert (state()["state"], state()["drained"].startswith("kernel (ada, since 2")) == ("as planned", True)
        breaking.network_reload(dev)
        _eventually(lambda: state()["state"] == "as planned", "what Proxmox merges is what was drained", 180)
        breaking.reboot_one(dev)
        _eventually(lambda: state()["state"] == "as planned", "a boot brings it up drained", 180)
        assert "bgp graceful-shutdown" in dev.lab.access.run(HOST, "vtysh -c 'show running-config'").stdout
    finally:
        told(dev, "undrain", HOST)
        await_sessions_back(dev)
