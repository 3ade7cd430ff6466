"""What a change did to the sessions, and how often the program logged in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.lab.recorded import Recording, recording
from trellis.lab.proof import Comparison, SessionState, ask, compare
from trellis.lab.proof.continuity import Key, logins_by, sessions_of

FINGERPRINT = "SHA256:HZ/pyFCCXF038u+sbY/Pga9U4rP74mf53B4Atlr/WoQ"
GUEST: Key = ("pve01", "vrf_evpnz1", "fd00:101::11")
ELSEWHERE: Key = ("pve02", "vrf_evpnz1", "fd00:101::11")
NEW: Key = ("pve01", "vrf_evpnz1", "fd00:101::7")


@pytest.fixture(scope="module")
def twin() -> Recording:
    return recording()


@pytest.fixture(scope="module")
def before(twin: Recording) -> dict[Key, SessionState]:
    asked = [ask.vtysh(node, "show bgp vrf all summary json") for node in ("pve01", "pve02", "pve03", "edge1")]
    return {key: state for question in asked for key, state in sessions_of(twin.evidence[question]).items()}


def test_every_session_of_every_node_is_read(before: dict[Key, SessionState]) -> None:
    # Each host: 2 peers and the edge, two IP versions, and 8 guests; the edge: 3 hosts, two IP versions.
    assert len(before) == 3 * (6 + 8) + 6
    assert before["edge1", "default", "10.255.0.1"].state == "Established"
    assert before[GUEST].established_epoch_ms > 1_700_000_000_000
    assert before[ELSEWHERE].state != "Established"


def test_a_fabric_that_nobody_touched_has_kept_every_session(before: dict[Key, SessionState]) -> None:
    up = tuple(sorted(key for key, state in before.items() if state.state == "Established"))
    assert compare(before, before) == Comparison(kept=up, reset=(), gone=(), new=(), came_up=())
    assert len(up) == 3 * 6 + 8 + 6


def test_a_session_that_came_up_again_was_reset(before: dict[Key, SessionState]) -> None:
    again = replace(before[GUEST], connections_established=before[GUEST].connections_established + 1)
    assert compare(before, {**before, GUEST: again}).reset == (GUEST,)


def test_a_daemon_that_restarted_counts_from_one_again_but_its_sessions_are_younger(
    before: dict[Key, SessionState],
) -> None:
    younger = replace(before[GUEST], established_epoch_ms=before[GUEST].established_epoch_ms + 30_000)
    assert compare(before, {**before, GUEST: younger}).reset == (GUEST,)


def test_a_second_of_rounding_is_no_reset(before: dict[Key, SessionState]) -> None:
    rounded = replace(before[GUEST], established_epoch_ms=before[GUEST].established_epoch_ms + 1000)
    assert compare(before, {**before, GUEST: rounded}).reset == ()


def test_a_session_that_went_down_was_reset(before: dict[Key, SessionState]) -> None:
    assert compare(before, {**before, GUEST: replace(before[GUEST], state="Idle")}).reset == (GUEST,)


def test_a_guest_that_is_added_is_new_and_nobody_else_is_touched(before: dict[Key, SessionState]) -> None:
    after = {**before, NEW: SessionState(1, 1_795_000_000_000, "Established")}
    told = compare(before, after)
    assert (told.new, told.reset, told.gone, told.came_up) == ((NEW,), (), (), ())


def test_a_session_that_is_configured_no_more_is_gone(before: dict[Key, SessionState]) -> None:
    after = {key: state for key, state in before.items() if key != GUEST}
    assert compare(before, after).gone == (GUEST,)


def test_a_guest_that_moved_came_up_where_it_was_not(before: dict[Key, SessionState]) -> None:
    after = {
        **before,
        GUEST: replace(before[GUEST], state="Idle"),
        ELSEWHERE: SessionState(1, 1_795_000_000_000, "Established"),
    }
    told = compare(before, after)
    assert (told.reset, told.came_up) == ((GUEST,), (ELSEWHERE,))


def test_only_logins_by_the_program_s_key_are_counted() -> None:
    journal = "\n".join(
        (
            "Server listening on 0.0.0.0 port 22.",
            f"Accepted publickey for root from 10.10.0.250 port 48038 ssh2: ED25519 {FINGERPRINT}",
            "Accepted publickey for root from 10.10.0.200 port 48040 ssh2: ED25519 SHA256:another",
            f"Failed publickey for root from 10.10.0.250 port 48042 ssh2: ED25519 {FINGERPRINT}",
            f"Accepted publickey for root from fd00:10::250 port 48044 ssh2: ED25519 {FINGERPRINT}",
        )
    )
    assert logins_by(FINGERPRINT, journal) == 2
    assert logins_by("SHA256:none", journal) == 0
