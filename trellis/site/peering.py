"""The policy for BGP sessions of guests: who may speak, what they may announce, and what happens to who does not.

A tenant has one, and a VNet may have another in its place.  Rules between it and other nouns stand in
``trellis.site.checks.peering``.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from trellis.site.noun import Noun
from trellis.site.scalars import Asn, SecretName

RouteClass = Literal["internal", "tenant", "public"]
"""Classes that a guest's route may have (R11): pods, the tenant's own, public services."""


class AsnRange(Noun):
    """An inclusive range of ASNs."""

    first: Asn
    """The lowest."""
    last: Asn
    """The highest; it belongs to the range."""


class V4Lengths(Noun):
    """Inclusive lengths of IPv4 prefixes that a guest may announce beside its pods."""

    shortest: Annotated[int, Field(ge=8, le=32)] = 32
    """The shortest, 8-32."""
    longest: Annotated[int, Field(ge=8, le=32)] = 32
    """The longest, 8-32."""


class V6Lengths(Noun):
    """Inclusive lengths of IPv6 prefixes that a guest may announce beside its pods."""

    shortest: Annotated[int, Field(ge=16, le=128)] = 128
    """The shortest, 16-128."""
    longest: Annotated[int, Field(ge=16, le=128)] = 128
    """The longest, 16-128."""


class PrefixLengths(Noun):
    """Lengths per family; host routes alone unless said otherwise."""

    ipv4: V4Lengths = V4Lengths()
    """Of IPv4 prefixes."""
    ipv6: V6Lengths = V6Lengths()
    """Of IPv6 prefixes."""


class GuestBgp(Noun):
    """The policy for BGP sessions of guests; without it no host listens to them."""

    enabled: bool = False
    """Whether any host listens to its guests (R8)."""
    mode: Literal["bound", "open"] = "bound"
    """``bound``: declared guests alone, each with its address, ASN and prefixes; ``open``: also any other address of
    the VNet's IPv6 subnet, with an ASN of ``asns``, for prefixes of its own VNet that nobody else has."""
    asns: AsnRange = AsnRange(first=65200, last=65299)
    """ASNs that guests may name for themselves; allocated ones always belong to their owners, and to nobody else."""
    prefix_lengths: PrefixLengths = PrefixLengths()
    """How long the prefixes are that its guests may announce beside pods."""
    max_prefixes: Annotated[int, Field(ge=1, le=4294967295)] = 10
    """Most prefixes per session and family for a guest that is not a cluster node."""
    penalty_min: Annotated[int, Field(ge=1, le=1440)] = 5
    """Minutes that a guest over its limit stays cut off, 1-1440."""
    bfd: bool = True
    """Whether hosts speak BFD with ``fast_failure`` guests, and with those that an open VNet accepts."""
    md5: SecretName | None = None
    """The secret that signs every session with these guests (TCP MD5, RFC 2385); none means unsigned."""
    classes: tuple[RouteClass, ...] = ()
    """Classes that a guest may ask for by the standard community ``<mark_asn>:<class>``; none asks for any."""
    export_peer_loopbacks: bool = False
    """Whether guests also learn the loopbacks of the tenant's other guests."""
