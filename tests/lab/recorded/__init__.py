"""What a converged twin of the development site said, recorded once (`capture`), for tests to judge and to alter."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from trellis.lab.evidence import Answer, Evidence, Question
from trellis.lab.proof.fabric import Fabric
from trellis.lab.proof.prove import judge
from trellis.lab.proof.row import Row
from trellis.site import load_site


@dataclass(frozen=True)
class Recording:
    fabric: Fabric
    evidence: Evidence

    def rows(self) -> tuple[Row, ...]:
        return judge(self.fabric, self.evidence)

    def failing(self) -> list[str]:
        """The rows that fail, as `GROUP: name`."""
        return [f"{row.group.name}: {row.name}" for row in self.rows() if row.fails]

    def said(self, question: Question) -> Any:
        """A node's answer, which must have been recorded."""
        assert question in list(self.evidence), f"never asked: {question.command}"
        return json.loads(self.evidence[question].output)

    def with_output(self, question: Question, output: str, status: int = 0) -> Recording:
        """The same twin, but for what one command says."""
        assert question in list(self.evidence), f"never asked: {question.command}"
        answer = replace(self.evidence[question], output=output, status=status)
        return replace(self, evidence=self.evidence | Evidence((answer,)))

    def altered(self, question: Question, edit: Callable[[Any], object]) -> Recording:
        """The same twin, but for a change to the JSON that one command says; `edit` alters it in place."""
        said = self.said(question)
        before = json.dumps(said)
        edit(said)
        assert json.dumps(said) != before, "the edit changed nothing"
        return self.with_output(question, json.dumps(said))

    def without(self, node: str) -> Recording:
        """The same twin, but for a node that can't be reached."""
        silent = [Answer(question, 255, "", "no route to host") for question in self.evidence if question.node == node]
        return replace(self, evidence=self.evidence | Evidence(silent))


def recording() -> Recording:
    """The recorded twin."""
    recorded = json.loads(gzip.decompress(Path(__file__).with_name("dev.json.gz").read_bytes()))
    fabric = Fabric(load_site(recorded["site"]), recorded["places"], tuple(map(ip_address, recorded["upstream"])))
    answers = (
        Answer(
            Question(said["node"], tuple(said["argv"]), said["at_once"], moment=said["moment"]),
            said["status"],
            said["output"],
            said["errors"],
            said["seconds"],
        )
        for said in recorded["answers"]
    )
    return Recording(fabric, Evidence(answers))
