"""A change that a BGP session does not survive, between two real FRRs joined by a cable."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.conftest import Host
from tests.agent.documents import document
from trellis.lab.scratch import ScratchFrr

pytestmark = pytest.mark.frr


def _config(name: str, own: int, other: int) -> list[str]:
    """One end of a session that comes up within seconds."""
    return [
        "frr version 10.3",
        "frr defaults traditional",
        f"hostname {name}",
        "service integrated-vtysh-config",
        "!",
        f"router bgp 6500{own}",
        " no bgp ebgp-requires-policy",
        f" neighbor 10.0.0.{other} remote-as 6500{other}",
        f" neighbor 10.0.0.{other} timers 1 3",
        f" neighbor 10.0.0.{other} timers connect 1",
        "exit",
        "!",
        "end",
    ]


HERE = _config("pve01", 1, 2)
SHUT = [line.replace("timers 1 3", "shutdown") for line in HERE]


@pytest.fixture
def pair(frr_root: Path) -> Iterator[Host]:
    """A host whose session with a neighbour is Established, committed so."""
    with ScratchFrr(frr_root, "pve01", supervised=True) as one, ScratchFrr(frr_root, "pve02") as other:
        ends = [str(frr.path("/").parent).split("/")[2] for frr in (one, other)]
        cable = ["name", "cable", "netns", ends[0], "type", "veth", "peer", "name", "cable", "netns", ends[1]]
        subprocess.run(["ip", "link", "add", *cable], check=True)
        for frr, address in ((one, "10.0.0.1/24"), (other, "10.0.0.2/24")):
            frr.run(["ip", "address", "add", address, "dev", "cable"])
            frr.run(["ip", "link", "set", "cable", "up"])
        other.load("\n".join(_config("pve02", 2, 1)))
        host = Host(one)
        assert host.commit(document(HERE, sessions_within_s=5)).outcome == "applied"
        deadline = time.monotonic() + 60
        while '"Established"' not in one.vtysh("show bgp summary json"):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield host


def test_a_change_that_ends_a_session_of_the_fabric_is_taken_back_and_the_session_with_it(pair: Host) -> None:
    before = pair.config()
    run = pair.commit(document(SHUT, sessions_within_s=3))
    assert (run.status, run.outcome, run.failed_step) == (4, "restored", "sessions"), run.report
    assert "10.0.0.2 was Established before; waited for 3 s" in run.why
    assert pair.config() == before
    deadline = time.monotonic() + 60
    while '"Established"' not in pair.frr.vtysh("show bgp summary json"):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_change_that_removes_a_neighbour_does_not_wait_for_it(pair: Host) -> None:
    run = pair.commit(document([line for line in HERE if "neighbor" not in line], sessions_within_s=3))
    assert run.outcome == "applied", run.report
    assert "0 session(s) that were up are up" in str(run.report["steps"])
