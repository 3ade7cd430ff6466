"""talosctl as the judge, where a user has it: it generates, patches and validates as he will by hand.

It tells what a node's patches become, and names a document in its message where it refuses one.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trellis.verify.verdict import WHOLE, NodePatches, Verdict, VerifierMissing

_SECONDS = 60.0
_ENDPOINT = "https://192.0.2.1:6443"
"""Of a range for documentation; the patches bring the real one."""


@dataclass(frozen=True, slots=True)
class Talosctl:
    """A talosctl on PATH.

    Attributes:
        path: The executable.
        version: Its version, with the leading v.
    """

    path: Path
    version: str

    @property
    def title(self) -> str:
        """What it is, with its version."""
        return f"talosctl {self.version}"

    def judge(self, nodes: Sequence[NodePatches]) -> list[Verdict]:
        """Return what talosctl says of the configuration that each node's patches become.

        Args:
            nodes: The nodes.

        Raises:
            VerifierMissing: It does not answer.
        """
        with tempfile.TemporaryDirectory(prefix="trellis-verify-") as folder:
            return [self._judge(node, Path(folder)) for node in nodes]

    def _judge(self, node: NodePatches, folder: Path) -> Verdict:
        arguments = []
        for number, (_, text) in enumerate(node.patches):
            patch = folder / f"patch{number}.yaml"
            patch.write_text(text, encoding="utf-8")
            arguments += ["--config-patch", f"@{patch}"]
        whole = folder / "whole.yaml"
        whole.unlink(missing_ok=True)
        minor = "v" + ".".join(node.release.split(".")[:2])
        made = self._run("gen", "config", "trellis", _ENDPOINT, "--talos-version", minor, "--install-disk", "/dev/sda",
                         "--output-types", node.role, "--output", str(whole), *arguments)  # fmt: skip
        said = made if made is not None else self._run("validate", "-c", str(whole), "-m", "metal", "--strict")
        source = " + ".join(source for source, _ in node.patches)
        return Verdict(node.cluster, node.node, node.release, source, 0, WHOLE, "", self.title, said)

    def _run(self, *arguments: str) -> str | None:
        """Return what it said if it refused."""
        try:
            done = subprocess.run(
                [str(self.path), *arguments], capture_output=True, text=True, check=False, timeout=_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise VerifierMissing("talosctl failed", str(error), f"remove {self.path}, or mend it") from None
        if done.returncode == 0:
            return None
        return "; ".join(line.strip() for line in done.stderr.splitlines() if line.strip()) or "refused without a word"


def talosctl_on_path() -> Talosctl | None:
    """Return the talosctl on PATH, if there is one that says its version."""
    found = shutil.which("talosctl")
    if found is None:
        return None
    try:
        done = subprocess.run(
            [found, "version", "--client", "--short"], capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = re.search(r"v\d+\.\d+\.\d+\S*", done.stdout)
    return Talosctl(Path(found), version.group()) if version is not None else None
