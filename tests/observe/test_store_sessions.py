"""What becomes of a guest's session in the store, as its hosts say it: one row, whatever host it is on."""

from __future__ import annotations

import pytest

from tests.observe.seen import BAD, DB, GOOD, HOSTS, WEB, Store, at, line, off, peer, refusal, stranger

ACTIVE = peer("Active")
CUT_OFF = peer("Idle", last_notification="Cease/Maximum Number of Prefixes Reached", resets=1)


def test_declared_guests_that_never_connected_have_an_idle_row(store: Store) -> None:
    row = store.peering()
    assert (row.network_id, row.tenant, row.guest, row.mode) == ("vnet101", "acme", "web", "bound")
    assert (row.state, row.host, row.guest_asn, row.vr_asn, row.vr_ip) == (
        "Idle", "", WEB.asn, 4200001000, "fd00:101::fffe",
    )  # fmt: skip
    assert store.state(DB.address) == "Idle"


def test_a_bound_guest_is_established_when_one_host_has_it_and_idle_on_the_others_is_normal(store: Store) -> None:
    store.saw(line(1, "pve01", ACTIVE), line(1, "pve02", peer("Established", 1, GOOD, BAD)), line(2, "pve03", ACTIVE))
    row = store.peering()
    assert (row.state, row.host, row.uptime_seconds) == ("Established", "pve02", 1)
    assert (row.prefixes_received, row.prefixes_sent, row.last_error) == (2, 1, None)
    assert store.sessions() == {"pve01": "Active", "pve02": "Established", "pve03": "Active"}
    assert store.kinds() == ["session_up", "route_accepted", "route_rejected"]


def test_a_session_that_goes_is_told_with_its_reason_and_its_routes_are_withdrawn(store: Store) -> None:
    down = peer("Active", last_notification="Hold Timer Expired", resets=1)
    store.saw(line(1, "pve01", peer("Established", 1, GOOD)), line(9, "pve01", down, whole=False))
    assert (store.state(), store.peering().last_error, store.peering().host) == ("Idle", "Hold Timer Expired", "pve01")
    assert store.routes() == {GOOD.prefix: "Withdrawn"}
    assert store.kinds() == ["session_up", "route_accepted", "session_down", "route_withdrawn"]
    assert store.events("session_down")[0].detail == "Hold Timer Expired"


def test_a_guest_that_moves_is_told_to_have_moved_whether_its_old_session_ended_first_or_not(store: Store) -> None:
    store.saw(line(1, "pve01", peer("Established", 1, GOOD)), line(60, "pve02", peer("Established", 0, GOOD)))
    assert (store.state(), store.peering().host) == ("Established", "pve02")
    assert store.sessions() == {"pve01": "Established", "pve02": "Established"}
    assert store.kinds() == ["session_up", "route_accepted", "session_up", "session_moved", "session_doubled"]
    store.saw(line(61, "pve01", ACTIVE, whole=False))
    assert (store.state(), store.peering().host, store.routes()) == ("Established", "pve02", {GOOD.prefix: "Accepted"})
    store.saw(line(90, "pve02", ACTIVE, whole=False), line(95, "pve03", peer("Established", 0, GOOD), whole=False))
    assert [event.detail for event in store.events("session_moved")] == ["from pve01 to pve02", "from pve02 to pve03"]
    assert len(store.events("session_doubled")) == 1


def test_a_session_that_came_up_anew_between_two_looks_is_one_down_and_one_up(store: Store) -> None:
    store.saw(line(1, "pve01", peer("Established", 0, GOOD)), line(100, "pve01", peer("Established", 30, GOOD)))
    assert store.kinds("route_accepted") == ["session_up", "session_down", "session_up"]
    assert [event.at for event in store.events("session_up")] == [at(1), at(70)]


