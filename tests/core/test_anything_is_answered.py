"""Whatever a stack file holds, it is read or refused in the project's own words: no traceback, no endless wait."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
import yaml
from hypothesis import strategies as st

from tests.core import hostile
from tests.core.refused import assert_well_formed
from tests.core.rendered import texts
from tests.core.text_fields import Path, at, containers, places, put_in
from tests.core.whole_site import WHOLE
from tests.counted import Cases
from trellis.plan import plan
from trellis.site import CONFIG_KEY, SiteRefused, load_site, site_of_stack

PATHS: list[Path] = [
    path
    for above, value in containers(WHOLE)
    for path in [*((*above, key) for key in (value if isinstance(value, dict) else range(len(value)))), above]
    if path
]
"""Every place of a site: entries, lists and single values."""

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.integers(-1, 300),
    st.floats(),
    st.binary(max_size=4),
    st.dates(),
    st.datetimes(timezones=st.just(datetime.UTC)),
    st.sampled_from([place.text(WHOLE) for place in places(WHOLE)]),
    st.sampled_from([*hostile.LINE_ENDS, "", " "]),
)

VALUES = st.recursive(
    SCALARS,
    lambda below: st.one_of(
        st.lists(below, max_size=4),
        st.dictionaries(
            st.one_of(st.text(max_size=4), st.sampled_from(["id", "ipv4", "ends", "nodes"])), below, max_size=4
        ),
        st.dictionaries(st.one_of(st.integers(), st.booleans(), st.none(), st.dates()), below, max_size=2),
        st.sets(st.integers(0, 9), max_size=2),
        st.sampled_from([at(WHOLE, path) for path in PATHS]),
    ),
    max_leaves=8,
)

STACK = yaml.safe_dump({"config": {CONFIG_KEY: WHOLE}}, sort_keys=False)


def answered(data: Any) -> str:
    """Return how a raw site was answered."""
    try:
        site = load_site(data)
        for _ in texts(site, plan(site)):
            pass
    except SiteRefused as refused:
        assert_well_formed(refused)
        return "refused"
    return "rendered"


def test_a_value_of_any_kind_at_any_place_is_taken_or_refused(cases: Cases) -> None:
    def judged(changes: list[tuple[Path, Any]]) -> list[str]:
        data: Any = WHOLE
        for path, value in changes:
            try:
                data = put_in(data, path, value)
            except (AttributeError, TypeError):
                continue  # an earlier change took the place away
        return [answered(data)]

    changes = st.lists(st.tuples(st.sampled_from(PATHS), VALUES), min_size=1, max_size=3)
    cases.run(judged, 4, of="any kind", changes=changes)


def test_a_stack_file_with_anything_spliced_in_is_read_or_refused(cases: Cases) -> None:
    def judged(at_character: int, piece: str, gone: int) -> list[str]:
        text = STACK[:at_character] + piece + STACK[at_character + gone :]
        try:
            site_of_stack(text)
        except SiteRefused as refused:
            assert_well_formed(refused)
            return ["refused"]
        return ["read"]

    spliced = st.integers(0, len(STACK))
    cases.run(judged, 4, of="spliced", at_character=spliced, piece=hostile.texts("x: &a [*a]"), gone=st.integers(0, 30))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("clusters", "cluster1", "nodes"), [b""]),
        (("guests",), [b""]),
        (("links",), [datetime.date(2026, 11, 21)]),
        (("guests",), {None: b""}),
    ],
)
def test_what_json_does_not_know_is_refused_where_no_mapping_is(path: Path, value: Any) -> None:
    assert answered(put_in(WHOLE, path, value)) == "refused"


MULTIPLYING = "\n".join(["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))])


@pytest.mark.parametrize(
    "text", [MULTIPLYING, "a: &a [*a]", "config: &c\n  x: *c\n", "[" * 5000, "{" * 5000, "? " * 5000, "- " * 5000]
)
def test_a_stack_file_without_end_is_refused(text: str) -> None:
    with pytest.raises(SiteRefused):
        site_of_stack(text)


def test_a_site_that_holds_itself_is_refused() -> None:
    with pytest.raises(SiteRefused):
        site_of_stack(
            STACK.replace(f"  {CONFIG_KEY}:", f"  {CONFIG_KEY}: &site").replace("tenants:", "tenants: *site\n    x:")
        )
