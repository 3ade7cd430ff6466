"""talosctl judges where a user has it, of the nodes' own release; a stand-in says how it is called."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.verify.variants import nodes_of
from trellis.verify.talos import verify_talos
from trellis.verify.talosctl import talosctl_on_path
from trellis.verify.verdict import WHOLE, VerifierMissing

STAND_IN = """#!/bin/sh
echo "$*" >> {log}
case $1 in
  version) echo "Talos {version}" ;;
  gen) for a; do [ "$last" = --output ] && echo made > "$a"; last=$a; done ;;
  validate) {verdict} ;;
esac
"""
REFUSES = 'echo "2 errors occurred:" >&2; echo "  * it is wrong" >&2; exit 1'


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """What the stand-in was asked, a line each time."""
    return tmp_path / "asked"


def put_on_path(folder: Path, log: Path, monkeypatch: pytest.MonkeyPatch, version: str, verdict: str = "true") -> None:
    talosctl = folder / "bin" / "talosctl"
    talosctl.parent.mkdir()
    talosctl.write_text(STAND_IN.format(log=shlex.quote(str(log)), version=version, verdict=verdict))
    talosctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{talosctl.parent}:/usr/bin:/bin")


def test_it_generates_patches_and_validates_each_node(
    tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_on_path(tmp_path, log, monkeypatch, "v1.13.2")
    nodes = nodes_of("1.13-bird2")
    report = verify_talos(nodes, print)
    assert report.validators == (("1.13.9", ("talosctl v1.13.2",)),)
    assert [(verdict.node, verdict.kind, verdict.ok) for verdict in report.verdicts] == [
        (node.node, WHOLE, True) for node in nodes
    ]
    asked = log.read_text().splitlines()
    assert asked[0] == "version --client --short"
    assert len(asked) == 1 + 2 * len(nodes)
    assert asked[1].startswith(
        "gen config trellis https://192.0.2.1:6443 --talos-version v1.13 --install-disk /dev/sda"
    )
    assert "--output-types controlplane" in asked[1]
    assert asked[1].count("--config-patch @") == 2
    assert asked[2].startswith("validate -c ")
    assert asked[2].endswith(" -m metal --strict")
    assert "--output-types worker" in asked[-2]


def test_what_it_refuses_is_told_in_its_own_words(tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_on_path(tmp_path, log, monkeypatch, "v1.13.2", REFUSES)
    report = verify_talos(nodes_of("1.13-bird2")[:1], print)
    (problem,) = report.problems
    assert (problem.source, problem.line) == ("cluster sol + node solcp01", 0)
    assert problem.problem == "2 errors occurred:; * it is wrong"


def test_one_of_another_minor_release_does_not_judge(
    tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_on_path(tmp_path, log, monkeypatch, "v1.9.0")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def none(*_: object, **__: object) -> None:
        raise VerifierMissing("no schema", "this test has none", "nothing")

    monkeypatch.setattr("trellis.verify.talos.schema_of", none)
    with pytest.raises(VerifierMissing, match="no schema"):
        verify_talos(nodes_of("1.14-bird2"), print)
    assert log.read_text() == "version --client --short\n"


def test_one_that_does_not_say_its_version_is_passed_over(
    tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_on_path(tmp_path, log, monkeypatch, "of some kind")
    assert talosctl_on_path() is None
