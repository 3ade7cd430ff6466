"""A delegation changes, is lost and comes back: what VMs notice of it, measured from the change at the edge."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tests.lab.delegated.standing import FIRST, INTERNET, OWN, Standing, is_in, say, within
from trellis.lab.attacks.look import gap_of
from trellis.lab.edge_nat66 import follow
from trellis.lab.plain_vms import PlainVm
from trellis.lab.proof import compare, sessions
from trellis.lab.routeros.router import UPLINK, RouteEntry

pytestmark = [pytest.mark.lab, pytest.mark.engine, pytest.mark.scenario, pytest.mark.timeout(900)]

SECOND = "2600:1700:ab1a:5abc::/64"
END_TO_END_S = 60.0
"""From the change at the edge to the first answer to a new address.  Hosts are deployed one after the other, and in
user-mode kernels a transaction takes half a minute: the second host's VMs have theirs that much later."""
OF_BGP = 20
"""The distance of what an edge's eBGP peers announce."""
OF_A_HOST_S = 10.0
"""On a host, from the first file that is replaced until its VMs are told."""


def test_a_changed_delegation_is_live_within_a_minute_and_nobody_loses_a_session(standing: Standing) -> None:
    ann, ben = standing.on_the_internet(FIRST)
    old = ann.addresses()[FIRST].text
    before = sessions(standing.twin)
    ann.run("sh", "-c", f"setsid ping -n -i 0.2 -I {old} {INTERNET} > /run/ann.ping 2>&1 &")
    with ThreadPoolExecutor(2) as pool:
        began = time.monotonic()
        standing.rest.delegate(pd_v101=SECOND)
        live = [pool.submit(_live_at, vm, SECOND) for vm in (ann, ben)]
        done = standing.prefixes("sync")
        assert done.ok, done.stderr
        say(f"  {time.monotonic() - began:4.1f} s: asked, judged, written")
        standing.up()
        first_s, last_s = sorted(moment.result() - began for moment in live)
    say(f"  {first_s:4.1f} s: the internet answers a VM's new address; {last_s:.1f} s: on the other host, too")
    say(f"  of it on a host: {', '.join(f'{host} {seconds:.1f} s' for host, seconds in standing.hosts_s.items())}")

    addresses = ann.addresses()
    assert is_in(ann.source_to(INTERNET), SECOND), "new connections begin at the new address"
    assert addresses[FIRST].deprecated
    assert addresses[FIRST].valid_s > 600, "and the old ones live on"
    assert ann.pings(INTERNET, source=old) == 3
    ann.run("sh", "-c", "pkill -INT -x ping; sleep 0.5")
    answered, longest = gap_of(ann.run("cat", "/run/ann.ping"))
    say(f"  from the old address meanwhile: {answered} pings answered, at most {longest} lost in a row")
    assert compare(before, sessions(standing.twin)).reset == ()
    assert longest <= 1
    assert first_s < END_TO_END_S
    assert max(standing.hosts_s.values()) < OF_A_HOST_S


def _live_at(vm: PlainVm, prefix: str) -> float:
    """When the internet answers the first time to a VM's address of a prefix."""
    start = prefix.removesuffix(":/64")
    vm.run(
        "timeout",
        "200",
        "sh",
        "-c",
        f"until own=$(ip -6 -o address show dev eth0 -tentative | grep -o '{start}[^/]*'); do sleep 0.2; done; "
        f"until ping -n -q -c 1 -W 1 -I $own {INTERNET}; do :; done",
        timeout_s=220,
    )
    return time.monotonic()


def test_what_is_past_its_date_goes_from_the_hosts_and_the_edge(standing: Standing) -> None:
    assert FIRST.partition("::")[0] in standing.edge("ip", "-6", "route", "show", "proto", "bgp")
    file = standing.twin.lab.state / f"Prefixes.{standing.twin.stack}.yaml"
    text = file.read_text()
    assert FIRST in text
    file.write_text(re.sub(rf"({FIRST}\W+remove_after\W+)[\w:-]+", r"\g<1>2026-01-01T00:00:00Z", text))
    standing.take_over()
    assert standing.prefixes("expire").ok
    assert FIRST not in file.read_text()
    standing.up()
    within(10, lambda: FIRST.partition("::")[0] not in standing.edge("ip", "-6", "route", "show", "proto", "bgp"))
    assert standing.ann.pings(INTERNET) == 3


def test_a_lost_delegation_leaves_nat66_and_comes_back_as_it_was(standing: Standing) -> None:
    ann, rest = standing.ann, standing.rest
    rest.delegate(pd_v103="2600:1700:ab1a:5008::/64")
    assert not follow(standing.twin, "edge1"), "all pools are filled: no NAT66"
    own = ann.addresses()[OWN["vnet101"]].text
    with standing.internet_without_ula():
        assert ann.pings(INTERNET, source=own) == 0, "the internet has no way back to a unique local address"
        began = time.monotonic()
        rest.delegate(pd_v101=None)
        assert follow(standing.twin, "edge1")
        assert ann.pings(INTERNET, source=own) == 3, "the edge's own script is enough: nobody had to deploy"
        assert standing.prefixes("sync").ok
        standing.up()
        within(20, lambda: is_in(ann.source_to(INTERNET), OWN["vnet101"]))
        assert ann.pings(INTERNET) == 3
        say(f"without a delegation on NAT66 after {time.monotonic() - began:.1f} s, whole deployment included")

        rest.delegate(pd_v101=SECOND)
        assert not follow(standing.twin, "edge1")
        assert standing.prefixes("sync").ok
        standing.up()
        within(20, lambda: is_in(ann.source_to(INTERNET), SECOND) and ann.pings(INTERNET, count=1) == 1)
        assert ann.pings(INTERNET, source=own) == 0


def test_what_the_edge_makes_unreachable_beats_the_hosts_with_distance_1_and_is_named_and_stands_behind_with_254(
    standing: Standing,
) -> None:
    """The lab's edge has the route that RouterOS's DHCPv6 client adds, and what the rendered script makes of it."""
    ann, _ = standing.on_the_internet(SECOND)
    command = f"ipv6 route {SECOND} reject"

    def edge_has(distance: int) -> None:
        standing.edge("vtysh", "-c", "configure", "-c", f"{command} {distance}")
        route = RouteEntry(SECOND, "", distance=distance, flags=("dhcp", "blackhole"), active=distance < OF_BGP)
        standing.rest.become(replace(standing.rest.face, routes=(*UPLINK, route)))

    try:
        edge_has(1)
        within(10, lambda: ann.pings(INTERNET) == 0)
        done = standing.prefixes("check")
        assert done.returncode == 1
        assert SECOND in done.stdout
        assert "unreachable" in done.stdout
        standing.edge("vtysh", "-c", "configure", "-c", f"no {command} 1")
        edge_has(254)
        within(10, lambda: ann.pings(INTERNET) == 3)
        done = standing.prefixes("check")
        assert done.ok, done.stdout
    finally:
        for distance in (1, 254):
            standing.edge("vtysh", "-c", "configure", "-c", f"no {command} {distance}")
        standing.rest.become(replace(standing.rest.face, routes=UPLINK))
