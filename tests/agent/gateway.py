"""A host's side of guests' sessions: a scratch FRR whose VRF is a network namespace, joined to guests by cables.

A machine's kernel may have no VRF devices; FRR takes a namespace for one (`zebra -n`), and bgpd then listens there.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from trellis.agent.bundle import agent_text
from trellis.agent.itself import AGENT_PATH
from trellis.lab.scratch import ScratchFrr

VRF = "vrf_z1"
GATEWAY = "fd00:1::1"
BOUND, OTHER, OPEN = "fd00:1::2", "fd00:1::3", "fd00:2::2"
"""A bound guest that is there, one that never comes, and one of the open VNet."""
_LOG = "/var/log/frr/bgpd.log"

_HOST = f"""frr defaults datacenter
hostname pve01
log file {_LOG} informational
ipv6 prefix-list OWN seq 5 permit fd00:100::/32 ge 128
ip prefix-list OWN seq 5 permit 10.100.0.0/16 ge 32
route-map IN permit 1
 match ipv6 address prefix-list OWN
exit
route-map IN permit 2
 match ip address prefix-list OWN
exit
router bgp 65000
exit
router bgp 65000 vrf {VRF}
 bgp router-id 1.1.1.1
 no bgp default ipv4-unicast
 timers bgp 1 3
 neighbor BOUND peer-group
 neighbor BOUND passive
 neighbor BOUND capability extended-nexthop
 neighbor OPEN peer-group
 neighbor OPEN remote-as external
 neighbor OPEN passive
 neighbor fd00:1::2 remote-as 65201
 neighbor fd00:1::2 peer-group BOUND
 neighbor fd00:1::3 remote-as 65203
 neighbor fd00:1::3 peer-group BOUND
 bgp listen range fd00:2::/64 peer-group OPEN
 address-family ipv4 unicast
  neighbor BOUND activate
  neighbor BOUND soft-reconfiguration inbound
  neighbor BOUND route-map IN in
 exit-address-family
 address-family ipv6 unicast
  neighbor BOUND activate
  neighbor BOUND soft-reconfiguration inbound
  neighbor BOUND route-map IN in
  neighbor fd00:1::2 maximum-prefix 3 restart 1
  neighbor OPEN activate
  neighbor OPEN soft-reconfiguration inbound
  neighbor OPEN route-map IN in
  network fd00:ffff::/64
 exit-address-family
exit
"""


def speaker(asn: int, address: str, *prefixes: str, router_id: str = "2.2.2.2") -> str:
    """A guest's configuration; the session comes up within seconds."""
    lines = [
        "frr defaults traditional",
        "bgp as-path access-list OWN seq 5 permit ^$",
        f"router bgp {asn}",
        f" bgp router-id {router_id}",
        " no bgp default ipv4-unicast",
        " no bgp network import-check",
        " no bgp ebgp-requires-policy",
        " timers bgp 1 3",
        f" neighbor {GATEWAY} remote-as 65000",
        f" neighbor {GATEWAY} update-source {address}",
        f" neighbor {GATEWAY} timers connect 1",
        f" neighbor {GATEWAY} ebgp-multihop 3",
        f" neighbor {GATEWAY} capability extended-nexthop",
    ]
    for family, sign in (("ipv4", "."), ("ipv6", ":")):
        lines += [f" address-family {family} unicast", f"  neighbor {GATEWAY} activate"]
        lines += [f"  neighbor {GATEWAY} filter-list OWN out"]  # else it tells its gateway what that told it
        lines += [f"  network {prefix}" for prefix in prefixes if sign in prefix] + [" exit-address-family"]
    return "\n".join((*lines, "exit", ""))


def announce(asn: int, *prefixes: str, withdraw: bool = False) -> str:
    """What has a guest announce more, or less."""
    no = "no " if withdraw else ""
    networks = "\n".join(f"  {no}network {prefix}" for prefix in prefixes)
    return f"router bgp {asn}\n address-family ipv6 unicast\n{networks}\n exit-address-family\nexit\n"


@contextlib.contextmanager
def with_guests(root: Path) -> Iterator[tuple[Gateway, ScratchFrr, ScratchFrr]]:
    """A gateway, a bound guest and one of an open VNet, joined by cables; neither speaks yet."""
    daemons = ("bgpd",)
    with (
        ScratchFrr(root, "pve01", daemons) as host,
        ScratchFrr(root, "web", daemons) as bound,
        ScratchFrr(root, "any", daemons) as stranger,
    ):
        gateway = Gateway(host)
        gateway.plug(bound, GATEWAY, BOUND)
        gateway.plug(stranger, "fd00:2::1", OPEN)
        yield gateway, bound, stranger


