"""Two hosts and an edge of the homelab, all real FRR: draining one moves what went through it, and resets no session.

The hosts run what is rendered for them but for their VRFs, whose subnet stands in the global table here: a machine's
kernel may have no VRF. Management is a bridge at the edge, and the mesh a cable.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.golden.cabled import eventually, run, shown
from tests.sites import site_data
from trellis.agent.costs import in_place
from trellis.agent.drain import overlaid
from trellis.agent.manifest import Manifest, parse
from trellis.lab.edge import edge_config
from trellis.lab.scratch import Result, ScratchFrr
from trellis.plan import plan
from trellis.render import manifest, render
from trellis.site import load_site

pytestmark = [pytest.mark.frr, pytest.mark.timeout(900)]

HOST, OTHER, EDGE = "pve01", "pve02", "edge1"
SUBNET, SUBNET6 = "10.101.0.0/24", "fd00:101::/64"
LOOPBACK = {HOST: "10.255.0.1", OTHER: "10.255.0.2"}


@dataclass(frozen=True)
class Fabric:
    """Two hosts and an edge, with sessions."""

    nodes: dict[str, ScratchFrr]
    manifests: dict[str, Manifest]

    def apply(self, host: str, wanted: Manifest) -> None:
        """Give a host its configuration as the agent does."""
        node, text = self.nodes[host], flat(wanted.intent)
        commands = in_place(node.run(["vtysh", "-c", "show running-config no-header"]).out, text)
        for done in (vtysh(node, commands) if commands else None, node.reload(text)):
            assert done is None or done.status == 0, done.text

    def hosts_at_edge(self, prefix: str) -> set[str]:
        """The hosts by which the edge forwards to a prefix."""
        family = "ipv6" if ":" in prefix else "ip"
        [route] = shown(self.nodes[EDGE], f"show {family} route {prefix} json").get(prefix, [{}])
        hops = {hop.get("ip") for hop in route.get("nexthops", []) if hop.get("active") and hop.get("recursive")}
        ends = {LOOPBACK[host]: host for host in LOOPBACK} | {f"fd00:0:0:ffff::{n}": f"pve0{n}" for n in (1, 2)}
        return {ends[hop] for hop in hops}

    def uses_own_default(self, host: str) -> bool:
        """Whether a host's default of the global table is the edge's own."""
        found = shown(self.nodes[host], "show bgp ipv4 unicast 0.0.0.0/0 json").get("paths", [])
        return any(path.get("bestpath", {}).get("overall") and path["peer"]["type"] == "external" for path in found)

    def ways(self, node: str) -> dict[str, list[str]]:
        """The interfaces by which a node sends to each address that OSPF told it of."""
        found = {}
        for family in ("ip", "ipv6"):
            for prefix, routes in shown(self.nodes[node], f"show {family} route ospf json").items():
                chosen = [route for route in routes if route.get("selected")]
                if prefix.endswith(("/32", "/128")) and chosen:
                    found[prefix] = sorted(hop["interfaceName"] for hop in chosen[0]["nexthops"])
        return found

    def straight_to_edge(self) -> bool:
        """Whether each host sends to the edge by its own cable: OSPF waits 40 s on it for a designated router."""
        wanted = {address: ["vmbr0.10"] for address in ("10.255.0.254/32", "fd00:0:0:ffff::fffe/128")}
        return all(wanted.items() <= self.ways(host).items() for host in LOOPBACK)

    def resets(self) -> dict[tuple[str, str], tuple[str, int]]:
        """Each session: its state, and how often it came up."""
        found: dict[tuple[str, str], tuple[str, int]] = {}
        for name, node in self.nodes.items():
            for families in shown(node, "show bgp vrf all summary json").values():
                for family in families.values():
                    for peer, said in family.get("peers", {}).items() if isinstance(family, dict) else ():
                        found[name, peer] = str(said["state"]), int(said["connectionsEstablished"])
        return {key: value for key, value in found.items() if value[0] == "Established"}


def vtysh(node: ScratchFrr, commands: tuple[str, ...]) -> Result:
    """Tell a node's FRR some commands, one after the other."""
    return node.run(["vtysh", *(word for command in commands for word in ("-c", command))])


