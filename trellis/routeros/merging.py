"""What a prefix file holds once the router has said what is delegated: pure rules, the moment is an argument.

The pool's prefix becomes current.  What was current is deprecated, and goes when guests have forgotten it.  What comes
back is deprecated no longer.  A lost delegation leaves nothing current.  And since a prefix leads to one VNet only, one
that the router now gives to a VNet leaves every other at once: the provider may deal the same prefixes anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Network

from trellis.site.delegated import DelegatedPrefix, Prefixes, VnetPrefixes


@dataclass(frozen=True, slots=True)
class Answered:
    """What the router answered for a VNet.

    Attributes:
        prefix: The prefix of its pool; None while the delegation is lost.
        valid_lifetime_s: How long guests remember a prefix.
    """

    prefix: IPv6Network | None
    valid_lifetime_s: int


@dataclass(frozen=True, slots=True)
class Drift:
    """A VNet whose current prefix is not what the router has.

    Attributes:
        vnet: Its id.
        configured: What the prefix file says.
        delegated: What the router says.
    """

    vnet: str
    configured: IPv6Network | None
    delegated: IPv6Network | None


def merged(known: Prefixes, answered: Mapping[str, Answered], now: datetime) -> Prefixes:
    """Return what the prefix file shall hold.

    Args:
        known: What it holds.
        answered: By VNet, all that have a delegation; others have no place in the file.
        now: When the router said so.
    """
    live = {found.prefix for found in answered.values() if found.prefix is not None}
    return known.model_copy(
        update={
            "vnets": {
                vnet: _merged(known.vnets.get(vnet, VnetPrefixes()), found, live, now)
                for vnet, found in sorted(answered.items())
            }
        }
    )


def _merged(known: VnetPrefixes, found: Answered, live: set[IPv6Network], now: datetime) -> VnetPrefixes:
    deprecated = tuple(one for one in known.deprecated if one.prefix not in live)
    if known.current is not None and known.current not in live:
        # A begun second counts as a whole one: no guest remembers it for longer.
        forgotten = moment(now + timedelta(seconds=found.valid_lifetime_s, microseconds=999_999))
        deprecated += (DelegatedPrefix.model_construct(prefix=known.current, remove_after=forgotten),)
    return VnetPrefixes.model_construct(current=found.prefix, deprecated=deprecated)


def expired(known: Prefixes, now: datetime) -> Prefixes:
    """Return a prefix file's content without what is past its ``remove_after``.

    Args:
        known: What it holds.
        now: What time it is.
    """
    then = moment(now)
    return known.model_copy(
        update={
            "vnets": {
                vnet: found.model_copy(
                    update={"deprecated": tuple(one for one in found.deprecated if one.remove_after > then)}
                )
                for vnet, found in known.vnets.items()
            }
        }
    )


def drifted(known: Prefixes, delegated: Mapping[str, IPv6Network | None]) -> tuple[Drift, ...]:
    """Return the VNets whose current prefix is not what the router has.

    Args:
        known: What the prefix file holds.
        delegated: What the router has, by VNet.
    """
    return tuple(
        Drift(vnet, configured, found)
        for vnet, found in sorted(delegated.items())
        if (configured := known.vnets.get(vnet, VnetPrefixes()).current) != found
    )


def moment(at: datetime) -> str:
    """Return a moment as prefix files have it: in UTC, to the second.

    Args:
        at: The moment, with its zone.
    """
    return at.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
