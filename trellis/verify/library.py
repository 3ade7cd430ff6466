"""Talos's own loader and validator as a program of ours on Talos's library (`tools/talos`), built once for a user.

The library is of one minor release.  Older ones it judges by their contract: what they would not have generated, and
what they would refuse of what they know; whether they know a document at all is asked of their own schema
(``trellis.verify.schemas``).
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from trellis.engine.build import build
from trellis.engine.find import only_one
from trellis.engine.pin import Pin, Tool, cache_dir, read_pin
from trellis.engine.problem import EngineMissingError
from trellis.verify.verdict import NodePatches, Verdict, VerifierMissing

LIBRARY = Tool(
    name="talos",
    title="its validator on Talos's library",
    called="Talos's validator",
    module="github.com/siderolabs/talos/pkg/machinery",
    package=".",
    instead="talosctl on PATH",
    takes="a minute or two the first time",
)

_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Library:
    """The program, built.

    Attributes:
        path: The executable.
        version: The library's version, with the leading v.
    """

    path: Path
    version: str

    @property
    def title(self) -> str:
        """What it is, with its version."""
        return f"Talos's library {self.version}"

    def judge(self, nodes: Sequence[NodePatches]) -> list[Verdict]:
        """Return what Talos says of each document, and of the configuration that each node's patches become.

        Args:
            nodes: The nodes.

        Raises:
            VerifierMissing: The program does not answer.
        """
        jobs = [
            {
                "machine": str(number),
                "role": node.role,
                "release": ".".join(node.release.split(".")[:2]),
                "patches": [text for _, text in node.patches],
            }
            for number, node in enumerate(nodes)
        ]
        lines = "".join(json.dumps(job) + "\n" for job in jobs)
        done = subprocess.run(
            [str(self.path), "-patches"], input=lines, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
        if done.returncode not in (0, 1):
            said = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
            raise VerifierMissing("Talos's validator failed", said[-1], f"remove {self.path.parent} and run again")
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        return [self._verdict(nodes[int(answer["machine"])], answer) for answer in answers]

    def _verdict(self, node: NodePatches, answer: dict[str, object]) -> Verdict:
        whole = answer["line"] == 0
        source = " + ".join(source for source, _ in node.patches) if whole else node.patches[_int(answer["patch"])][0]
        return Verdict(
            cluster=node.cluster,
            node=node.node,
            release=node.release,
            source=source,
            line=_int(answer["line"]),
            kind=str(answer["kind"]),
            name=str(answer["name"]),
            validator=self.title,
            problem=None if answer["ok"] else str(answer["error"]),
        )


def library_pin() -> Pin:
    """Return what tools/talos/go.mod pins.

    Raises:
        VerifierMissing: It is not there.
    """
    try:
        return read_pin(tool=LIBRARY)
    except EngineMissingError as error:
        raise VerifierMissing(error.what, error.why, error.remedy) from None


def library(say: Callable[[str], None], *, pin: Pin | None = None, cache: Path | None = None) -> Library:
    """Return the program, built from tools/talos if this user has none of these sources yet.

    Args:
        say: Where progress goes, one line at a time.
        pin: What to build; by default what tools/talos/go.mod says.
        cache: The folder for builds; by default $XDG_CACHE_HOME/trellis/talos.

    Raises:
        VerifierMissing: It cannot be built; says what to install.
    """
    pin = pin or library_pin()
    cache = cache or cache_dir(LIBRARY.name)
    path = cache / f"{pin.version}-{_sources(pin.module_dir)}" / "talos-validator"
    with only_one(cache, pin, say):
        if not path.is_file():
            try:
                build(pin, path, say)
            except EngineMissingError as error:
                raise VerifierMissing(error.what, error.why, error.remedy) from None
    return Library(path, pin.version)


def _sources(folder: Path) -> str:
    """Return what tells a build of these sources from one of others."""
    digest = hashlib.sha256()
    for path in sorted((*folder.glob("*.go"), folder / "go.mod", folder / "go.sum")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def _int(value: object) -> int:
    assert isinstance(value, int)
    return value
