"""``trellis why --live`` as an operator meets it: which hosts are asked what, and what is said of their answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.ends.sshd import Sshd
from tests.remote.conftest import play_agent
from tests.remote.test_commands import Run, run

__all__ = ["run"]

GUEST, OWN = "fd00:101::6", "fd00:101:fe::6/128"
MARKS = {"communities": ["65000:1", "65000:101"], "large": ["4200001000:0:101"]}
PATH = {"peer": GUEST, "as_path": "4200101006", "best": True, "next_hop": "fe80::6", "imported": False, **MARKS}
UP = {
    "state": "Established",
    "remote_as": 4200101006,
    "uptime_s": 9,
    "accepted": 2,
    "limit": 10,
    "off_s": None,
    "last_notification": None,
    "last_reset": None,
}


def _answer(**changes: Any) -> str:
    main = {"paths": [{**PATH, "peer": "::", "imported": True}], "told": ["fd00:0:0:ffff::fffe"]}
    found = {"away": None, "session": UP, "received": {"as_path": "4200101006"}, "vrf": {"paths": [PATH], "told": []}}
    return json.dumps({"schema_version": 1, "host": "pve01", **found, "main": main, "off_s": None, **changes})


def _answers(served: Sshd, text: str, status: int = 0) -> None:
    (served.folder / "answer").write_text(text)
    play_agent(served, f'cat "$FOLDER/answer"; exit {status}')


def _asked(served: Sshd) -> list[str]:
    return sorted({line.removeprefix("agent.py ") for line in (served.folder / "asked").read_text().splitlines()})


@pytest.mark.parametrize("prefix", [OWN, "fd00:101:fe::6"])
def test_every_host_of_the_zone_is_asked_of_the_route_and_one_that_is_away_is_said_to_be(
    run: Run, served: Sshd, prefix: str
) -> None:
    _answers(served, _answer())
    status, out, _ = run("why", "debian-test-1", prefix, "--live")
    assert _asked(served) == [f"route vrf_evpnz1 {GUEST} {OWN}"]
    assert "= pve01, session: Established for 9 s, AS 4200101006; 2 of at most 10 accepted" in out
    assert "= pve01, to edge1: told to fd00:0:0:ffff::fffe" in out
    assert "? pve03, type-5: not reached: connect: 127.0.0.3" in out
    assert (status, "\x1b" in out) == (1, False)


def test_a_host_that_refuses_what_the_plan_accepts_is_told_as_different(run: Run, served: Sshd) -> None:
    nothing: dict[str, Any] = {"paths": [], "told": []}
    _answers(served, _answer(vrf=nothing, main=nothing))
    status, out, _ = run("why", "debian-test-1", OWN, "--live", "--json")
    (route,) = json.loads(out)["routes"]
    differ = [(door["node"], door["door"]) for door in route["live"]["doors"] if door["differs"]]
    assert differ[:2] == [("pve01", "filter in"), ("pve01", "VRF")]
    assert (status, route["arrives"], route["live"]["arrives"]) == (1, True, False)


def test_the_path_that_a_guest_gives_now_is_the_one_that_is_judged(run: Run, served: Sshd) -> None:
    _answers(served, _answer(received={"as_path": "4200101006 4200000000"}))
    _, out, _ = run("why", "debian-test-1", OWN, "--live")
    assert "✗ pve01, AS path: bgp as-path access-list TL-GUEST-PATHS seq 4200000000 deny _4200000000_" in out
    assert "≠ pve01, filter in: plan: does not; accepted" in out


def test_an_agent_that_knows_no_such_question_says_what_to_do(run: Run, served: Sshd) -> None:
    play_agent(served, 'echo "pve01: this agent is another one: trellis install pve01" >&2; exit 3')
    status, out, _ = run("why", "debian-test-1", OWN, "--live")
    assert "? pve01, session: this agent is another one: trellis install pve01" in out
    assert status == 1


def test_a_mistake_is_told_before_any_host_is_asked(run: Run, served: Sshd) -> None:
    status, _, err = run("why", "nobody", "own", "--live")
    assert status == 2
    assert err.startswith("trellis: the plan has no guest nobody")
    assert not (served.folder / "asked").exists()
