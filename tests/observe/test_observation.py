"""A line of the agent: read whole, or refused with what is wrong and where."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trellis.observe.observation import BadLine, Penalized, Refused, SeenRoute, parse

ROUTE = {"prefix": "fd00:FF::6/128", "next_hop": "fd00:101::6", "as_path": "65201", "accepted": False}
PEER = {
    "vrf": "vrf_z1", "address": "FD00:101::6", "dynamic": False, "group": None, "remote_as": 65201,
    "local_as": 65000, "local_address": "fd00:101::fffe", "state": "Established", "uptime_s": 12, "received": 1,
    "accepted": 0, "sent": 4, "last_reset": None, "last_notification": None, "resets": 2, "mac": None,
    "routes": [ROUTE],
}  # fmt: skip
LINE = {
    "schema_version": 1, "host": "pve01", "at_s": 1764331200.25, "whole": True, "away": None, "peers": [PEER],
    "gone": [{"vrf": "vrf_z1", "address": "fd00:101::7"}], "penalized": [{"address": "fd00:101::8", "left_s": 240}],
    "refused": [{"address": "fd00:101::9", "why": "OPEN Message Error/Bad Peer AS", "count": 3}],
}  # fmt: skip


def _line(**changes: Any) -> str:
    return json.dumps({**LINE, **changes})


def _peer(**changes: Any) -> str:
    return _line(peers=[{**PEER, **changes}])


def test_a_line_is_read_whole_with_addresses_in_their_usual_form() -> None:
    seen = parse(_line())
    assert (seen.host, seen.whole, seen.away, seen.at.isoformat()) == (
        "pve01", True, None, "2025-11-28T12:00:00.250000+00:00",
    )  # fmt: skip
    (peer,) = seen.peers
    assert (peer.address, peer.uptime_s, peer.resets, peer.established) == ("fd00:101::6", 12, 2, True)
    assert peer.routes == (SeenRoute("fd00:ff::6/128", "fd00:101::6", "65201", False),)
    assert seen.gone == (("vrf_z1", "fd00:101::7"),)
    assert seen.penalized == (Penalized("fd00:101::8", 240),)
    assert seen.refused == (Refused("fd00:101::9", "OPEN Message Error/Bad Peer AS", 3),)


def test_a_session_on_its_way_down_is_idle() -> None:
    assert parse(_peer(state="Clearing")).peers[0].state == "Idle"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "a line of the agent is no JSON"),
        ("[1]", "the line is no object"),
        ("{}", "the line lacks schema_version"),
        (_line(schema_version=2), "schema_version 2, and 1 is known"),
        (_line(host=None), "the line: host: 'None' is not a text"),
        (_line(at_s=-1), "at_s"),
        (_line(at_s=float("inf")), "at_s"),
        (_line(whole=1), "whole: '1' is not true or false"),
        (_line(more=1), "has what is not known: more"),
        (_line(peers={}), "peers: '{}' is not a list"),
        (_line(peers=[7]), "peers[0] is no object"),
        (_peer(state="Up"), "peers[0]: state: 'Up' is not one of"),
        (_peer(address="nowhere"), "peers[0]: address: 'nowhere' is not an address"),
        (_peer(remote_as=2**32), "peers[0]: remote_as"),
        (_peer(received=True), "peers[0]: received"),
        (_peer(last_reset="a\x1b[2J"), "printable"),
        (_peer(routes=[ROUTE, ROUTE]), "a prefix twice"),
        (_peer(routes=[{**ROUTE, "prefix": "fd00::1/64"}]), "is not a prefix without host bits"),
        (_peer(routes=[{**ROUTE, "accepted": "yes"}]), "routes[0]: accepted"),
    ],
)
def test_what_is_no_line_is_refused_with_what_is_wrong_and_where(line: str, why: str) -> None:
    with pytest.raises(BadLine) as caught:
        parse(line)
    assert why in str(caught.value)
    assert len(str(caught.value)) < 400


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(LINE)), st.sampled_from(sorted(PEER)), _JSON, st.booleans())
def test_whatever_stands_in_a_field_is_read_or_refused(of_line: str, of_peer: str, value: Any, inner: bool) -> None:
    text = json.dumps({**LINE, "peers": [{**PEER, of_peer: value}]} if inner else {**LINE, of_line: value})
    try:
        parse(text)
    except BadLine:
        return


@given(st.text(max_size=40) | st.binary(max_size=40).map(lambda raw: raw.decode(errors="replace")))
def test_any_text_is_read_or_refused(text: str) -> None:
    with pytest.raises(BadLine):
        parse(text)


def test_a_text_that_nests_too_deep_is_refused() -> None:
    with pytest.raises(BadLine):
        parse("[" * 200_000)
