"""What `trellis why` says of a host's filter is what FRR does: on drawn sites, for drawn routes, entry by entry.

The host's bgpd runs what is rendered for it, a second FRR announces the routes over a real session, and bgpd's own
debug log tells why it refused one, and which entry of which route-map another one passed.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import strategies as st

from tests.core.generated import site_of
from tests.core.test_why_properties import drawn, speakers
from tests.counted import Cases
from tests.golden.cabled import eventually, run, vrf_text
from trellis.lab.scratch import ScratchFrr
from trellis.plan import Plan
from trellis.plan import plan as plan_for
from trellis.reach.fabric import Fabric
from trellis.reach.why import Question, Why, why
from trellis.site import load_site

pytestmark = pytest.mark.frr

ROUTES = 40
"""Routes that one session carries."""
SITES = 250
"""One case of so many is a site with its two FRRs and all of its routes: it takes seconds."""

LOG = "/tmp/bgpd.log"
_DENIED = re.compile(r"rcvd UPDATE about (\S+) IPv[46] unicast -- DENIED due to: ([^;\n]*)")
_MATCHED = re.compile(r"Best match route-map: (\S+), sequence: (\d+) for pfx: (\S+), result: match")
_SETTINGS = ("all.accept_dad=0", "default.accept_dad=0", "all.forwarding=1")
_LIMITS = re.compile(r"(?m)^ +neighbor \S+ (?:maximum-prefix|password) .*\n")
"""Of the session, not of the filter: how many prefixes it carries here, and whose key."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What bgpd made of the routes of a session: why it refused some, which entries matched, what it kept."""

    denied: dict[str, str]
    matched: dict[tuple[str, str], int]
    kept: dict[str, tuple[str, ...]]


def announcing(asked: list[Question], gateway: str, gateway_asn: int) -> str:
    """Return the configuration of an FRR that announces each route with its path and its communities."""
    lines, networks = [], {4: [], 6: []}  # type: ignore[var-annotated]
    for number, route in enumerate(asked):
        targets = " ".join(target.removeprefix("rt:") for target in route.targets)
        sets = {
            "as-path prepend": " ".join(map(str, route.path[1:])),
            "community": " ".join(sorted(route.route.communities)),
            "large-community": " ".join(sorted(route.route.large)),
            "extcommunity rt": targets,
        }
        lines += [f"route-map R{number} permit 1", *(f" set {what} {of}" for what, of in sets.items() if of), "exit"]
        networks[route.route.prefix.version].append(f"  network {route.prefix} route-map R{number}")
    lines += [
        f"router bgp {asked[0].asn}",
        " bgp router-id 198.18.0.1",
        " no bgp ebgp-requires-policy",
        " no bgp default ipv4-unicast",
        " no bgp network import-check",
        f" neighbor {gateway} remote-as {gateway_asn}",
        f" neighbor {gateway} update-source {asked[0].address}",
        f" neighbor {gateway} timers connect 1",
        f" neighbor {gateway} capability extended-nexthop",
    ]
    for version, own in networks.items():
        lines += [f" address-family ipv{version} unicast", *own, f"  neighbor {gateway} activate"]
        lines.append(" exit-address-family")
    return "\n".join([*lines, "exit", ""])


@contextmanager
def joined(root: Path, plan: Plan, asked: Question) -> Iterator[tuple[ScratchFrr, ScratchFrr]]:
    """Start a host with its rendered text, which says what it does, and a guest, with a cable between them."""
    gateway, length = asked.vnet.gateways[0], asked.vnet.subnets[0].rpartition("/")[2]
    text = _LIMITS.sub("", vrf_text(plan, asked.host.name, asked.vnet.zone, tells_all=False))
    with ScratchFrr(root, asked.host.name, ("bgpd",)) as host, ScratchFrr(root, "guest", ("bgpd",)) as guest:
        ends = ["type", "veth", "peer", "name", "eth0", "netns", str(guest.pid)]
        subprocess.run(["ip", "link", "add", "eth0", "netns", str(host.pid), *ends], check=True)
        for end, address in ((host, gateway), (guest, asked.address)):
            run(end, "sysctl", "-qw", *(f"net.ipv6.conf.{setting}" for setting in _SETTINGS))
            run(end, "ip", "link", "set", "eth0", "up")
            run(end, "ip", "address", "add", f"{address}/{length}", "dev", "eth0", "nodad")
        for other in gateways(plan, asked) - {f"{gateway}/{length}"}:
            run(host, "ip", "address", "add", other, "dev", "eth0", *(["nodad"] if ":" in other else []))
        loaded = host.load(text)
        assert loaded.status == 0, loaded.text
        host.vtysh("configure terminal", f"log file {LOG} debugging")
        host.vtysh("debug route-map detail", "debug bgp updates in")
        yield host, guest


def gateways(plan: Plan, asked: Question) -> set[str]:
    """Return the addresses that the host has in the zone, with their lengths."""
    return {
        f"{gateway}/{subnet.rpartition('/')[2]}"
        for vnet in plan.vnets
        if vnet.zone == asked.vnet.zone
        for gateway, subnet in zip(vnet.every_gateway, vnet.every_subnet, strict=True)
    }


