"""``trellis why`` as a user and a program meet it."""

from __future__ import annotations

import json

import pytest

from tests.cli.command_line import trellis


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("solcp01", "own"), 0),
        (("solcp01", "10.101.250.7", "--community", "65000:200"), 0),
        (("solcp01", "fd00:101:244::/60"), 1),
        (("solcp01", "own", "--path", "4200000000"), 1),
        (("solcp01", "own", "--path", "64496 64497", "--path", "64498"), 0),
        (("solcp01", "own", "--asn", "65200"), 1),
        (("solcp01", "own", "--host", "pve02"), 0),
        (("nobody", "own"), 2),
        (("solcp01", "fd00:101::1/64"), 2),
        (("solcp01", "own", "--path", "pve01"), 2),
        (("solcp01", "own", "--community", "public"), 2),
    ],
)
def test_the_exit_code_says_whether_it_arrives_and_whether_it_can_be_meant(
    arguments: tuple[str, ...], code: int
) -> None:
    done = trellis("why", *arguments)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stdout
    assert bool(done.stdout) == (code != 2)


def test_a_route_as_json_has_the_keys_that_programs_rely_on() -> None:
    found = json.loads(trellis("why", "debian-test-1", "fd00:101::55", "--json").stdout)
    assert set(found) == {"schema_version", "arrives", "routes"}
    (route,) = found["routes"]
    assert set(route) == {
        "guest",
        "address",
        "vnet",
        "vrf",
        "host",
        "prefix",
        "asn",
        "path",
        "communities",
        "arrives",
        "arrives_at",
        "marks",
        "stops_at",
        "steps",
    }
    assert route["path"] == ["4200101006"]
    assert route["stops_at"] == {"node": "pve01", "kind": "filter in", "edge": None}
    assert route["steps"][-1] == {
        "kind": "filter in",
        "node": "pve01",
        "edge": None,
        "verdict": "stops",
        "entry": {
            "text": "route-map TL-G-debian-test-1-IN: no entry matches, which denies",
            "name": "TL-G-debian-test-1-IN",
            "seq": None,
            "action": None,
            "prefix_list": None,
            "prefix_list_seq": None,
        },
        "why": "fd00:101::55/128 is not in 10.101.254.6/32, fd00:101:fe::6/128 (guest debian-test-1)",
        "not_by": ["seq 2 permit, ipv6 prefix-list TL-G-debian-test-1-LO: none of its entries is fd00:101::55/128"],
        "rule": "R7",
        "remedy": 'guests.debian-test-1.announces: ["fd00:101::55/128"]',
        "communities": [],
    }
