"""A prefix file is replaced whole or not at all, and never against somebody who changed it meanwhile."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from trellis.cli.console import Mistake
from trellis.cli.prefix_file import PrefixFile
from trellis.site.delegated import Prefixes, prefixes_text, read_prefixes

OLD = read_prefixes("schema_version: 1\nvnets: {vnet101: {current: '2600:1700:ab1a:400e::/64'}}\n")
NEW = read_prefixes("schema_version: 1\nvnets: {vnet101: {current: '2600:1700:ab1a:500e::/64'}}\n")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "Prefixes.dev.yaml"
    path.write_text(prefixes_text(OLD))
    return path


def test_no_file_says_that_nothing_is_delegated(tmp_path: Path) -> None:
    found = PrefixFile.read(tmp_path / "Prefixes.dev.yaml")
    assert (found.content, found.prefixes()) == (None, Prefixes())
    found.replace(NEW)
    assert PrefixFile.read(found.path).prefixes() == NEW


def test_a_file_keeps_its_mode(file: Path) -> None:
    file.chmod(0o664)
    PrefixFile.read(file).replace(NEW)
    assert PrefixFile.read(file).prefixes() == NEW
    assert stat.S_IMODE(file.stat().st_mode) == 0o664


def test_a_link_stays_one_and_what_it_leads_to_is_replaced(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link" / "Prefixes.dev.yaml"
    link.parent.mkdir()
    link.symlink_to(file)
    PrefixFile.read(link).replace(NEW)
    assert link.is_symlink()
    assert PrefixFile.read(file).prefixes() == NEW


@pytest.mark.parametrize("meanwhile", [b"schema_version: 1\n", None])
def test_what_somebody_else_changed_meanwhile_is_theirs(file: Path, meanwhile: bytes | None) -> None:
    found = PrefixFile.read(file)
    if meanwhile is None:
        file.unlink()
    else:
        file.write_bytes(meanwhile)
    with pytest.raises(Mistake, match="was changed meanwhile"):
        found.replace(NEW)
    assert PrefixFile.read(file).content == meanwhile


@pytest.mark.parametrize("step", ["fsync", "fchmod"])
def test_a_disk_that_fails_leaves_the_file_as_it_was_and_nothing_beside_it(
    file: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, fails)
    with pytest.raises(Mistake, match="is as it was: No space left on device"):
        PrefixFile.read(file).replace(NEW)
    assert PrefixFile.read(file).prefixes() == OLD
    assert [*file.parent.iterdir()] == [file]


def test_content_is_on_the_disk_before_it_has_the_name(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    synced, renamed = os.fsync, Path.replace

    def fsync(handle: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "content")
        synced(handle)

    def replace(path: Path, target: Path) -> Path:
        steps.append("rename")
        return renamed(path, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    PrefixFile.read(file).replace(NEW)
    assert steps == ["content", "rename", "folder"]


def test_a_folder_in_its_place_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "Prefixes.dev.yaml").mkdir()
    with pytest.raises(Mistake, match="Is a directory"):
        PrefixFile.read(tmp_path / "Prefixes.dev.yaml")
