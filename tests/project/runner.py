"""Runs the steps of a workflow's job as a runner does: its shell, its files of paths and summary, its artifacts.

Expressions are looked up in a table, and one that is not in it fails.  Actions do nothing, except those that keep and
fetch artifacts.  ``gh``, ``pulumi`` and ``uv`` are the stand-ins of this folder; ``trellis`` is the real one.
"""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
EXPRESSIONS = {
    "github.token": "a token",
    "github.event.pull_request.number": "12",
    "vars.PULUMI_BACKEND_URL": "",
    "secrets.PULUMI_ACCESS_TOKEN": "",
    "secrets.PULUMI_CONFIG_PASSPHRASE": "a passphrase",
    "secrets.TRELLIS_SSH_KEY": "no key",
    "secrets.ROUTEROS_PASSWORD": "a password",
    "github.event.before": "0" * 40,
    "github.event.workflow_run.head_repository.owner.login": "stranger",
    "github.event.workflow_run.head_branch": "$(touch owned);`touch owned`",
    "github.event.workflow_run.head_sha": "abc",
}


@dataclass
class Runner:
    """A work tree, and what jobs leave behind: artifacts, and a log of what stand-ins were asked."""

    work: Path
    home: Path
    artifacts: dict[str, Path] = field(default_factory=dict)
    log: str = ""

    @property
    def asked(self) -> list[str]:
        """What ``uv`` and ``pulumi`` were asked, in order."""
        path = self.home / "asked"
        return path.read_text().splitlines() if path.exists() else []

    def job(self, workflow: str, name: str) -> bool:
        """Run a job on a runner of its own; returns whether it succeeded."""
        found = yaml.safe_load((ROOT / "examples" / "pipelines" / workflow).read_text())
        temporary = self.home / f"{workflow}-{name}-{len(list(self.home.iterdir()))}"
        temporary.mkdir()
        for file in ("path", "summary"):
            (temporary / file).touch()
        good = True
        for step in found["jobs"][name]["steps"]:
            if good or step.get("if") == "always()":
                env = {**found.get("env", {}), **step.get("env", {})}
                good = self._step(step, env, temporary) and good
        return good

    def _step(self, step: dict[str, Any], env: dict[str, str], temporary: Path) -> bool:
        given = step.get("with", {})
        if "upload-artifact@" in step.get("uses", ""):
            self.artifacts[given["name"]] = temporary / "report"
        elif "download-artifact@" in step.get("uses", ""):
            for name, path in self.artifacts.items():
                if fnmatch.fnmatch(name, given.get("name", given.get("pattern"))):
                    shutil.copytree(path, temporary / "report", dirs_exist_ok=True, symlinks=True)
        if "run" not in step:
            return True
        (temporary / "report").mkdir(exist_ok=True)
        given_env = {key: re.sub(r"\$\{\{ (.*?) \}\}", lambda one: EXPRESSIONS[one[1]], env[key]) for key in env}
        return self.shell(step["run"], given_env, temporary)

    def shell(self, script: str, env: dict[str, str], temporary: Path) -> bool:
        """Run a script as GitHub's runner does; its standard output and error are kept in the log."""
        added = (temporary / "path").read_text().split() if (temporary / "path").exists() else []
        known = {
            "PATH": ":".join([*added, str(Path(__file__).parent), os.environ["PATH"]]),
            "HOME": str(self.home),
            "RUNNER_TEMP": str(temporary),
            "GITHUB_PATH": str(temporary / "path"),
            "GITHUB_STEP_SUMMARY": str(temporary / "summary"),
            "GITHUB_REPOSITORY": "net/work",
            "GH_STATE": str(self.home / "github.json"),
            "ASKED": str(self.home / "asked"),
        }
        argv = ["bash", "-e", "-c", script]
        done = subprocess.run(argv, cwd=self.work, env=known | env, capture_output=True, text=True, check=False)
        self.log += done.stdout + done.stderr
        return done.returncode == 0
