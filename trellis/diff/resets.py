"""Which change of a session resets it, measured on FRR: the data that ``trellis diff`` expects resets by.

Each row was tried with `frr-reload.py --reload` on a session that was Established, on FRR 10.3 and 10.7, and is tried
again by ``tests/golden/test_resets_on_frr.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from trellis.diff.model import Value


class Effect(Enum):
    """What becomes of a session whose attribute changes."""

    RESETS = "resets"
    KEEPS = "keeps"
    UNMEASURED = "unmeasured"


RESETS = Effect.RESETS
KEEPS = Effect.KEEPS

EFFECTS: Mapping[str, Effect] = {
    "remote AS": RESETS,
}


def effect(value: Value) -> Effect:
    return EFFECTS.get(value.name.partition(": ")[2] or value.name, Effect.UNMEASURED)
