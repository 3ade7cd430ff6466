"""What the agent tells of a host at work, on real daemons of each release: two hosts with OSPF and EVPN; a guest."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agent.gateway import BOUND, OTHER, VRF, speaker, with_guests
from tests.conftest import FRR_SUITES
from trellis.agent.bundle import agent_text
from trellis.agent.itself import AGENT_PATH
from trellis.lab.images import ensure_root
from trellis.lab.scratch import ScratchFrr
from trellis.reach.assertions.seen import SeenLabel, SeenVni, seen

pytestmark = pytest.mark.frr

OWN, FOREIGN = "fd00:100::1/128", "fd00:999::/64"
_DEVICES = """ip link add name br100 type bridge && ip link set br100 up
ip link add name vx100 type vxlan id 10100 dstport 4789 local 10.255.0.{own} nolearning
ip link set vx100 master br100 && ip link set vx100 up
ip address add 10.255.0.{own}/32 dev lo && ip address add fd00:0:0:ffff::{own}/128 dev lo
ip address add 10.20.20.{own}/24 dev mesh && ip link set mesh up"""
_CONFIG = """router bgp 4200001000
 bgp router-id 10.255.0.{own}
 no bgp default ipv4-unicast
 neighbor 10.20.20.{other} remote-as 4200001000
 neighbor 10.20.20.{other} timers connect 1
 address-family ipv4 unicast
  neighbor 10.20.20.{other} activate
 exit-address-family
 address-family l2vpn evpn
  neighbor 10.20.20.{other} activate
  advertise-all-vni
 exit-address-family
exit
interface mesh
 ip ospf area 0
 ip ospf network point-to-point
 ip ospf hello-interval 1
 ip ospf dead-interval 4
 ipv6 ospf6 area 0
 ipv6 ospf6 network point-to-point
 ipv6 ospf6 hello-interval 1
 ipv6 ospf6 dead-interval 4
exit
interface lo
 ip ospf area 0
 ipv6 ospf6 area 0
exit
router ospf
 ospf router-id 10.255.0.{own}
exit
router ospf6
 ospf6 router-id 10.255.0.{own}
