"""What becomes of a guest's routes in the store: received, accepted, refused with a reason, withdrawn."""

from __future__ import annotations

from dataclasses import replace

from tests.observe.seen import BAD, GOOD, KNOWN, WEB, Store, at, line, peer, stranger
from trellis.observe.observation import SeenRoute
from trellis.observe.tables import Event, Route

ACTIVE = peer("Active")


def _row(store: Store, prefix: str) -> Route:
    found: list[Route] = [row for row in store.all(Route) if row.prefix == prefix]
    return found[-1]


def test_an_accepted_and_a_refused_route_are_kept_with_times_and_the_reason(store: Store) -> None:
    store.saw(line(1, "pve01", peer("Established", 1, GOOD, BAD)))
    good, bad = _row(store, GOOD.prefix), _row(store, BAD.prefix)
    assert (good.state, good.prefix_length, good.next_hop, good.as_path) == ("Accepted", 128, WEB.address, "4200101006")
    assert (good.received_at, good.accepted_at, good.withdrawn_at) == (at(1), at(1), None)
    assert (bad.state, bad.accepted_at, bad.rejection_code) == ("Rejected", None, "not_this_guests")
    assert bad.rejection_reason == "fd00:ff::7/128 is guest db's, not web's"
    (event,) = store.events("route_rejected")
    assert (event.prefix, event.detail, event.guest) == (BAD.prefix, bad.rejection_reason, "web")


def test_a_route_that_was_not_judged_yet_is_received_and_then_accepted(store: Store) -> None:
    store.saw(line(1, "pve01", peer("Established", 1, replace(GOOD, accepted=None))))
    assert store.routes() == {GOOD.prefix: "Received"}
    store.saw(line(2, "pve01", peer("Established", 2, GOOD), whole=False))
    row = _row(store, GOOD.prefix)
    assert (row.state, row.received_at, row.accepted_at) == ("Accepted", at(1), at(2))


def test_a_withdrawn_route_is_kept_and_a_new_announcement_is_another_row(store: Store) -> None:
    store.saw(line(1, "pve01", peer("Established", 1, GOOD)), line(2, "pve01", peer("Established", 2), whole=False))
    row = _row(store, GOOD.prefix)
    assert (row.state, row.accepted_at, row.withdrawn_at) == ("Withdrawn", at(1), at(2))
    store.saw(line(3, "pve01", peer("Established", 3, GOOD), whole=False))
    assert [found.state for found in store.all(Route)] == ["Withdrawn", "Accepted"]
    assert store.kinds("session_up") == ["route_accepted", "route_withdrawn", "route_accepted"]


def test_a_route_that_a_new_policy_refuses_changes_its_row_and_back_again(store: Store) -> None:
    refused = replace(GOOD, accepted=False)
    for second, route in enumerate((GOOD, refused, GOOD), start=1):
        store.saw(line(second, "pve01", peer("Established", second, route), whole=False))
    (row,) = store.all(Route)
    assert (row.state, row.received_at, row.accepted_at, row.rejection_reason) == ("Accepted", at(1), at(3), None)
    assert store.kinds("session_up") == ["route_accepted", "route_rejected", "route_accepted"]


def test_a_refusal_that_the_policy_does_not_explain_says_where_to_look(store: Store) -> None:
    store.saw(line(1, "pve01", peer("Established", 1, replace(GOOD, accepted=False))))
    row = _row(store, GOOD.prefix)
    assert (row.rejection_code, row.state) == (None, "Rejected")
    assert "trellis check pve01" in str(row.rejection_reason)


def test_a_path_longer_than_its_column_is_cut(store: Store) -> None:
    store.saw(line(1, "pve01", peer("Established", 1, replace(GOOD, as_path=" ".join(["4200101006"] * 250)))))
    assert len(_row(store, GOOD.prefix).as_path) == 255


