"""Properties of the merge over generated texts: well-formed ones lose nothing, and no loss goes unnamed.

The reader of FRR's blocks below is this file's own, so that a mistake in the package's reader can't hide itself.
"""

from collections import Counter
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.pve.homelab import RELEASES, homelab, host
from trellis.pve import LossKind, Reason, SdnState, effective, generate, merge, pve_version

LISTS = st.sampled_from(
    [
        *(f"ip prefix-list P{name} seq {seq} permit 10.0.0.0/8 le 32" for name in "AB" for seq in (5, 10, 15)),
        *(f"ipv6 prefix-list P{name} seq {seq} deny ::/0" for name in "AB" for seq in (5, 10, 15)),
        *(f"bgp community-list standard C{seq} seq {seq} permit 65000:{seq}" for seq in (5, 10)),
    ]
)
NEIGHBOR = st.sampled_from(
    [f"neighbor 10.0.0.{n} {what}" for n in (1, 2) for what in ("remote-as 65001", "bfd", "passive")]
)
IN_FAMILY = st.sampled_from([f"neighbor 10.0.0.{n} {what}" for n in (1, 2) for what in ("activate", "route-map R in")])
ROUTERS = st.sampled_from(
    [
        "router bgp 4200001000",
        *(f"router bgp 4200001000 vrf vrf_{zone}" for zone in ("evpnz1", "evpnz2", "other")),
    ]
)
FAMILIES = ("ipv4 unicast", "ipv6 unicast", "l2vpn evpn")
INTERFACE = st.sampled_from(["ip ospf area 0", "ip ospf cost 10", "no ip ospf passive", "ipv6 ospf6 cost 10"])
VRF = st.sampled_from([f"ip route 10.{n}.0.0/16 Null0" for n in (8, 9)])
CARRIED = ("bfd", " profile fast", "  receive-interval 310", " profile slow", "  passive-mode")

_CLAUSES = ["match ip address prefix-list PA", "set community 65000:1 additive", "call X", "on-match next"]

# Lines of all sorts, for texts that nobody would write on purpose.
SOUP = st.one_of(
    LISTS,
    ROUTERS,
    NEIGHBOR.map(lambda line: f" {line}"),
    st.sampled_from([f" address-family {family}" for family in FAMILIES]),
    st.sampled_from(["exit", "exit", "exit", " exit", "exit-vrf", " exit-address-family", "exit-address-family"]),
    st.sampled_from(
        ["interface eth0", " interface eth0", "vrf vrf_evpnz1", "vrf other", "router ospf", "router ospf6"]
    ),
    st.sampled_from(["route-map R permit 1", "route-map R deny 20", "route-map MAP_VTEP_IN permit 1", " match tag 5"]),
    st.sampled_from([" description ha!", "! comment", "# comment", "", "ip prefix-list PA permit 10.0.0.0/8"]),
    st.sampled_from(["bfd", " profile fast", "  receive-interval 310", "ip nht resolve-via-default", " vni 7"]),
    st.sampled_from([" ip ospf area 0", " ip route 10.9.0.0/16 Null0", " neighbor 10.0.0.1 description an exit"]),
)
Place = tuple[str, ...]


