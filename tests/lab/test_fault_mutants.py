"""Each fault has a defect of its own, found in the product as it stands, and told from other trouble by its words."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from trellis.lab.errors import LabError
from trellis.lab.faults import Fault, Mutant, Rewrite, read_mutants
from trellis.lab.faults.mutant import PRODUCT

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
