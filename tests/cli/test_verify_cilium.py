"""`trellis verify cilium`: what it judges, how it ends, and what it says without the schemas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from tests.sites import EXAMPLES, site_data
from trellis.cli import verify_cilium
from trellis.cli.console import Mistake
from trellis.lab import site_files
from trellis.verify import cilium

TAKES_ALL: dict[str, Any] = {"type": "object"}
TAKES_NO_SPEAKER = {
    "type": "object",
    "properties": {"metadata": {"properties": {"name": {"not": {"const": "solcp01"}}}}},
}


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    site = site_data("homelab")
    site["clusters"]["sol"]["cilium"] = {}
    return site_files.write(tmp_path, "dev", site)


def run(stack: Path, *words: str) -> Result:
    app = typer.Typer()
    verify_cilium.add_to(app)
    return CliRunner().invoke(app, [*words, "--file", str(stack)])


def keep(monkeypatch: pytest.MonkeyPatch, folder: Path, schema: dict[str, Any]) -> None:
    """Have the schemas lie where the command keeps them."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    kept = folder / "trellis" / "cilium"
    kept.mkdir(parents=True)
    for kind in cilium.KINDS:
        (kept / f"{kind.lower()}_v2.json").write_text(json.dumps(schema))


def test_what_cilium_takes_is_told_document_by_document(
    stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(monkeypatch, tmp_path, TAKES_ALL)
    done = run(stack, "sol", "--json")
    assert done.exit_code == 0
    answer = json.loads(done.stdout)
    assert answer["accepted"] is True
    assert len(answer["verdicts"]) == 9
    assert {verdict["cluster"] for verdict in answer["verdicts"]} == {"sol"}
    assert run(stack).exit_code == 0
    assert run(stack, "--schemas", str(tmp_path / "trellis" / "cilium")).exit_code == 0


def test_what_cilium_refuses_ends_with_1(stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(monkeypatch, tmp_path, TAKES_NO_SPEAKER)
    done = run(stack, "--json")
    assert done.exit_code == 1
    refused = [verdict for verdict in json.loads(done.stdout)["verdicts"] if verdict["problems"]]
    assert [verdict["document"] for verdict in refused] == ["CiliumBGPNodeConfigOverride solcp01"]


def test_a_cluster_without_cilium_is_told_which_have_it(stack: Path) -> None:
    done = run(stack, "luna")
    assert isinstance(done.exception, Mistake)
    assert str(done.exception) == "luna is no cluster with Cilium; such are: sol"


def test_without_the_schemas_it_fails_and_says_what_to_do(
    stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(cilium.published, "__defaults__", (None, f"file://{tmp_path}/none/{{}}"))
    done = run(stack)
    assert isinstance(done.exception, Mistake)
    assert done.exception.exit_code == 1
    assert "run it where there is internet, or put the file into" in str(done.exception)


def test_a_site_without_cilium_has_nothing_to_be_refused() -> None:
    assert run(EXAMPLES["guest-peering"]).exit_code == 0