@pytest.mark.parametrize("away", [5, 4000])
def test_a_host_that_is_not_reached_makes_its_sessions_unknown_and_they_come_back_without_an_event(
    store: Store, away: int
) -> None:
    store.saw(line(1, "pve01", peer("Established", 1, GOOD)), line(1, "pve02", ACTIVE))
    store.recorder.unreached("pve01", "connect: no answer", at(2))
    store.recorder.unreached("pve01", "connect: no answer", at(3))
    assert (store.state(), store.sessions()["pve01"], store.routes()) == (
        "Unknown", "Unknown", {GOOD.prefix: "Accepted"},
    )  # fmt: skip
    store.saw(line(2 + away, "pve01", peer("Established", 2 + away, GOOD)))
    assert store.state() == "Established"
    assert store.kinds() == ["session_up", "route_accepted", "host_unreachable"]
    assert len(store.events("host_reached")) == 3


def test_a_session_that_ended_while_its_host_was_away_is_told_when_the_host_is_back(store: Store) -> None:
    store.saw(line(1, "pve01", peer("Established", 1, GOOD)))
    store.recorder.unreached("pve01", "connect: no answer", at(2))
    store.saw(line(50, "pve01", ACTIVE))
    assert store.state() == "Idle"
    assert store.kinds() == ["session_up", "route_accepted", "host_unreachable", "session_down", "route_withdrawn"]


def test_a_guest_is_unknown_while_one_host_that_may_have_it_was_never_read(store: Store) -> None:
    store.recorder.unreached("pve03", "connect: no answer", at(1))
    store.saw(line(2, "pve01", ACTIVE), line(2, "pve02", ACTIVE))
    assert store.state() == "Unknown"
    store.saw(line(3, "pve02", peer("Established", 0)))
    assert store.state() == "Established"


def test_a_bgpd_that_is_away_is_no_session_down(store: Store) -> None:
    store.saw(line(1, "pve01", peer("Established", 1, GOOD)), line(2, "pve01", whole=False, away="no socket"))
    assert (store.state(), store.routes()) == ("Unknown", {GOOD.prefix: "Accepted"})
    store.saw(line(9, "pve01", peer("Established", 1, GOOD)))
    assert store.kinds("route_accepted") == ["session_up", "host_unreachable", "session_down", "session_up"]


def test_a_bound_guest_over_its_limit_is_in_penalty_until_bgpd_waits_for_it_again(store: Store) -> None:
    store.saw(line(1, "pve01", peer("Established", 1, GOOD)), line(2, "pve01", CUT_OFF, whole=False))
    assert (store.state(), store.peering().last_error) == ("Penalty", "Max-prefix limit (10) exceeded")
    store.saw(line(30, "pve01", CUT_OFF), line(302, "pve01", peer("Active", resets=1), whole=False))
    assert (store.state(), store.peering().last_error) == ("Idle", "Max-prefix limit (10) exceeded")
    kinds = store.kinds("route_accepted", "route_withdrawn")
    assert kinds == ["session_up", "session_down", "penalty_begun", "penalty_ended"]


def test_limits_that_differ_by_family_are_both_named(store: Store) -> None:
    store.saw(line(1, "pve01", peer("Idle", address=DB.address, last_notification=CUT_OFF.last_notification)))
    assert store.peering(DB.address).last_error == "Max-prefix limit (2 IPv4, 3 IPv6) exceeded"


def test_an_open_guest_over_its_limit_is_in_penalty_as_long_as_the_kernel_keeps_it_off(store: Store) -> None:
    address, gone = "fd00:102::50", (("vrf_z1", "fd00:102::50"),)
    store.saw(line(1, "pve01", stranger(1)), line(2, "pve01", whole=False, gone=gone, penalized=off()))
    assert (store.state(address), store.peering(address).last_error) == ("Penalty", "Max-prefix limit (10) exceeded")
    store.saw(line(30, "pve01", penalized=off(left_s=210)), line(31, "pve01", whole=False, penalized=off(left_s=209)))
    assert store.state(address) == "Penalty"
    store.saw(line(302, "pve01", whole=False))
    assert (store.state(address), store.kinds()) == (
        "Idle", ["session_up", "session_down", "penalty_begun", "penalty_ended"],
    )  # fmt: skip
    store.saw(line(310, "pve01", stranger(0), whole=False))
    assert store.state(address) == "Established"


def test_an_open_guest_cut_off_before_anybody_looked_has_a_row_with_the_reason(store: Store) -> None:
    store.saw(line(1, "pve01", penalized=off()))
    row = store.peering("fd00:102::50")
    assert (row.state, row.mode, row.guest, row.guest_asn, row.host) == ("Penalty", "open", "unknown", 0, "pve01")


