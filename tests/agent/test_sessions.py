"""Which BGP sessions a change must bring back, by what FRR says before and after it."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from trellis.agent import sessions
from trellis.agent.report import Fault
from trellis.agent.sessions import Lost, Peer, Sessions, await_back, listening, lost, read

EDGE, IBGP = Peer("default", "10.255.0.254"), Peer("default", "10.255.0.2")
GUEST, OTHER = Peer("vrf_z1", "fd00:101::11"), Peer("vrf_z1", "fd00:101::12")
CALLER = Peer("vrf_z1", "fd00:101::99")
INTENT = "router bgp 65000 vrf vrf_z1\n bgp listen range fd00:101::/64 peer-group guests\nexit\n"


def _sessions(up: set[Peer], down: set[Peer] = frozenset(), dynamic: set[Peer] = frozenset()) -> Sessions:
    return Sessions(frozenset(up | down), frozenset(up), frozenset(dynamic))


def _answer(**states: str) -> dict[str, Any]:
    return {"peers": {address: {"state": state} for address, state in states.items()}}


def test_a_session_counts_when_one_of_its_families_is_established_in_any_vrf() -> None:
    answer = {
        "default": {
            "ipv4Unicast": _answer(**{"10.255.0.2": "Established", "10.255.0.254": "Active"}),
            "l2VpnEvpn": _answer(**{"10.255.0.2": "Established"}),
        },
        "vrf_z1": {"ipv6Unicast": {"peers": {"fd00:101::99": {"state": "Established", "dynamicPeer": True}}}},
        "vrf_empty": {},
    }
    found = read(answer)
    assert found.established == {IBGP, CALLER}
    assert found.known == {IBGP, EDGE, CALLER}
    assert found.dynamic == {CALLER}


def test_a_session_of_the_fabric_that_is_not_back_is_lost_and_one_that_was_removed_is_not() -> None:
    before = _sessions({EDGE, IBGP})
    assert lost(before, _sessions({IBGP}, {EDGE}), frozenset()) == Lost([EDGE], [], [])
    assert lost(before, _sessions({IBGP}), frozenset()) == Lost([], [], [])


def test_whose_guests_leave_waits_for_the_fabric_s_sessions_alone() -> None:
    """A guest with graceful restart that was migrated for a drain has a session here until its hold time is over."""
    before = _sessions({EDGE, GUEST}, {IBGP, OTHER}, {CALLER}).of_fabric()
    assert before == _sessions({EDGE}, {IBGP})
    assert lost(before, _sessions(set(), {EDGE, GUEST}), frozenset()) == Lost([EDGE], [], [])
    assert lost(before, _sessions({EDGE}, {GUEST}), listening(INTENT)) == Lost([], [], [])


def test_a_session_that_was_down_before_is_not_waited_for() -> None:
    assert lost(_sessions({IBGP}, {EDGE}), _sessions({IBGP}, {EDGE}), frozenset()) == Lost([], [], [])


def test_guests_may_go_one_by_one_but_not_all_of_a_vrf() -> None:
    before = _sessions({GUEST, OTHER})
    assert lost(before, _sessions({OTHER}, {GUEST}), frozenset()) == Lost([], [], [GUEST])
    assert lost(before, _sessions(set(), {GUEST, OTHER}), frozenset()) == Lost([], ["vrf_z1"], [GUEST, OTHER])
    assert lost(before, _sessions(set()), frozenset()) == Lost([], [], [])


def test_accepted_neighbours_are_expected_only_where_the_new_configuration_still_listens() -> None:
    before = _sessions({CALLER}, dynamic={CALLER})
    assert listening(INTENT) == {"vrf_z1"}
    assert lost(before, _sessions(set()), listening(INTENT)) == Lost([], ["vrf_z1"], [CALLER])
    assert lost(before, _sessions(set()), listening("router bgp 65000\nexit\n")) == Lost([], [], [])


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that only waiting moves."""
    ticks = itertools.count()
    monkeypatch.setattr(sessions.time, "monotonic", lambda: float(next(ticks)))
    monkeypatch.setattr(sessions.time, "sleep", lambda _: None)


def _seen(monkeypatch: pytest.MonkeyPatch, *later: Sessions) -> None:
    seen = itertools.chain(later, itertools.repeat(later[-1]))
    monkeypatch.setattr(sessions, "now", lambda: next(seen))


@pytest.mark.usefixtures("clock")
def test_a_session_that_comes_back_late_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    _seen(monkeypatch, _sessions({IBGP}, {EDGE}), _sessions({IBGP}, {EDGE}), _sessions({IBGP, EDGE}))
    assert await_back(_sessions({IBGP, EDGE}), "", "", 30) == "2 session(s) that were up are up"


@pytest.mark.usefixtures("clock")
def test_a_session_that_never_comes_back_fails_the_change_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    _seen(monkeypatch, _sessions({IBGP}, {EDGE}))
    with pytest.raises(Fault, match=r"10\.255\.0\.254 was Established before; waited for 30 s"):
        await_back(_sessions({IBGP, EDGE}), "", "", 30)


@pytest.mark.usefixtures("clock")
def test_a_guest_that_is_not_back_is_named_and_fails_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    _seen(monkeypatch, _sessions({OTHER}, {GUEST}))
    said = await_back(_sessions({OTHER, GUEST}), "", "", 60)
    assert said == "1 session(s) that were up are up; not back, and the guests' own: fd00:101::11 in vrf_z1"


@pytest.mark.usefixtures("clock")
def test_a_session_whose_key_changes_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "router bgp 65000\n neighbor 10.255.0.254 remote-as 65001\n neighbor 10.255.0.254 password {{secret:%s}}\n"
    _seen(monkeypatch, _sessions({IBGP}, {EDGE}))
    assert await_back(_sessions({IBGP, EDGE}), text % "old", text % "new", 30) == "1 session(s) that were up are up"
