"""The picture of a fabric: all that is planned is in it, nothing overlaps, and no string becomes markup."""

from __future__ import annotations

import dataclasses
import json
import re
from collections import Counter
from functools import cache
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings

from tests.core.drawn import NAMESPACE, Area, Picture, read, text_of, tip_of
from tests.core.generated import Data, reordered, sites
from tests.core.generated import site_of as drawn_site
from tests.sites import EXAMPLES, REPOSITORY, plan_of, site_of
from trellis.cli.console import Mistake
from trellis.cli.map import write_picture
from trellis.picture import draw
from trellis.plan import Plan, plan
from trellis.site import load_site

COMMITTED = {"homelab": "fabric-homelab.svg", "scale-32x16": "fabric-32x16.svg"}
LARGE = {"wide": 6, "first-narrow": 7, "last-level": 12, "sixty": 60}
"""Drawn sites by their number of hosts: at the limits between kinds of columns, and many."""


def large_site(hosts: int) -> Data:
    """Return a drawn site of that many hosts, with wires between neighbours."""
    data = drawn_site(Random(hosts), hosts, hosts)
    names = sorted(data["hosts"])
    for index, (one, other) in enumerate(combinations(names[:9], 2)):
        ends = {name: {"interface": f"wire{index}", "ipv6": f"fe80::{name[1:]}/64"} for name in (one, other)}
        data["links"][f"w{index}"] = {"ends": ends, "cost": 10 + index % 2}
    return data


@cache
def picture_of(name: str) -> Picture:
    """Return the picture of an example or of a large site."""
    if name in LARGE:
        site = load_site(large_site(LARGE[name]))
        return read(draw(site, plan(site)))
    return read(draw(site_of(name), plan_of(name)))


@pytest.mark.parametrize("name", COMMITTED)
def test_the_committed_picture_is_what_the_command_draws_now(name: str) -> None:
    committed = (REPOSITORY / "docs" / COMMITTED[name]).read_text(encoding="utf-8")
    assert draw(site_of(name), plan_of(name)) == committed, f"trellis map --file ... --output docs/{COMMITTED[name]}"


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_host_edge_zone_vnet_and_guest_is_drawn_once_with_its_numbers(name: str) -> None:
    picture, planned = picture_of(name), plan_of(name)
    said, heads = Counter(picture.says()), Counter(picture.says("head"))
    words = Counter(word for line in picture.says() for word in re.split(r"[ ,]+", line))
    for host in planned.hosts:
        assert heads[host.name] + heads[f"{host.name} RR"] == 1
        assert words[host.ipv4] == words[host.ipv6] == 1
    for edge in planned.edges:
        assert words[str(edge.asn)] == 2  # on its card, and on the lane of its sessions
        assert words[edge.ipv4] == 1
    for vrf in {vrf for host in planned.hosts for vrf in host.vrfs}:
        assert words[str(vrf.l3vni)] == 1
    for vnet in planned.vnets:
        assert words[str(vnet.vni)] == 1
        assert all(words[subnet] >= 1 for subnet in vnet.every_subnet)
        assert [words[f"{found.gateway}"] for found in vnet.delegated] == [1] * len(vnet.delegated)
    for guest in (entry.guest for entry in planned.guests):
        assert said[guest.name] == 1
        assert words[str(guest.asn)] == 1
        assert words[str(guest.ipv6)] == 1


@pytest.mark.parametrize("name", ["homelab", "delegated", *LARGE])
def test_a_vnet_says_which_subnets_are_delegated_and_who_advertises_on_it(name: str) -> None:
    if name not in LARGE:
        said, planned = Counter(picture_of(name).says()), plan_of(name)
    else:
        said, planned = Counter(picture_of(name).says()), plan(load_site(large_site(LARGE[name])))
    told = Counter(f"advertised by {v.advertisement.sender}" for v in planned.vnets if v.advertisement is not None)
    assert {line: times for line, times in said.items() if line.startswith("advertised by ")} == told
    standing = ("delegated", "deprecated")
    wanted = Counter(standing[subnet.deprecated] for vnet in planned.vnets for subnet in vnet.delegated)
    words = [line.split() for line in said if "::" in line]  # the name of a site is not said of a subnet
    assert Counter(each[-1] for each in words if each[-1] in standing) == wanted