def test_an_open_guest_has_a_row_from_its_first_session_on_and_keeps_it(store: Store) -> None:
    store.saw(line(1, "pve01", peer("OpenSent", address="fd00:102::50", dynamic=True)))
    assert not store.has("fd00:102::50")
    store.saw(line(2, "pve01", stranger(0)))
    row = store.peering("fd00:102::50")
    assert (row.mode, row.guest, row.vm_id, row.guest_asn, row.mac) == (
        "open", "unknown", "unknown", 65201, "bc:24:11:00:00:50",
    )  # fmt: skip
    store.saw(line(30, "pve01"))
    assert (store.state("fd00:102::50"), store.sessions("fd00:102::50")) == ("Idle", {})


def test_a_refused_open_makes_no_row_but_an_event_and_again_and_again_is_one(store: Store) -> None:
    for second in range(1, 60):
        store.saw(line(second, "pve01", whole=False, refused=refusal("fd00:102::66")))
    assert not store.has("fd00:102::66")
    (event,) = store.events("open_refused")
    assert (event.guest_ip, event.network_id, event.host) == ("fd00:102::66", "vnet102", "pve01")
    assert event.detail == "OPEN Message Error/Bad Peer AS"
    store.saw(line(700, "pve01", whole=False, refused=refusal("fd00:102::66", count=9)))
    assert [event.detail for event in store.events("open_refused")][1].endswith("(9 times)")


def test_a_refused_open_is_the_last_error_of_a_guest_that_is_not_up(store: Store) -> None:
    store.saw(line(1, "pve01", ACTIVE), line(2, "pve01", whole=False, refused=refusal(WEB.address)))
    assert (store.state(), store.peering().last_error) == ("Idle", "OPEN Message Error/Bad Peer AS")
    store.saw(line(30, "pve01", ACTIVE))
    assert store.peering().last_error == "OPEN Message Error/Bad Peer AS"


def test_what_bgpd_says_of_a_guest_that_never_was_there_is_no_error(store: Store) -> None:
    store.saw(line(1, "pve01", peer("Active", last_reset="Waiting for peer OPEN")))
    assert store.peering().last_error is None


def test_neighbours_that_are_nobody_s_are_left_out(store: Store) -> None:
    before = store.picture()
    store.saw(line(1, "pve01", peer(address="fd00:999::1"), peer(vrf="vrf_other"), peer(address="fd00:101::99")))
    assert store.picture() == before


@pytest.mark.parametrize("again", [0, 3])
def test_a_line_that_comes_again_or_late_changes_nothing(store: Store, again: int) -> None:
    lines = [line(1, "pve01", peer("Established", 1, GOOD)), line(2, "pve01", ACTIVE, whole=False)]
    lines += [line(3, "pve01", peer("Established", 0, GOOD)), line(33, "pve01", peer("Established", 30, GOOD))]
    store.saw(*lines)
    before, kinds = store.picture(), store.kinds()
    store.saw(lines[again], *lines)
    assert (store.picture(), store.kinds()) == (before, kinds)


def test_a_collector_that_starts_anew_loses_nothing_and_invents_nothing(store: Store) -> None:
    store.saw(line(1, "pve01", peer("Established", 1, GOOD, BAD), stranger(1)), line(1, "pve02", ACTIVE))
    before, kinds = store.picture(), store.kinds()
    store.declared(seconds=50)
    assert (store.picture(), store.kinds()) == (before, kinds)
    store.saw(line(60, "pve01", peer("Established", 60, GOOD, BAD), stranger(60)), line(61, "pve02", ACTIVE))
    assert (store.picture(), store.kinds()) == (before, kinds)


def test_a_clock_that_was_set_back_does_not_silence_its_host(store: Store) -> None:
    store.saw(line(5000, "pve01", ACTIVE), line(1000, "pve01", peer("Established", 1)))
    assert store.state() == "Established"


def test_a_host_that_left_the_site_is_forgotten(store: Store) -> None:
    store.saw(line(1, "pve03", peer("Established", 1, GOOD)))
    store.declared(seconds=9, hosts=HOSTS[:2])
    assert (store.state(), store.sessions()) == ("Idle", {})
