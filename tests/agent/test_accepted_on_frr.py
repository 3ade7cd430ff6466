"""A guest that is accepted of anybody gets declared while it is up: FRR lets no neighbour be made of such a session."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agent.conftest import Host
from tests.agent.documents import document, file
from trellis.agent.accepted import declared
from trellis.agent.sessions import Peer, read
from trellis.lab.scratch import ScratchFrr
from trellis.plan.model import VnetPlan
from trellis.plan.peering import PeeringPlan
from trellis.render.ports import peers
from trellis.render.stanzas import Stanzas

HOST, GUEST, TABLES = "fd00:200::fffe", "fd00:200::9", "/etc/trellis/firewall.nft"

OPEN = [
    "frr version 10.3",
    "frr defaults datacenter",
    "hostname pve01",
    "service integrated-vtysh-config",
    "!",
    "router bgp 4200001000",
    " bgp router-id 10.0.0.1",
    " neighbor OPEN peer-group",
    " neighbor OPEN remote-as external",
    " neighbor OPEN passive",
    " bgp listen range fd00:200::/64 peer-group OPEN",
    "exit",
    "!",
    "end",
]
DECLARED = [
    *OPEN[:10],
    " neighbor BOUND peer-group",
    " neighbor BOUND passive",
    f" neighbor {GUEST} remote-as 65210",
    f" neighbor {GUEST} peer-group BOUND",
    *OPEN[10:],
]
SPEAKER = f"""frr defaults traditional
router bgp 65210
 bgp router-id 10.0.0.9
 no bgp ebgp-requires-policy
 neighbor {HOST} remote-as 4200001000
 neighbor {HOST} timers connect 1
exit
"""


def tables() -> str:
    """Return the product's table of peers of an open VNet."""
    policy = PeeringPlan("open", 65200, 65299, ((32, 32), (128, 128)), 10, 5, True, None, (), (), (), ())
    vnet = VnetPlan("vnet200", "z", "t", 10200, "1:1", ("fd00:200::/64",), (HOST,), policy)
    return peers(Stanzas(), (vnet,))


def manifest(config: list[str]) -> dict[str, Any]:
    return document(config, file(TABLES, tables().splitlines()), nftables=TABLES, sessions_within_s=20)


@pytest.fixture
def host(frr_root: Path) -> Iterator[Host]:
    """A host with an open VNet, on which a guest's session is Established; committed so."""
    with ScratchFrr(frr_root, "pve01", supervised=True) as one, ScratchFrr(frr_root, "guest") as guest:
        ends = [str(frr.path("/").parent).split("/")[2] for frr in (one, guest)]
        cable = ["name", "cable", "netns", ends[0], "type", "veth", "peer", "name", "cable", "netns", ends[1]]
        subprocess.run(["ip", "link", "add", *cable], check=True)
        for frr, address in ((one, HOST), (guest, GUEST)):
            frr.run(["ip", "address", "add", f"{address}/64", "dev", "cable", "nodad"])
            frr.run(["ip", "link", "set", "cable", "up"])
        found = Host(one)
        run = found.commit(manifest(OPEN))
        assert run.outcome == "applied", run.why
        guest.load(SPEAKER)
        await_session(found, dynamic=True)
        yield found


def await_session(host: Host, *, dynamic: bool) -> None:
    deadline = time.monotonic() + 60
    while True:
        found, peer = read(json.loads(host.frr.vtysh("show bgp vrf all summary json"))), Peer("default", GUEST)
        if peer in found.established and (peer in found.dynamic) == dynamic:
            return
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


@pytest.mark.frr
def test_a_guest_that_is_declared_while_it_is_up_becomes_a_neighbour_of_its_own(host: Host) -> None:
    run = host.commit(manifest(DECLARED))
    assert run.outcome == "applied", run.report
    assert f"accepted until now, and declared: {GUEST}" in str(run.report["steps"])
    await_session(host, dynamic=False)
    kept_off = host.frr.run(["nft", "list", "set", "inet", "trellis_peers", "penalized_ip6"]).out
    assert f"{GUEST} timeout 15s" in kept_off or GUEST not in kept_off, "it was kept off, or is pardoned by now"


@pytest.mark.frr
def test_a_guest_that_is_declared_no_more_is_accepted_again(host: Host) -> None:
    assert host.commit(manifest(DECLARED)).outcome == "applied"
    await_session(host, dynamic=False)
    assert host.commit(manifest(OPEN)).outcome == "applied"
    await_session(host, dynamic=True)


def test_declared_are_the_neighbours_of_each_vrf_and_groups_by_their_names() -> None:
    text = "\n".join(
        (
            "router bgp 1 vrf vrf_z",
            " neighbor G peer-group",
            " neighbor fd00::1 remote-as 2",
            " neighbor fd00::1 description x",
            "exit",
            "router bgp 1",
            " neighbor 10.0.0.1 remote-as 1",
            "exit",
        )
    )
    assert declared(text) == {Peer("vrf_z", "G"), Peer("vrf_z", "fd00::1"), Peer("default", "10.0.0.1")}
