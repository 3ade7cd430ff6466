"""What hosts say of a route beside the plan: agreement, each kind of difference, and what nobody knows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.core.test_why import attacked
from trellis.reach.agent_answers import BadAnswer
from trellis.reach.fabric import Fabric
from trellis.reach.why import Said, questions, why
from trellis.reach.why.as_json import live_json
from trellis.reach.why.live import Answers, Live, as_announced, beside
from trellis.reach.why.seen import Seen, SeenPath, SeenSession, SeenTable, seen
from trellis.reach.why.text import live_text

MALLORY, OWN, FOREIGN = "fd00:101::66", "fd00:101:fe::66/128", "fd00:101:fe::7/128"
UP = SeenSession("Established", 4200101066, 300, 2, 10, None, None, None)
MARKED = ("65000:1", "65000:101", "4200001000:0:101")
PATH = SeenPath(MALLORY, "4200101066", True, "fe80::1", MARKED, False)
EDGE = "fd00:0:0:ffff::fffe"
NONE = SeenTable((), ())
PVE01 = Seen(
    "pve01",
    None,
    UP,
    "4200101066",
    SeenTable((PATH,), ()),
    SeenTable((replace(PATH, peer="::", imported=True),), ("fd00:0:0:ffff::2", EDGE)),
    None,
)
BY_EVPN = SeenPath("10.255.0.1", "4200101066", True, "::ffff:10.255.0.1", ("65000:101", "4200001000:0:101"), True)
PVE02 = Seen("pve02", None, None, None, SeenTable((BY_EVPN,), ()), NONE, None)
ALL: Answers = {"pve01": PVE01, "pve02": PVE02}
REFUSED = replace(PVE01, vrf=NONE, main=NONE)


def live(prefix: str, answers: Answers) -> Live:
    fabric = Fabric(attacked())
    (asked,) = questions(fabric, "mallory", prefix, as_announced(Said(), answers))
    return beside(fabric, why(fabric, asked), answers)


def differing(found: Live) -> list[tuple[str, str]]:
    return [(door.node, door.door) for door in found.differences]


def test_a_route_that_arrives_on_the_plan_and_on_the_hosts_is_as_planned_at_each_door() -> None:
    found = live(OWN, ALL)
    assert found.arrives
    assert [(door.node, door.door) for door in found.beside] == [
        ("pve01", "session"),
        ("pve01", "announced"),
        ("pve01", "filter in"),
        ("pve01", "VRF"),
        ("pve01", "main table"),
        ("pve01", "to edge1"),
        ("pve02", "type-5"),
    ]
    text = live_text(found)
    assert "the hosts say: as planned\n" in text
    assert "= pve01, session: Established for 300 s, AS 4200101066; 2 of at most 10 accepted" in text
    assert f"= pve01, filter in: accepted, marked {' '.join(MARKED)}" in text
    assert f"= pve01, to edge1: told to {EDGE}; what edge1 makes of it is not asked" in text
    assert "= pve02, type-5: has it from pve01" in text


def test_a_route_that_is_refused_on_both_is_as_planned_and_does_not_arrive() -> None:
    found = live(FOREIGN, {"pve01": REFUSED, "pve02": replace(PVE02, vrf=NONE)})
    assert (found.differences, found.arrives) == ((), False)
    assert "= pve01, filter in: refused by its filters" in live_text(found)


@pytest.mark.parametrize(
    ("prefix", "answers", "differences"),
    [
        (OWN, {"pve01": REFUSED, "pve02": PVE02}, ["filter in", "VRF", "main table", "to edge1"]),
        (FOREIGN, ALL, ["filter in", "VRF", "main table", "to edge1", "type-5"]),
        (OWN, {**ALL, "pve01": replace(PVE01, main=SeenTable(PVE01.main.paths, ()))}, ["to edge1"]),
        (OWN, {**ALL, "pve01": replace(PVE01, main=NONE)}, ["main table", "to edge1"]),
        (OWN, {**ALL, "pve02": replace(PVE02, vrf=NONE)}, ["type-5"]),
        (OWN, {**ALL, "pve01": replace(PVE01, session=None, received=None)}, ["session"]),
        (OWN, {**ALL, "pve01": replace(PVE01, session=replace(UP, state="Active"), received=None)}, ["session"]),
    ],
)
def test_where_a_host_does_otherwise_than_the_plan_it_is_named(
    prefix: str, answers: Answers, differences: list[str]
) -> None:
    found = live(prefix, answers)
    assert [door for _, door in differing(found)] == differences
    assert not found.arrives
    assert f"the hosts say: {len(differences)} difference(s)" in live_text(found)
    assert "≠ " in live_text(found)


def test_a_route_of_another_that_is_better_is_named_as_the_one_that_is_used() -> None:
    other = SeenPath("10.255.0.2", "4200101007", True, "10.255.0.2", (), True)
    both = SeenTable((replace(PATH, best=False), other), ())
    found = live(OWN, {**ALL, "pve01": replace(PVE01, vrf=both)})
    assert differing(found) == [("pve01", "VRF")]
    assert "the path that is used is of 10.255.0.2, next hop 10.255.0.2" in live_text(found)


def test_what_a_guest_does_not_announce_now_is_compared_up_to_its_session_alone() -> None:
    found = live(OWN, {**ALL, "pve01": replace(REFUSED, received=None)})
    assert [door.door for door in found.beside] == ["session", "announced"]
    assert (found.differences, found.arrives) == ((), False)
    assert "the hosts say: mallory does not announce it now" in live_text(found)


def test_who_is_kept_off_is_said_to_be_and_for_how_long() -> None:
    by_bgpd = replace(UP, state="Idle", off_s=42)
    for answer, said in (
        (replace(PVE01, session=by_bgpd, received=None), "bgpd keeps it off for 42 s more, over the limit of 10"),
        (replace(PVE01, session=replace(UP, state="Active"), off_s=7), "the kernel keeps it off for 7 s more"),
    ):
        assert said in live_text(live(OWN, {**ALL, "pve01": answer}))


def test_a_host_that_is_not_reached_is_no_difference_and_no_agreement() -> None:
    nothing = live(OWN, {"pve01": "not reached: connect: refused", "pve02": PVE02})
    assert (nothing.differences, nothing.arrives) == ((), False)
    assert "the hosts say: nothing, 1 unknown\n  ? pve01, session: not reached: connect: refused" in live_text(nothing)
    one = live(OWN, {"pve01": PVE01, "pve02": replace(PVE02, away="bgpd: no answer")})
    assert (one.differences, one.arrives) == ((), False)
    assert "the hosts say: as planned, 1 unknown" in live_text(one)
    assert "? pve02, type-5: its bgpd does not answer: bgpd: no answer" in live_text(one)


def test_where_a_guest_is_and_what_path_it_gives_is_taken_from_the_host_that_has_its_session() -> None:
    moved: Answers = {
        "pve01": replace(PVE01, session=replace(UP, state="Active"), received=None),
        "pve02": replace(PVE01, host="pve02", received="4200101066 64496 64497"),
    }
    said = as_announced(Said(), moved)
    assert (said.host, said.asn, said.path) == ("pve02", 4200101066, (64496, 64497))
    assert live(OWN, moved).why.host == "pve02"
    named = as_announced(Said(path=(1,), asn=2, host="pve02"), moved)
    assert (named.path, named.asn) == ((1,), 2)
    assert as_announced(Said(host="pve01"), moved) == Said(host="pve01")
    sets: Answers = {"pve02": replace(PVE01, received="4200101066 {1,2}")}
    assert as_announced(Said(), sets).path == ()


def test_the_json_has_each_door_with_whether_it_differs() -> None:
    (route,) = live_json([live(OWN, {**ALL, "pve02": replace(PVE02, vrf=NONE)})])["routes"]
    assert (route["arrives"], route["live"]["arrives"], route["live"]["differs"]) == (True, False, True)
    assert route["live"]["doors"][-1] == {
        "door": "type-5",
        "node": "pve02",
        "planned": True,
        "seen": False,
        "says": "does not have it from pve01",
        "differs": True,
    }


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({}, "its agent's answer lacks what is known: 'schema_version'"),
        ({"schema_version": 2}, "it has schema_version 2: `trellis install pve01` anew"),
        ({"schema_version": 1, "session": 3, "received": None}, "its agent's answer lacks"),
    ],
)
def test_an_answer_that_is_none_is_told_from_one(answer: dict[str, object], message: str) -> None:
    with pytest.raises(BadAnswer) as raised:
        seen("pve01", answer)
    assert str(raised.value).startswith(message)
