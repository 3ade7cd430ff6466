"""The one file that a host gets."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from trellis.agent import bundle
from trellis.agent.bundle import MODULES, OF_PVE, UNPACK, agent_digest, agent_text, invocation, packed_agent
from trellis.agent.itself import AGENT_PATH


def _run(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = tmp_path / "agent.py"
    path.write_text(agent_text())
    # -I: no package of this machine, not even the working folder, can stand in for what the file lacks.
    argv = [sys.executable, "-I", str(path), *arguments]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)


def test_the_file_runs_on_its_own(tmp_path: Path) -> None:
    helped = _run(tmp_path, "--help")
    assert helped.returncode == 0
    assert "commit" in helped.stdout
    refused = _run(tmp_path, "nonsense")
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr


def test_the_same_sources_make_the_same_bytes() -> None:
    assert agent_text.__wrapped__() == agent_text()
    assert len(agent_digest()) == 64


def test_the_file_is_valid_python_that_holds_every_module_s_source_as_it_is() -> None:
    text = agent_text()
    ast.parse(text)
    folder = Path(bundle.__file__).parent
    for module in MODULES:
        assert (folder / f"{module}.py").read_text() in text


def test_every_module_of_the_package_is_in_the_file_but_its_maker() -> None:
    folder = Path(bundle.__file__).parent
    assert {path.stem for path in folder.glob("*.py")} - set(MODULES) == {"__init__", "bundle"}


def needs(source: str, before: tuple[str, ...]) -> list[str]:
    """Return what a module imports beside the standard library and the agent's modules that stand before it."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            package = node.module == "trellis.agent"
            found += [f"{node.module}.{name.name}" if package else str(node.module) for name in node.names]
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
    ours = {f"trellis.agent.{name}" for name in before} | {f"trellis.pve.{name}" for name in OF_PVE}
    return [name for name in found if name not in ours and name.partition(".")[0] not in sys.stdlib_module_names]


@pytest.mark.parametrize("number", range(len(MODULES)), ids=MODULES)
def test_a_module_needs_nothing_that_a_host_may_not_have_and_can_be_quoted(number: int) -> None:
    source = (Path(bundle.__file__).parent / f"{MODULES[number]}.py").read_text()
    assert needs(source, MODULES[:number]) == []
    assert "'''" not in source
    assert source.endswith("\n")


@pytest.mark.parametrize("number", range(len(OF_PVE)), ids=OF_PVE)
def test_what_is_taken_of_trellis_pve_needs_nothing_else_and_can_be_quoted(number: int) -> None:
    source = (Path(bundle.__file__).parents[1] / "pve" / f"{OF_PVE[number]}.py").read_text()
    later = [f"from trellis.pve.{name} import" for name in OF_PVE[number:]]
    assert needs(source, ()) == []
    assert [line for line in later if line in source] == []
    assert "'''" not in source


def test_a_module_that_a_run_does_not_need_is_not_compiled(tmp_path: Path) -> None:
    text = agent_text().replace("sys.exit(main())", "sys.exit(any('pve.' in name for name in sys.modules))")
    (tmp_path / "agent.py").write_text(text)
    assert subprocess.run([sys.executable, "-I", str(tmp_path / "agent.py")], check=False, timeout=60).returncode == 0


@pytest.mark.parametrize(
    "source",
    [
        "import yaml\n",
        "from pydantic import BaseModel\n",
        "from trellis.site import model\n",
        "from trellis.agent import transaction\n",
        "from trellis.agent.main import main\n",
    ],
)
def test_what_a_host_may_not_have_is_noticed(source: str) -> None:
    assert needs(source, MODULES[:3])


def test_a_connection_that_is_gone_is_no_error_of_the_agent(tmp_path: Path) -> None:
    path = tmp_path / "agent.py"
    path.write_text(agent_text())
    script = f"echo nonsense | {sys.executable} -I {path} commit >&- 2>&-"
    assert subprocess.run(["sh", "-c", script], timeout=60, check=False).returncode == 2


def _unpack(packed: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["sh", "-c", UNPACK], input=packed.encode(), capture_output=True, timeout=60, check=False)


def test_what_travels_is_unpacked_on_the_host_to_the_very_same_bytes() -> None:
    unpacked = _unpack(packed_agent())
    assert (unpacked.returncode, unpacked.stderr) == (0, b"")
    assert unpacked.stdout == agent_text().encode()


def test_what_travels_is_the_same_each_time_small_and_in_short_lines() -> None:
    packed = packed_agent()
    assert packed == packed_agent.__wrapped__()
    assert len(packed) < 0.4 * len(agent_text())
    assert max(map(len, packed.splitlines())) == 76


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.999])
def test_what_arrives_cut_off_is_refused(kept: float) -> None:
    packed = packed_agent()
    lines = packed[: int(len(packed) * kept)].splitlines(keepends=True)[:-1]
    assert _unpack("".join(lines)).returncode != 0


def _as_deploy_user(
    tmp_path: Path, agent: Path, sudo: str, command: str = "status"
) -> subprocess.CompletedProcess[str]:
    """Run an invocation where the agent is at a path of the test's, and `sudo` is a script of the test's."""
    (tmp_path / "sudo").write_text(f"#!/bin/sh\n{sudo}\n")
    (tmp_path / "sudo").chmod(0o755)
    text = invocation(command).replace(AGENT_PATH, str(agent))
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    return subprocess.run(
        ["sh", "-c", text], input="given", capture_output=True, text=True, timeout=60, check=False, env=environment
    )


def _script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_an_invocation_hands_on_input_arguments_and_status_of_the_agent_that_it_names(tmp_path: Path) -> None:
    agent = _script(tmp_path / "agent.py", 'echo "$@"; cat; exit 1')
    ran = _as_deploy_user(tmp_path, agent, 'shift; [ "$1" = -l ] || exec "$@"', "confirm 'a b'")
    assert (ran.returncode, ran.stderr) == (1, "")
    assert ran.stdout == f"--agent {agent_digest()} confirm a b\ngiven"


def test_a_host_without_the_agent_says_how_it_gets_it(tmp_path: Path) -> None:
    ran = _as_deploy_user(tmp_path, tmp_path / "none", "exit 1")
    assert ran.returncode == 3
    assert "not installed here; run `trellis install" in ran.stderr


def test_a_user_whom_sudo_does_not_let_says_how_to_be_let(tmp_path: Path) -> None:
    agent = _script(tmp_path / "agent.py", "exit 0")
    ran = _as_deploy_user(tmp_path, agent, 'echo "sudo: a password is required" >&2; exit 1')
    assert ran.returncode == 3
    assert "sudo does not let" in ran.stderr
    assert "trellis install" in ran.stderr


def test_an_agent_of_another_version_refuses_with_the_command_that_upgrades_it(tmp_path: Path) -> None:
    ran = _run(tmp_path, "--agent", "0" * 64, "a-command-that-only-the-other-version-knows")
    assert ran.returncode == 3
    assert "another version of the agent is installed" in ran.stderr
    assert "run `trellis install" in ran.stderr


def test_the_agent_that_is_meant_goes_on(tmp_path: Path) -> None:
    assert _run(tmp_path, "--agent", agent_digest(), "--help").returncode == 0
