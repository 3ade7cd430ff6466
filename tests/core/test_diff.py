"""What `trellis diff` finds between two plans holds for any pair of sites: nothing for the same, and both ways round.

Which routes are newly accepted is judged by ``trellis why``, which follows a route through the filters one by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from random import Random

from hypothesis import strategies as st

from tests.core.diff_of import CHANGES, changed_plan, diff_of
from tests.core.generated import Data, reordered, site_of
from tests.core.test_diff_sets import parsed
from tests.core.test_why_properties import drawn, speakers
from tests.counted import Cases
from tests.sites import plan_of, site_data
from trellis.diff import Diff, diff, nothing
from trellis.diff.as_text import text
from trellis.diff.filters import filter_changes
from trellis.diff.model import FilterChange, Value
from trellis.diff.prefix_sets import NONE, PrefixSet
from trellis.plan import Plan, plan
from trellis.reach.fabric import Fabric
from trellis.reach.places import UnknownPlaceError
from trellis.reach.why import Question, Said, questions, why
from trellis.site import load_site

PAIRS = 200
"""A short run of a thousand cases compares a two-hundredth of them: a pair takes half a second."""

ROUTES = 60
"""Routes that are judged on one pair of sites."""


def other_site(draw: Random, site: Data) -> Data:
    """Return a site with some other guests, filters and limits: each change is one that is accepted on any site."""
    changed = reordered(draw, site)
    for name in sorted(changed["guests"]):
        chance = draw.random()
        if chance < 0.3:
            del changed["guests"][name]
        elif chance < 0.7:
            changed["guests"][name] |= {"announces": [], "resilience": "restart", "placement": []}
    for tenant in changed["tenants"].values():
        policy = tenant["guest_bgp"]
        policy["max_prefixes"] = draw.choice([policy["max_prefixes"], 5])
        policy["bfd"] = draw.choice([policy["bfd"], True])
        policy["classes"] = draw.choice([policy["classes"], ["public"]])
    for vnet in changed["vnets"].values():
        if "guest_bgp" in vnet and draw.random() < 0.7:
            longest = draw.choice([100, 128])
            vnet["guest_bgp"] |= {
                "asns": {"first": 65200, "last": draw.choice([65200, 65333])},
                "prefix_lengths": {"ipv6": {"shortest": draw.choice([80, longest]), "longest": longest}},
            }
    changed["leaks"] = draw.choice([changed["leaks"], {}])
    changed["firewall"] = draw.choice([changed["firewall"], {}])
    for edge in changed["edges"].values():
        edge["accepts"] = draw.choice([edge["accepts"], []])
    return changed


def two_plans(draw: Random) -> tuple[Plan, Plan]:
    site = site_of(draw, least=1, most=3)
    changed = other_site(draw, site)
    before, after = plan(load_site(site)), plan(load_site(changed))
    return (before, after) if draw.random() < 0.5 else (after, before)


def test_a_plan_does_not_differ_from_itself_in_whatever_order_its_site_is_written(cases: Cases) -> None:
    def judged(seed: int) -> Iterator[str]:
        draw = Random(seed)
        site = site_of(draw, least=1, most=3)
        found = diff(plan(load_site(site)), plan(load_site(reordered(draw, site))))
        assert found.is_empty, found
        assert text(found, "one to other") == "one to other\nnothing changes\n"
        yield "the same"

    cases.run(judged, PAIRS, simplify=False, seed=st.integers(0, 2**32))


_OTHER = {
    "added": "removed",
    "removed": "added",
    "new": "gone",
    "gone": "new",
    "widened": "narrowed",
    "narrowed": "widened",
}


def mirrored(found: Diff) -> dict[str, object]:
    """Return what the diff of the two plans the other way round must be, but for its lines and its rollout."""
    return {
        "nouns": {replace(one, what=_other(one.what), values=_turned(one.values)) for one in found.nouns},
        "sessions": {
            replace(one, what=_other(one.what), values=_turned(one.values), resets=(), unmeasured=())
            for one in found.sessions
        },
        "filters": {_turned_filter(one) for one in found.filters},
        "routes": {replace(one, gained=one.lost, lost=one.gained) for one in found.routes},
        "hosts": {(one.host, _other(one.what), frozenset(one.files)) for one in found.hosts},
        "sdn": found.sdn,
        "outputs": {replace(one, what=_other(one.what)) for one in found.outputs},
        "reserves": {replace(one, before=one.after, after=one.before) for one in found.reserves},
        "failures": {replace(one, worse=one.better, better=one.worse) for one in found.failures},
    }


def as_it_is(found: Diff) -> dict[str, object]:
    """Return the same of a diff as it stands."""
    return {
        "nouns": {replace(one, values=tuple(sorted(one.values, key=lambda value: value.name))) for one in found.nouns},
        "sessions": {
            replace(one, values=tuple(sorted(one.values, key=lambda value: value.name)), resets=(), unmeasured=())
            for one in found.sessions
        },
        "filters": set(found.filters),
        "routes": set(found.routes),
        "hosts": {(one.host, one.what, frozenset(one.files)) for one in found.hosts},
        "sdn": found.sdn,
        "outputs": set(found.outputs),
        "reserves": set(found.reserves),
        "failures": set(found.failures),
    }


def _other(word: str) -> str:
    return _OTHER.get(word, word)


def _turned(values: tuple[Value, ...]) -> tuple[Value, ...]:
    turned = (replace(value, before=value.after, after=value.before) for value in values)
    return tuple(sorted(turned, key=lambda value: value.name))


def _turned_filter(one: FilterChange) -> FilterChange:
    return replace(
        one,
        verdict=_other(one.verdict),
        gained=one.lost,
        lost=one.gained,
        asns_gained=one.asns_lost,
        asns_lost=one.asns_gained,
    )


def net_lines(found: Diff) -> Counter[tuple[str, str, str]]:
    """Return how often each line comes, less how often it goes, by owner and file."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for hunk in found.hunks:
        for line in hunk.lines:
            for owner in hunk.owners:
                counts[owner, hunk.path, line[1:]] += {"+": 1, "-": -1}.get(line[0], 0)
    return Counter({key: count for key, count in counts.items() if count})


