"""The prefix file: read back as it was written, and a VNet's prefixes in every plan that has them."""

from __future__ import annotations

from ipaddress import IPv6Network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.whole_site import WHOLE
from tests.errors.cases import base
from tests.sites import EXAMPLES, plan_of, site_of
from trellis.cli.stack import read_site
from trellis.plan import plan
from trellis.plan.delegated import DelegatedSubnet
from trellis.site import SiteRefused, load_site, with_prefixes
from trellis.site.delegated import DelegatedPrefix, Prefixes, VnetPrefixes, prefixes_text, read_prefixes

_SLASH_64 = st.integers(0x2000 << 48, (0x4000 << 48) - 1).map(lambda upper: IPv6Network((upper << 64, 64)))
_MOMENTS = st.datetimes().map(lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0"))
_NAMES = st.from_regex(r"[a-z][a-z0-9]{0,5}[0-9]", fullmatch=True)


@st.composite
def _prefixes(draw: st.DrawFn) -> Prefixes:
    names = draw(st.lists(_NAMES, unique=True, max_size=4))
    left = draw(st.lists(_SLASH_64, unique=True, min_size=3 * len(names), max_size=3 * len(names)))
    vnets = {}
    for name in names:
        deprecated = [
            DelegatedPrefix(prefix=left.pop(), remove_after=draw(_MOMENTS)) for _ in range(draw(st.integers(0, 2)))
        ]
        current = left.pop() if draw(st.booleans()) else None
        vnets[name] = VnetPrefixes(current=current, deprecated=tuple(deprecated))
    return Prefixes(vnets=vnets)


@given(_prefixes())
def test_a_prefix_file_reads_back_as_what_was_written(prefixes: Prefixes) -> None:
    text = prefixes_text(prefixes)
    assert read_prefixes(text) == prefixes
    assert prefixes_text(read_prefixes(text)) == text


def test_a_bad_prefix_file_is_refused_with_all_reasons_at_once_and_paths_of_its_own() -> None:
    text = """
schema_version: 1
vnets:
  vnet101:
    current: 2600:1700:ab1a:5000::/56
    deprecated:
      - {prefix: "fd00:101::/64", remove_after: 2026-12-01T00:00:00Z}
      - {prefix: "2600:1700:ab1a:400e::/64", remove_after: "soon", why: moved}
"""
    with pytest.raises(SiteRefused) as caught:
        read_prefixes(text)
    assert [refusal.path for refusal in caught.value.refusals] == [
        "vnets.vnet101.current",
        "vnets.vnet101.deprecated.0.prefix",
        "vnets.vnet101.deprecated.0.remove_after",
        "vnets.vnet101.deprecated.1.remove_after",
        "vnets.vnet101.deprecated.1.why",
    ]


def test_one_prefix_for_two_vnets_is_refused_by_the_file_alone() -> None:
    two = "schema_version: 1\nvnets:\n  a1: {current: 2600::/64}\n  b1: {current: 2600::/64}\n"
    with pytest.raises(SiteRefused, match=r"vnets\.b1\.current: 2600::/64"):
        read_prefixes(two)


def test_the_file_beside_the_stack_file_is_part_of_its_site() -> None:
    site = read_site("delegated", EXAMPLES["delegated"])
    assert site == site_of("delegated")
    assert str(site.delegated["vnet101"].current) == "2600:1700:ab1a:500e::/64"


def test_without_a_file_no_prefix_is_delegated(tmp_path: Path) -> None:
    alone = tmp_path / "Pulumi.alone.yaml"
    alone.write_bytes(EXAMPLES["delegated"].read_bytes())
    assert read_site("alone", alone).delegated == {}


def test_a_vnet_has_its_current_prefix_first_with_the_same_last_64_bits_in_its_gateways() -> None:
    vnets = {vnet.name: vnet for vnet in plan_of("delegated").vnets}
    assert vnets["vnet101"].delegated == (
        DelegatedSubnet("2600:1700:ab1a:500e::/64", "2600:1700:ab1a:500e::fffe"),
        DelegatedSubnet("2600:1700:ab1a:400e::/64", "2600:1700:ab1a:400e::fffe", deprecated=True),
    )
    assert [subnet.deprecated for subnet in vnets["vnet103"].delegated] == [True], "its delegation is lost"


def test_what_is_deprecated_is_advertised_with_lifetimes_of_zero() -> None:
    told = next(vnet.advertisement for vnet in plan_of("delegated").vnets if vnet.name == "vnet101")
    assert told is not None
    assert [(found.prefix, found.valid_s, found.preferred_s) for found in told.prefixes] == [
        ("fd00:101::/64", 5400, 2700),
        ("2600:1700:ab1a:500e::/64", 5400, 2700),
        ("2600:1700:ab1a:400e::/64", 0, 0),
    ]
    assert (told.sender, told.router_lifetime_s) == ("radvd", 180)


def test_a_static_global_address_follows_the_current_prefix_and_leaves_with_the_delegation() -> None:
    planned = {found.guest.name: found for found in plan(load_site(WHOLE)).guests}
    assert planned["node1"].machine.addresses[-1] == "2600:1700:ab1a:500e::11/64"
    assert not any(address.startswith("2600:") for address in planned["guest1"].machine.addresses)
    lost = {**WHOLE, "delegated": {"vnet1": {**WHOLE["delegated"]["vnet1"], "current": None}}}
    after = {found.guest.name: found for found in plan(load_site(lost)).guests}
    assert not any(address.startswith("2600:") for address in after["node1"].machine.addresses)


def test_a_vnet_that_is_refused_takes_its_prefixes_along_and_nothing_else_is_said_of_them() -> None:
    site = base("homelab-small")
    site["vnets"]["vnet101"]["delegation"] = {"pool": "pd-v101"}
    site["vnets"]["vnet101"]["vni"] = 0
    text = 'schema_version: 1\nvnets: {vnet101: {current: "2600:1700:ab1a:500e::/64"}}\n'
    with pytest.raises(SiteRefused) as caught:
        load_site(with_prefixes(site, text))
    assert [refusal.path for refusal in caught.value.refusals] == ["vnets.vnet101.vni"]


def test_the_order_in_which_deprecated_prefixes_are_written_means_nothing() -> None:
    told = [{"prefix": f"2600:0:0:{n}::/64", "remove_after": "2026-12-01T00:00:00Z"} for n in (1, 2, 3)]
    sites = (load_site({**WHOLE, "delegated": {"vnet1": {"deprecated": order}}}) for order in (told, told[::-1]))
    one, other = map(plan, sites)
    assert one == other


def test_a_prefix_that_comes_or_goes_changes_no_other_line_of_a_filter() -> None:
    def entries(prefixes: list[str]) -> dict[str, int]:
        deprecated = [{"prefix": prefix, "remove_after": "2026-12-01T00:00:00Z"} for prefix in prefixes]
        site = load_site({**WHOLE, "delegated": {"vnet1": {"deprecated": deprecated}}})
        host = next(found for found in plan(site).hosts if found.name == "pve01")
        lists = (found for found in host.policy.prefix_lists if (found.family, found.name) == ("ipv6", "TL-SUBNETS"))
        return {entry.prefix: entry.seq for found in lists for entry in found.entries}

    some, more = entries(["2600:0:0:2::/64"]), entries(["2600:0:0:1::/64", "2600:0:0:2::/64", "2600:0:0:3::/64"])
    assert some.items() <= more.items()
    assert len(more) == len(some) + 2
