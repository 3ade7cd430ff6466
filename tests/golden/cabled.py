"""A guest's speaker and its gateway, both real, with a cable between them: what tests of speakers on the wire share.

The gateway is FRR with the very sessions and filters that are rendered for a host's VRF, in the default table: a
machine's kernel may have no VRF.  It has a default, and what a test adds, as static routes.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from trellis.lab.scratch import ScratchFrr
from trellis.plan import Plan
from trellis.plan.model import GuestPlan
from trellis.render import FRR_CONF, render
from trellis.render.speakers import speaker_text

KEY = "a-Key.of~this+test"
_SETTINGS = ("all.accept_dad=0", "default.accept_dad=0", "all.forwarding=1")


def planned_guest(plan: Plan, name: str) -> GuestPlan:
    """Return a guest of a plan by its name."""
    return next(guest for guest in plan.guests if guest.guest.name == name)


def keyed(text: str) -> str:
    """Return a text with a key in the place of each placeholder."""
    return re.sub(r"\{\{secret:[a-z0-9-]+\}\}", KEY, text)


def gateway_text(plan: Plan, guest: GuestPlan, *, tells_all: bool) -> str:
    """Return the configuration of a guest's host, of its VRF alone, as that of a default table.

    Args:
        plan: The plan.
        guest: The guest.
        tells_all: Guests are told whatever the gateway has, so that it is their own filter which decides.
    """
    return vrf_text(plan, guest.hosts[0], guest.guest.zone, tells_all=tells_all)


def vrf_text(plan: Plan, host: str, zone: str, *, tells_all: bool) -> str:
    """Return the configuration of a zone's VRF on a host as that of a default table; see `gateway_text`."""
    text = next(bundle for bundle in render(plan) if bundle.host == host).text(FRR_CONF)
    # Proxmox's merge keeps AS-path lists only inside of another stanza.
    paths = "".join(f"{line.strip()}\n" for line in re.findall(r"(?m)^ *bgp as-path access-list .*$", text))
    text = re.sub(r"(?ms)^vrf .*?^exit-vrf\n", "", text)
    text = re.sub(r"(?ms)^router ospf.*?^exit\n|^interface .*?^exit\n", "", text)
    stanzas = re.findall(r"(?ms)^router bgp .*?^exit\n", text)
    own = next(stanza for stanza in stanzas if stanza.split("\n", 1)[0].endswith(f" vrf vrf_{zone}"))
    kept = re.sub(r"(?ms)^ address-family l2vpn evpn.*?^ exit-address-family\n|^  import vrf [^\n]*\n", "", own)
    kept = re.sub(r"^(router bgp \d+) vrf \S+", r"\1", kept)
    if "bgp router-id" not in kept:
        kept = kept.replace("\n", "\n bgp router-id 10.255.0.1\n", 1)
    kept = re.sub(r"(?m)^( address-family ipv\d unicast\n)", r"\1  redistribute static\n", kept)
    for stanza in stanzas:
        text = text.replace(stanza, kept if stanza is own else "")
    if tells_all:
        for told in set(re.findall(r"(?m)^  neighbor \S+ route-map (\S+) out$", kept)):
            text = re.sub(rf"(?ms)^route-map {told} .*?^exit\n", "", text) + f"route-map {told} permit 1\nexit\n"
    return keyed(text) + paths + "ip route 0.0.0.0/0 blackhole\nipv6 route ::/0 blackhole\n"


@contextmanager
def cable(gateway: ScratchFrr, guest: ScratchFrr, planned: GuestPlan) -> Iterator[None]:
    """Join a gateway and a guest, both with their addresses, and the guest with the route that it boots with."""
    ends = {gateway: planned.guest.vnet, guest: "eth0"}
    made = ["ip", "link", "add", ends[gateway], "netns", str(gateway.pid), "type", "veth", "peer", "name", "eth0"]
    subprocess.run([*made, "netns", str(guest.pid)], check=True)
    lengths = [address.partition("/")[2] for address in planned.machine.addresses]
    gateways = [f"{ip}/{length}" for ip, length in zip(planned.machine.gateways, lengths, strict=True)]
    for end, addresses in ((gateway, gateways), (guest, list(planned.machine.addresses))):
        run(end, "sysctl", "-qw", *(f"net.ipv6.conf.{setting}" for setting in _SETTINGS))
        run(end, "ip", "link", "set", ends[end], "up")
        for address in addresses:
            run(end, "ip", "address", "add", address, "dev", ends[end], *(["nodad"] if ":" in address else []))
    for prefix in (*planned.machine.loopbacks, *planned.machine.extra):
        run(guest, "ip", "address", "add", prefix, "dev", "lo")
    metric = planned.machine.first_metric
    for ip in planned.machine.gateways:
        run(guest, "ip", "route", "add", "default", "via", ip, "metric", str(metric), "proto", "static")
    yield


