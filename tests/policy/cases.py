"""Policy rules as data: each file here has a site that keeps a rule, how to spoil it, and what a person is then told.

A file is called by its rule, and by what is special about it behind a dash.  It holds ``base``, ``set`` and ``remove``
as in ``tests/errors``, which make the site that keeps the rule; ``given``, the rule's parameters; ``spoil``, further
changes that break it; and ``expect``, the exact message, always last.

``pytest tests/policy --update-golden`` writes ``expect`` anew; review it as you would any text for people.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.errors.cases import changed, spoiled
from trellis.plan import Plan, plan
from trellis.policy import PolicyFile
from trellis.site import load_site

FOLDER = Path(__file__).parent
CASES = sorted(FOLDER.glob("*.yaml"))


@dataclass(frozen=True, slots=True)
class Case:
    """A rule, a site that keeps it, and the same site spoiled.

    Attributes:
        rule: Name of the rule.
        policy: A policy with this rule alone.
        expect: The whole message.
    """

    rule: str
    document: dict[str, Any]
    policy: PolicyFile
    expect: str

    def broken_site(self) -> dict[str, Any]:
        """Return the site that breaks the rule, fresh."""
        return changed(spoiled(self.document), self.document["spoil"])


@cache
def keeping(path: Path) -> Plan:
    """Return the plan of the site that keeps the rule of a case."""
    return plan(load_site(spoiled(read(path).document)))


@cache
def breaking(path: Path) -> Plan:
    """Return the plan of the site that breaks it."""
    return plan(load_site(read(path).broken_site()))


def policy_of(rules: dict[str, Any], *exceptions: dict[str, Any]) -> PolicyFile:
    """Return a policy with some rules and exceptions."""
    said = {"schema_version": 1, "rules": rules, "exceptions": exceptions}
    return PolicyFile.model_validate_json(json.dumps(said))


@cache
def read(path: Path) -> Case:
    """Return the case in a file.

    Args:
        path: One of ``CASES``.
    """
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    known = {"base", "set", "remove", "given", "spoil", "expect"}
    assert document.keys() <= known, f"{path.name}: unknown keys {document.keys() - known}"
    rule = path.stem.partition("-")[0]
    return Case(rule, document, policy_of({rule: document["given"]}), (document.get("expect") or "").rstrip("\n"))
