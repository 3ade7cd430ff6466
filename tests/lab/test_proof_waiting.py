"""Waiting until a twin has converged: what is waited for, what is said meanwhile, and how the waiting ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.lab.proof_defects import PVE02_4, set_state
from tests.lab.recorded import Recording, recording
from trellis.lab import proof
from trellis.lab.evidence import Evidence
from trellis.lab.proof import ask, converge
from trellis.lab.proof.fabric import Fabric


@pytest.fixture(scope="module")
def twin() -> Recording:
    return recording()


def test_the_edges_routes_are_what_convergence_waits_for(twin: Recording) -> None:
    assert list(converge.missing_at_edges(twin.fabric, twin.evidence)) == []

    def late(said: Any) -> None:
        del said["10.101.254.11/32"]
        said["10.101.254.12/32"][0]["nexthops"][0]["ip"] = "10.255.0.3"

    altered = twin.altered(ask.all_routes("edge1", 4), late)
    assert list(converge.missing_at_edges(altered.fabric, altered.evidence)) == [
        "solcp01 loopback 10.101.254.11/32 at edge1",
        "solcp02 loopback 10.101.254.12/32 at edge1 (now via 10.255.0.3)",
    ]


@dataclass
class Replayed:
    """A twin whose nodes say what was recorded, from one poll to the next."""

    polls: list[Recording]
    asked: int = 0

    def ask(self, _twin: object, asked: object) -> Evidence:
        self.asked += 1
        return (self.polls.pop(0) if len(self.polls) > 1 else self.polls[0]).evidence


def replay(monkeypatch: pytest.MonkeyPatch, fabric: Fabric, *polls: Recording) -> Replayed:
    replayed = Replayed(list(polls))
    monkeypatch.setattr(converge, "ask_twin", replayed.ask)
    monkeypatch.setattr(converge, "fabric_of", lambda _twin: fabric)
    monkeypatch.setattr(converge, "_PAUSE_S", 0.0)
    return replayed


def test_waiting_says_what_is_missing_and_ends_when_nothing_is(
    twin: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    routes_late = twin.altered(ask.all_routes("edge1", 4), lambda said: said.pop("10.101.254.11/32"))
    session_late = twin.altered(ask.neighbour("pve01", PVE02_4), set_state(PVE02_4, "Connect"))
    # A poll that finds all routes asks the hosts as well: two questions of the recorded twin.
    replay(monkeypatch, twin.fabric, routes_late, routes_late, twin, session_late, twin, twin)
    said: list[str] = []
    assert proof.wait_until_converged(None, said.append, limit_s=30) < 30  # type: ignore[arg-type]
    assert [line.partition("waiting for ")[2] for line in said] == [
        "solcp01 loopback 10.101.254.11/32 at edge1",
        "pve01 to pve02, IPv4: Connect: ipv4Unicast + l2VpnEvpn, up "
        + twin.said(ask.neighbour("pve01", PVE02_4))[str(PVE02_4)]["bgpTimerUpString"],
    ]


def test_waiting_ends_at_its_limit_and_names_all_that_is_missing(
    twin: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = twin.altered(ask.all_routes("edge1", 6), lambda said: said.pop("fd00:101:fe::11/128"))
    replay(monkeypatch, twin.fabric, late)
    with pytest.raises(proof.NotConvergedError) as raised:
        proof.wait_until_converged(None, lambda _: None, limit_s=0)  # type: ignore[arg-type]
    assert raised.value.missing == ("solcp01 loopback fd00:101:fe::11/128 at edge1",)