@st.composite
def well_formed(draw: st.DrawFn) -> tuple[str, ...]:
    """A text in the grammar that every merge keeps: whole blocks in any order, entries numbered in file order."""
    blocks: list[list[str]] = []
    for _ in range(draw(st.integers(0, 3))):
        families = draw(st.lists(st.sampled_from(FAMILIES), max_size=3, unique=True))
        block = [draw(ROUTERS), *(f" {line}" for line in draw(st.lists(NEIGHBOR, max_size=3)))]
        for family in families:
            block += [
                *[" !"] * draw(st.integers(0, 1)),
                f" address-family {family}",
                *(f"  {line}" for line in draw(st.lists(IN_FAMILY, max_size=3))),
            ]
            block.append(" exit-address-family")
        blocks.append([*block, "exit"])
    for name in draw(st.lists(st.sampled_from(["eth0", "eth1"]), max_size=2)):
        lines = draw(st.lists(INTERFACE, min_size=1, max_size=3))
        blocks.append([f"interface {name}", *(f" {line}" for line in lines), "exit"])
    if draw(st.booleans()):
        blocks.append(["router ospf6", " ospf6 router-id 10.255.0.1", *(f" {line}" for line in CARRIED), "exit"])
    if draw(st.booleans()):
        blocks.append(["vrf vrf_evpnz1", *(f" {line}" for line in draw(st.lists(VRF, min_size=1))), "exit"])
    for name in draw(st.lists(st.sampled_from("RS"), max_size=2, unique=True)):
        entries = draw(st.lists(st.lists(st.sampled_from(_CLAUSES), max_size=3), max_size=3))
        blocks.append(
            [
                line
                for number, clauses in enumerate(entries, 1)
                for line in (f"route-map {name} permit {number}", *(f" {clause}" for clause in clauses), "exit")
            ]
        )
    blocks += [[line] for line in draw(st.lists(LISTS, unique=True))]
    blocks += [["!"]] * draw(st.integers(0, 2))
    return tuple(line for block in draw(st.permutations(blocks)) for line in block)


soup = st.lists(SOUP, max_size=20).map(tuple)
releases = st.sampled_from(RELEASES)
states = st.sampled_from([homelab(), SdnState()])


def places(lines: tuple[str, ...]) -> list[Place | None]:
    """The enclosing blocks of each line as FRR sees them, by their opening lines; None for what is no statement."""
    found: list[Place | None] = []
    stack: list[str] = []
    for raw in lines:
        line = raw.strip()
        word = line.split(" ")[0] if line else ""
        if not line or line[0] in "!#":
            found.append(None)
        elif word.startswith("exit"):
            found.append(None)
            stack = closed(stack, word)
        else:
            stack = [] if is_top_level(line, stack) else stack
            inner = opens_inside(line, stack)
            stack = stack[:1] if inner and word != "vni" else stack
            found.append(tuple(stack))
            if inner or opens(line):
                stack = [*stack, line]
    return found


BLOCKS = ("router", "interface", "vrf", "route-map")
TOP = ("hostname", "log", "service", "frr")


def opens(line: str) -> bool:
    return line in ("bfd", "line vty") or (" " in line and line.split(" ", maxsplit=1)[0] in BLOCKS)


def closed(stack: list[str], word: str) -> list[str]:
    if word == "exit-address-family":
        return stack[:1] if any(entry.startswith("address-family") for entry in stack) else stack
    if word == "exit-vrf":
        return [] if stack and stack[0].startswith("vrf") else stack
    return stack[:-1]


def is_top_level(line: str, stack: list[str]) -> bool:
    first, second = [*line.split(" "), ""][:2]
    if opens(line) or first in TOP or second in ("prefix-list", "community-list"):
        return True
    return (first, second) in (("ip", "route"), ("ip", "nht")) and not (stack and stack[0].startswith("vrf"))


def opens_inside(line: str, stack: list[str]) -> bool:
    word = line.split(" ", maxsplit=1)[0]
    if word == "address-family":
        return bool(stack) and stack[0].startswith("router bgp")
    if word == "profile":
        return stack[:1] == ["bfd"]
    return word == "vni" and stack[1:] == ["address-family l2vpn evpn"]


def statements(lines: tuple[str, ...]) -> Counter[tuple[Place, str]]:
    return Counter((place, line.strip()) for line, place in zip(lines, places(lines), strict=True) if place is not None)


@given(well_formed(), releases, states)
def test_a_well_formed_text_loses_nothing(local: tuple[str, ...], release: str, state: SdnState) -> None:
    merged = effective(state, host(release), local)
    assert merged.losses == ()
    assert set(statements(local)) <= set(statements(merged.lines))


@given(well_formed(), states)
def test_every_release_makes_the_same_statements_of_a_well_formed_text(local: tuple[str, ...], state: SdnState) -> None:
    made = [set(statements(effective(state, host(release), local).lines[1:])) for release in RELEASES]
    assert all(one == made[0] for one in made)


