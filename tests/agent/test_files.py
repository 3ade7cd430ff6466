"""Files put in place whole, and put back as they were."""

from __future__ import annotations

import getpass
import grp
import os
import pwd
from pathlib import Path

import pytest

from trellis.agent import files
from trellis.agent.manifest import ManagedFile
from trellis.agent.report import Fault

OWNER = getpass.getuser()
GROUP = grp.getgrgid(pwd.getpwnam(OWNER).pw_gid).gr_name


def _managed(path: Path, *lines: str, mode: int = 0o640) -> ManagedFile:
    return ManagedFile(str(path), mode, OWNER, GROUP, lines)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "frr.conf"
    path.write_text("old\n")
    path.chmod(0o604)
    os.utime(path, ns=(1_000, 2_000))
    return path


def _names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_staging_changes_nothing_and_publishing_replaces(tmp_path: Path, old: Path) -> None:
    wanted = _managed(old, "new")
    files.stage([wanted])
    assert old.read_text() == "old\n"
    files.publish([wanted])
    assert files.differences(wanted, files.found(str(old))) == []
    files.settle([str(old)])
    assert _names(tmp_path) == ["frr.conf"]


def test_what_was_published_is_put_back_with_its_mode_and_times(tmp_path: Path, old: Path) -> None:
    wanted, added = _managed(old, "new"), _managed(tmp_path / "sub" / "added", "x")
    files.stage([wanted, added])
    files.publish([wanted, added])
    assert files.take_back([wanted.path, added.path]) == [wanted.path, added.path]
    assert old.read_text() == "old\n"
    assert old.stat().st_mode & 0o777 == 0o604
    assert old.stat().st_mtime_ns == 2_000
    assert _names(tmp_path) == ["frr.conf", "sub"]
    assert _names(tmp_path / "sub") == []


def test_taking_back_leaves_alone_what_was_never_published(tmp_path: Path, old: Path) -> None:
    wanted = _managed(old, "new")
    files.stage([wanted])
    assert files.take_back([wanted.path]) == []
    assert files.take_back([wanted.path]) == []
    assert old.read_text() == "old\n"
    assert _names(tmp_path) == ["frr.conf"]


def test_a_cut_between_keeping_the_old_name_and_the_rename_puts_nothing_back(tmp_path: Path, old: Path) -> None:
    os.link(old, tmp_path / ".frr.conf.trellis-old")
    assert files.take_back([str(old)]) == []
    assert _names(tmp_path) == ["frr.conf"]
    assert old.read_text() == "old\n"


def test_a_folder_that_takes_no_file_is_a_fault_before_anything_changed(tmp_path: Path, old: Path) -> None:
    (tmp_path / "no-folder").write_text("")
    with pytest.raises(Fault, match="cannot be written"):
        files.stage([_managed(old, "new"), _managed(tmp_path / "no-folder" / "file", "x")])
    assert old.read_text() == "old\n"
    assert _names(tmp_path) == ["frr.conf", "no-folder"]


def test_a_content_that_never_reached_the_disk_is_not_published(tmp_path: Path, old: Path, monkeypatch) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").readlink().name)
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    wanted = _managed(old, "new")
    files.stage([wanted])
    assert synced == [".frr.conf.trellis-new"]
    files.publish([wanted])
    assert synced[1:] == [tmp_path.name]


def test_a_link_in_a_file_s_place_is_not_followed(tmp_path: Path, old: Path) -> None:
    (tmp_path / "link").symlink_to(old)
    with pytest.raises(Fault):
        files.found(str(tmp_path / "link"))


def test_each_way_in_which_a_file_differs_is_named(tmp_path: Path, old: Path) -> None:
    assert files.differences(_managed(old, "new"), files.found(str(old))) == ["content", "mode"]
    assert files.differences(_managed(old, "old", mode=0o604), files.found(str(old))) == []
    assert files.differences(_managed(old, "old"), files.found(str(tmp_path / "none"))) == ["missing"]


def test_an_owner_that_the_host_does_not_know_is_a_fault(old: Path) -> None:
    with pytest.raises(Fault, match="no user nobody-such"):
        files.stage([ManagedFile(str(old), 0o640, "nobody-such", GROUP, ("x",))])
