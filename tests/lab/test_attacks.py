"""The 19 attacks, each tried for real in a lab of its own: `make attacks` shows the same as a table."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from trellis.lab import attacks
from trellis.lab.attacks import Attack
from trellis.lab.attacks import bench as benches
from trellis.lab.attacks.bench import Bench

LAB = "attack-test"  # `make attacks` may run beside it
FOLDER = Path(__file__).parent / "attacks"
ALL = [attack for entry in attacks.read(FOLDER).values() for attack in entry]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    if os.geteuid() != 0:
        pytest.skip("machines need root: network namespaces and mounts")
    benches.down(print, LAB)  # of a run that was killed
    try:
        found = benches.up(FOLDER, FOLDER.parents[2], print, LAB)
        with attacks.store.collecting(found):
            yield found
    finally:
        benches.down(print, LAB)


def test_each_attack_of_the_list_is_there_and_has_a_rule_that_keeps_it_out() -> None:
    assert sorted({attack.number for attack in ALL}) == list(range(1, 20))
    names = [attack.name for attack in ALL]
    assert len(set(names)) == len(names)
    assert [attack.name for attack in ALL if not attack.defects] == ["19"]  # FRR's own parser


@pytest.mark.lab
@pytest.mark.engine
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "attack",
    [pytest.param(attack, id=attack.name, marks=[] if attack.quick else [pytest.mark.attacks]) for attack in ALL],
)
def test_an_attack_is_refused_or_contained(bench: Bench, attack: Attack) -> None:
    verdict = attacks.tried(bench, attack)
    print(f"{attack.name}: proof: {verdict.proof}; edge: {verdict.edge}; guests: {verdict.guests}; {verdict.host}")
    assert verdict.problems == ()
    assert verdict.proof
