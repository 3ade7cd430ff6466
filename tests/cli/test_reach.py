"""``trellis trace`` and ``trellis what-if`` as a user and a program meet them."""

from __future__ import annotations

import json

import pytest

from tests.cli.command_line import trellis


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("trace", "solcp01", "solcp02"), 0),
        (("trace", "solcp01", "isolated-1"), 1),
        (("trace", "solcp01", "nobody"), 2),
        (("trace", "solcp01", "solcp02", "--tcp", "22", "--udp", "53"), 2),
        (("what-if", "--down", "mesh-pve01-pve02"), 0),
        (("what-if", "--down", "pve02"), 1),
        (("what-if", "--down", "pve2"), 2),
    ],
)
def test_the_exit_code_says_whether_it_arrives_and_whether_a_name_is_known(
    arguments: tuple[str, ...], code: int
) -> None:
    done = trellis(*arguments)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stdout
    assert bool(done.stdout) == (code != 2)


def test_a_trace_as_json_has_the_keys_that_programs_rely_on() -> None:
    found = json.loads(trellis("trace", "solcp01", "isolated-1", "--family", "ipv4", "--json").stdout)
    assert set(found) == {
        "schema_version",
        "source",
        "target",
        "protocol",
        "port",
        "answered",
        "families",
        "missing_families",
    }
    (family,) = found["families"]
    (path,) = family["there"]
    assert path["stop"] == {
        "node": "pve01",
        "rule": "R12 other zone",
        "why": "zone evpnz1 to zone evpnz2",
        "remedy": "leaks: {NAME: {between: [evpnz1, evpnz2]}}",
    }
    assert set(path["hops"][0]) == {
        "node",
        "place",
        "table",
        "route",
        "packet_filters",
        "onward",
        "mtu",
        "note",
    }
    assert path["hops"][0]["route"]["filters"] == [
        {"node": "pve01", "where": "to solcp01, out", "route_map": "TL-T-tenant101-OUT", "entry": 1}
    ]


def test_a_failure_as_json_has_the_keys_that_programs_rely_on() -> None:
    found = json.loads(trellis("what-if", "--down", "pve02", "--down", "mesh-pve01-pve03", "--json").stdout)
    assert found["schema_version"] == 1
    assert found["down"] == {"hosts": ["pve02"], "edges": [], "links": ["mesh-pve01-pve03"], "ports": []}
    assert set(found) == {
        "schema_version",
        "down",
        "unreachable_guests",
        "lost_upstream",
        "separated",
        "clusters",
        "zones_without_hosts",
        "partitions",
        "lost_sessions",
        "lost_redundancy",
        "moved_paths",
        "default_routes",
        "edge_routes",
    }
    assert found["unreachable_guests"][0] == {
        "guest": "isolated-1",
        "host": "pve02",
        "zone": "evpnz2",
        "cluster": None,
        "reason": "host down",
        "may_start_on": ["pve01", "pve03"],
    }
    assert found["moved_paths"] == [
        {
            "a": "pve01",
            "b": "pve03",
            "before": [["mesh-pve01-pve03"]],
            "after": [["management"]],
            "cost_before": 10,
            "cost_after": 1000,
            "onto": ["management"],
            "onto_segment": True,
        }
    ]


def test_a_name_that_is_nearly_right_is_answered_with_the_right_one() -> None:
    said = trellis("what-if", "--down", "mesh-pve1-pve2").stderr
    assert said.startswith("trellis: the plan has no host, edge or link mesh-pve1-pve2; did you mean mesh-pve01-pve02")
