"""A host loses its power: what the plan said would happen is what happens, and it comes back as it was meant to be."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

import pytest

from tests.lab.main_job.losses import Moment, Session, measured
from tests.lab.main_job.standing import REPOSITORY, agent_differences, await_sessions_back
from trellis.lab.proof.prove import fabric_of
from trellis.lab.twin import Twin

pytestmark = [pytest.mark.lab, pytest.mark.engine, pytest.mark.scenario, pytest.mark.timeout(900)]

HOST = "pve02"
SETTLED_S = 20.0
"""OSPF without BFD would need 40; with it, and BGP's, everything is over in a few seconds."""


def predicted() -> dict[str, Any]:
    command = [sys.executable, "-c", "from trellis.cli import main; main()", "what-if", "--down", HOST, "--json"]
    answer = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert answer.returncode == 1, answer.stderr  # somebody loses reachability
    said: dict[str, Any] = json.loads(answer.stdout)
    return said


def sessions_of(said: dict[str, Any]) -> set[Session]:
    return {(one["kind"], frozenset({one["a"], one["b"]}), one["family"], one["link"]) for one in said["lost_sessions"]}


def test_what_if_a_host_goes_down_is_what_happens_when_its_power_is_cut(dev: Twin) -> None:
    """Incidents I1 and I2 too: what runs after a boot is what was intended, without the program being run again."""
    dev.deploy("up", print)  # An earlier test may have left a guest that the site does not have.
    said, before = predicted(), _whole(dev)
    machine = dev.lab.machine(HOST)
    machine.power_cut()
    try:
        after = _settled(dev)
    finally:
        machine.power_on()
        machine.wait_until_booted(time.monotonic() + 120)
    await_sessions_back(dev)
    assert agent_differences(dev, HOST) == {}

    everybody = {guest.name for guest in fabric_of(dev).guests}
    assert before.answering == everybody
    assert {one["guest"] for one in said["unreachable_guests"]} == everybody - after.answering
    assert said["lost_upstream"] == []  # of those that live, nobody: the line above would show it
    survivors = {pair for pair in before.pairs if pair <= after.answering}
    assert after.pairs == survivors  # nobody who lives is separated from anybody who lives
    assert said["separated"] == []
    for kind in ("ospf", "ibgp", "edge", "guest"):
        foretold = {one for one in sessions_of(said) if one[0] == kind}
        assert foretold == {one for one in before.sessions - after.sessions if one[0] == kind}
    foretold_routes = {(one["edge"], one["prefix"]): tuple(sorted(one["after"])) for one in said["edge_routes"]}
    assert foretold_routes == {
        key: after.edge_routes.get(key, ())
        for key, hosts in before.edge_routes.items()
        if after.edge_routes.get(key, ()) != hosts
    }


def _whole(dev: Twin) -> Moment:
    """The lab as it should be: what other tests did to it may still cost a first look a ping."""
    guests, deadline = fabric_of(dev).guests, time.monotonic() + SETTLED_S
    wanted = {frozenset({one.name, other.name}) for one in guests for other in guests if one.zone == other.zone}
    wanted -= {frozenset({one.name}) for one in guests}
    while (now := measured(dev)).pairs != wanted and time.monotonic() < deadline:
        pass
    assert now.pairs == wanted
    return now


def _settled(dev: Twin) -> Moment:
    """The lab without the host, once two looks at it show the same."""
    deadline, seen = time.monotonic() + SETTLED_S, None
    while True:
        now = measured(dev, dead=frozenset({HOST}))
        if now == seen or time.monotonic() > deadline:
            return now
        seen = now
