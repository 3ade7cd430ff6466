"""What `trellis diff` prints of what people change is what was reviewed, as text, Markdown and JSON.

``pytest tests/core/test_diff_texts.py --update-golden`` writes the files of ``tests/core/diff`` anew.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.core.diff_of import CHANGES, diff_of
from trellis.diff import Diff
from trellis.diff.as_json import diff_json
from trellis.diff.as_markdown import LONGEST, MARKER, markdown
from trellis.diff.as_text import text
from trellis.diff.model import Change, Hunk, Value

FOLDER = Path(__file__).parent / "diff"

COMMAND = "trellis diff main"

WHOLE = ("guest-added", "filter-widened")
"""Changes whose Markdown and JSON are golden as well: the other texts say what differs among them."""


def _forms(name: str) -> dict[str, str]:
    found = diff_of(name)
    forms = {f"{name}.txt": text(found, "stack dev: main to the work tree")}
    if name in WHOLE:
        stacks = {"dev": found}
        forms[f"{name}.md"] = markdown(stacks, "main", "the work tree", COMMAND)
        forms[f"{name}.json"] = json.dumps(diff_json(stacks, "main", "the work tree"), indent=2) + "\n"
    return forms


@pytest.mark.parametrize("name", list(CHANGES))
def test_a_change_is_told_as_it_was_reviewed(name: str, request: pytest.FixtureRequest) -> None:
    for file, told in _forms(name).items():
        if request.config.getoption("--update-golden"):
            FOLDER.mkdir(exist_ok=True)
            (FOLDER / file).write_text(told, encoding="utf-8")
        assert told == (FOLDER / file).read_text(encoding="utf-8"), f"{file}: --update-golden, then review the diff"


def test_no_text_is_left_of_a_change_that_is_gone() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {file for name in CHANGES for file in _forms(name)}


def test_a_comment_begins_with_what_a_pipeline_finds_it_by_and_folds_the_lines() -> None:
    told = markdown({"dev": diff_of("guest-added")}, "main", "HEAD", COMMAND)
    assert told.startswith(f"{MARKER}\n")
    assert told.count("<details>") == told.count("</details>") == 1
    assert "Not shown" not in told


@pytest.mark.parametrize("longest", [LONGEST, 20_000, 6_000, 3_000])
@pytest.mark.parametrize("name", ["host-added", "edge-added"])
def test_a_comment_is_never_too_long_and_counts_what_it_leaves_out(name: str, longest: int) -> None:
    found = diff_of(name)
    told = markdown({"dev": found, "prod": found}, "main", "HEAD", COMMAND, longest)
    assert len(told) <= longest
    assert told.count("<details>") == told.count("</details>")
    assert told.count("```") % 2 == 0
    shown = len(re.findall(r"^@@ ", told, re.MULTILINE))
    left = re.search(r"\*\*Not shown: (?:\d+ parts?(?: and )?)?(?:(\d+) differences? in files)?\.\*\*", told)
    assert shown + (int(left[1]) if left else 0) == 2 * len(found.hunks)
    assert (left is None) == (shown == 2 * len(found.hunks))
    assert f"`{COMMAND}`" in told or left is None


def _hostile(told: str) -> Diff:
    found = diff_of("guest-added")
    change = Change("VNet", "vnet1", "changed", (Value("alias", None, told),))
    hunk = Hunk(("pve01",), "/etc/frr/frr.conf", told, (f"+{told}",))
    return replace(found, nouns=(change,), hunks=(hunk,))


@pytest.mark.parametrize("told", ["```", "````diff", "</details>", "@everybody", "<!-- trellis diff -->", "`x`"])
def test_no_text_of_a_site_is_read_as_markdown(told: str) -> None:
    document = markdown({"dev": _hostile(told)}, told, "HEAD", f"trellis diff '{told}'")
    inside, fence, outside = [], "", []
    for line in document.splitlines():
        opened = re.fullmatch(r"(`{3,})diff", line)
        if not fence and opened:
            fence = opened[1]
        elif line == fence and fence:
            fence = ""
        else:
            (inside if fence else outside).append(line)
    assert not fence
    assert any(told in line for line in inside)
    code = re.compile(r"(`+) ?.*?[^`] ?\1(?!`)")
    rest = [code.sub("", line) for line in outside]
    assert rest.count("</details>") == 1
    assert rest.count(MARKER) == 1
    assert not any("@" in line for line in rest)