def test_a_diff_the_other_way_round_is_its_mirror(cases: Cases) -> None:
    def judged(seed: int) -> Iterator[str]:
        before, after = two_plans(Random(seed))
        there, back = diff(before, after), diff(after, before)
        assert mirrored(there) == as_it_is(back)
        assert net_lines(there) == Counter({key: -count for key, count in net_lines(back).items()})
        yield "nothing" if there.is_empty else "mirrored"

    cases.run(judged, PAIRS, simplify=False, seed=st.integers(0, 2**32))


def _accepted(fabric: Fabric, party: str, asked: Question) -> bool:
    """Whether a host's filter accepts a route, whatever comes of it then, as `trellis why` says."""
    said = Said(communities=asked.communities, host=asked.host.name)
    try:
        (own,) = questions(fabric, party, asked.prefix, said)
    except UnknownPlaceError:
        return False  # the guest may not run on that host, or nobody is heard there
    inward = why(fabric, own).at("filter in")
    return inward is not None and inward.verdict == "passes"


def _said_of(found: tuple[FilterChange, ...], host: str, party: str) -> tuple[PrefixSet, PrefixSet]:
    """Return what a diff says is newly accepted of somebody on a host, and what no longer is."""
    gained, lost = NONE, NONE
    for one in found:
        if (one.direction, one.party) == ("from", party) and host in one.hosts:
            gained, lost = gained | parsed(one.gained), lost | parsed(one.lost)
    return gained, lost


