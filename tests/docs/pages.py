"""The pages that are generated, each with the text that it has to have; and what pages name.

A page that is written by hand is judged by what it names: links, files, tests.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.sites import REPOSITORY, plan_of
from trellis.cli.allocations import page
from trellis.site.reference import reference_text

DOCS = REPOSITORY / "docs"
DECISIONS = DOCS / "decisions"

_INDEX = """\
# Decisions

What was chosen where something else was possible, and why. A decision holds until another takes its place; the code \
may change it, and then says so here.

| number | decision |
|---|---|
"""


def _decisions() -> str:
    rows = []
    for path in sorted(DECISIONS.glob("[0-9]*.md")):
        heading = path.read_text(encoding="utf-8").splitlines()[0]
        title = re.sub(r"^# \d+[.:] *", "", heading)
        rows.append(f"| {path.name[:4]} | [{title}]({path.name}) |\n")
    return _INDEX + "".join(rows)


GENERATED: dict[Path, Callable[[], str]] = {
    DOCS / "reference/site.md": reference_text,
    DOCS / "reference/allocations.md": lambda: page(plan_of("homelab")),
    DECISIONS / "index.md": _decisions,
}


def named_tests(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield each test that a page names, as a file and a function; a file alone has no function."""
    for path, function in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text):
        if "/NN_" not in path:  # which stands for any number
            yield path, function or None


def functions_of(path: Path) -> set[str]:
    """Return the names of the functions at the top of a Python file."""
    return {node.name for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)}


def files_linked(page: Path) -> Iterator[str]:
    """Yield each link of a page to a file of the repository, without its anchor."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)$", text, flags=re.MULTILINE):
        link = "".join(target)
        if not re.match(r"[a-z]+:|#", link):
            yield link.partition("#")[0]
