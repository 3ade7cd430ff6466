"""The lab's images: what was built whole is used again, what was cut short never is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from trellis.lab import images, processes
from trellis.lab.errors import LabError
from trellis.lab.images import Images, Kernel, ensure_kernel, ensure_root
from trellis.lab.processes import Say, require_tools

RELEASES = {"sid": "7.2.7", "bookworm": "6.1.176"}


class Builder:
    """Stands in for mmdebstrap: notes what is asked of it, and fails for some suites."""

    def __init__(self, *, broken: Sequence[str] = ()) -> None:
        self.broken = broken
        self.asked: list[str] = []

    def __call__(
        self, suite: str, target: Path, variant: str, packages: Sequence[str], options: Sequence[str], say: Say
    ) -> None:
        self.asked.append(f"{variant} {suite} {' '.join(packages)}" if variant == "extract" else f"{variant} {suite}")
        (target / "usr/lib/uml/modules" / RELEASES.get(suite, "0.0.0") / "kernel/net/netfilter").mkdir(parents=True)
        if suite in self.broken:
            raise LabError(f"an image from Debian {suite}", why="mmdebstrap failed:\n    E: no route", remedy="wait")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "trellis" / "lab"


def use(builder: Builder, monkeypatch: pytest.MonkeyPatch) -> Builder:
    monkeypatch.setattr(images, "_mmdebstrap", builder)
    monkeypatch.setattr(images.nf_tables, "rebuild", lambda *_: None)
    return builder


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if not entry.name.endswith(".lock"))


def test_a_root_is_built_once_and_found_the_second_time(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    builder = use(Builder(), monkeypatch)
    said: list[str] = []
    first = ensure_root("trixie", said.append)
    assert ensure_root("trixie", said.append) == first
    assert builder.asked == ["minbase trixie"]
    assert len(said) == 1
    assert first.parent == cache


def test_a_build_that_fails_leaves_nothing_that_could_be_taken_for_a_root(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(Builder(broken=["trixie"]), monkeypatch)
    with pytest.raises(LabError, match="no route"):
        ensure_root("trixie", print)
    assert names(cache) == []
    use(Builder(), monkeypatch)
    assert ensure_root("trixie", print).is_dir()


def test_what_a_killed_build_left_is_not_built_upon(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(Builder(broken=["trixie"]), monkeypatch)
    monkeypatch.setattr(images.shutil, "rmtree", lambda *_, **__: None)  # killed: nothing is cleared away
    with pytest.raises(LabError):
        ensure_root("trixie", print)
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache.parents[1]))
    (left,) = (entry for entry in cache.iterdir() if entry.is_dir())
    (left / "image" / "rubbish").touch()
    use(Builder(), monkeypatch)
    assert not (ensure_root("trixie", print) / "rubbish").exists()
    assert not left.exists()


def test_another_package_list_makes_another_root(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(Builder(), monkeypatch)
    first = ensure_root("trixie", print)
    monkeypatch.setattr(images, "ROOT_PACKAGES", (*images.ROOT_PACKAGES, "cowsay"))
    assert ensure_root("trixie", print) != first


def test_the_older_kernel_is_taken_and_said_so_where_the_newest_cannot_be_had(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder = use(Builder(broken=["sid"]), monkeypatch)
    said: list[str] = []
    kernel = ensure_kernel(said.append)
    assert builder.asked == [
        "extract sid user-mode-linux",
        "extract bookworm user-mode-linux",
        "extract bookworm linux-source-6.1",
    ]
    assert (kernel.release, kernel.arguments) == ("6.1.176", ())
    assert "no kernel from Debian sid (E: no route)" in said
    assert any("three times slower" in line for line in said)


def test_a_kernel_comes_with_its_modules_apart_and_places_to_mount(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(Builder(), monkeypatch)
    kernel = ensure_kernel(print)
    assert (kernel.release, kernel.arguments) == ("7.2.7", ("seccomp=on",))
    assert (kernel.modules / "usr/lib/modules" / kernel.release).is_dir()
    assert (kernel.runner / "lib64").readlink() == Path("usr/lib64")
    assert {"proc", "dev", "tmp", "host"} <= set(names(kernel.runner))


def test_where_images_are_is_read_back_as_it_was_written() -> None:
    known = Images(Path("/a"), Kernel(Path("/b"), Path("/c"), "7.2.7", ("seccomp=on",)))
    assert Images.from_json(known.to_json()) == known


def test_missing_tools_are_named_together_with_the_one_command_that_brings_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    absent = {"mmdebstrap", "ssh", "ssh-keygen"}
    monkeypatch.setattr(processes.shutil, "which", lambda tool: None if tool in absent else f"/usr/bin/{tool}")
    with pytest.raises(LabError) as raised:
        require_tools()
    assert raised.value.why == "not installed: mmdebstrap, openssh-client"
    assert raised.value.remedy == "apt-get install --yes mmdebstrap openssh-client"