@contextmanager
def events(node: ScratchFrr) -> Iterator[list[str]]:
    """Watch a node's routes: what its kernel told is in the list when the block has ended."""
    told: list[str] = []
    watched = subprocess.Popen(
        node.command(["ip", "-oneline", "monitor", "route"]),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield told
    finally:
        os.killpg(watched.pid, signal.SIGKILL)  # `nsenter` has a child, which would keep the pipe open
        told += watched.communicate(timeout=10)[0].splitlines()


def flat(text: str) -> str:
    """A host's configuration without VRFs, with the subnet of one in its global table."""
    text = re.sub(r"(?ms)^vrf .*?^exit-vrf\n|^interface vnet\d+\n.*?^exit\n|^router bgp \d+ vrf .*?^exit\n", "", text)
    text = re.sub(r"(?m)^  import vrf .*\n", "", text)
    redistributed = r"\1  redistribute connected route-map TL-CONNECTED\n"
    return re.sub(r"(?m)^( address-family ipv\d unicast\n)", redistributed, text)


def prepare(node: ScratchFrr, name: str, site: Any) -> None:
    """Give a node its addresses; its devices are there."""
    run(node, "sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0")
    addresses = [
        (link.ends[name].interface, address)
        for link_name, link in site.links.items()
        if name in link.ends and link_name in ("management", "mesh-pve01-pve02")
        for address in (link.ends[name].ipv4, link.ends[name].ipv6)
    ]
    if name == EDGE:
        addresses += [("lo", "10.255.0.254/32"), ("lo", "fd00:0:0:ffff::fffe/128")]
        # The way upstream is the test's to cut, so it has none: what the default needs is a route.
        run(node, "ip", "route", "add", "blackhole", "default")
        run(node, "ip", "-6", "route", "add", "blackhole", "default")
    else:
        addresses += [("dummy_underlay", f"{LOOPBACK[name]}/32"), ("dummy_underlay", f"fd00:0:0:ffff::{name[-1]}/128")]
        addresses += [("vnet101", "10.101.0.254/24"), ("vnet101", "fd00:101::fffe/64")]
        for device in ("dummy_underlay", "vnet101"):
            run(node, "ip", "link", "add", device, "type", "bridge")
        vxlan = ["type", "vxlan", "id", "10101", "dstport", "4789", "local", LOOPBACK[name], "nolearning"]
        run(node, "ip", "link", "add", "vxlan_vnet101", *vxlan)
        run(node, "ip", "link", "set", "vxlan_vnet101", "master", "vnet101", "up")
    for device, address in addresses:
        run(node, "ip", "link", "set", device, "up")
        run(node, "ip", "address", "add", str(address), "dev", device, *(["nodad"] if ":" in str(address) else []))


@pytest.fixture(scope="module")
def fabric(frr_root: Callable[[str], Path]) -> Iterator[Fabric]:
    """The homelab without its third host, converged."""
    data = site_data("homelab")
    for host in data["hosts"].values():
        host["frr_version"] = "10.3"
    site = load_site(data)
    manifests = {bundle.host: parse(manifest(bundle)) for bundle in render(plan(site))}
    with ExitStack() as stack:
        nodes = {name: stack.enter_context(ScratchFrr(frr_root("10.3"), name)) for name in (HOST, OTHER, EDGE)}
        found = Fabric(nodes, manifests)
        edge = nodes[EDGE]
        run(edge, "ip", "link", "add", "vlan10", "type", "bridge")
        ends = [(EDGE, f"to-{host}", host, "vmbr0.10") for host in (HOST, OTHER)]
        for one, device, other, its in (*ends, (HOST, "vmbr1v20", OTHER, "vmbr1v20")):
            peer = ["peer", "name", its, "netns", str(nodes[other].pid)]
            here = ["ip", "link", "add", device, "netns", str(nodes[one].pid), "type", "veth", *peer]
            subprocess.run(here, check=True)
        for host in (HOST, OTHER):
            run(edge, "ip", "link", "set", f"to-{host}", "master", "vlan10", "up")
        for name, node in nodes.items():
            prepare(node, name, site)
        loaded = edge.load(re.sub(r"(?m)^ip(v6)? route .*\n", "", edge_config(site, EDGE)))
        assert loaded.status == 0, loaded.text
        for host in (HOST, OTHER):
            loaded = nodes[host].load(flat(manifests[host].intent))
            assert loaded.status == 0, loaded.text
        everybody = {HOST, OTHER}
        eventually(lambda: found.hosts_at_edge(SUBNET) == everybody, "the edge sends to both hosts", 120)
        eventually(lambda: found.hosts_at_edge(SUBNET6) == everybody, "IPv6, too", 60)
        eventually(lambda: all(map(found.uses_own_default, everybody)), "each host uses its own default", 60)
        eventually(lambda: len(found.resets()) == 12, "both ends of six sessions, two between each pair", 60)
        eventually(found.straight_to_edge, "hosts send to the edge by their own cables", 90)
        yield found


def preference_of_evpn(fabric: Fabric) -> set[int]:
    """The local preference of what the other host hears of the drained one by EVPN."""
    routes = shown(fabric.nodes[OTHER], "show bgp l2vpn evpn json")
    paths = json.dumps(routes)
    found = [
        path
        for entry in routes.values()
        if isinstance(entry, dict)
        for route in entry.values()
        if isinstance(route, dict)
        for group in route.get("paths", [])
        for path in (group if isinstance(group, list) else [group])
        if path.get("peerId") == LOOPBACK[HOST]
    ]
    assert found, paths
    return {int(path["locPrf"]) for path in found}


def test_a_drained_host_is_nobody_s_way_and_comes_back_and_no_session_is_reset(fabric: Fabric) -> None:
    """Make before break: the edge goes from two next hops to one, and from one to two, and never to none."""
    before, plain = fabric.resets(), fabric.manifests[HOST]
    with events(fabric.nodes[EDGE]) as told:
        assert preference_of_evpn(fabric) == {100}
        fabric.apply(HOST, overlaid(plain))
        for prefix in (SUBNET, SUBNET6):
            eventually(lambda p=prefix: fabric.hosts_at_edge(p) == {OTHER}, f"{prefix} by {OTHER}")  # type: ignore[misc]
        eventually(lambda: not fabric.uses_own_default(HOST), "what is left goes out by the other host")
        assert fabric.uses_own_default(OTHER)
        eventually(lambda: preference_of_evpn(fabric) == {0}, "EVPN routes are the last choice, too")
        heard = shown(fabric.nodes[EDGE], f"show bgp ipv4 unicast {SUBNET} json")["paths"]
        said = {path["peer"]["peerId"]: path["community"]["string"] for path in heard}
        assert said == {LOOPBACK[HOST]: "65000:101 graceful-shutdown", LOOPBACK[OTHER]: "65000:101"}
        fabric.apply(HOST, plain)
        for prefix in (SUBNET, SUBNET6):
            eventually(lambda p=prefix: fabric.hosts_at_edge(p) == {HOST, OTHER}, f"{prefix} by both")  # type: ignore[misc]
        eventually(lambda: fabric.uses_own_default(HOST), "its own default again")
        time.sleep(1)
        assert fabric.resets() == before
    assert told
    assert [line for line in told if line.startswith("Deleted") and (SUBNET in line or SUBNET6 in line)] == []


def test_a_drained_host_s_own_addresses_are_reached_as_before_and_it_keeps_its_own_ways(fabric: Fabric) -> None:
    """What OSPF's own words do is worse: `stub-router` took all of the router's IPv6 routes away (FRR 10.3).

    Not even for a moment has it another way: by a neighbour that sends by it, packets would go in circles.
    """

    eventually(fabric.straight_to_edge, "an earlier drain is over", 30)
    before = {node: fabric.ways(node) for node in fabric.nodes}
    assert all(before.values())
    with events(fabric.nodes[HOST]) as told:
        fabric.apply(HOST, overlaid(fabric.manifests[HOST]))
        time.sleep(8)  # two of OSPF's SPF delays
        try:
            assert {node: fabric.ways(node) for node in fabric.nodes} == before
        finally:
            fabric.apply(HOST, fabric.manifests[HOST])
            time.sleep(8)
    ours = [line for line in told if " proto ospf " in line]
    assert [line for line in ours if line.startswith("Deleted") or " via " not in line] == []
    for line in ours:
        prefix = line.split()[0]
        own = before[HOST].get(f"{prefix}/{128 if ':' in prefix else 32}")
        assert own is None or re.findall(r" dev (\S+)", line) == own, f"for a moment its way was another: {line}"
