"""What the agent tells of one route, on a real bgpd with a real guest: announced, accepted, in which table."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agent.gateway import BOUND, OTHER, VRF, Gateway, speaker, with_guests
from trellis.agent.itself import AGENT_PATH
from trellis.lab.scratch import ScratchFrr
from trellis.reach.why.seen import Seen, seen

pytestmark = pytest.mark.frr

OWN, FOREIGN, OWN4 = "fd00:100::1/128", "fd00:999::/64", "10.100.0.1/32"
_INTO_MAIN = f"""bgp community-list standard HERE seq 5 permit 65000:1
route-map IN permit 1
 match ipv6 address prefix-list OWN
 set community 65000:1
 set large-community 65000:0:101
exit
router bgp 65000
 bgp router-id 9.9.9.9
 no bgp default ipv4-unicast
 address-family ipv6 unicast
  import vrf {VRF}
 exit-address-family
exit
"""


@pytest.fixture(scope="module")
def speaking(frr_root: Path) -> Iterator[Gateway]:
    with with_guests(frr_root) as (gateway, bound, _):
        gateway.frr.load(_INTO_MAIN)
        bound.load(speaker(65201, BOUND, OWN, OWN4, FOREIGN))
        _until(lambda: asked(gateway, BOUND, OWN4).vrf.paths and asked(gateway, BOUND, OWN).main.paths)
        yield gateway


def _until(holds: Callable[[], object], within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.3)


def _ran(frr: ScratchFrr, *words: str) -> tuple[int, str, str]:
    done = frr.run(["python3", "-I", AGENT_PATH, "route", *words])
    return done.status, done.out, done.err


def asked(gateway: Gateway, peer: str, prefix: str) -> Seen:
    status, out, err = _ran(gateway.frr, VRF, peer, prefix)
    assert status == 0, err
    content: dict[str, Any] = json.loads(out)
    assert content["host"] == "pve01"
    return seen("pve01", content)


def test_a_route_that_is_accepted_is_told_with_its_session_its_marks_and_its_tables(speaking: Gateway) -> None:
    found = asked(speaking, BOUND, OWN)
    assert found.session is not None
    assert (found.session.state, found.session.remote_as, found.session.limit) == ("Established", 65201, 3)
    assert found.session.accepted == 1
    assert found.received == "65201"
    (path,) = found.vrf.paths
    assert (path.peer, path.as_path, path.best, path.imported) == (BOUND, "65201", True, False)
    assert path.communities == ("65000:1", "65000:0:101")
    (leaked,) = found.main.paths
    assert (leaked.imported, leaked.best, leaked.communities) == (True, True, path.communities)
    assert (found.main.told, found.off_s, found.away) == ((), None, None)


def test_a_route_that_is_refused_is_received_and_in_no_table(speaking: Gateway) -> None:
    found = asked(speaking, BOUND, FOREIGN)
    assert found.received == "65201"
    assert (found.vrf.paths, found.main.paths) == ((), ())


def test_a_route_of_the_other_family_comes_by_the_same_session(speaking: Gateway) -> None:
    found = asked(speaking, BOUND, OWN4)
    assert (found.received, [path.peer for path in found.vrf.paths]) == ("65201", [BOUND])


def test_what_nobody_announces_is_not_received_and_who_is_no_neighbour_has_no_session(speaking: Gateway) -> None:
    assert asked(speaking, BOUND, "fd00:100::77/128").received is None
    silent = asked(speaking, OTHER, OWN)
    assert silent.session is not None
    assert (silent.session.established, silent.received) == (False, None)
    assert asked(speaking, "fd00:1::99", OWN).session is None


@pytest.mark.parametrize(
    "words",
    [
        (VRF, BOUND, "fd00:100::1/64"),
        (VRF, "web; show", OWN),
        ("vrf_z1 neighbors", BOUND, OWN),
        ("a" * 16, BOUND, OWN),
    ],
)
def test_what_is_no_vrf_address_or_prefix_is_refused_before_bgpd_is_asked(
    speaking: Gateway, words: tuple[str, ...]
) -> None:
    status, out, err = _ran(speaking.frr, *words)
    assert (status, out) == (3, "")
    assert err.startswith("pve01: route: ")


def test_a_bgpd_that_is_gone_is_told_as_away(speaking: Gateway) -> None:
    speaking.frr.run(["mv", "/run/frr/bgpd.vty", "/run/frr/bgpd.gone"])
    try:
        assert asked(speaking, BOUND, OWN).away == "bgpd: No such file or directory"
    finally:
        speaking.frr.run(["mv", "/run/frr/bgpd.gone", "/run/frr/bgpd.vty"])
