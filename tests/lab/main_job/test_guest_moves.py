"""A guest is a passive neighbour on every host where it may run: a host that has not got it sends it nothing.

Facts, "Static passive neighbours on every host": without `passive-mode` in the BFD profile the old host goes on sending
one BFD packet a second over VXLAN for as long as anybody watched.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.lab.main_job.standing import await_sessions_back
from trellis.lab.twin import Twin

pytestmark = [pytest.mark.lab, pytest.mark.engine, pytest.mark.scenario, pytest.mark.timeout(900)]

GUEST, BEFORE, AFTER = "debian-test-1", "pve01", "pve02"
WATCHED_S = 12
MOST_REPEATED = 8
"""Segments seen twice each, on the bridge and on the VXLAN device."""

# Counts what this host itself sends towards an address, by what it is: BGP's TCP, BFD; on whatever device it leaves.
_WATCH = """
import json, socket, sys, time
target, until = socket.inet_pton(socket.AF_INET6, sys.argv[1]), time.monotonic() + float(sys.argv[2])
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.settimeout(0.5)
seen = {"syn": 0, "tcp": 0, "bfd": 0}
while time.monotonic() < until:
    try:
        frame, (device, _, kind, *_) = wire.recvfrom(2048)
    except TimeoutError:
        continue
    if kind != socket.PACKET_OUTGOING or frame[12:14] != b"\\x86\\xdd" or frame[38:54] != target:
        continue
    if frame[20] == 6 and 179 in (int.from_bytes(frame[54:56]), int.from_bytes(frame[56:58])):
        seen["syn" if frame[67] & 2 else "tcp"] += 1
    if frame[20] == 17 and int.from_bytes(frame[56:58]) == 3784:
        seen["bfd"] += 1
print(json.dumps(seen))
"""


def sent(dev: Twin, address: str) -> dict[str, dict[str, int]]:
    """What each host sent to a guest's address within a while."""

    def watch(host: str) -> dict[str, int]:
        command = f"python3 - {address} {WATCHED_S}"
        found: dict[str, int] = json.loads(dev.lab.access.run(host, command, stdin=_WATCH, timeout_s=60).stdout)
        return found

    hosts = sorted(dev.site.hosts)
    with ThreadPoolExecutor(len(hosts)) as pool:
        return dict(zip(hosts, pool.map(watch, hosts), strict=True))


def test_a_host_that_has_not_got_a_guest_sends_it_neither_bfd_nor_tcp_before_and_after_it_moves(dev: Twin) -> None:
    address = str(next(guest.ipv6 for guest in dev.guests if guest.name == GUEST))
    nothing = {"syn": 0, "tcp": 0, "bfd": 0}
    try:
        for host in (BEFORE, AFTER):
            dev.move_guest(GUEST, host)
            await_sessions_back(dev)
            seen, others = sent(dev, address), sorted({*dev.site.hosts} - {host})
            assert seen[host]["bfd"] > WATCHED_S, f"nothing proves that {host} was watched: {seen}"
            # Whoever had it before repeats its last segment, ever more seldom: nobody acknowledges it any more.
            ends = {
                name: {**seen[name], "tcp": 0} if host == AFTER and name == BEFORE else seen[name] for name in others
            }
            assert ends == dict.fromkeys(others, nothing)
            assert all(seen[name]["tcp"] <= MOST_REPEATED for name in others)
    finally:
        dev.move_guest(GUEST, BEFORE)
        await_sessions_back(dev)
