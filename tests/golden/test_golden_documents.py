"""What each example tells the bootstrap of its clusters is what was reviewed.

One file each, ``tests/golden/<example>/cluster-<name>.json``, in which a text of several lines stands by line.
``pytest tests/golden --update-golden`` writes them anew; review the diff like any other change.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.golden.files import FOLDER
from tests.golden.test_golden import _difference
from tests.sites import EXAMPLES, plan_of
from trellis.render.documents import cluster_document

CLUSTERS = [(example, cluster.name) for example in EXAMPLES for cluster in plan_of(example).clusters]


def rendered(example: str, cluster: str) -> dict[Path, str]:
    """Return the golden path of a cluster's document and what is rendered for it now."""
    document = cluster_document(plan_of(example), cluster)
    return {FOLDER / example / f"cluster-{cluster}.json": json.dumps(_by_line(document), indent=1) + "\n"}


def _by_line(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _by_line(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_by_line(below) for below in value]
    return value.split("\n") if isinstance(value, str) and "\n" in value else value


@pytest.mark.parametrize(("example", "cluster"), CLUSTERS)
def test_a_bootstrap_is_told_what_was_reviewed(example: str, cluster: str, request: pytest.FixtureRequest) -> None:
    files = rendered(example, cluster)
    if request.config.getoption("--update-golden"):
        for path, text in files.items():
            path.write_text(text, encoding="utf-8")
    hint = "if this is meant: uv run pytest tests/golden --update-golden, then review the diff"
    for path, text in files.items():
        golden = path.read_text(encoding="utf-8") if path.exists() else ""
        if golden != text:
            pytest.fail(f"{_difference(path, golden, text)}\n\n{hint}", pytrace=False)


def test_no_golden_is_left_of_a_cluster_that_is_gone() -> None:
    found = {(path.parent.name, path.stem.removeprefix("cluster-")) for path in FOLDER.glob("*/cluster-*.json")}
    assert found == set(CLUSTERS)
