"""The simulator as a process: TLS that verifies, start and stop, and what is put on a host's disk."""

from __future__ import annotations

import ast
import os
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.lab.proxmox.simulated_cluster import SECRET, TOKEN
from trellis.lab.errors import LabError
from trellis.lab.proxmox import NodeConfig, SimulatorConfig, SshConfig, installation, is_running, start, stop
from trellis.lab.proxmox import config as configuration

PACKAGE = Path(configuration.__file__).parent
HEADERS = {"Authorization": f"PVEAPIToken={TOKEN}={SECRET}"}


def a_config(folder: Path, port: int = 8006) -> SimulatorConfig:
    ssh = SshConfig(str(folder / "key"), str(folder / "known_hosts"))
    nodes = (NodeConfig("pve01", "127.0.0.9", "9.2"),)
    return SimulatorConfig("127.0.0.1", str(folder / "state"), "lab", nodes, {TOKEN: SECRET}, ssh=ssh, port=port)


def a_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_client_that_trusts_the_clusters_ca_gets_an_answer_over_tls(tmp_path: Path) -> None:
    config = a_config(tmp_path, a_free_port())
    file = tmp_path / "proxmox.json"
    config.write(file)
    said: list[str] = []
    pid = start(file, say=said.append)
    try:
        context = ssl.create_default_context(cafile=str(config.ca_file))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        version = httpx.get(f"{config.url}/api2/json/version", headers=HEADERS, verify=context)
        assert version.json()["data"]["release"] == "9.2"
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(f"{config.url}/api2/json/version", headers=HEADERS)
        assert start(file, say=said.append) == pid, "a second start is the first one"
    finally:
        stop(file)
    assert is_running(file) is None
    assert not Path(f"/proc/{pid}").exists()
    assert said == [f"Proxmox API: starting at {config.url}"]


def test_an_api_that_can_not_listen_says_why_and_leaves_nothing_running(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        file = tmp_path / "proxmox.json"
        a_config(tmp_path, int(taken.getsockname()[1])).write(file)
        with pytest.raises(LabError, match="address already in use"):
            start(file, say=lambda _: None)
    assert is_running(file) is None


def test_stopping_what_does_not_run_is_nothing(tmp_path: Path) -> None:
    file = tmp_path / "proxmox.json"
    a_config(tmp_path).write(file)
    stop(file)


def test_a_number_that_now_belongs_to_somebody_else_is_not_ended(tmp_path: Path) -> None:
    file = tmp_path / "proxmox.json"
    config = a_config(tmp_path)
    config.write(file)
    Path(config.state_dir).mkdir()
    (Path(config.state_dir) / "api.pid").write_text(f"{os.getpid()}\n")
    stop(file)


def test_the_configuration_file_is_read_as_it_was_written_and_only_by_its_owner(tmp_path: Path) -> None:
    file = tmp_path / "proxmox.json"
    config = a_config(tmp_path)
    config.write(file)
    assert configuration.read(file) == config
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("text", ["{", "{}", '{"nodes": [{"name": "a", "address": "b", "release": "6.4"}]}'])
def test_a_broken_configuration_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "proxmox.json"
    file.write_text(text)
    with pytest.raises(LabError, match=str(file)):
        configuration.read(file)


def test_the_certificates_are_kept_as_long_as_the_names_are_the_same(tmp_path: Path) -> None:
    config = a_config(tmp_path)
    ca = "/etc/pve/pve-root-ca.pem"

    def authority() -> str:
        return next(file.content for file in installation(config, config.nodes[0]).files if file.path == ca)

    assert authority() == authority()


def test_the_installation_runs_by_itself_from_where_it_was_put(tmp_path: Path) -> None:
    config = a_config(tmp_path)
    made = installation(config, config.nodes[0])
    for file in made.files:
        target = tmp_path / "disk" / file.path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(file.content)
        target.chmod(file.mode)
    environment = {"PYTHONPATH": str(tmp_path / "disk/usr/local/lib/pve-lab"), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-S", "-m", "pve_node", "--help"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "dry-run" in done.stdout
    units = {file.path for file in made.files if file.path.endswith(".service")}
    assert {f"/etc/systemd/system/{unit}" for unit in made.enabled_units} == units


def _imports(path: Path) -> list[tuple[int, str]]:
    """Level and module of each import in a file."""
    out: list[tuple[int, str]] = []
    for entry in ast.walk(ast.parse(path.read_text())):
        if isinstance(entry, ast.Import):
            out += [(0, alias.name) for alias in entry.names]
        elif isinstance(entry, ast.ImportFrom):
            out.append((entry.level, entry.module or ""))
    return out


def test_the_judge_imports_nothing_of_what_it_judges() -> None:
    found = {module for path in PACKAGE.rglob("*.py") for _, module in _imports(path)}
    assert not [module for module in found if module.startswith(("trellis.pve", "trellis.render"))]
    assert "trellis.lab.topology" in found, "the imports were really looked at"


def test_the_nodes_package_needs_only_the_standard_library() -> None:
    for path in (PACKAGE / "node").glob("*.py"):
        for level, module in _imports(path):
            assert level == 1 or module.split(".")[0] in sys.stdlib_module_names, (path.name, module)
