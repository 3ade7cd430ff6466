"""Where the engine comes from, and what a user is told when there is none. No engine is needed here."""

from __future__ import annotations

import fcntl
import json
import socket
import threading
import time
from pathlib import Path

import pytest

from trellis.engine import EngineMissingError, build, find, official
from trellis.engine.command import run
from trellis.engine.find import version_of
from trellis.engine.pin import Pin, read_pin
from trellis.engine.real_plugins import real_plugins

PULUMI = '#!/bin/sh\n[ "$1" = version ] && echo {version}\n'


@pytest.fixture
def empty_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH that holds nothing but the shell's own tools, and no Go beside it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(build, "_BESIDE_PATH", ())
    monkeypatch.delenv("GOTOOLCHAIN", raising=False)
    return folder


@pytest.fixture
def pin(tmp_path: Path) -> Pin:
    return Pin("v3.258.0", (1, 25, 11), tmp_path)


def executable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_the_pin_is_what_go_mod_names() -> None:
    pin = read_pin()
    assert f"pulumi/pkg/v3 {pin.version}" in (pin.module_dir / "go.mod").read_text()
    assert pin.go_version >= (1, 25)


def test_a_pulumi_on_path_is_taken(empty_path: Path, pin: Pin, tmp_path: Path) -> None:
    executable(empty_path / "pulumi", PULUMI.format(version="v3.260.1"))
    said: list[str] = []
    engine = find(said.append, pin=pin, cache=tmp_path / "cache", online=False)
    assert (engine.source, engine.version, engine.path) == ("path", "v3.260.1", empty_path / "pulumi")
    assert said == [f"engine: Pulumi v3.260.1, from PATH: {empty_path / 'pulumi'}"]


def test_a_pulumi_on_path_that_is_too_old_is_passed_over(empty_path: Path, pin: Pin, tmp_path: Path) -> None:
    executable(empty_path / "pulumi", PULUMI.format(version="v3.100.0"))
    executable(tmp_path / "cache" / "v3.258.0" / "pulumi", PULUMI.format(version="v3.258.0"))
    said: list[str] = []
    engine = find(said.append, pin=pin, cache=tmp_path / "cache", online=False)
    assert engine.source == "built"
    assert "is v3.100.0, older than v3.253.0" in said[0]


def test_what_was_built_before_is_taken_without_go(empty_path: Path, pin: Pin, tmp_path: Path) -> None:
    executable(tmp_path / "cache" / "v3.258.0" / "pulumi", PULUMI.format(version="v3.258.0"))
    assert find(print, pin=pin, cache=tmp_path / "cache", online=False).source == "built"


def test_a_missing_go_is_one_line_that_says_what_to_install(empty_path: Path, pin: Pin, tmp_path: Path) -> None:
    with pytest.raises(EngineMissingError) as raised:
        find(print, pin=pin, cache=tmp_path / "cache", online=False)
    assert str(raised.value) == (
        "the Pulumi engine can't be built: Go is not installed;"
        " install Go 1.25.11 or newer from https://go.dev/dl, or the Pulumi CLI on PATH"
    )


def test_debian_12s_own_go_is_refused_in_one_line(empty_path: Path, pin: Pin, tmp_path: Path) -> None:
    executable(empty_path / "go", "#!/bin/sh\necho go1.19.8\n")
    with pytest.raises(EngineMissingError) as raised:
        find(print, pin=pin, cache=tmp_path / "cache", online=False)
    assert f"{empty_path / 'go'} is Go 1.19.8, go.mod needs 1.25.11; install Go 1.25.11" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_go_that_can_fetch_a_newer_one_is_used(empty_path: Path, pin: Pin) -> None:
    executable(empty_path / "go", "#!/bin/sh\necho go1.24.4\n")
    assert build.find_go(pin) == build.GoToolchain(str(empty_path / "go"), (1, 24, 4), fetches=True)


def test_a_go_that_may_not_fetch_a_newer_one_is_refused(
    empty_path: Path, pin: Pin, monkeypatch: pytest.MonkeyPatch
) -> None:
    executable(empty_path / "go", "#!/bin/sh\necho go1.24.4\n")
    monkeypatch.setenv("GOTOOLCHAIN", "local")
    with pytest.raises(EngineMissingError, match="GOTOOLCHAIN=local forbids fetching it; unset GOTOOLCHAIN"):
        build.find_go(pin)


def test_a_build_that_fails_says_why_and_leaves_nothing(empty_path: Path, pin: Pin, tmp_path: Path) -> None:
    executable(
        empty_path / "go",
        "#!/bin/sh\n[ $1 = env ] && echo go1.26.8 && exit\n[ $1 = list ] && echo one && exit\n"
        'for a; do [ $last_o ] && echo half > $a; last_o=; [ "$a" = -o ] && last_o=1; done\n'
        "echo 'no space left on device' >&2; exit 1\n",
    )
    with pytest.raises(EngineMissingError, match=r"`go build` in .* said: no space left on device; check"):
        find(print, pin=pin, cache=tmp_path / "cache", online=False)
    assert list((tmp_path / "cache" / "v3.258.0").iterdir()) == []


