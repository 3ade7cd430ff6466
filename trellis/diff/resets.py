"""Which change of a session resets it, measured on FRR: the data that ``trellis diff`` expects resets by.

Each row was tried on sessions that were Established, with the lines in the form in which a host's are rendered and
`frr-reload.py --reload`, on FRR 10.3 and 10.7 (2026-11-29); ``tests/golden/test_resets_on_frr.py`` tries them again.
The other side had none of the capabilities by which two FRRs of the datacenter profile agree on some of these changes.
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


EFFECTS: Mapping[str, Effect] = {
    "remote AS": Effect.RESETS,
    "local AS": Effect.RESETS,
    "router id": Effect.RESETS,
    "update source": Effect.RESETS,
    "MD5": Effect.RESETS,
    "multihop": Effect.RESETS,
    "passive": Effect.RESETS,
    "extended next hop": Effect.RESETS,
    "graceful restart": Effect.RESETS,
    "ipv4 unicast": Effect.RESETS,
    "ipv6 unicast": Effect.RESETS,
    "l2vpn evpn": Effect.RESETS,
    "route reflector client": Effect.RESETS,
    # Other times hold from the next session on.
    "keepalive and hold time": Effect.KEEPS,
    "connect timer": Effect.KEEPS,
    "BFD": Effect.KEEPS,
    "peer-group": Effect.KEEPS,
    "description": Effect.KEEPS,
    "most prefixes": Effect.KEEPS,
    "penalty": Effect.KEEPS,
    "filter in": Effect.KEEPS,
    "filter out": Effect.KEEPS,
    "AS paths in": Effect.KEEPS,
    "next hop self": Effect.KEEPS,
    "soft reconfiguration": Effect.KEEPS,
}
"""By attribute, as ``trellis.diff.sessions`` names it; of an address family's without the family."""


def effect(value: Value) -> Effect:
    """Return what a change of an attribute does to its session.

    Args:
        value: The attribute, before and after.
    """
    if value.name == "BFD" and value.after == "off":
        return Effect.RESETS  # the other side, which still has it, takes the silence for death
    return EFFECTS.get(value.name.rpartition(": ")[2], Effect.UNMEASURED)
