"""Real plugins win wherever they are or can be had; stand-ins serve the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from trellis.engine import Engine, RealPlugins
from trellis.lab.plugins.launchers import plugins, write_launchers


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))


def fake_engine(path: Path, script: str) -> Engine:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return Engine(path, "v3.258.0", "path", 0.0)


def test_without_internet_stand_ins_serve_what_is_missing(tmp_path: Path) -> None:
    said: list[str] = []
    chosen = plugins(fake_engine(tmp_path / "pulumi", "exit 9"), said.append, online=False)
    assert chosen.stand_ins == ("command", "proxmoxve", "talos")
    assert chosen.folder is not None
    assert sorted(path.name for path in chosen.folder.iterdir()) == [
        "pulumi-resource-command",
        "pulumi-resource-proxmoxve",
        "pulumi-resource-talos",
    ]
    assert said[0] == "plugin command 1.2.1: not on this machine, the lab's stand-in serves it"


def test_a_real_plugin_gets_no_launcher(tmp_path: Path) -> None:
    found = RealPlugins({"command": tmp_path / "pulumi-resource-command"}, {"proxmoxve": "8.6.0"}, tmp_path)
    chosen = plugins(fake_engine(tmp_path / "pulumi", "exit 9"), lambda _: None, found=found, online=False)
    assert (list(chosen.real), chosen.stand_ins) == (["command"], ("proxmoxve",))
    assert chosen.folder is not None
    assert [path.name for path in chosen.folder.iterdir()] == ["pulumi-resource-proxmoxve"]


def test_with_all_plugins_real_there_is_nothing_to_put_on_path(tmp_path: Path) -> None:
    found = RealPlugins({"command": tmp_path / "a", "proxmoxve": tmp_path / "b"}, {}, tmp_path)
    assert plugins(fake_engine(tmp_path / "pulumi", ""), lambda _: None, found=found).folder is None


def test_where_the_internet_answers_the_engine_downloads_the_real_ones(tmp_path: Path) -> None:
    home = tmp_path / "home" / "plugins"
    engine = fake_engine(
        tmp_path / "pulumi",
        f'echo "$@" >> {tmp_path}/asked; mkdir -p {home}/resource-$4-v$5;'
        f" : > {home}/resource-$4-v$5/pulumi-resource-$4",
    )
    chosen = plugins(engine, lambda _: None, online=True)
    assert sorted(chosen.real) == ["command", "proxmoxve", "talos"]
    assert (chosen.stand_ins, chosen.folder) == ((), None)
    assert (tmp_path / "asked").read_text().splitlines() == [
        "plugin install resource command 1.2.1",
        "plugin install resource proxmoxve 8.6.0 --server github://api.github.com/muhlba91/pulumi-proxmoxve",
        "plugin install resource talos 0.8.1 --server github://api.github.com/pulumiverse",
    ]


def test_a_download_that_fails_is_said_and_the_stand_in_serves(tmp_path: Path) -> None:
    said: list[str] = []
    chosen = plugins(fake_engine(tmp_path / "pulumi", "echo 'error: 403' >&2; exit 1"), said.append, online=True)
    assert chosen.stand_ins == ("command", "proxmoxve", "talos")
    assert "plugin command: could not be installed: error: 403" in said


def test_launchers_are_written_once_and_are_the_same_each_time(tmp_path: Path) -> None:
    first = write_launchers(["command"], tmp_path)
    before = (first / "pulumi-resource-command").stat().st_mtime_ns
    assert write_launchers(["command"], tmp_path) == first
    assert (first / "pulumi-resource-command").stat().st_mtime_ns == before
    assert write_launchers(["command", "proxmoxve"], tmp_path) != first
