"""From the text of a policy file to a ``PolicyFile``, or every reason why it cannot be read, at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trellis.policy.model import PolicyFile
from trellis.site.document import document_of, endless, shown
from trellis.site.refusal import Refusal, SiteRefused, raise_if_any
from trellis.site.shape import shaped

FILE = "the policy file"


def read_policy(text: str | bytes) -> PolicyFile:
    """Return what a policy file says.

    Args:
        text: The file.

    Raises:
        SiteRefused: If it cannot be read, or says what cannot be, with every reason at once; paths are the file's.
    """
    document = document_of(text, FILE)
    raise_if_any(endless(document, None, FILE))
    if not isinstance(document, dict):
        rule = "a policy file says its schema_version, its rules by name, and exceptions to them"
        why = "rules that cannot be read would hold nobody back"
        said = "nothing" if document is None else shown(document)
        remedy = "begin it with schema_version: 1; `trellis policy list` names the rules"
        raise SiteRefused([Refusal(FILE, said, rule, why, remedy)])
    found = list(_nothing_said(document))
    try:
        policy = shaped(PolicyFile, document, FILE)
    except SiteRefused as refused:
        raise SiteRefused([*found, *refused.refusals]) from None
    raise_if_any(found)
    return policy


def _nothing_said(document: dict[str, Any]) -> Iterator[Refusal]:
    """Yield a refusal for each rule with nothing behind its name, which would not be in force."""
    rules = document.get("rules")
    for name, given in rules.items() if isinstance(rules, dict) else ():
        if given is None:
            yield Refusal(
                f"rules.{name}",
                "nothing",
                "a rule is followed by its parameters, in braces where it has none",
                "with nothing behind its name nobody could tell whether it is in force",
                f"write `{name}: {{}}`, or remove it",
            )
