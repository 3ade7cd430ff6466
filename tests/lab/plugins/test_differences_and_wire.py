"""What the engine is told of a change, and how values travel."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trellis.lab.plugins.differences import differences
from trellis.lab.plugins.wire import UNKNOWN, decode, encode, has_unknown

values = st.recursive(
    st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=5), inner, max_size=3),
    max_leaves=8,
)
properties = st.dictionaries(st.text(min_size=1, max_size=8), values, max_size=5)


@given(properties)
def test_values_come_back_as_they_were_sent(sent: dict[str, object]) -> None:
    assert decode(encode(sent)) == sent


@given(properties)
def test_nothing_differs_from_itself(same: dict[str, object]) -> None:
    assert differences(same, dict(same)) == ()


@given(properties, properties)
def test_a_difference_is_found_wherever_two_sets_differ(old: dict[str, object], new: dict[str, object]) -> None:
    assert bool(differences(old, new)) == (old != new)


def test_paths_lead_to_the_innermost_change() -> None:
    old = {"connection": {"host": "a", "port": 22}, "triggers": [1, 2], "stdin": "x"}
    new = {"connection": {"host": "b", "port": 22, "user": "root"}, "triggers": [1, 3, 4]}
    found = {(one.path, one.kind, one.replaces) for one in differences(old, new, replacing=("triggers",))}
    assert found == {
        ("connection.host", "update", False),
        ("connection.user", "add", False),
        ("stdin", "delete", False),
        ("triggers[1]", "update", True),
        ("triggers[2]", "add", True),
    }


def test_a_name_that_is_no_identifier_is_quoted_in_a_path() -> None:
    found = differences({"environment": {"A.B": "1"}}, {"environment": {"A.B": "2"}})
    assert [one.path for one in found] == ['environment["A.B"]']


def test_a_property_that_becomes_none_counts_as_gone() -> None:
    assert [one.kind for one in differences({"stdin": "x"}, {"stdin": None})] == ["delete"]


def test_an_unknown_value_is_seen_at_any_depth() -> None:
    assert has_unknown({"connection": {"hosts": [{"name": UNKNOWN}]}})
    assert not has_unknown({"connection": {"hosts": [{"name": "known"}]}})


def test_secrets_in_the_providers_own_configuration_are_unwrapped() -> None:
    marked = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": "token"}
    assert decode(encode({"apiToken": marked, "endpoint": "https://x"})) == {
        "apiToken": "token",
        "endpoint": "https://x",
    }
