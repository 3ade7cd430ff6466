"""What judges an attack can turn red: two pictures of the lab, pings, what the edge's kernel was told, the table."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest

from trellis.lab.attacks import Attack, Defect, Verdict, as_json, counted, defects, look, read
from trellis.lab.attacks.bench import Bench
from trellis.lab.attacks.defects import Outcome
from trellis.lab.attacks.look import Picture
from trellis.lab.errors import LabError
from trellis.lab.proof import SessionState
from trellis.plan import plan
from trellis.render import render
from trellis.site import load_site, site_data_of_stack

FOLDER = Path(__file__).parent / "attacks"

ALICE = ("pve01", "vrf_evpnz1", "fd00:101::7")
UP = SessionState(1, 1_000_000, "Established")
BEFORE = Picture(
    kernel={"fd00:101:fe::7/128": "10.10.0.11"},
    tables={("edge1", "default", "fd00:101:fe::7/128"): "4200001000 by fd00::1"},
    sessions={ALICE: UP},
)
ATTACK = Attack(1, "what", "must", lambda _: None, lambda _: "seen", lambda _: [], (Defect("a rule"),))
GOOD = Verdict(ATTACK, "seen", "edge", "guests", "host", "", (), 1.0)


def nobody(_prefix: str) -> bool:
    return False


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"kernel": {}}, "the edge's kernel: fd00:101:fe::7/128 is gone"),
        ({"kernel": {**BEFORE.kernel, "::/0": "10.10.0.11"}}, "the edge's kernel: ::/0 is 10.10.0.11, was not there"),
        ({"kernel": {"fd00:101:fe::7/128": "10.10.0.12"}}, "is 10.10.0.12, was 10.10.0.11"),
        ({"tables": {}}, "BGP of edge1, default: fd00:101:fe::7/128 is gone"),
        ({"sessions": {}}, "session pve01 vrf_evpnz1 fd00:101::7: gone"),
        ({"sessions": {ALICE: replace(UP, connections_established=2)}}, "fd00:101::7: reset"),
        ({"sessions": {**BEFORE.sessions, ("pve01", "vrf_evpnz1", "fd00:101::99"): UP}}, "fd00:101::99: new"),
    ],
)
def test_whatever_is_not_as_before_is_named(now: dict, said: str) -> None:
    assert any(said in found for found in look.differences(BEFORE, replace(BEFORE, **now), nobody, frozenset()))


def test_an_attackers_own_routes_and_sessions_come_and_go() -> None:
    gone = Picture({}, {}, {})
    own = frozenset({"fd00:101::7"})
    assert list(look.differences(BEFORE, gone, lambda prefix: prefix == "fd00:101:fe::7/128", own)) == []
    assert list(look.differences(BEFORE, BEFORE, nobody, frozenset())) == []


def test_a_route_that_came_to_the_edges_kernel_for_a_moment_is_seen() -> None:
    lines = [
        "fd00:101:fe::7 nhid 30 via fe80::1 dev vlan10 proto bgp metric 20 pref medium",
        "Deleted fd00:101:fe::7 nhid 30 via fe80::1 dev vlan10 proto bgp metric 20 pref medium",
        "default nhid 31 via fe80::1 dev vlan10 proto bgp metric 20",
        "10.9.9.9 via 10.10.0.11 dev vlan10 proto ospf",
        "multicast ff00::/8 dev vlan10 table local",
    ]
    assert look.moved(lines, nobody) == {"fd00:101:fe::7/128", "default"}
    assert look.moved(lines[:2], lambda _: True) == set()


@pytest.mark.parametrize(
    ("seen", "sent", "gap"),
    [((1, 2, 3, 4), 5, (4, 0)), ((1, 2, 9, 10), 10, (4, 6)), ((), 8, (0, 7)), ((1,), 9, (1, 7))],
)
def test_the_longest_gap_of_pings_is_counted_to_the_end(seen: tuple[int, ...], sent: int, gap: tuple[int, int]) -> None:
    lines = [f"64 bytes from 2001:db8::1: icmp_seq={number} ttl=60 time=1 ms" for number in seen]
    assert look.gap_of("\n".join((*lines, f"{sent} packets transmitted, {len(seen)} received"))) == gap


def test_an_attack_was_refused_only_if_it_was_tried_and_all_of_its_variants_were() -> None:
    unproven = replace(GOOD, proof="")
    assert counted([GOOD, GOOD]) == (1, 1)
    assert counted([GOOD, unproven]) == (0, 1)
    assert as_json([GOOD, replace(GOOD, problems=("accepted",))])["ok"] is False


def test_a_defect_is_noticed_only_by_its_own_attack() -> None:
    outcome = Outcome(ATTACK, ATTACK.defects[0], ("accepted ::/0",), (), 3, 1.0)
    assert outcome.noticed
    assert not replace(outcome, succeeded=()).noticed
    assert not replace(outcome, strange=("2: accepted",)).noticed


def test_a_lab_that_does_not_come_back_costs_its_own_defect_and_the_rest_but_nothing_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It had cost the whole table, after fifty minutes."""
    attack = replace(ATTACK, defects=tuple(Defect(what) for what in ("first", "second", "third")))

    def whole(_bench: object, of: Attack, defect: Defect) -> Outcome:
        if defect.what == "second":
            raise LabError("the fabric has not converged", why="mallory is missing", remedy="look")
        return Outcome(of, defect, ("accepted",), (), 0, 1.0)

    monkeypatch.setattr(defects, "_whole", whole)
    guards: list[str] = []
    monkeypatch.setattr(defects.seeding, "unguarded", lambda _: nullcontext(guards.append("off")))
    told: list[str] = []
    found = defects.run(Bench(twin=None, say=told.append), [attack])  # type: ignore[arg-type]
    assert [outcome.noticed for outcome in found] == [True, False, False]
    assert "mallory is missing" in found[1].strange[0]
    assert found[2].strange == ("not tried: the lab is not whole",)
    assert guards == ["off"], "a guard puts a rule back while it is tried without it"
    assert "mallory is missing" in told[-1]


def test_a_file_without_its_attack_is_named(tmp_path: Path) -> None:
    (tmp_path / "07_other.py").write_text("ATTACK = 7\n")
    with pytest.raises(LabError, match="07_other"):
        read(tmp_path)


def test_each_rule_that_a_defect_takes_away_is_one_that_hosts_have() -> None:
    """FRR takes a `no` of an entry that is not there in silence: the attack would be refused as ever."""
    file = FOLDER / "Pulumi.attacks.yaml"
    site = load_site(site_data_of_stack(file.read_text()))
    running = "\n".join(file.text for bundle in render(plan(site)) for file in bundle.files if "frr" in file.path)
    for attack in chain.from_iterable(read(FOLDER).values()):
        for defect in attack.defects:
            assert defects.not_there(defect.frr, running) == [], (attack.name, defect.what)
    assert defects.not_there(["no ip prefix-list NOBODY seq 5 permit any"], running)
