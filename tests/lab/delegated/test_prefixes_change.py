"""A delegation changes, is lost and comes back: what VMs notice of it, measured from the change at the edge."""

from __future__ import annotations

import re
import time

import pytest

from tests.lab.delegated.standing import FIRST, INTERNET, OWN, Standing, is_in, say, within
from trellis.lab.edge_nat66 import follow
from trellis.lab.proof import compare, sessions

pytestmark = [pytest.mark.lab, pytest.mark.engine, pytest.mark.scenario, pytest.mark.timeout(900)]

SECOND = "2600:1700:ab1a:5abc::/64"
END_TO_END_S = 60.0
OF_A_HOST_S = 10.0


def test_a_changed_delegation_is_live_within_a_minute_and_nobody_loses_a_session(standing: Standing) -> None:
    ann, old = standing.ann, standing.ann.addresses()[FIRST].text
    before = sessions(standing.twin)
    ann.run("sh", "-c", f"setsid ping -n -i 0.2 -I {old} {INTERNET} > /run/ann.ping 2>&1 &")
    began = time.monotonic()
    standing.rest.delegate(pd_v101=SECOND)
    done = standing.prefixes("sync")
    assert done.ok, done.stderr
    asked_s = time.monotonic() - began
    applied_s = standing.up()
    live_s = within(20, lambda: is_in(ann.source_to(INTERNET), SECOND) and ann.pings(INTERNET, count=1) == 1)
    whole_s = time.monotonic() - began
    say(
        f"asked and written {asked_s:.1f} s, applied {applied_s:.1f} s, first answer {live_s:.1f} s later:"
        f" {whole_s:.1f} s"
    )
    say(f"the hosts' own part: {', '.join(f'{host} {seconds:.1f} s' for host, seconds in standing.hosts_s.items())}")

    addresses = ann.addresses()
    assert addresses[FIRST].deprecated, "new connections begin at the new address"
    assert addresses[FIRST].valid_s > 600, "and the old ones live on"
    assert ann.pings(INTERNET, source=old) == 3
    ann.run("sh", "-c", "kill -INT $(pgrep -f 'ping -n -i 0.2 -I')")
    said = ann.run("cat", "/run/ann.ping").splitlines()
    say(said[-2])
    assert compare(before, sessions(standing.twin)).reset == ()
    assert whole_s < END_TO_END_S
    assert max(standing.hosts_s.values()) < OF_A_HOST_S


def test_what_is_past_its_date_goes_from_the_hosts_and_the_edge(standing: Standing) -> None:
    assert FIRST.partition("::")[0] in standing.edge("ip", "-6", "route", "show", "proto", "bgp")
    file = standing.twin.lab.state / f"Prefixes.{standing.twin.stack}.yaml"
    text = file.read_text()
    assert FIRST in text
    file.write_text(re.sub(rf"(\{{prefix: {FIRST}, remove_after: )\S+\}}", r"\g<1>2026-01-01T00:00:00Z}", text))
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
