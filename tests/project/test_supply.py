"""What the project is made of, and what it is given away as: SBOM, audit, licence, the package's own facts."""

from __future__ import annotations

import json
import subprocess
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import metadata
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def locked() -> set[tuple[str, str]]:
    """Name and version of each locked package, but the project itself."""
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    return {(one["name"], one["version"]) for one in packages if one["source"] != {"editable": "."}}


def command_of(target: str) -> str:
    """Return what make would run for a target, without what it depends on."""
    argv = ["make", "--dry-run", "--silent", target, "--assume-old=setup"]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_the_sbom_lists_exactly_the_locked_packages_with_a_digest_each() -> None:
    (export,) = [line for line in command_of("sbom").splitlines() if "uv export" in line]
    argv = ["bash", "-c", export.partition(" > ")[0]]
    told = json.loads(subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    assert (told["bomFormat"], told["metadata"]["component"]["name"]) == ("CycloneDX", "trellis")
    assert sorted((one["name"], one["version"]) for one in told["components"]) == sorted(locked())
    for one in told["components"]:
        assert one["purl"] == f"pkg:pypi/{one['name']}@{one['version']}"
        digests = [digest["alg"] for reference in one["externalReferences"] for digest in reference["hashes"]]
        assert set(digests) == {"SHA-256"}, one["name"]


@pytest.fixture
def osv() -> Iterator[tuple[str, set[str]]]:
    """Answer as osv.dev does; yields the address, and the names of packages that are to be vulnerable."""
    vulnerable: set[str] = set()

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
            names = [query["package"]["name"] for query in asked]
            known = [{"id": "TEST-1", "modified": "2026-01-01T00:00:00Z"}]
            self._answer({"results": [{"vulns": known} if name in vulnerable else {} for name in names]})

        def do_GET(self) -> None:
            self._answer({"id": "TEST-1", "modified": "2026-01-01T00:00:00Z", "summary": "a hole"})

        def _answer(self, body: dict[str, Any]) -> None:
            text = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", vulnerable
        server.shutdown()
        thread.join()


def audit(address: str, monkeypatch: pytest.MonkeyPatch) -> subprocess.CompletedProcess[str]:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    assert command_of("audit").strip() == "tools/audit.sh"
    argv = ["tools/audit.sh", "--service-url", address]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.host  # it asks the package index for each package's state as well, which takes seconds
def test_an_audit_names_a_vulnerable_package_and_fails(
    osv: tuple[str, set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, vulnerable = osv
    clean = audit(address, monkeypatch)
    assert clean.returncode == 0, clean.stderr
    vulnerable.add("paramiko")
    found = audit(address, monkeypatch)
    assert found.returncode == 1
    assert "paramiko" in found.stdout
    assert "TEST-1" in found.stdout


@pytest.mark.host
def test_an_audit_that_nobody_answers_says_so_in_one_line_and_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    found = audit("http://127.0.0.1:9", monkeypatch)  # the port of discard: nobody listens
    assert found.returncode == 2
    assert found.stdout == ""
    assert found.stderr.count("\n") == 1
    assert found.stderr.startswith("audit: NOT done, nothing is known of the locked packages: ")


def test_the_licence_and_the_types_are_part_of_what_is_given_away() -> None:
    told = metadata("trellis")
    assert told["License-Expression"] == "Apache-2.0"
    assert told.get_all("License-File") == ["LICENSE"]
    text = (ROOT / "LICENSE").read_text()
    assert text.splitlines()[1].strip() == "Apache License"
    assert text.rstrip().endswith("limitations under the License.")
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert [name for name in packages["packages"] if not (ROOT / name / "py.typed").is_file()] == []
