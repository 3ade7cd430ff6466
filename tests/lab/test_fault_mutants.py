"""Each fault has a defect of its own, found in the product as it stands, and told from other trouble by its words."""

from __future__ import annotations

import ast
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from trellis.agent.bundle import agent_digest
from trellis.lab.errors import LabError
from trellis.lab.faults import (
    Fault,
    Mutant,
    MutantVerdict,
    Rewrite,
    json_of_mutants,
    read_mutants,
    table_of_mutants,
    try_mutants,
)
from trellis.lab.faults.mutant import PRODUCT, Seen, seed

PROJECT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent / "faults"
MUTANTS = read_mutants(FOLDER)
TROUBLE = (
    "",
    "nothing proves that the fault happened",
    "the trial itself failed: KeyError: 'pve01'",
    "fault 4: the deployment never got to `at reload`: the agent failed: NameError: name 'x' is not defined",
    "the agent's exit status is 2, not 3: the manifest: not JSON",
    "the error names no step",
    "pve01: session default 10.10.0.12 has not come back",
)
"""What a lab or an agent may say that is broken in another way: no defect is noticed by that."""


def test_each_fault_has_a_defect_of_its_own() -> None:
    assert sorted(MUTANTS) == list(range(1, 33))
    made = [mutant.rewrites for _, mutant in MUTANTS.values()]
    assert len(set(made)) == len(made)
    assert all(set(mutant.shares) <= set(MUTANTS) - {number} for number, (_, mutant) in MUTANTS.items())


@pytest.mark.parametrize(("fault", "mutant"), MUTANTS.values(), ids=[f"{number:02d}" for number in MUTANTS])
def test_a_defect_is_found_once_in_the_product_and_makes_another_sound_module_of_it(
    fault: Fault, mutant: Mutant
) -> None:
    texts: dict[str, str] = {}
    for rewrite in mutant.rewrites:
        assert rewrite.path.startswith(PRODUCT)
        before = texts.setdefault(rewrite.path, (PROJECT / rewrite.path).read_text())
        texts[rewrite.path] = rewrite.applied(before)
        assert texts[rewrite.path] != before
    for path, text in texts.items():
        ast.parse(text, path)
    assert [one for one in TROUBLE if re.search(mutant.because, one)] == []


@pytest.mark.parametrize("text", ["", "a = 1\n", "old\nold\n"])
def test_a_passage_that_is_not_there_once_is_refused(text: str) -> None:
    with pytest.raises(LabError, match=r"a defect's passage of x\.py: it is there [02] times"):
        Rewrite("x.py", "old\n", "new\n").applied(text)


def test_a_copy_with_a_defect_is_the_product_with_another_agent_and_the_product_stays_as_it_is(tmp_path: Path) -> None:
    _, mutant = MUTANTS[29]
    seed(PROJECT, mutant, tmp_path)
    ask = "from trellis.agent.bundle import agent_digest, agent_text; import trellis.lab.faults.controller as c; "
    ask += "print(agent_digest(), c.__file__, agent_text().count('    if not version:'))"
    answer = subprocess.run(
        [sys.executable, "-P", "-c", ask],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    digest, of, times = answer.stdout.split()
    assert digest != agent_digest()
    assert Path(of).is_relative_to(tmp_path)
    assert times == "1"


def judged(*problems: str, failed: str = "") -> MutantVerdict:
    fault, mutant = MUTANTS[29]
    return MutantVerdict(fault, mutant, None if failed else Seen("done", "seen", problems), "", 61.2, failed)


def test_a_defect_is_noticed_by_the_words_that_name_it_and_by_no_other_trouble() -> None:
    other, fits = "pve02: committed is aaaa, was bbbb", "the agent's exit status is 0, not 3: "
    assert judged(other, fits).reason == fits
    for verdict in (judged(), judged(other), judged(failed="the lab is not there")):
        assert not verdict.noticed
    assert json_of_mutants([judged(fits)])["ok"] is True
    told = json_of_mutants([judged(fits), judged(other)])
    assert (told["ok"], told["noticed"]) == (False, 1)
    assert told["mutants"][1]["problems"] == [other]


def test_the_table_says_what_was_seen_instead_where_a_defect_went_unnoticed() -> None:
    page = io.StringIO()
    console = Console(file=page, width=200)
    console.print(table_of_mutants([judged("the agent's exit status is 0, not 3: "), judged()]))
    lines = [" ".join(line.split()) for line in page.getvalue().splitlines()]
    assert any("✓" in line and "the agent's exit status is 0, not 3:" in line and "61 s" in line for line in lines)
    assert any("✗" in line and "NOT NOTICED: the fault ended as written" in line for line in lines)


@pytest.mark.lab
@pytest.mark.engine
@pytest.mark.faults
@pytest.mark.timeout(900)
def test_defects_turn_the_rows_of_their_faults_red_and_leave_the_lab_whole() -> None:
    if os.geteuid() != 0:
        pytest.skip("machines need root: network namespaces and mounts")
    verdicts = try_mutants(FOLDER, PROJECT, [MUTANTS[16], MUTANTS[29]], print, name="mutants-test")
    assert [verdict.reason for verdict in verdicts if verdict.noticed] == [verdict.reason for verdict in verdicts]
    assert [verdict.mended for verdict in verdicts if "anew" in verdict.mended] == []
