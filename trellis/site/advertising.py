"""What a VNet's guests are told by router advertisements, and where its global prefix comes from.

Which prefix that is stands in the prefix file (``trellis.site.delegated``); rules between these and other nouns in
``trellis.site.checks.delegated``.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from trellis.site.noun import Noun
from trellis.site.scalars import Name, PoolName, V6Address

Lifetime = Annotated[int, Field(ge=12, le=31536000)]
"""Seconds that a prefix is used after it was last heard of, 12 (three times the shortest interval) to a year."""


class Delegation(Noun):
    """The pool of an edge that a VNet's global prefix comes from."""

    pool: PoolName
    """What RouterOS calls it."""
    edge: Name | None = None
    """Which edge has it; may be left out where there is one."""


class RouterAdvertisements(Noun):
    """How hosts advertise themselves to guests of a VNet, with its own prefix and what is delegated to it."""

    sender: Literal["trellis", "proxmox"] = "trellis"
    """Who sends: ``proxmox`` where its SDN does so itself; nothing of ours does there then."""
    resolvers: tuple[V6Address, ...] = ()
    """Recursive DNS servers (RFC 8106)."""
    max_interval_s: Annotated[int, Field(ge=4, le=1800)] = 60
    """Most seconds between two advertisements, 4-1800 (RFC 4861 6.2.1)."""
    valid_lifetime_s: Lifetime = 5400
    """Seconds that guests keep addresses of a prefix that they hear of no more (RFC 9096: 5400)."""
    preferred_lifetime_s: Lifetime = 2700
    """Seconds that they open connections from them (RFC 9096: 2700)."""