def shown(host: ScratchFrr, command: str) -> Any:
    return json.loads(host.vtysh(command) or "{}")


def judged_by_frr(host: ScratchFrr, guest: ScratchFrr, plan: Plan, asked: list[Question]) -> Judged:
    """Have the guest announce its routes, and return what the host's bgpd made of them."""
    address = asked[0].address
    loaded = guest.load(announcing(asked, asked[0].vnet.gateways[0], plan.asn))
    assert loaded.status == 0, loaded.text

    def heard() -> set[str]:
        answers = (
            shown(host, f"show bgp ipv{version} unicast neighbors {address} received-routes json") for version in (4, 6)
        )
        return {prefix for answer in answers for prefix in answer.get("receivedRoutes", {})}

    wanted = {route.prefix for route in asked if not route.route.prefix.is_multicast}
    eventually(lambda: wanted <= heard(), "the host has heard every route", within_s=60)
    log = host.read(LOG)
    kept: dict[str, tuple[str, ...]] = {}
    for version in (4, 6):
        for prefix, paths in shown(host, f"show bgp ipv{version} unicast json detail").get("routes", {}).items():
            for path in paths if isinstance(paths, list) else paths.get("paths", []):
                if path.get("peer", {}).get("peerId") == address:
                    communities = (path.get(kind, {}).get("list", []) for kind in ("community", "largeCommunity"))
                    kept[prefix] = tuple(community for found in communities for community in sorted(found))
                    assert "extendedCommunity" not in path
    matched = {(name, prefix): int(seq) for name, seq, prefix in _MATCHED.findall(log)}
    return Judged(dict(_DENIED.findall(log)), matched, kept)


def listed(host: ScratchFrr, found: list[Why]) -> list[int]:
    """Return the number of the prefix-list's entry by which bgpd itself decides on each route."""
    asked = []
    for route in found:
        step = route.at("filter in")
        assert step is not None
        keyword = "ipv6" if ":" in route.prefix else "ip"
        asked.append(f"show {keyword} prefix-list {step.entry.prefix_list} {route.prefix} first-match")
    words = [word for command in asked for word in ("-c", command)]
    return [int(seq) for seq in re.findall(r"(?m)^ +seq (\d+) ", host.run(["vtysh", "-d", "bgpd", *words]).out)]


def test_the_verdict_and_the_entry_at_a_hosts_filter_are_those_of_frr(
    cases: Cases, frr_root: Callable[[str], Path]
) -> None:
    def judged(seed: int) -> Iterator[str]:
        draw = Random(seed)
        fabric = Fabric(plan_for(load_site(site_of(draw, least=1))))
        while not (known := speakers(fabric)):
            fabric = Fabric(plan_for(load_site(site_of(draw, least=1))))
        strangers = [name for name in known if ":" in name]
        guest = draw.choice(draw.choice([known, strangers or known]))
        routes = {route.prefix: route for route in (drawn(draw, fabric, guest) for _ in range(ROUTES))}
        asked = list(routes.values())
        with joined(frr_root(asked[0].host.frr_version), fabric.plan, asked[0]) as (host, speaker):
            by_frr = judged_by_frr(host, speaker, fabric.plan, asked)
            found = [why(fabric, route) for route in asked]
            for route in found:
                yield same(route, by_frr)
            by_list = [route for route in found if (step := route.at("filter in")) and step.entry.prefix_list_seq]
            numbers = [step.entry.prefix_list_seq for route in by_list if (step := route.at("filter in"))]
            assert listed(host, by_list) == numbers

    cases.run(judged, SITES, simplify=False, seed=st.integers(0, 2**32))


def same(found: Why, by_frr: Judged) -> str:
    """Hold what is said of a route against what bgpd did, and return how it ended."""
    path, inward = found.at("AS path"), found.at("filter in")
    by_itself = found.at("update")
    if by_itself is not None:
        reason = by_itself.entry.text.removeprefix("bgpd itself: ")
        said = None if "ignoring" in reason else reason  # what it ignores it does not even deny
        assert (by_frr.denied.get(found.prefix), found.prefix in by_frr.kept) == (said, False), found
        return "by bgpd itself"
    assert path is not None, found
    if path.verdict == "stops":
        reason = "filter" if path.entry.name is not None else "as-path contains our own AS"
        assert (by_frr.denied.get(found.prefix), found.prefix in by_frr.kept) == (reason, False), found
        return reason
    assert inward is not None
    assert by_frr.matched.get((str(inward.entry.name), found.prefix)) == inward.entry.seq, found
    if inward.verdict == "stops":
        assert (by_frr.denied.get(found.prefix), found.prefix in by_frr.kept) == ("route-map", False), found
        return "no entry" if inward.entry.seq is None else "denying entry"
    assert found.prefix not in by_frr.denied, found
    assert by_frr.kept.get(found.prefix) == inward.communities, found
    return "accepted"