def test_a_prefix_is_newly_accepted_exactly_where_following_it_through_the_filters_says_so(cases: Cases) -> None:
    def judged(seed: int) -> Iterator[str]:
        draw = Random(seed)
        before, after = two_plans(draw)
        found, old, new = filter_changes(before, after), Fabric(before), Fabric(after)
        # Who is a guest on one side may be anybody on the other: whose filter decides is another's then.
        known = sorted(set(speakers(old)) & set(speakers(new)))
        for _ in range(ROUTES if known else 0):
            who = draw.choice(known)
            asked = drawn(draw, draw.choice([old, new]), who)
            party = f"guest {who}" if who in old.guests else f"anybody on {asked.vnet.name}"
            was, will = (_accepted(fabric, who, asked) for fabric in (old, new))
            gained, lost = _said_of(found, asked.host.name, party)
            assert (asked.route.prefix in gained) == (will and not was), (who, asked.prefix)
            assert (asked.route.prefix in lost) == (was and not will), (who, asked.prefix)
            yield "gained" if will and not was else "lost" if was and not will else "as before"

    cases.run(judged, ROUTES, simplify=False, seed=st.integers(0, 2**32))


def test_of_a_site_that_is_new_everything_is_added_and_of_one_that_goes_removed() -> None:
    whole = plan_of("homelab")
    there, back = diff(nothing(whole), whole), diff(whole, nothing(whole))
    assert {one.what for one in (*there.nouns, *there.sessions, *there.hosts)} == {"added"}
    assert {one.what for one in (*back.nouns, *back.sessions, *back.hosts)} == {"removed"}
    assert [host.turn for host in there.hosts] == [1, 2, 3]
    assert {host.turn for host in back.hosts} == {None}
    assert all(line.startswith("+") for hunk in there.hunks for line in hunk.lines)


def test_a_filter_that_accepts_more_of_the_same_session_is_widened_and_a_new_one_is_not() -> None:
    (widened,) = diff_of("filter-widened").filters
    assert (widened.party, widened.verdict) == ("anybody on vnet200", "widened")
    assert widened.gained == ("10.200.0.0/24 ge 28 le 31", "10.200.254.0/24 ge 28 le 31")
    assert widened.asns_gained == ("65100-65199",)
    assert {one.verdict for one in diff_of("guest-added").filters} == {"new"}


def test_a_session_that_a_change_resets_is_named_with_what_resets_it() -> None:
    signed = diff_of("md5-on").sessions
    assert {(one.party, one.hosts, one.resets) for one in signed} == {
        ("edge edge1", ("pve01", "pve02", "pve03"), ("MD5",))
    }
    assert "edge-key" in text(diff_of("md5-on"), "")
    assert not any(one.resets for one in diff_of("guest-added").sessions)


def test_a_host_in_maintenance_is_left_out_and_told_of() -> None:
    site = site_data("homelab")
    CHANGES["guest-added"](site)
    site["hosts"]["pve01"]["maintenance"] = "new disks"
    found = diff(plan_of("homelab"), plan(load_site(site))).hosts
    assert [(one.host, one.turn, one.maintenance) for one in found] == [
        ("pve02", 1, None),
        ("pve03", 2, None),
        ("pve01", None, "new disks"),
    ]


def test_hosts_whose_files_alone_differ_reload_nothing() -> None:
    site = site_data("homelab")
    site["rollout"] = {"confirm_within_s": 90}
    found = diff(plan_of("homelab"), plan(load_site(site)))
    assert {(one.reloads, one.files) for one in found.hosts} == {((), ())}
    assert found.hunks == ()


def test_what_hosts_share_is_shown_once() -> None:
    shared = [hunk for hunk in diff_of("guest-added").hunks if hunk.path == "/etc/frr/frr.conf"]
    assert {hunk.owners for hunk in shared} == {("pve01", "pve02", "pve03")}


def test_a_change_is_told_the_same_each_time() -> None:
    assert diff(plan_of("homelab"), changed_plan("guest-moved")) == diff_of("guest-moved")
