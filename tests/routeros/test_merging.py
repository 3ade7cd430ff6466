"""What the prefix file holds after the router has answered, whatever it held before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from ipaddress import IPv6Network

from hypothesis import given
from hypothesis import strategies as st

from trellis.routeros.merging import Answered, Drift, drifted, expired, merged, moment
from trellis.site.delegated import Prefixes, prefixes_text, read_prefixes

NOW = datetime(2026, 11, 28, 12, 0, 0, tzinfo=UTC)
OLD, NEW = IPv6Network("2600:1700:ab1a:400e::/64"), IPv6Network("2600:1700:ab1a:500e::/64")
HOUR = 3600


def file(text: str) -> Prefixes:
    return read_prefixes(f"schema_version: 1\nvnets:\n{text}")


BEFORE = file(f"  vnet101: {{current: '{OLD}'}}")


def test_a_changed_prefix_is_current_and_the_old_one_goes_when_guests_have_forgotten_it() -> None:
    after = merged(BEFORE, {"vnet101": Answered(NEW, HOUR)}, NOW)
    assert after.vnets["vnet101"].current == NEW
    (old,) = after.vnets["vnet101"].deprecated
    assert (old.prefix, old.remove_after) == (OLD, "2026-11-28T13:00:00Z")


def test_a_begun_second_is_waited_for() -> None:
    after = merged(BEFORE, {"vnet101": Answered(NEW, HOUR)}, NOW + timedelta(microseconds=1))
    assert after.vnets["vnet101"].deprecated[0].remove_after == "2026-11-28T13:00:01Z"


def test_a_lost_delegation_leaves_nothing_current() -> None:
    after = merged(BEFORE, {"vnet101": Answered(None, HOUR)}, NOW).vnets["vnet101"]
    assert (after.current, [one.prefix for one in after.deprecated]) == (None, [OLD])


def test_a_prefix_that_comes_back_is_deprecated_no_longer() -> None:
    lost = merged(BEFORE, {"vnet101": Answered(None, HOUR)}, NOW)
    assert merged(lost, {"vnet101": Answered(OLD, HOUR)}, NOW + timedelta(minutes=5)) == BEFORE


def test_an_old_prefix_keeps_its_date_while_others_come_and_go() -> None:
    first = merged(BEFORE, {"vnet101": Answered(NEW, HOUR)}, NOW)
    second = merged(first, {"vnet101": Answered(None, HOUR)}, NOW + timedelta(minutes=30))
    dates = {one.prefix: one.remove_after for one in second.vnets["vnet101"].deprecated}
    assert dates == {OLD: "2026-11-28T13:00:00Z", NEW: "2026-11-28T13:30:00Z"}


def test_prefixes_that_change_places_leave_their_old_vnets_at_once() -> None:
    before = file(f"  vnet101: {{current: '{OLD}'}}\n  vnet102: {{current: '{NEW}'}}")
    after = merged(before, {"vnet101": Answered(NEW, HOUR), "vnet102": Answered(OLD, HOUR)}, NOW)
    assert {name: (one.current, one.deprecated) for name, one in after.vnets.items()} == {
        "vnet101": (NEW, ()),
        "vnet102": (OLD, ()),
    }


def test_a_vnet_without_a_delegation_has_no_place_in_the_file() -> None:
    assert merged(BEFORE, {"vnet102": Answered(NEW, HOUR)}, NOW).vnets.keys() == {"vnet102"}


def test_what_is_past_its_date_goes_and_nothing_else() -> None:
    before = file(
        f"  vnet101:\n    current: '{NEW}'\n    deprecated:\n"
        f"      - {{prefix: '{OLD}', remove_after: '2026-11-28T12:00:00Z'}}\n"
        "      - {prefix: '2600:1700:ab1a:300e::/64', remove_after: '2026-11-28T12:00:01Z'}\n"
    )
    after = expired(before, NOW).vnets["vnet101"]
    assert after.current == NEW
    assert [str(one.prefix) for one in after.deprecated] == ["2600:1700:ab1a:300e::/64"]


def test_a_drift_names_both_sides() -> None:
    assert drifted(BEFORE, {"vnet101": OLD}) == ()
    assert drifted(BEFORE, {"vnet101": NEW}) == (Drift("vnet101", OLD, NEW),)
    assert drifted(BEFORE, {"vnet101": None}) == (Drift("vnet101", OLD, None),)
    assert drifted(Prefixes(), {"vnet101": NEW}) == (Drift("vnet101", None, NEW),)


def test_moments_are_in_utc() -> None:
    assert moment(datetime(2026, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=1)))) == "2025-12-31T23:30:00Z"


VNETS = ("vnet100", "vnet101", "vnet102")
POOL = tuple(IPv6Network(f"2600:1700:ab1a:{number:x}::/64") for number in range(4))
ANSWER = st.permutations([*POOL, None, None, None]).map(
    lambda dealt: {vnet: Answered(prefix, HOUR) for vnet, prefix in zip(VNETS, dealt, strict=False)}
)
"""A router's answer: each prefix for one VNet at most."""
HISTORY = st.lists(st.tuples(ANSWER, st.integers(0, 2 * HOUR)), min_size=1, max_size=8)


@given(HISTORY)
def test_after_any_history_the_file_can_be_read_and_holds_each_prefix_once(
    history: list[tuple[dict[str, Answered], int]],
) -> None:
    known, now = Prefixes(), NOW
    gone: dict[IPv6Network, datetime] = {}
    for answer, seconds in history:
        before, now = known, now + timedelta(seconds=seconds)
        known = merged(before, answer, now)
        assert read_prefixes(prefixes_text(known)) == known, "what is written is what is meant"
        held = [prefix for vnet in known.vnets.values() for prefix in vnet.prefixes]
        assert len(set(held)) == len(held)
        assert {vnet: one.current for vnet, one in known.vnets.items()} == {v: a.prefix for v, a in answer.items()}
        assert drifted(known, {vnet: one.prefix for vnet, one in answer.items()}) == ()
        assert merged(known, answer, now + timedelta(days=1)) == known, "the same answer changes nothing"
        live = {one.prefix for one in answer.values()}
        was = {one.current for one in before.vnets.values()} - {None} - live
        gone = {prefix: at for prefix, at in gone.items() if prefix not in live} | dict.fromkeys(was, now)
        dates = {one.prefix: one.remove_after for vnet in known.vnets.values() for one in vnet.deprecated}
        assert dates == {prefix: moment(at + timedelta(seconds=HOUR)) for prefix, at in gone.items()}


@given(HISTORY, st.integers(0, 4 * HOUR))
def test_expiring_takes_what_is_past_and_only_that(
    history: list[tuple[dict[str, Answered], int]], seconds: int
) -> None:
    known, now = Prefixes(), NOW
    for answer, pause in history:
        now += timedelta(seconds=pause)
        known = merged(known, answer, now)
    now += timedelta(seconds=seconds)
    pruned = expired(known, now)
    assert expired(pruned, now) == pruned
    for vnet, one in known.vnets.items():
        left = pruned.vnets[vnet]
        assert left.current == one.current
        assert left.deprecated == tuple(old for old in one.deprecated if old.remove_after > moment(now))