def test_only_the_host_that_has_the_session_says_what_the_routes_are(store: Store) -> None:
    store.saw(line(1, "pve01", peer("Established", 1, GOOD, BAD)), line(60, "pve02", peer("Established", 0, GOOD)))
    assert store.routes() == {GOOD.prefix: "Accepted", BAD.prefix: "Withdrawn"}
    store.saw(line(61, "pve01", peer("Established", 61, GOOD, BAD)))
    assert store.routes() == {GOOD.prefix: "Accepted", BAD.prefix: "Withdrawn"}


def test_an_open_guests_routes_are_judged_by_the_vnets_policy(store: Store) -> None:
    foreign = SeenRoute("2a01:b000:1046:20:1::100/128", "fd00:102::50", "65201", False)
    store.saw(line(1, "pve01", stranger(1, foreign)))
    row = _row(store, foreign.prefix)
    assert row.rejection_code == "outside_range"
    assert row.rejection_reason == f"{foreign.prefix} is not in fd00:102::/64, fd00:ff::/48 (vnet vnet102)"


def test_a_guest_that_left_the_site_is_removed_with_its_routes_and_comes_back_as_it_was(store: Store) -> None:
    store.saw(line(1, "pve01", peer("Established", 1, GOOD)))
    without = replace(KNOWN, guests={key: value for key, value in KNOWN.guests.items() if value.name != "web"})
    store.declared(without, seconds=9)
    row = store.peering()
    assert (row.state, row.removed, store.routes()) == ("Withdrawn", at(9), {GOOD.prefix: "Withdrawn"})
    store.saw(line(10, "pve01", peer("Established", 10, GOOD)))
    assert store.state() == "Withdrawn"  # hosts have its neighbour until the site is deployed
    store.declared(KNOWN, seconds=20)
    assert (store.peering().removed, store.state(), store.peering().uuid) == (None, "Idle", row.uuid)
    store.saw(line(30, "pve01", peer("Established", 5, GOOD)))
    assert store.state() == "Established"


def test_guests_of_a_vnet_that_is_open_no_longer_are_removed(store: Store) -> None:
    store.saw(line(1, "pve01", stranger(1)))
    closed = {**KNOWN.networks, "vnet102": replace(KNOWN.networks["vnet102"], mode="bound")}
    store.declared(replace(KNOWN, networks=closed), seconds=9)
    assert store.peering("fd00:102::50").removed == at(9)


def test_events_outlive_what_they_are_about(store: Store) -> None:
    store.saw(line(1, "pve01", stranger(1)), line(2, "pve01"))
    store.recorder.prune(at(1.5))
    assert store.has("fd00:102::50")
    store.recorder.prune(at(100))
    assert not store.has("fd00:102::50")
    assert store.all(Event) == []


def test_retention_forgets_what_ended_before_and_nothing_that_is_so_now(store: Store) -> None:
    store.saw(line(1, "pve01", peer("Established", 1, GOOD, BAD)), line(50, "pve01", peer("Established", 50, GOOD)))
    store.recorder.prune(at(40))
    assert store.routes() == {GOOD.prefix: "Accepted", BAD.prefix: "Withdrawn"}
    assert store.kinds() == ["route_withdrawn"]
    store.recorder.prune(at(60))
    assert (store.routes(), store.state()) == ({GOOD.prefix: "Accepted"}, "Established")
    assert store.recorder.prune(at(60)) == 0


def test_one_guest_that_announces_ever_new_prefixes_fills_no_store(store: Store) -> None:
    for second in range(1, 13):
        routes = [replace(GOOD, prefix=f"fd00:{second}:{n:x}::/64", accepted=False) for n in range(100)]
        store.saw(line(second, "pve01", peer("Established", second, *routes), whole=False))
    store.recorder.prune(at(0))
    assert sum(row.state == "Withdrawn" for row in store.all(Route)) == 1000
    assert sum(row.state == "Rejected" for row in store.all(Route)) == 100