def run(where: ScratchFrr, *argv: str) -> str:
    """Return what a command prints that has to succeed."""
    done = where.run(list(argv))
    assert done.status == 0, f"{' '.join(argv)}: {done.text}"
    return done.out


def start_bird(where: ScratchFrr, text: str, *options: str, name: str = "bird") -> None:
    """Start a BIRD with a configuration."""
    where.write(f"/run/{name}.conf", keyed(text))
    files = ("-c", f"/run/{name}.conf", "-s", f"/run/{name}.ctl", "-P", f"/run/{name}.pid")
    run(where, "bird", *files, "-D", f"/run/{name}.log", *options)


def end_bird(where: ScratchFrr, signal: str, name: str = "bird") -> None:
    """End a BIRD by a signal, and wait until it is gone."""
    run(where, "sh", "-c", f"kill -{signal} $(cat /run/{name}.pid); rm -f /run/{name}.pid")
    eventually(lambda: where.run(["pgrep", "-f", f"/run/{name}.conf"]).status == 1, "BIRD is gone")


def birdc(where: ScratchFrr, *words: str, name: str = "bird") -> str:
    """Return what BIRD answers to a command."""
    return run(where, "birdc", "-s", f"/run/{name}.ctl", *words)


def start_speaker(where: ScratchFrr, planned: GuestPlan) -> None:
    """Start a guest's speaker from what is rendered for it."""
    text = speaker_text(planned.speaker)
    if planned.speaker.kind == "bird2":
        start_bird(where, text, *(["-R"] if planned.speaker.graceful_restart_s else []))
    else:
        loaded = where.load(keyed(text))
        assert loaded.status == 0, loaded.text


def shown(where: ScratchFrr, command: str) -> Any:
    """Return what FRR shows as JSON."""
    out = where.run(["vtysh", "-c", command]).out
    return json.loads(out) if out.strip() else {}


def neighbor(gateway: ScratchFrr, planned: GuestPlan) -> dict[str, Any]:
    """Return what the gateway knows of a guest's session."""
    address = planned.speaker.address
    found = shown(gateway, f"show bgp neighbors {address} json").get(address, {})
    assert isinstance(found, dict)
    return found


def is_up(gateway: ScratchFrr, planned: GuestPlan) -> bool:
    """Whether the gateway's session with a guest is established."""
    return neighbor(gateway, planned).get("bgpState") == "Established"


def heard(gateway: ScratchFrr, planned: GuestPlan) -> set[str]:
    """Return the prefixes that a guest announces, whether the gateway takes them or not."""
    address = planned.speaker.address
    return {
        prefix
        for family in ("ipv4", "ipv6")
        for prefix in shown(gateway, f"show bgp {family} unicast neighbors {address} received-routes json").get(
            "receivedRoutes", {}
        )
    }


def taken(gateway: ScratchFrr, planned: GuestPlan) -> dict[str, dict[str, Any]]:
    """Return the routes of a guest that the gateway's filters took, each with all that is known of it."""
    found: dict[str, dict[str, Any]] = {}
    for family in ("ipv4", "ipv6"):
        for prefix, paths in shown(gateway, f"show bgp {family} unicast json detail").get("routes", {}).items():
            for path in paths if isinstance(paths, list) else paths.get("paths", []):
                if path.get("peer", {}).get("peerId") == planned.speaker.address:
                    found[prefix] = path
    return found


def kernel_routes(where: ScratchFrr, *words: str) -> list[str]:
    """Return the kernel's routes of both families that some words of `ip route show` choose."""
    found = [run(where, "ip", family, "route", "show", *words).splitlines() for family in ("-4", "-6")]
    return [line.strip() for lines in found for line in lines]


def eventually(holds: Callable[[], object], what: str, within_s: float = 20.0) -> None:
    """Wait until something holds; fail, saying what, if it does not in time."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {within_s:g} s: {what}")
        time.sleep(0.1)
