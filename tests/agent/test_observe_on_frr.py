"""What the agent tells of guests' sessions, on a real bgpd with real guests."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.gateway import BOUND, OPEN, OTHER, VRF, Gateway, announce, peer_of, speaker, with_guests
from trellis.lab.scratch import ScratchFrr
from trellis.observe.observation import parse

pytestmark = pytest.mark.frr

OWN, FOREIGN, OWN4 = "fd00:100::1/128", "fd00:999::/64", "10.100.0.1/32"


@pytest.fixture(scope="module")
def guests(frr_root: Path) -> Iterator[tuple[Gateway, ScratchFrr, ScratchFrr]]:
    with with_guests(frr_root) as joined:
        yield joined


@pytest.fixture
def speaking(guests: tuple[Gateway, ScratchFrr, ScratchFrr]) -> Iterator[tuple[Gateway, ScratchFrr, ScratchFrr]]:
    """Both guests speak; they fall silent afterwards."""
    gateway, bound, stranger = guests
    gateway.frr.vtysh(f"clear bgp vrf {VRF} *")
    assert "Unknown" not in bound.load(speaker(65201, BOUND, OWN, OWN4, FOREIGN)).text
    stranger.load(speaker(65222, OPEN, "fd00:100::5/128", router_id="2.2.2.3"))
    yield guests
    for guest, asn in ((bound, 65201), (stranger, 65222)):
        guest.vtysh("configure terminal", f"no router bgp {asn}")


def test_each_guest_is_told_with_its_session_and_what_became_of_its_routes(
    speaking: tuple[Gateway, ScratchFrr, ScratchFrr],
) -> None:
    gateway, bound, stranger = speaking
    with gateway.observing("--whole-every-s", "600") as agent:
        first = agent.until(lambda line: line["whole"])
        assert first["host"] == "pve01"
        assert peer_of(first, OTHER)["state"] in ("Idle", "Active")
        web = agent.until_peer(BOUND, lambda peer: peer["received"] == 3)
        assert {route["prefix"]: route["accepted"] for route in web["routes"]} == {
            OWN: True, OWN4: True, FOREIGN: False,
        }  # fmt: skip
        assert (web["vrf"], web["remote_as"], web["local_as"], web["dynamic"]) == (VRF, 65201, 65000, False)
        assert (web["state"], web["local_address"], web["accepted"]) == ("Established", "fd00:1::1", 2)
        assert {route["as_path"] for route in web["routes"]} == {"65201"}
        found = agent.until_peer(OPEN, lambda peer: peer["received"])
        card = stranger.run(["cat", "/sys/class/net/eth0/address"]).out.strip()
        assert (found["dynamic"], found["group"], found["mac"]) == (True, "OPEN", card)
        bound.load(announce(65201, FOREIGN, withdraw=True))
        less = agent.until(lambda line: peer_of(line, BOUND).get("received") == 2)
        assert [peer["address"] for peer in less["peers"]] == [BOUND]
        stranger.vtysh("configure terminal", "no router bgp 65222")
        gone = agent.until(lambda line: line["gone"])
        assert gone["gone"] == [{"vrf": VRF, "address": OPEN}]
        assert all(parse(json.dumps(line)).host == "pve01" for line in agent.lines)
        quiet = len(agent.lines)
        with pytest.raises(AssertionError, match="no such line"):
            agent.until(lambda line: True, within_s=4)
        assert len(agent.lines) == quiet


def test_a_path_that_holds_the_hosts_own_asn_is_told_as_refused(
    speaking: tuple[Gateway, ScratchFrr, ScratchFrr],
) -> None:
    gateway, bound, _ = speaking
    looped = "fd00:100::77/128"
    bound.load(
        f"ipv6 prefix-list LOOP seq 5 permit {looped}\nroute-map OUT permit 1\n match ipv6 address prefix-list LOOP\n"
        " set as-path prepend 65000\nexit\nroute-map OUT permit 2\nexit\nrouter bgp 65201\n"
        f" address-family ipv6 unicast\n  neighbor fd00:1::1 route-map OUT out\n  no network {FOREIGN}\n"
        f"  network {looped}\n exit-address-family\nexit\n"
    )

    def shown(line: dict[str, object]) -> object:
        return {r["prefix"]: (r["accepted"], r["as_path"]) for r in peer_of(line, BOUND).get("routes", [])}.get(looped)

    with gateway.observing() as agent:
        line = agent.until(shown)
    assert shown(line) == (False, "65201 65000")


def test_a_guest_over_its_limit_is_told_as_kept_off_with_what_bgpd_told_it(
    speaking: tuple[Gateway, ScratchFrr, ScratchFrr],
) -> None:
    gateway, bound, _ = speaking
    with gateway.observing("--whole-every-s", "3") as agent:
        agent.until_peer(BOUND, lambda peer: peer["state"] == "Established")
        bound.load(announce(65201, *(f"fd00:100::{number}/128" for number in range(10, 20))))
        line = agent.until(lambda line: line["penalized"])
        assert peer_of(line, BOUND)["state"] == "Idle"
        assert peer_of(line, BOUND)["last_notification"] == "Cease/Maximum Number of Prefixes Reached"
        ((address, left_s),) = [(entry["address"], entry["left_s"]) for entry in line["penalized"]]
        assert address == BOUND
        assert 50 <= left_s <= 60
        # What the kernel keeps off beside it is told in the same list.
        table = "table inet trellis_peers {\n set penalized_ip6 { type ipv6_addr; flags timeout; "
        table += "elements = { fd00:2::9 timeout 300s } }\n}\n"
        assert gateway.frr.run(["nft", "-f", "-"], table).status == 0
        more = agent.until(lambda line: len(line["penalized"]) == 2)
        assert [entry["address"] for entry in more["penalized"]] == [BOUND, "fd00:2::9"]
        gateway.frr.run(["nft", "delete", "table", "inet", "trellis_peers"])
        agent.until(lambda line: len(line["penalized"]) == 1)
        gateway.frr.vtysh(f"clear bgp vrf {VRF} {BOUND}")
        bound.load(announce(65201, *(f"fd00:100::{number}/128" for number in range(10, 20)), withdraw=True))
        agent.until(lambda line: not line["penalized"])


def test_an_open_with_a_wrong_asn_is_told_as_refused(guests: tuple[Gateway, ScratchFrr, ScratchFrr]) -> None:
    gateway, bound, _ = guests
    with gateway.observing("--every-s", "0.2") as agent:
        agent.until(lambda line: line["whole"])
        time.sleep(0.5)  # until `tail`, which stands for the journal, has found the end of the log
        bound.load(speaker(64510, BOUND, OWN))
        line = agent.until(lambda line: line["refused"])
        bound.vtysh("configure terminal", "no router bgp 64510")
    assert line["refused"] == [{"address": BOUND, "why": "OPEN Message Error/Bad Peer AS", "count": 1}]


def test_a_bgpd_that_is_away_is_told_once_and_everything_when_it_is_back(
    guests: tuple[Gateway, ScratchFrr, ScratchFrr],
) -> None:
    gateway, *_ = guests
    with gateway.observing("--every-s", "0.2") as agent:
        agent.until(lambda line: line["whole"])
        gateway.frr.run(["pkill", "-KILL", "bgpd"])
        away = agent.until(lambda line: line["away"])
        assert (away["whole"], away["peers"], away["gone"]) == (False, [], [])
        gateway.frr.run(["/usr/lib/frr/watchfrr.sh", "restart", "bgpd"])
        back = agent.until(lambda line: not line["away"])
        assert back["whole"]
    assert gateway.frr.run(["vtysh", "-f", "/tmp/load.conf"]).status == 0


def test_no_agent_is_left_when_nobody_reads_any_more(guests: tuple[Gateway, ScratchFrr, ScratchFrr]) -> None:
    gateway, *_ = guests
    agent = gateway.observing("--whole-every-s", "600")
    agent.until(lambda line: line["whole"])
    assert gateway.agents()
    assert agent.process.stdout is not None
    agent.process.stdout.close()
    began = time.monotonic()
    assert agent.process.wait(timeout=30) == 0
    assert time.monotonic() - began < 5
    assert agent.process.stderr is not None
    with agent.process.stderr as said:
        assert said.read() == ""
    assert gateway.agents() == []


def test_one_whole_line_can_be_asked_for(guests: tuple[Gateway, ScratchFrr, ScratchFrr]) -> None:
    gateway, *_ = guests
    ran = subprocess.run(gateway.frr.command(["python3", "-I", "/usr/local/lib/trellis/agent.py", "observe", "--once"]),
                         capture_output=True, text=True, timeout=60, check=False)  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")
    assert parse(ran.stdout).whole
