"""Why a route is refused: each rule with its values, and never another verdict than the plan's filters."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.whole_site import WHOLE
from tests.observe.seen import KNOWN, OPEN, WEB
from tests.sites import EXAMPLES, plan_of
from trellis.plan import plan as plan_for
from trellis.plan.names import GUEST_PATHS, guest_in, open_in, open_paths
from trellis.plan.rules.filters import Filters, Route
from trellis.reach.known import Known, Network, Party, known
from trellis.reach.reasons import Code, judge, over_limit
from trellis.site import load_site

BOUND_PARTY = Party(KNOWN.networks["vnet101"], WEB)
OPEN_PARTY = Party(OPEN, None)
OF_WEB = "4200101006"


@pytest.mark.parametrize(
    ("prefix", "path", "code", "sentence"),
    [
        ("fd00:ff::6/128", OF_WEB, None, ""),
        ("fd00:60:0:5::/64", OF_WEB, None, ""),
        ("::/0", OF_WEB, "default_route", "::/0 is the default route, which no guest may announce"),
        ("fd00:1::7/128", OF_WEB, "infrastructure", "fd00:1::7/128 is in fd00:1::/48, which is the fabric's"),
        ("fd00:ff::7/128", OF_WEB, "not_this_guests", "fd00:ff::7/128 is guest db's, not web's"),
        ("fd00:101::7/128", OF_WEB, "not_this_guests", "fd00:101::7/128 is guest db's, not web's"),
        ("fd00:60::/72", OF_WEB, "too_long", "fd00:60::/72 is longer than the /64 that web may"),
        ("fd00:60::/56", OF_WEB, "too_short", "fd00:60::/56 is shorter than the /64 that web may"),
        ("fd00:60::/32", OF_WEB, "too_short", "fd00:60::/32 is more than fd00:60::/56, which is all"),
        ("fd00:88::/64", OF_WEB, "outside_range", "fd00:88::/64 is not in fd00:ff::6/128, 10.240.0.6/32, fd00:60"),
        ("fd00:ff::6/128", f"{OF_WEB} 64512", "as_path", "its AS path (4200101006 64512) holds 64512, which"),
    ],
)  # fmt: skip
def test_what_a_bound_guest_may_not_announce_is_told_with_its_values(
    prefix: str, path: str, code: str | None, sentence: str
) -> None:
    found = judge(KNOWN, BOUND_PARTY, WEB.asn, prefix, path)
    assert (found and found.code) == code
    assert found is None or found.sentence.startswith(sentence)


@pytest.mark.parametrize(
    ("prefix", "asn", "code", "sentence"),
    [
        ("fd00:ff::99/128", 65201, None, ""),
        ("fd00:102::50/128", 65299, None, ""),
        ("fd00:ff::99/128", 64510, "asn", "ASN 64510 is not in 65200-65299 (vnet vnet102)"),
        ("0.0.0.0/0", 65201, "default_route", "0.0.0.0/0 is the default route, which no guest may announce"),
        ("fd00:ff::/64", 65201, "too_short", "fd00:ff::/64 is shorter than /128 (vnet vnet102)"),
        ("fd00::/16", 65201, "too_short", "fd00::/16 is more than fd00:102::/64 (vnet vnet102)"),
        ("fd00:ff::6/128", 65201, "not_this_guests", "fd00:ff::6/128 is guest web's: it is in fd00:ff::6/128"),
        ("fd00:102::fffe/128", 65201, "not_this_guests", "fd00:102::fffe/128 is somebody else's: it"),
        ("10.9.9.9/32", 65201, "outside_range", "10.9.9.9/32 is not in any range of that family (vnet vnet102)"),
    ],
)  # fmt: skip
def test_what_a_guest_of_an_open_vnet_may_not_announce_is_told_with_its_values(
    prefix: str, asn: int, code: str | None, sentence: str
) -> None:
    found = judge(KNOWN, OPEN_PARTY, asn, prefix, str(asn))
    assert (found and found.code) == code
    assert found is None or found.sentence.startswith(sentence)


def test_a_prefix_longer_than_an_open_vnet_allows_is_too_long() -> None:
    wide = Party(replace(OPEN, lengths=((24, 32), (48, 64))), None)
    found = judge(KNOWN, wide, 65201, "fd00:102::/80", "65201")
    assert found is not None
    assert (found.code, found.sentence) == (Code.TOO_LONG, "fd00:102::/80 is longer than /64 (vnet vnet102)")


def test_a_limit_is_told_by_family_only_where_they_differ() -> None:
    assert over_limit((10, 10)) == "Max-prefix limit (10) exceeded"
    assert over_limit((2, 3)) == "Max-prefix limit (2 IPv4, 3 IPv6) exceeded"


@given(
    st.lists(
        st.sampled_from([WEB.spans[0][0], *(f"fd00:{number:x}::/64" for number in range(4000, 4300))]), max_size=300
    )
)
def test_a_sentence_always_fits_its_column(prefixes: list[str]) -> None:
    own = replace(WEB, spans=tuple((prefix, 64, 128) for prefix in prefixes))
    found = judge(KNOWN, Party(KNOWN.networks["vnet101"], own), WEB.asn, "2a01::/64", "1 " * 2000)
    assert found is not None
    assert len(found.sentence) <= 255


BOUND = [name for name in EXAMPLES if name != "scale-32x16" and known(plan_of(name)).guests]
OPENED = [name for name in BOUND if any(of.mode == "open" for of in known(plan_of(name)).networks.values())]


_ASNS = st.integers(65200, 65299) | st.integers(1, 2**32 - 2)


@st.composite
def _routes(draw: st.DrawFn, prefixes: tuple[str, ...]) -> IPv4Network | IPv6Network:
    """A prefix that a guest has, one near it, one of somebody else, or any."""
    version = draw(st.sampled_from([4, 6]))
    longest = 32 if version == 4 else 128
    near = [prefix for prefix in prefixes if (":" in prefix) == (version == 6)]
    if near and draw(st.booleans()):
        base = ip_network(draw(st.sampled_from(near)))
        length = draw(st.one_of(st.sampled_from([0, base.prefixlen, longest, 64, 24]), st.integers(0, longest)))
        number = int(base.network_address) | draw(st.integers(0, 2 ** (longest - base.prefixlen) - 1))
    else:
        length, number = draw(st.integers(0, longest)), draw(st.integers(0, 2**longest - 1))
    length = min(length, longest)
    masked = number >> (longest - length) << (longest - length)
    return IPv4Network((masked, length)) if version == 4 else IPv6Network((masked, length))


@pytest.mark.parametrize("name", BOUND)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_the_verdict_on_a_bound_guests_route_is_that_of_the_plans_own_filters(name: str, data: st.DataObject) -> None:
    plan = plan_of(name)
    site = known(plan)
    guest = data.draw(st.sampled_from(sorted(site.guests.values(), key=lambda found: found.name)))
    own = tuple(span[0] for span in guest.spans)
    others = tuple(span[0] for other in site.guests.values() for span in other.spans)[:20]
    route = data.draw(_routes((*own, *others, *plan.infrastructure)))
    host = next(host for host in plan.hosts if host.name in guest.hosts)
    path = (guest.asn, *data.draw(st.lists(_ASNS | st.sampled_from(sorted(site.infrastructure_asns)), max_size=2)))
    accepted = _accepted(Filters(host.policy), guest_in(guest.name), GUEST_PATHS, route, path)
    party = Party(site.networks[guest.network], guest)
    assert (judge(site, party, guest.asn, str(route), " ".join(map(str, path))) is None) == accepted


@pytest.mark.parametrize("name", OPENED)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_the_verdict_on_an_open_guests_route_is_that_of_the_plans_own_filters(name: str, data: st.DataObject) -> None:
    plan = plan_of(name)
    site = known(plan)
    open_networks = [of for of in site.networks.values() if of.mode == "open"]
    network = data.draw(st.sampled_from(sorted(open_networks, key=lambda found: found.name)))
    route = data.draw(_routes((*network.ranges, *network.taken[:20], *plan.infrastructure[:9])))
    zone = next(vnet.zone for vnet in plan.vnets if vnet.name == network.name)
    host = next(host for host in plan.hosts if any(vrf.zone == zone for vrf in host.vrfs))
    odd = st.sampled_from(sorted({*site.infrastructure_asns, *network.owned_asns, *network.asns}))
    path = tuple(data.draw(st.lists(_ASNS | odd, min_size=1, max_size=3)))
    accepted = _accepted(Filters(host.policy), open_in(network.name), open_paths(network.name), route, path)
    verdict = judge(site, Party(network, None), path[0], str(route), " ".join(map(str, path)))
    assert (verdict is None) == accepted


def _accepted(
    filters: Filters, route_map: str, paths: str, route: IPv4Network | IPv6Network, path: tuple[int, ...]
) -> bool:
    return filters.path_passes(paths, *path) and filters.apply(route_map, Route(route)) is not None


def test_who_an_address_is_follows_from_its_vrf_and_vnet() -> None:
    assert KNOWN.party("vrf_z1", WEB.address) == BOUND_PARTY
    assert KNOWN.party(None, "fd00:102::1") == OPEN_PARTY
    assert KNOWN.party("vrf_z2", WEB.address) is None
    assert KNOWN.party("vrf_z1", "fd00:103::1") is None
    assert Known({}, {}).party(None, "fd00::1") is None
    assert Network("v", "r", "t", ("10.0.0.0/24",), "", 1).holds("fd00::1") is False


def test_an_address_in_a_delegated_prefix_is_of_its_vnet_and_of_the_guest_that_has_it_for_its_own() -> None:
    current, former = "2600:1700:ab1a:500e::/64", "2600:1700:ab1a:400e::/64"
    told = {"current": current, "deprecated": [{"prefix": former, "remove_after": "2026-12-01T00:00:00Z"}]}
    guest = {**WHOLE["guests"]["guest1"], "global_address": "static"}
    site = {**WHOLE, "guests": {"guest1": guest}, "delegated": {"vnet1": told}}
    found = known(plan_for(load_site(site)))
    for prefix in (current, former):
        address = prefix.removesuffix(":/64")
        party = found.party("vrf_zone1", f"{address}:66")
        assert party is not None
        assert (party.network.name, party.name) == ("vnet1", "guest1")
        stranger = found.party(None, f"{address}:9")
        assert stranger is not None
        assert (stranger.network.name, stranger.guest) == ("vnet1", None)
    assert found.party("vrf_zone2", "2600:1700:ab1a:500e::66") is None