exit
"""


@pytest.fixture(scope="module", params=["10.3", "10.7"])
def pve01(request: pytest.FixtureRequest, frr_root: Path) -> Iterator[ScratchFrr]:
    root = frr_root if request.param == "10.3" else ensure_root(FRR_SUITES[request.param], print)
    with ScratchFrr(root, "pve01") as first, ScratchFrr(root, "pve02") as second:
        cable = ["mesh", "netns", str(first.pid), "type", "veth", "peer", "name", "mesh", "netns", str(second.pid)]
        subprocess.run(["ip", "link", "add", "name", *cable], check=True)
        for host, own, other in ((first, 1, 2), (second, 2, 1)):
            made = host.run(["sh", "-ec", _DEVICES.format(own=own)])
            assert made.status == 0, made.text
            assert "Unknown" not in host.load(_CONFIG.format(own=own, other=other)).text
        first.write(AGENT_PATH, agent_text(), 0o755)
        _until(lambda: len(asked(first)["ways"]) == 2 and asked(first)["vnis"][0]["remotes"])
        yield first


def _until(holds: Callable[[], object], within_s: float = 90.0) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def _ran(frr: ScratchFrr, text: str) -> tuple[int, str, str]:
    done = frr.run(["python3", "-I", AGENT_PATH, "live"], stdin=text)
    return done.status, done.out, done.err


def asked(frr: ScratchFrr, *pings: tuple[str, str, int]) -> dict[str, Any]:
    wanted = [{"source": source, "target": target, "size": size} for source, target, size in pings]
    status, out, err = _ran(frr, json.dumps({"schema_version": 1, "pings": wanted}))
    assert status == 0, err
    content: dict[str, Any] = json.loads(out)
    assert content["away"] == {}
    return content


def test_links_ways_sessions_and_vnis_are_told_in_the_same_words_by_each_release(pve01: ScratchFrr) -> None:
    found = seen("pve01", asked(pve01))
    assert found.host == "pve01"
    assert {key: adjacency.state for key, adjacency in found.adjacencies.items()} == {
        (4, "mesh", "10.255.0.2"): "Full",
        (6, "mesh", "10.255.0.2"): "Full",
    }
    assert found.ways == {"10.255.0.2/32": ("mesh",), "fd00:0:0:ffff::2/128": ("mesh",)}
    session = found.sessions["default", "10.20.20.2"]
    assert session.established
    assert session.families == {"ipv4 unicast", "l2vpn evpn"}
    assert found.vnis == {10100: SeenVni("Up", "default", "10.255.0.1", frozenset({"10.255.0.2"}))}
    label = found.labels[10100]
    targets = frozenset({"60904:10100"})
    assert label == SeenLabel(label.distinguisher, targets, targets)
    assert label.distinguisher.startswith("10.255.0.1:")
    assert found.defaults == {("default", 4): (), ("default", 6): ()}


def test_a_packet_that_is_too_large_for_the_way_is_told_from_an_end_that_is_not_there(pve01: ScratchFrr) -> None:
    own, other, nobody = "10.255.0.1", "10.255.0.2", "10.255.0.9"
    own6, other6 = "fd00:0:0:ffff::1", "fd00:0:0:ffff::2"
    found = seen(
        "pve01",
        asked(
            pve01, (own, other, 1500), (own, other, 1501), (own6, other6, 1500), (own6, other6, 1501), (own, nobody, 90)
        ),
    )
    assert found.pings == {
        (own, other, 1500): (True, True),
        (own, other, 1501): (False, True),
        (own6, other6, 1500): (True, True),
        (own6, other6, 1501): (False, True),
        (own, nobody, 90): (False, False),
    }


def test_a_daemon_that_is_gone_is_named_and_the_others_are_told(pve01: ScratchFrr) -> None:
    pve01.run(["mv", "/run/frr/ospfd.vty", "/run/frr/ospfd.gone"])
    try:
        status, out, _ = _ran(pve01, '{"schema_version": 1, "pings": []}')
    finally:
        pve01.run(["mv", "/run/frr/ospfd.gone", "/run/frr/ospfd.vty"])
    found = seen("pve01", json.loads(out))
    assert (status, dict(found.away)) == (0, {"ospfd": "ospfd: No such file or directory"})
    assert found.sessions["default", "10.20.20.2"].established
    assert [version for version, _, _ in found.adjacencies] == [6]


def test_a_guests_routes_are_told_as_they_passed_its_filters_with_what_becomes_of_them(frr_root: Path) -> None:
    with with_guests(frr_root) as (gateway, bound, _):
        gateway.frr.load(
            "router bgp 65000\n no bgp default ipv4-unicast\n address-family ipv6 unicast\n"
            f"  import vrf route-map MARKED\n  import vrf {VRF}\n exit-address-family\nexit\n"
            "route-map MARKED permit 1\n set community 65000:1\nexit\n"
        )
        bound.load(speaker(65201, BOUND, OWN, FOREIGN))

        def told() -> dict[str, Any]:
            status, out, err = _ran(gateway.frr, '{"schema_version": 1, "pings": []}')
            assert status == 0, err
            content: dict[str, Any] = json.loads(out)
            return content

        _until(lambda: OWN in gateway.frr.run(["vtysh", "-c", "show bgp ipv6 unicast"]).out)
        assert told()["exports"] == [], "a host that has no list of marks"
        gateway.frr.run(
            ["vtysh", "-c", "configure", "-c", "bgp community-list standard TL-EXPORTED seq 5 permit 65000:1"]
        )
        assert OWN in told()["exports"]
        found = seen("pve01", told())
        assert found.routes == {(VRF, BOUND, OWN): True}
        session = found.sessions[VRF, BOUND]
        assert (session.established, session.accepted["ipv6 unicast"]) == (True, 1)
        assert session.families == {"ipv4 unicast", "ipv6 unicast"}
        assert not found.sessions[VRF, OTHER].established
        assert dict(found.away).keys() == {"ospfd", "ospf6d"}