def test_a_build_puts_the_binary_in_place_whole(empty_path: Path, pin: Pin, tmp_path: Path) -> None:
    executable(
        empty_path / "go",
        "#!/bin/sh\n[ $1 = env ] && echo go1.26.8 && exit\n[ $1 = list ] && echo one && exit\n"
        'for a; do [ $last_o ] && target=$a; last_o=; [ "$a" = -o ] && last_o=1; done\n'
        "case $* in *Version=v3.258.0*) ;; *) exit 3;; esac\n"
        "printf '#!/bin/sh\\necho v3.258.0\\n' > $target; /bin/chmod +x $target\n",
    )
    engine = find(print, pin=pin, cache=tmp_path / "cache", online=False)
    assert engine.source == "built"
    assert engine.path == tmp_path / "cache" / "v3.258.0" / "pulumi"
    assert [one.name for one in engine.path.parent.iterdir()] == ["pulumi"]


def test_a_second_run_waits_for_the_first_ones_build(empty_path: Path, pin: Pin, tmp_path: Path) -> None:
    executable(tmp_path / "cache" / "v3.258.0" / "pulumi", PULUMI.format(version="v3.258.0"))
    said: list[str] = []
    with (tmp_path / "cache" / ".v3.258.0.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        other = threading.Thread(
            target=find, args=(said.append,), kwargs={"pin": pin, "cache": tmp_path / "cache", "online": False}
        )
        other.start()
        deadline = time.monotonic() + 10
        while not said and time.monotonic() < deadline:
            time.sleep(0.01)
        assert said == ["engine: another run is building the Pulumi engine, waiting for it"]
    other.join(timeout=10)
    assert said[-1].startswith("engine: Pulumi v3.258.0")


def test_a_download_site_that_stays_silent_is_given_up_on_within_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        assert not official.answers(f"http://127.0.0.1:{silent.getsockname()[1]}/install.sh", timeout_s=0.5)
        assert time.monotonic() - started < 3


def test_the_official_cli_is_installed_by_the_automation_api(
    pin: Pin, tmp_path: Path, empty_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pulumi package of the test's own takes the place of the download."""
    fake = tmp_path / "fake" / "pulumi" / "automation.py"
    fake.parent.mkdir(parents=True)
    (fake.parent / "__init__.py").write_text("")
    fake.write_text(
        "import pathlib\n"
        "class PulumiCommand:\n"
        "    @classmethod\n"
        "    def install(cls, root, version):\n"
        "        path = pathlib.Path(root, 'bin', 'pulumi')\n"
        "        path.parent.mkdir(parents=True)\n"
        "        path.write_text(f'#!/bin/sh\\necho v{version}\\n')\n"
        "        path.chmod(0o755)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "fake"))
    engine = find(print, pin=pin, cache=tmp_path / "cache", online=True)
    assert (engine.source, engine.version) == ("official", "v3.258.0")
    assert engine.path == tmp_path / "cache" / "v3.258.0-official" / "bin" / "pulumi"
    monkeypatch.delenv("PYTHONPATH")
    assert find(print, pin=pin, cache=tmp_path / "cache", online=False).source == "official"


def test_a_download_that_fails_leaves_nothing_and_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "fake" / "pulumi" / "automation.py"
    fake.parent.mkdir(parents=True)
    (fake.parent / "__init__.py").write_text("")
    fake.write_text("raise RuntimeError('the site is on fire')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "fake"))
    said: list[str] = []
    assert not official.install("v3.258.0", tmp_path / "cache" / "root", said.append)
    assert said[-1].endswith("could not be installed: RuntimeError: the site is on fire")
    assert list((tmp_path / "cache").iterdir()) == []


def test_an_engine_that_does_not_run_is_no_engine(tmp_path: Path) -> None:
    assert version_of(executable(tmp_path / "pulumi", "#!/bin/sh\nexit 1\n")) is None
    assert version_of(tmp_path / "nowhere") is None


def test_the_command_describes_engine_and_plugins_as_json(
    empty_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executable(empty_path / "pulumi", PULUMI.format(version="v3.260.1"))
    executable(empty_path / "pulumi-resource-command", "#!/bin/sh\n")
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    written: list[str] = []
    run(written.append, lambda _: None, as_json=True)
    document = json.loads(written[0])
    assert (document["version"], document["source"]) == ("v3.260.1", "path")
    assert document["plugins"]["command"] == {
        "real": True,
        "path": str(empty_path / "pulumi-resource-command"),
    }
    assert document["plugins"]["proxmoxve"]["real"] is False


def test_a_real_plugin_of_the_version_asked_for_or_newer_is_found_at_home(tmp_path: Path) -> None:
    for version in ("0.9.0", "1.2.1", "1.3.0", "2.0.0"):
        executable(tmp_path / "plugins" / f"resource-command-v{version}" / "pulumi-resource-command", "")
    found = real_plugins(["command"], search_path="/nowhere", home=tmp_path)
    assert found.present["command"].parent.name == "resource-command-v1.3.0"


def test_an_older_plugin_at_home_does_not_count(tmp_path: Path) -> None:
    executable(tmp_path / "plugins" / "resource-command-v1.0.0" / "pulumi-resource-command", "")
    assert set(real_plugins(["command"], search_path="/nowhere", home=tmp_path).missing) == {"command"}
