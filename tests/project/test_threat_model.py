"""SECURITY.md names tests and files that exist: a threat that nothing shows any more is told as one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text()
NAMED = re.findall(r"`((?:tests|trellis|templates|examples|tools)/[^`:]*)(?:::(\w+))?`", TEXT)
LINKED = re.findall(r"\]\(((?:docs|examples)/[^)#]+)\)", TEXT)


def names_in(path: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def test_each_test_that_is_named_exists() -> None:
    named = [(path, test) for path, test in NAMED if test]
    assert len(named) > 30
    assert [f"{path}::{test}" for path, test in named if test not in names_in(ROOT / path)] == []


def test_each_file_that_is_named_exists() -> None:
    assert [path for path in {path for path, _ in NAMED} | set(LINKED) if not (ROOT / path).exists()] == []


def test_each_attack_of_the_lab_is_a_threat_that_is_named() -> None:
    attacks = {path.name for path in (ROOT / "tests" / "lab" / "attacks").glob("[0-9]*.py")}
    told = {Path(path).name for path, _ in NAMED if path.startswith("tests/lab/attacks/")}
    assert told == attacks


def test_who_attacks_is_told_with_what_is_not_stopped() -> None:
    parts = re.split(r"^### ", TEXT.partition("## What we use")[0], flags=re.MULTILINE)[1:]
    assert len(parts) == 10
    assert [
        part.splitlines()[0] for part in parts if "Not stopped:" not in part and "They have all of it" not in part
    ] == []