def pid_of(frr: ScratchFrr) -> str:
    """A process in the scratch FRR's namespaces."""
    return str(frr.path("/").parent).split("/")[2]


class Gateway:
    """The host, with the agent in place."""

    def __init__(self, frr: ScratchFrr) -> None:
        self.frr = frr
        self._cables = 0
        self._must("ip", "netns", "add", VRF)
        daemons = frr.read("/etc/frr/daemons").replace('zebra_options="', 'zebra_options=" -n ')
        frr.write("/etc/frr/daemons", daemons, 0o640)
        self._must("/usr/lib/frr/watchfrr.sh", "restart", "all")
        frr.write(AGENT_PATH, agent_text(), 0o755)
        # Where the VRF is a namespace, its neighbours and the journal are elsewhere than on a host.
        frr.write("/usr/local/bin/ip", f'#!/bin/sh\nexec /usr/sbin/ip -n {VRF} "$@"\n', 0o755)
        frr.write("/usr/local/bin/journalctl", f"#!/bin/sh\nexec tail -n 0 -F {_LOG}\n", 0o755)
        loaded = frr.load(_HOST)
        assert "Unknown command" not in loaded.text, loaded.text

    def _must(self, *argv: str) -> None:
        ran = self.frr.run(list(argv))
        assert ran.status == 0, ran.text

    def plug(self, guest: ScratchFrr, gateway: str, address: str) -> None:
        """Join a guest to the VRF."""
        self._cables += 1
        name = f"tap{self._cables}"
        ends = ["netns", pid_of(self.frr), "type", "veth", "peer", "name", "eth0", "netns", pid_of(guest)]
        subprocess.run(["ip", "link", "add", "name", name, *ends], check=True)
        self._must("/usr/sbin/ip", "link", "set", name, "netns", VRF)
        self._must("/usr/sbin/ip", "-n", VRF, "address", "add", f"{gateway}/64", "dev", name, "nodad")
        self._must("/usr/sbin/ip", "-n", VRF, "link", "set", name, "up")
        guest.run(["ip", "address", "add", f"{address}/64", "dev", "eth0", "nodad"])
        guest.run(["ip", "link", "set", "eth0", "up"])
        if gateway != GATEWAY:
            guest.run(["ip", "-6", "route", "add", f"{GATEWAY}/128", "via", gateway])

    def observing(self, *options: str) -> Observing:
        """The agent, telling."""
        argv = self.frr.command(["python3", "-I", AGENT_PATH, "observe", *options])
        return Observing(subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))

    def agents(self) -> list[str]:
        """What still runs of agents."""
        return self.frr.run(["pgrep", "-f", "agent.py observe|bgpd.log"]).out.split()


class Observing:
    """A running `agent.py observe`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []
        self._text = b""

    def __enter__(self) -> Observing:
        return self

    def __exit__(self, *_: object) -> None:
        # As a connection that breaks; a signal would only end `nsenter`, which waits for it in another namespace.
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        with self.process.stderr:
            self.process.stdout.close()
            self.process.wait(timeout=30)

    def until(self, wanted: Callable[[dict[str, Any]], object], within_s: float = 60.0) -> dict[str, Any]:
        """The next line of which something holds."""
        deadline = time.monotonic() + within_s
        assert self.process.stdout is not None
        while True:
            while b"\n" in self._text:
                text, _, self._text = self._text.partition(b"\n")
                self.lines.append(json.loads(text))
                if wanted(self.lines[-1]):
                    return self.lines[-1]
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                break
            piece = os.read(self.process.stdout.fileno(), 1 << 16)
            assert piece, self.process.stderr and self.process.stderr.read()
            self._text += piece
        raise AssertionError(f"no such line in {within_s:g} s; the last: {json.dumps(self.lines[-2:], indent=1)}")

    def until_peer(self, address: str, wanted: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """What was told last of a neighbour, once something holds of it."""
        told = [peer for line in self.lines if (peer := peer_of(line, address))]
        if told and wanted(told[-1]):
            return told[-1]
        return peer_of(self.until(lambda line: (peer := peer_of(line, address)) and wanted(peer)), address)


def peer_of(line: dict[str, Any], address: str) -> dict[str, Any]:
    """What a line says of a neighbour; nothing where it does not list it."""
    return next((peer for peer in line["peers"] if peer["address"] == address), {})
