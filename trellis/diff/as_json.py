"""What changes as JSON; its keys are the fields of ``trellis.diff.model``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from trellis.diff.model import SCHEMA_VERSION, Diff


def diff_json(found: dict[str, Diff], base: str, head: str) -> dict[str, Any]:
    """Return the diffs of some stacks as one document.

    Args:
        found: By the stack's name.
        base: What is compared.
        head: What it is compared with.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "base": base,
        "head": head,
        "changed": any(not diff.is_empty for diff in found.values()),
        "stacks": {name: _without_version(diff) for name, diff in sorted(found.items())},
    }


def _without_version(found: Diff) -> dict[str, Any]:
    document = asdict(found)
    del document["schema_version"]
    return {"changed": not found.is_empty, **document}
