"""Patches are what was reviewed: of every example with Talos whole, of other releases and speakers the Talos part.

``pytest tests/verify --update-golden`` writes them anew; review the diff like any other change.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sites import EXAMPLES, plan_of
from tests.verify.variants import GOLDEN, NODES, VARIANTS, variant
from trellis.plan import Plan
from trellis.plan.speakers import SpeakerPlan
from trellis.render.talos import cluster_patch, node_patch, schematic, speaker

EXAMPLES_GOLDEN = Path(__file__).parents[1] / "golden"
WITH_TALOS = [name for name in EXAMPLES if any(cluster.talos is not None for cluster in plan_of(name).clusters)]


def rendered(plan: Plan) -> dict[str, str]:
    """Return file names and texts: of each cluster one control plane and one worker, what they share, its image."""
    files = {}
    for cluster in plan.clusters:
        if cluster.talos is None:
            continue
        for node in (*cluster.controlplanes[:1], *cluster.workers[:1]):
            files[f"{node}.yaml"] = node_patch(plan, node)
        files[f"cluster-{cluster.name}.yaml"] = cluster_patch(plan, cluster.name)
        files[f"schematic-{cluster.name}.yaml"] = schematic(plan, cluster.name)
    return files


def compare(folder: Path, files: dict[str, str], update: bool) -> None:
    """Fail if the files of a folder are not what is rendered; write them where asked."""
    if update:
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    golden = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*")}
    assert golden == files, "if this is meant: pytest tests/verify --update-golden, then review the diff"


@pytest.mark.parametrize("example", WITH_TALOS)
def test_nodes_of_an_example_get_what_was_reviewed(example: str, request: pytest.FixtureRequest) -> None:
    compare(
        EXAMPLES_GOLDEN / example / "talos",
        rendered(plan_of(example)),
        request.config.getoption("--update-golden"),
    )


def test_an_example_has_talos() -> None:
    assert WITH_TALOS == ["homelab"]
    assert {path.parent.name for path in EXAMPLES_GOLDEN.glob("*/talos")} == set(WITH_TALOS)


@pytest.mark.parametrize("name", VARIANTS)
def test_other_releases_and_speakers_get_what_was_reviewed(
    name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speaker, "speaker_text", _stands_for)
    compare(GOLDEN / name, rendered(variant(name)), request.config.getoption("--update-golden"))


def test_no_golden_is_left_of_a_variant_that_is_gone() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == set(VARIANTS)
    assert all(sorted(rendered(variant(name)))[-2:] == [f"{node}.yaml" for node in NODES] for name in VARIANTS)


def _stands_for(plan: SpeakerPlan) -> str:
    """Return a text in place of a speaker's: that has goldens of its own."""
    return f"the configuration of {plan.kind} on {plan.guest}\n"
