"""Every rule as a list shows it: what must hold, whether this policy puts it in force, and with what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trellis.policy.model import PolicyFile
from trellis.policy.rules import RULES


@dataclass(frozen=True, slots=True)
class ListedRule:
    """A rule, and what a policy says of it.

    Attributes:
        name: Its name in a policy file.
        what: What must hold.
        why: What would go wrong otherwise, in the policy's own words where it has some.
        in_force: Whether the policy names it.
        parameters: What the policy gives it, by name.
        exceptions: How many exceptions to it there are.
    """

    name: str
    what: str
    why: str
    in_force: bool
    parameters: dict[str, Any]
    exceptions: int


def listed(policy: PolicyFile) -> tuple[ListedRule, ...]:
    """Return every rule in the order in which they are judged.

    Args:
        policy: The policy.
    """
    return tuple(_listed(policy, name) for name in RULES)


def in_words(rule: ListedRule) -> str:
    """Return what a rule is in force with, on one line.

    Args:
        rule: The rule.
    """
    if not rule.in_force:
        return "-"
    said = [f"{name} {_words(value)}" for name, value in rule.parameters.items() if value is not None]
    return ", ".join(said) or "yes"


def _listed(policy: PolicyFile, name: str) -> ListedRule:
    rule, given = RULES[name], getattr(policy.rules, name)
    said = {} if given is None else given.model_dump(mode="json")
    why = said.pop("why", None) or rule.why
    exceptions = sum(1 for one in policy.exceptions if one.rule == name)
    return ListedRule(name, rule.what, why, given is not None, said, exceptions)


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return "-".join(map(str, value.values()))  # a range
    if isinstance(value, list):
        return " ".join(map(_words, value)) or "none"
    return str(value)
