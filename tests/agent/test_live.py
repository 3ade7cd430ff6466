"""What the agent is told to ping is read strictly: it comes over the wire, and it is root who pings."""

from __future__ import annotations

import json

import pytest

from tests.sites import plan_of
from trellis.agent.live import Ping, parse
from trellis.agent.report import Fault
from trellis.reach.assertions import expected, pings_of


def test_what_a_plan_asks_for_is_what_the_agent_reads() -> None:
    wanted = expected(plan_of("homelab")).hosts["pve01"]
    assert parse(json.dumps(pings_of(wanted))) == [Ping(ping.source, ping.target, ping.size) for ping in wanted.pings]


def test_the_size_is_that_of_the_whole_packet_in_both_families_and_nobody_may_cut_it() -> None:
    assert Ping("10.0.0.1", "10.0.0.2", 9000).argv(9000)[-5:] == ["-s", "8972", "-I", "10.0.0.1", "10.0.0.2"]
    assert Ping("::1", "::2", 9000).argv(9000)[-5:] == ["-s", "8952", "-I", "::1", "::2"]
    assert Ping("::1", "::2", 9000).argv(9000)[3:5] == ["-M", "do"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Expecting value"),
        ('{"schema_version": 2, "pings": []}', "schema_version: 2, not 1"),
        ('{"schema_version": 1, "pings": [{"source": "10.0.0.1", "target": "-f", "size": 90}]}', "'-f' is no address"),
        ('{"schema_version": 1, "pings": [{"source": "10.0.0.1", "target": "::1", "size": 90}]}', "of two families"),
        (
            '{"schema_version": 1, "pings": [{"source": "::1", "target": "::1", "size": 70000}]}',
            "is not 84-65535 bytes",
        ),
        ('{"schema_version": 1, "pings": [{"source": "::1", "target": "::1"}]}', "pings.0.size: missing"),
    ],
)
def test_what_is_nothing_to_ping_is_refused_before_anything_is_sent(text: str, why: str) -> None:
    with pytest.raises(Fault) as refused:
        parse(text)
    assert why in refused.value.why
