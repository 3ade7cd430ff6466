"""The eight tests of the seed of guest-side BGP peering, by their names: prefixes, ASNs, sessions, time.

Its network is corrected (2a01:b000:1046:10::/64: docs/decisions/0003); its first test holds with the lengths that the
seed writes beside it (64-128), and again with its defaults (128-128).  What it asks CloudStack's API, `trellis guests`
answers here from the store.
"""

from __future__ import annotations

import copy
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab.test_attacks import FOLDER
from tests.sites import site_data
from trellis.lab.attacks import Said, Speech, dialling, speech, store
from trellis.lab.attacks import bench as benches
from trellis.lab.attacks.bench import Bench
from trellis.plan import plan
from trellis.reach.known import Party, known
from trellis.reach.reasons import judge
from trellis.site import load_site

LAB = "seed-peering"
_PROGRAM = "from trellis.cli import main; main()"
OWN = "fd00:200:fe::99/128"
SESSION_S, PROPAGATION_S, CONVERGENCE_S = 5.0, 2.0, 5.0
"""The seed's targets."""
SLACK_S = 1.5
"""Seconds that asking takes: each question to a host of this lab is a login and a vtysh."""


def reason(prefix: str, asn: int, lengths: tuple[int, int]) -> str | None:
    """Why a guest of the seed's network is refused a prefix; None if it is not."""
    data: dict[str, Any] = copy.deepcopy(site_data("guest-peering"))
    del data["guests"]
    policy = data["tenants"]["k8s"]["guest_bgp"]
    policy["prefix_lengths"] = {"ipv6": {"shortest": lengths[0], "longest": lengths[1]}}
    everybody = known(plan(load_site(data)))
    found = judge(everybody, Party(everybody.networks["k8snet"], None), asn, prefix, str(asn))
    return None if found is None else found.code


@pytest.mark.parametrize(
    ("prefix", "with_64_to_128", "with_the_defaults"),
    [
        ("2a01:b000:1046:10::100/128", None, None),
        ("2a01:b000:1046:10::/64", None, "too_short"),
        ("2a01:b000:1046:20::100/128", "outside_range", "outside_range"),
        ("2a01:b000:1046::/48", "too_short", "too_short"),
        ("::/0", "default_route", "default_route"),
    ],
)
def test_prefix_validation(prefix: str, with_64_to_128: str | None, with_the_defaults: str | None) -> None:
    assert reason(prefix, 65201, (64, 128)) == with_64_to_128
    assert reason(prefix, 65201, (128, 128)) == with_the_defaults


@pytest.mark.parametrize(("asn", "code"), [(65201, None), (64510, "asn"), (70000, "asn"), (64520, "asn")])
def test_asn_validation(asn: int, code: str | None) -> None:
    assert reason("2a01:b000:1046:10::100/128", asn, (128, 128)) == code


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    if os.geteuid() != 0:
        pytest.skip("machines need root: network namespaces and mounts")
    try:
        found = benches.up(FOLDER, FOLDER.parents[2], print, LAB)
        with store.collecting(found):
            yield found
    finally:
        benches.down(print, LAB)


@pytest.fixture
def quiet(bench: Bench) -> Iterator[Bench]:
    yield bench
    bench.restore(["peggy"])


def until(what: Any, within_s: float) -> float:
    """Wait until something is so; returns the seconds that it took."""
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < within_s, f"not within {within_s} s"
        time.sleep(0.1)
    return time.monotonic() - began


def state(bench: Bench) -> str:
    place = bench.place("peggy")
    shown = bench.vtysh_json(place.host, f"show bgp vrf {place.vrf} neighbors {place.source} json")
    return str(shown.get(place.source, {}).get("bgpState"))


def at_edge(bench: Bench, prefix: str) -> bool:
    return prefix in bench.edge.vtysh(f"show bgp ipv6 unicast {prefix} json")


def stored(bench: Bench, what: str, key: str) -> set[str]:
    rows = store.asked(bench, what, "--guest", bench.place("peggy").source)
    return {str(row[key]) for row in rows}


in_the_lab = [pytest.mark.lab, pytest.mark.engine, pytest.mark.scenario, pytest.mark.timeout(900)]


def lab(test: Any) -> Any:
    for mark in in_the_lab:
        test = mark(test)
    return test


@lab
def test_bgp_session_establishment(quiet: Bench) -> None:
    speech.start(quiet, Speech("peggy", "bird", accepted=(Said(OWN),)))
    assert until(lambda: state(quiet) == "Established", SESSION_S + SLACK_S) < SESSION_S + SLACK_S
    until(lambda: "Established" in stored(quiet, "sessions", "state"), 15)


@lab
def test_route_acceptance(quiet: Bench) -> None:
    speech.start(quiet, Speech("peggy", "bird", accepted=(Said(OWN),)))
    place = quiet.place("peggy")
    until(lambda: OWN in speech.table(quiet, place, 6, ""), 15)
    assert until(lambda: at_edge(quiet, OWN), PROPAGATION_S + SLACK_S) < PROPAGATION_S + SLACK_S
    until(lambda: "Accepted" in stored(quiet, "routes", "state"), 15)


@lab
def test_route_rejection(quiet: Bench) -> None:
    wrong = "fd00:102::100/128"
    said = Speech("peggy", "bird", refused=(Said(wrong),), accepted=(Said(OWN),))
    speech.start(quiet, said)
    until(lambda: wrong in speech.table(quiet, quiet.place("peggy"), 6, "filtered"), 15)
    assert speech.problems_of(quiet, [said]) == []
    assert not at_edge(quiet, wrong)
    lacking, reasons = store.unrecorded(quiet, [said])
    assert not lacking
    assert "is not in" in reasons


@lab
def test_max_prefix_enforcement(quiet: Bench) -> None:
    place = quiet.place("peggy")
    eleven = dialling.flood_of(place, [f"fd00:200:fe::{number}/128" for number in range(1000, 1011)])
    asked = dialling.asked(place, {"eleven": eleven}, linger_s=75, again_s=1.0)
    began = time.time()
    dialling.begin(quiet, "peggy", asked)
    found = dialling.wait_for(quiet, "peggy", "done", 110)
    assert any(one.code == "6/1" for one in found)
    ups = [one.at_s for one in found if one.what == "established"]
    assert len(ups) >= 2
    assert min(later - ups[0] for later in ups[1:]) > 55  # the lab's penalty is a minute
    kinds = {row["kind"] for row in store.asked(quiet, "events", "--guest", place.source)}
    assert "penalty_begun" in kinds, f"since {began}"


@pytest.mark.frr
@pytest.mark.scenario
@pytest.mark.timeout(900)
def test_scale_100_sessions() -> None:
    words = ("bench", "guests", "--guests", "100", "--routes", "10", "--shapes", "bound,open", "--json")
    done = subprocess.run([sys.executable, "-P", "-c", _PROGRAM, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@lab
def test_convergence_time(quiet: Bench) -> None:
    quiet.twin.start_guests(print, ["alice"])
    loopback = "fd00:101:fe::7/128"
    until(lambda: at_edge(quiet, loopback), 60)
    time.sleep(3)  # BFD comes up behind the session
    quiet.twin.stop_guest("alice")
    took = until(lambda: not at_edge(quiet, loopback), CONVERGENCE_S + SLACK_S)
    quiet.twin.start_guests(print, ["alice"])
    print(f"gone from the edge after {took:.1f} s")