@given(soup, releases, states)
def test_a_line_that_is_not_named_is_where_it_was_written(
    local: tuple[str, ...], release: str, state: SdnState
) -> None:
    merged = effective(state, host(release), local)
    named = {loss.line_number for loss in merged.losses}
    renumbered = {loss.line_number for loss in merged.losses if loss.kind is LossKind.RENUMBERED}
    there = set(statements(merged.lines))
    for number, (line, place) in enumerate(zip(local, places(local), strict=True), 1):
        within = {local.index(opener) + 1 for opener in place or () if opener in local}
        # The place of a line in a renumbered entry has another name now; the entry itself is named.
        if place is not None and number not in named and not within & renumbered and not _in_route_map(place):
            assert (place, line.strip()) in there


def _in_route_map(place: Place) -> bool:
    return place[:1] != () and place[0].startswith("route-map ")


@given(soup, releases, states)
def test_a_line_named_as_dropped_is_not_where_it_was_written(
    local: tuple[str, ...], release: str, state: SdnState
) -> None:
    merged = effective(state, host(release), local)
    there = statements(merged.lines)
    written = statements(local)
    harmful = {Reason.EMPTY_VRF, Reason.EMPTY_INTERFACE, Reason.STRAY_EXIT_FAMILY}
    gone: Counter[tuple[Place, str]] = Counter()
    for loss in merged.losses:
        place = places(local)[loss.line_number - 1]
        if loss.kind is LossKind.DROPPED and loss.reason not in harmful and place is not None:
            gone[place, loss.line.strip()] += 1
    generated = statements(generate(state, host(release)))
    moved = Counter(loss.line.strip() for loss in merged.losses if loss.kind is LossKind.MOVED)
    for key, count in gone.items():
        if not _in_route_map(key[0]) and not key[1].startswith("route-map "):
            # A line of the same text that was moved may have landed there.
            assert there[key] <= written[key] - count + generated[key] + moved[key[1]]


@given(soup, releases, states)
def test_the_losses_are_named_in_file_order_with_their_lines(
    local: tuple[str, ...], release: str, state: SdnState
) -> None:
    losses = effective(state, host(release), local).losses
    assert [loss.line_number for loss in losses] == sorted({loss.line_number for loss in losses})
    assert all(local[loss.line_number - 1] == loss.line for loss in losses)


@given(st.one_of(soup, well_formed()), releases, states)
def test_a_text_that_is_recognised_as_safe_would_have_compared_well(
    local: tuple[str, ...], release: str, state: SdnState
) -> None:
    with patch("trellis.pve.merge.surely_kept", return_value=False):
        compared = effective(state, host(release), local)
    assert effective(state, host(release), local) == compared


@given(well_formed(), st.sampled_from(["9.1", "9.2"]))
def test_prefix_lists_are_never_reordered(local: tuple[str, ...], release: str) -> None:
    def lists(lines: tuple[str, ...]) -> list[str]:
        return [line for line in lines if " prefix-list " in line and " seq " in line and not line.startswith(" ")]

    assert lists(effective(homelab(), host(release), local).lines) == lists(local)


@given(soup, st.sampled_from(["8.4", "9.0"]))
def test_the_old_merge_keeps_the_last_entry_of_each_number_of_a_list(local: tuple[str, ...], release: str) -> None:
    def entries(lines: tuple[str, ...]) -> dict[str, str]:
        return {
            line.split(" permit ")[0].split(" deny ")[0]: line
            for line in lines
            if " prefix-list " in line and " seq " in line and not line.startswith(" ")
        }

    assert entries(effective(homelab(), host(release), local).lines) == entries(local)


@given(soup, releases, states)
def test_merging_into_the_generated_text_is_the_effective_config(
    local: tuple[str, ...], release: str, state: SdnState
) -> None:
    node = host(release)
    assert merge(generate(state, node), local, pve_version(release)) == effective(state, node, local)


@pytest.mark.parametrize("release", RELEASES)
def test_an_empty_local_file_changes_nothing(release: str) -> None:
    assert effective(homelab(), host(release), ()).lines == generate(homelab(), host(release))
