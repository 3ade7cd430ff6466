"""What every document of Talos has."""

from __future__ import annotations

from typing import Any

from trellis.render.yaml_text import Document


def document(kind: str, **fields: Any) -> Document:
    """Return a document of Talos.

    Args:
        kind: Its kind.
        fields: What it says.
    """
    return {"apiVersion": "v1alpha1", "kind": kind, **fields}