def planned_sessions(planned: Plan) -> dict[str, int]:
    """Count sessions by kind straight from the neighbours of each host."""
    count = Counter[str]()
    for host in planned.hosts:
        edges = {edge.asn for edge in planned.edges}
        for bgp in host.bgp:
            for session in bgp.sessions:
                if not session.is_group:
                    kind = "guests" if bgp.vrf else "ebgp" if session.remote_as in edges else "ibgp"
                    count[kind] += 1
    return {"ebgp": count["ebgp"], "ibgp": count["ibgp"] // 2, "guests": count["guests"]}


@pytest.mark.parametrize("name", EXAMPLES)
def test_lanes_stand_for_exactly_the_planned_sessions_and_links(name: str) -> None:
    picture, planned = picture_of(name), plan_of(name)
    counted = Counter[str]()
    ends = Counter[tuple[str, str]]()
    for lane in picture.elements("g", "of-lane"):
        kind = next(
            found.get("class", "").split()[1]
            for found in lane.iter(f"{NAMESPACE}line")
            if "lane" in found.get("class", "").split()
        )
        number = next((text_of(t) for t in lane.iter(f"{NAMESPACE}text") if text_of(t).endswith("sessions")), "1 link")
        counted[kind] += int(number.split()[0])
        for end in lane.findall(f"{NAMESPACE}g"):
            ends[kind, tip_of(end).split()[0].rstrip(",")] += 1
    sessions = planned_sessions(planned)
    assert counted["ebgp"] == sessions["ebgp"]
    assert counted["ibgp"] == sessions["ibgp"]
    assert counted["link"] == len(site_of(name).links)
    for host in planned.hosts:
        assert ends["ebgp", host.name] == len(planned.edges)
        assert ends["link", host.name] == sum(1 for link in site_of(name).links.values() if host.name in link.ends)


@pytest.mark.parametrize("name", EXAMPLES)
def test_cells_hold_every_session_with_a_guest_at_home_or_expected(name: str) -> None:
    picture, planned = picture_of(name), plan_of(name)
    shown = set()
    for cell in picture.elements("g"):
        first, *lines = tip_of(cell).split("\n")
        where = re.fullmatch(r"(\w+) on ([a-z0-9-]+)", first)
        for line in lines if where else ():
            guests = line.removeprefix("listens for ").removesuffix(", which may move here")
            names = guests.split(", ") if line.startswith("listens") else [line.split(",")[0]]
            shown |= {(where[2], guest) for guest in names} if where else set()
    assert shown == {(host, entry.guest.name) for entry in planned.guests for host in entry.hosts}
    assert len(shown) == planned_sessions(planned)["guests"]


def _overlapping(areas: list[Area]) -> list[tuple[str, str]]:
    """Return the pairs that overlap, by a sweep from left to right."""
    found = []
    open_: list[Area] = []
    for area in sorted(areas, key=lambda area: area.left):
        open_ = [other for other in open_ if other.right > area.left]
        found += [(area.what, other.what) for other in open_ if area.overlaps(other)]
        open_.append(area)
    return found


def judge_layout(picture: Picture) -> None:
    """Hold a picture to it that nothing covers or cuts anything else."""
    page = picture.areas("page")[0]
    words = picture.words()
    assert [word.what for word in words if not page.holds(word)] == []
    assert _overlapping(words) == []
    cards = [card for card in picture.areas("card") if not page.overlaps(card) or page.holds(card)]
    assert len(cards) == len(picture.areas("card"))
    assert _overlapping(cards) == []
    cut = [(word.what, card) for card in cards for word in words if card.overlaps(word) and not card.holds(word)]
    assert cut == []
    for stem in picture.elements("line", "stem"):
        x, y1, y2 = (float(stem.get(name, "")) for name in ("x1", "y1", "y2"))
        line = Area(x - 1, min(y1, y2), x + 1, max(y1, y2), "stem")
        assert [word.what for word in words if line.overlaps(word)] == []
    for lane in picture.elements("line", "lane"):
        x1, x2, y = (float(lane.get(name, "")) for name in ("x1", "x2", "y1"))
        line = Area(x1, y - 1, x2, y + 1, "lane")
        assert [word.what for word in words if line.overlaps(word)] == []


@pytest.mark.parametrize("name", [*EXAMPLES, *LARGE])
def test_no_words_or_cards_overlap_and_nothing_is_cut(name: str) -> None:
    judge_layout(picture_of(name))


@settings(max_examples=15, deadline=None)
@given(sites(most=8))
def test_any_site_is_drawn_without_overlap(data: Data) -> None:
    site = load_site(data)
    judge_layout(read(draw(site, plan(site))))


def test_names_as_long_as_they_may_be_are_drawn_in_full() -> None:
    data = large_site(3)
    text = json.dumps(data)
    for name in (*data["hosts"], *data["tenants"], *data["guests"], *data["edges"], *data["leaks"]):
        text = text.replace(f'"{name}"', f'"{name}-{"x" * (62 - len(name))}"')
    site = load_site(json.loads(text))
    judge_layout(read(draw(site, plan(site))))


def crowded_site(hosts: int) -> Data:
    """Return a drawn site with 40 guests on one host."""
    data = large_site(hosts)
    vnet = next(name for name, noun in sorted(data["vnets"].items()) if "ipv4" in noun["subnets"])
    zone = data["zones"][data["vnets"][vnet]["zone"]]
    data["guests"] = {
        f"crowd-{suffix}": {
            "vnet": vnet,
            "suffix": suffix,
            "host": (zone["nodes"] or sorted(data["hosts"]))[0],
            "mac": f"BC:24:11:FF:00:{suffix:02X}",
        }
        for suffix in range(31, 71)
    }
    return data


@pytest.mark.parametrize(("hosts", "said"), [(3, "and 16 more guests"), (20, "and 16 more: `trellis plan` lists them")])
def test_a_crowd_on_one_host_becomes_a_number(hosts: int, said: str) -> None:
    data = crowded_site(hosts)
    data["clusters"] = {}
    site = load_site(data)
    picture = read(draw(site, plan(site)))
    judge_layout(picture)
    assert said in picture.says()
    assert sum(1 for line in picture.says() if line.startswith("crowd-")) == 24


@settings(max_examples=10, deadline=None)
@given(sites(most=8))
def test_the_order_in_which_a_site_is_written_changes_no_byte(data: Data) -> None:
    first, second = load_site(data), load_site(reordered(Random(7), data))
    assert draw(first, plan(first)) == draw(second, plan(second))


HOSTILE = "\"><script>alert(1)</script>&]]>'<!--\x00\x1b\u202e\ud800\n"
WORDS_OF_PLANS = {"pve", "frr", "ipv4", "ipv6", "point-to-point", "segment", "tcp", "udp", "fast_failure", "restart"}


def spoiled(value: Any) -> Any:
    """Return a value with markup in every string, so that what was equal stays equal."""
    if isinstance(value, str) and value not in WORDS_OF_PLANS:
        return value + HOSTILE
    if isinstance(value, tuple):
        return tuple(map(spoiled, value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = (field.name for field in dataclasses.fields(value))
        return dataclasses.replace(value, **{name: spoiled(getattr(value, name)) for name in fields})
    return value


@pytest.mark.parametrize("name", ["homelab", "mixed", "scale-32x16"])
def test_no_string_breaks_out_of_its_element(name: str) -> None:
    site = load_site(large_site(LARGE[name])) if name in LARGE else site_of(name)
    planned = dataclasses.replace(spoiled(dataclasses.replace(plan(site), sdn=None)))
    hostile = site.model_copy(
        update={
            "zones": {spoiled(zone): noun for zone, noun in site.zones.items()},
            "vnets": {
                spoiled(vnet): noun.model_copy(update={"alias": spoiled(noun.alias)})
                for vnet, noun in site.vnets.items()
            },
        }
    )
    picture = read(draw(hostile, planned))
    harmless = Counter(element.tag for element in picture_of(name).root.iter())
    assert Counter(element.tag for element in picture.root.iter()) == harmless
    assert f"{NAMESPACE}script" not in harmless
    svg = draw(hostile, planned)
    assert svg.encode("utf-8").decode("utf-8") == svg
    assert not set(svg) & set("\x00\x1b\u202e\ud800")


@pytest.mark.parametrize("name", [*EXAMPLES, *LARGE])
def test_a_picture_needs_nothing_beside_itself(name: str) -> None:
    picture = picture_of(name)
    used = {element.tag.removeprefix(NAMESPACE) for element in picture.root.iter()}
    assert used <= {"svg", "title", "desc", "style", "g", "a", "text", "rect", "line", "circle", "path"}
    ids = [element.get("id") for element in picture.root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    for link in picture.root.iter(f"{NAMESPACE}a"):
        assert link.get("href") == "#all" or link.get("href", "#")[1:] in ids
    style = picture.root.findtext(f"{NAMESPACE}style", "")
    assert "url(" not in style
    assert "@import" not in style


def test_a_picture_of_32_hosts_stays_small_enough_to_open_at_once() -> None:
    svg = (REPOSITORY / "docs" / COMMITTED["scale-32x16"]).read_text(encoding="utf-8")
    assert len(svg) < 400_000
    width, height = (int(picture_of("scale-32x16").root.get(side, "")) for side in ("width", "height"))
    assert width < 2600  # two screens side by side, or A2 with letters of 2 mm
    assert height < 3200


@pytest.mark.parametrize("name", [*EXAMPLES, *LARGE])
def test_every_colour_of_a_zone_has_the_zones_name_in_its_band(name: str) -> None:
    picture = picture_of(name)
    heads = picture.areas("strip")
    names = {link.get("href", "").removeprefix("#zone-") for link in picture.root.iter(f"{NAMESPACE}a")}
    named = [word for word in picture.words() if word.what in names]
    assert all(any(head.holds(word) for word in named) for head in heads)


def test_what_is_allowed_between_zones_and_to_the_infrastructure_is_named() -> None:
    data = drawn_site(Random(3), 4, 4)
    data["leaks"] = {"backup": {"between": sorted(data["zones"])[:2]}}
    vnet = sorted(data["vnets"])[0]
    data["firewall"] = {"ntp": {"vnets": [vnet], "protocol": "udp", "ports": [123]}}
    site = load_site(data)
    picture = read(draw(site, plan(site)))
    assert sum(1 for line in picture.says() if line.startswith("leak backup: ")) == 2
    assert "may use ntp: udp 123 of its host" in picture.says()
    assert len(picture.elements("path", "leak")) == 2  # the bracket, and its key in the legend


def test_a_file_that_cannot_be_written_is_said_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match="can't be written: No such file or directory"):
        write_picture(site_of("homelab"), tmp_path / "nowhere" / "fabric.svg")
