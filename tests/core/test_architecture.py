"""Arrows point one way, and the linter that says so bites: it runs on the tree, and on a copy with wrong imports."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sites import REPOSITORY

CORE = ("allocate", "contract", "diff", "picture", "plan", "policy", "pve", "render", "site")

WRONG = {
    "The core is a value in, a value out": [
        ("trellis/site/model.py", "import socket"),
        ("trellis/plan/build.py", "from time import monotonic"),
        ("trellis/plan/rules/filters.py", "import random"),
        ("trellis/picture/draw.py", "from datetime import date"),
        ("trellis/diff/compare.py", "import subprocess"),
        ("trellis/pve/merge.py", "import subprocess"),
        ("trellis/render/bundle.py", "import os.path"),
        ("trellis/render/documents.py", "from datetime import datetime"),
        ("trellis/allocate.py", "from urllib.request import urlopen"),
        ("trellis/contract/reading.py", "import pulumi"),
        ("trellis/site/schema.py", "import trellis.agent.normalise"),
        ("trellis/plan/policy.py", "import trellis.routeros.merging"),
        ("trellis/policy/judge.py", "from datetime import UTC"),
    ],
    "Site, then plan, then render, then components": [
        ("trellis/site/load.py", "import trellis.plan"),
        ("trellis/plan/policy.py", "import trellis.render"),
        ("trellis/render/bundle.py", "import trellis.diff"),
        ("trellis/picture/fabric.py", "import trellis.render"),
        ("trellis/policy/judge.py", "import trellis.render"),
        ("trellis/contract/model.py", "import trellis.site.scalars"),
    ],
    "The lab judges what it did not help to make": [
        ("trellis/lab/errors.py", "import trellis.render"),
        ("trellis/lab/proxmox/node/versions.py", "from trellis import pve"),
        ("trellis/lab/routeros/router.py", "import trellis.routeros.delegations"),
    ],
    "The agent runs on a host with Python alone": [
        ("trellis/agent/report.py", "import yaml"),
        ("trellis/agent/lock.py", "import trellis.site"),
    ],
    "Pulumi is for components, the program, and what runs the engine": [("trellis/engine/pin.py", "import pulumi")],
}
"""For each contract, imports that it must refuse and the file that would hold them."""


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    linter = Path(sys.executable).parent / "lint-imports"
    environment = {**os.environ, "PYTHONPATH": str(folder), "NO_COLOR": "1", "COLUMNS": "200"}
    return subprocess.run(
        [str(linter), "--no-cache"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def _copied(folder: Path) -> Path:
    for package in ("trellis", "components"):
        shutil.copytree(REPOSITORY / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "pyproject.toml", folder)
    return folder


def test_the_tree_keeps_every_contract() -> None:
    linted = _lint(REPOSITORY)
    assert linted.returncode == 0, linted.stdout
    assert "0 broken" in linted.stdout
    assert all(f"{contract} KEPT" in linted.stdout for contract in WRONG)


def test_every_contract_refuses_the_imports_it_is_there_for(tmp_path: Path) -> None:
    folder = _copied(tmp_path)
    for imports in WRONG.values():
        for path, line in imports:
            source = (folder / path).read_text(encoding="utf-8")
            (folder / path).write_text(f"{source}\n\n{line}\n", encoding="utf-8")
    linted = _lint(folder)
    assert linted.returncode == 1
    assert [contract for contract in WRONG if f"{contract} BROKEN" not in linted.stdout] == []
    unseen = [
        f"{path}: {line}"
        for imports in WRONG.values()
        for path, line in imports
        if f"{path.removesuffix('.py').replace('/', '.')} -> {_imported(line)} " not in linted.stdout
    ]
    assert unseen == [], linted.stdout


def _imported(line: str) -> str:
    """Return the module as the linter names it: packages of others by their first name."""
    words = line.split()
    module = f"{words[1]}.{words[3]}" if line.startswith("from trellis import") else words[1]
    return module if module.startswith("trellis") else module.split(".")[0]


def _core_modules() -> Iterator[Path]:
    for name in CORE:
        path = REPOSITORY / "trellis" / name
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


@pytest.mark.parametrize("path", list(_core_modules()), ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_no_module_of_the_core_opens_asks_or_runs_anything_by_a_builtin(path: Path) -> None:
    called = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not called & {"open", "exec", "eval", "compile", "input", "print", "__import__", "breakpoint"}


def test_the_program_is_short_and_makes_nothing_itself() -> None:
    source = (REPOSITORY / "__main__.py").read_text(encoding="utf-8")
    assert len(source.splitlines()) < 60
    # What is not of this project is Pulumi, and the standard library's types.
    tree = ast.parse(source)
    modules = {node.module.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    modules |= {
        alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    assert modules <= {
        "__future__",
        "components",
        "pulumi",
        "pulumi_proxmoxve",
        "pulumi_command",
        "trellis",
        "typing",
        "json",
    }
