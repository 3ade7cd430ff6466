"""What is rendered for every example is what was reviewed: one committed file per file on a host.

``pytest tests/golden --update-golden`` writes them anew; review the diff like any other change.
"""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from tests.golden.files import FOLDER, GOLDEN_EDGES, GOLDEN_GUESTS, GOLDEN_HOSTS, rendered_files
from tests.sites import EXAMPLES, REPOSITORY

ALL = [*GOLDEN_HOSTS, *GOLDEN_EDGES, *GOLDEN_GUESTS]
_SHOWN_LINES = 60


def _difference(path: Path, golden: str, rendered: str) -> str:
    diff = list(
        difflib.unified_diff(golden.splitlines(), rendered.splitlines(), "golden", "rendered now", lineterm="", n=2)
    )
    left_out = len(diff) - _SHOWN_LINES
    shown = diff[:_SHOWN_LINES] + ([f"... and {left_out} lines more"] if left_out > 0 else [])
    return "\n".join([f"{path.relative_to(REPOSITORY)} is not what is rendered:", *shown])


@pytest.mark.parametrize(("example", "host"), ALL)
def test_a_host_gets_what_was_reviewed(example: str, host: str, request: pytest.FixtureRequest) -> None:
    rendered = rendered_files(example, host)
    folder = FOLDER / example / host
    if request.config.getoption("--update-golden"):
        folder.mkdir(parents=True, exist_ok=True)
        for stale in set(folder.iterdir()) - rendered.keys():
            stale.unlink()
        for path, text in rendered.items():
            path.write_text(text, encoding="utf-8")
    golden = {path: path.read_text(encoding="utf-8") for path in folder.glob("*")}
    reports = [
        _difference(path, golden[path], text) for path, text in rendered.items() if golden.get(path, text) != text
    ]
    reports += [f"{path.relative_to(REPOSITORY)} is missing" for path in sorted(rendered.keys() - golden.keys())]
    reports += [
        f"{path.relative_to(REPOSITORY)} is rendered no more" for path in sorted(golden.keys() - rendered.keys())
    ]
    if reports:
        hint = "if this is meant: uv run pytest tests/golden --update-golden, then review the diff"
        pytest.fail("\n\n".join([*reports, hint]), pytrace=False)


def test_no_golden_is_left_of_a_host_or_an_example_that_is_gone() -> None:
    found = {(path.parent.parent.name, path.parent.name) for path in FOLDER.glob("*/*/*") if path.is_file()}
    of_nodes = {(example, "talos") for example in EXAMPLES}  # tests/verify/test_goldens.py
    assert {pair for pair in found if pair[0] != "__pycache__"} - of_nodes == set(ALL)


def test_every_example_has_goldens() -> None:
    assert {example for example, _ in GOLDEN_HOSTS} == set(EXAMPLES)


@pytest.mark.parametrize(("example", "host"), ALL)
def test_a_rendered_file_is_lines_of_printable_ascii_that_no_tool_stumbles_over(example: str, host: str) -> None:
    for path, text in rendered_files(example, host).items():
        assert text.isascii(), path
        assert text.replace("\n", "").isprintable(), path
        assert text.endswith("\n"), path
        # vtysh hangs on lines of 4,096 characters or more.
        assert max(map(len, text.splitlines())) < 4096, path


def test_a_difference_names_the_file_and_shows_the_line_that_changed() -> None:
    path = FOLDER / "homelab" / "pve01" / "frr.conf"
    report = _difference(path, "a\nb\nc\n", "a\nB\nc\n")
    assert report.splitlines() == [
        "tests/golden/homelab/pve01/frr.conf is not what is rendered:",
        "--- golden",
        "+++ rendered now",
        "@@ -1,3 +1,3 @@",
        " a",
        "-b",
        "+B",
        " c",
    ]
