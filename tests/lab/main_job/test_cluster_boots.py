"""A cluster's nodes boot from the patches that the stack exports, and keep their routes through what happens to them.

Each figure is printed (`pytest -s`): outages of streams of pings from behind the edge, every 20 ms.
"""

from __future__ import annotations

import time

import pytest

from tests.lab.main_job.nodes import behind_the_edge, established, inside, neighbour, node, pinged, take_over, took
from tests.lab.main_job.standing import await_sessions_back
from trellis.lab.twin import Twin

pytestmark = [pytest.mark.lab, pytest.mark.engine, pytest.mark.scenario, pytest.mark.timeout(900)]

FAST, RESTARTING = "solwk02", "solwk03"
CONTROLPLANES = ("solcp01", "solcp02", "solcp03")


def addresses(dev: Twin, name: str) -> dict[str, str]:
    """What of a node is pinged: its own address, its loopback, a pod."""
    guest = node(dev, name)
    pod = next(prefix for prefix in guest.pods if prefix.version == 6)
    loopback = next(prefix for prefix in guest.loopbacks if prefix.version == 6)
    return {"own": str(guest.ipv6), "loopback": str(loopback.network_address), "pod": str(pod[1])}


def bird(dev: Twin, name: str, command: str) -> str:
    return dev.lab.access.run(dev.host_of(name), f"birdc -s /run/bird/{name}/bird.ctl {command}").stdout


def test_a_node_that_boots_before_its_gateway_is_up_comes_up_with_it(dev: Twin) -> None:
    host = dev.host_of(FAST)
    dev.lab.access.run(host, "systemctl stop trellis-guard.timer 2>/dev/null; systemctl stop frr")
    try:
        dev.start_guests(print, [FAST])
        time.sleep(5)  # long enough for a speaker that would give up, or wait for minutes
        routes = inside(dev, FAST, "ip route show default; ip -6 route show default")
        assert routes.count("metric 4096") == 2, "it can reach its gateway's link before BGP is up"
    finally:
        dev.lab.access.run(host, "systemctl start frr; systemctl start trellis-guard.timer 2>/dev/null; true")
    since_up = took(lambda: established(dev, FAST), 60)
    learned = took(lambda: "proto bird" in inside(dev, FAST, "ip -6 route show default"), 30)
    print(f"{FAST} Established {since_up} s after its host's FRR was up again, its default {learned} s later")
    assert since_up + learned < 30
    await_sessions_back(dev)


def test_an_address_that_control_planes_share_is_nobodys_source_and_is_found_where_it_goes(dev: Twin) -> None:
    """Incident I13: the address that several nodes had in turn became their sessions' source, and one came up."""
    vip = str(next(address for address in node(dev, "solcp01").shared if address.version == 6))
    before = {name: neighbour(dev, name)["connectionsEstablished"] for name in CONTROLPLANES}
    asked = f"ping -n -c 1 -W 1 {vip}"
    found = {}
    try:
        for holder in CONTROLPLANES:
            take_over(dev, holder, vip)
            # The session is made anew while it has the address: a speaker that chose by itself would choose this one.
            bird(dev, holder, "restart uplink")
            upstream = took(lambda: "bytes from" in behind_the_edge(dev, asked), 30)
            neighbours = took(lambda: "bytes from" in inside(dev, FAST, asked, check=False), 30)
            found[holder] = {"from behind the edge": upstream, "from another node then": neighbours}
            took(lambda name=holder: established(dev, name), 20)  # type: ignore[misc]
            assert neighbour(dev, holder)["hostForeign"] == str(node(dev, holder).ipv6)
            inside(dev, holder, f"ip address del {vip}/128 dev eth0")
    finally:
        for name in CONTROLPLANES:
            inside(dev, name, f"ip address del {vip}/128 dev eth0 2>/dev/null; true")
    print(f"{vip} taken over: answers after {found} s")
    assert {name: neighbour(dev, name)["connectionsEstablished"] for name in CONTROLPLANES} == {
        name: count + 1 for name, count in before.items()
    }
    await_sessions_back(dev)


def test_packets_for_pods_that_are_not_there_circle_nowhere(dev: Twin) -> None:
    """Incident I4: a packet for an absent node's pods went around until its hop limit was used up."""
    pod = addresses(dev, FAST)["pod"]
    loops = "hop limit"

    def asked() -> str:
        with pinged(dev, [pod]):
            pass
        return inside(dev, "solwk01", f"ping -n -c 3 -i 0.2 -W 1 {pod}", check=False)

    inside(dev, FAST, f"ip address del {pod} dev lo")
    absent_pod = asked()
    dev.stop_guest(FAST)
    absent_node = asked()
    dev.start_guests(print, [FAST])
    await_sessions_back(dev)
    for answer in (absent_pod, absent_node):
        assert "bytes from" not in answer
        assert loops not in answer.lower(), answer


def test_a_node_that_moves_is_where_it_is_within_seconds(dev: Twin) -> None:
    """Incident I15; the design's bounds are a second for its own address, three for its loopback and pods."""
    before, after = dev.host_of(FAST), "pve03"
    watched = addresses(dev, FAST)
    try:
        with pinged(dev, watched.values()) as streams:
            dev.move_guest(FAST, after)
            took(lambda: established(dev, FAST), 30)
            time.sleep(3)
    finally:
        dev.move_guest(FAST, before)
    silent = {what: streams.silent_s[address] for what, address in watched.items()}
    print(f"{FAST} moved from {before} to {after}: silent for {silent} s")
    await_sessions_back(dev)
    assert max(silent.values()) < 15


@pytest.mark.parametrize("name", [FAST, RESTARTING])
def test_a_speaker_that_dies_is_an_outage_or_is_waited_for_as_its_node_declares(dev: Twin, name: str) -> None:
    resilience = node(dev, name).resilience
    said = neighbour(dev, name)
    negotiated = said.get("gracefulRestartInfo", {}).get("remoteGrMode", "")
    assert (resilience == "restart") == (negotiated == "Restart"), said.get("gracefulRestartInfo")
    assert (resilience == "fast_failure") == (said.get("peerBfdInfo", {}).get("status", "").lower() == "up")
    outages = {}
    folder = f"/run/bird/{name}"
    begin = f"bird -c {folder}/bird.conf -s {folder}/bird.ctl -P {folder}/bird.pid"
    for what, script in (
        ("killed", f"kill -9 $(cat {folder}/bird.pid); sleep 1; {begin}"),
        ("restarted cleanly", f"birdc -s {folder}/bird.ctl down; sleep 1; {begin}"),
        ("given a new configuration", f"echo '# anew' >> {folder}/bird.conf; birdc -s {folder}/bird.ctl configure"),
    ):
        with pinged(dev, addresses(dev, name).values()) as streams:
            inside(dev, name, script)
            time.sleep(1)
            took(lambda: established(dev, name), 60)
            time.sleep(3)
        outages[what] = {key: streams.silent_s[address] for key, address in addresses(dev, name).items()}
    print(f"{name}, {resilience}: silent for {outages} s")
    assert max(outages["given a new configuration"].values()) < 1
    assert all(silent["own"] < 1 for silent in outages.values())
    if resilience == "restart":
        assert outages["killed"]["loopback"] < 1, "its routes are kept while it is away"
    else:
        assert 0.5 < outages["killed"]["loopback"] < 30, "its routes are gone while it is away, and come back"
    await_sessions_back(dev)
