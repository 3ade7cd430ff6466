"""What each rule of a policy file is given: its parameters, each with its unit and which way is the tighter one.

``TIGHTER`` is read by the schema, by `trellis policy list` and by the test that tightens each of them: a tighter
parameter never removes a violation.  What a rule does with its parameters is ``trellis.policy.rules``'s.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from trellis.site.noun import Noun
from trellis.site.peering import AsnRange, RouteClass
from trellis.site.scalars import Name, Prefix, Reason, SdnId

TIGHTER = "tighter"
"""The key of a parameter's schema that says which values are the tighter ones."""

Tighter = Literal["larger", "smaller", "more", "fewer"]


def _tighter(which: Tighter, **limits: Any) -> Any:
    return Field(json_schema_extra={TIGHTER: which}, **limits)


class Rule(Noun):
    """What every rule may be given."""

    why: Reason | None = None
    """Why this site has the rule, in place of the general reason; it stands in every message."""


class WidestGuestPrefix(Rule):
    """Shortest lengths of prefixes that may be accepted from a guest; a family that is not named has no limit."""

    ipv4_length: Annotated[int, _tighter("larger", ge=0, le=32)] | None = None
    """Bits, 0-32; 24 means that a /24 is accepted and a /23 is not."""
    ipv6_length: Annotated[int, _tighter("larger", ge=0, le=128)] | None = None
    """Bits, 0-128."""


class ForbiddenAsns(Rule):
    """ASNs that no speaker may have: fabric, edges, guests, and what undeclared guests may choose from."""

    ranges: Annotated[tuple[AsnRange, ...], _tighter("more")]
    """Inclusive ranges."""


class ForbiddenPrefixes(Rule):
    """Ranges that no tenant may use and no edge may bring."""

    prefixes: Annotated[tuple[Prefix, ...], _tighter("more")]
    """Whatever overlaps one of them is a violation."""


class BroughtByEdges(Rule):
    """What edges may bring beside the default."""

    within: Annotated[tuple[Prefix, ...], _tighter("fewer")] = ()
    """Each prefix that is accepted of an edge lies in one of them; none named means the default alone."""


class LeastBgpTimers(Rule):
    """Shortest timers of BGP sessions."""

    keepalive_s: Annotated[int, _tighter("larger", ge=1, le=21845)] | None = None
    """Seconds between keepalives."""
    hold_time_s: Annotated[int, _tighter("larger", ge=3, le=65535)] | None = None
    """Seconds without one until a session is down."""


class LeastBfdTimers(Rule):
    """Shortest timers of BFD, of hosts among each other and with guests."""

    interval_ms: Annotated[int, _tighter("larger", ge=10, le=60000)] | None = None
    """Milliseconds between packets."""
    multiplier: Annotated[int, _tighter("larger", ge=2, le=255)] | None = None
    """Packets that are missed until a session is down."""


class SlowestDetection(Rule):
    """Longest time until BFD tells that a neighbour is gone."""

    detection_ms: Annotated[int, _tighter("smaller", ge=20)]
    """Milliseconds: interval x multiplier."""


class BfdWithGuests(Rule):
    """Guests that are declared `fast_failure`, and those that an open VNet accepts, are watched by BFD."""


class FastFailureOnly(Rule):
    """No guest is declared `restart`."""


class SignedSessions(Rule):
    """Sessions that are signed (TCP MD5, RFC 2385)."""

    sessions: Annotated[tuple[Literal["edges", "hosts", "guests"], ...], _tighter("more")]
    """Those with edges, between hosts, and with guests."""


class DeclaredGuestsOnly(Rule):
    """No VNet is `open`: whoever speaks there was declared."""

    except_tenants: Annotated[tuple[Name, ...], _tighter("fewer")] = ()
    """Tenants whose VNets may be open."""


class MostPrefixes(Rule):
    """Most prefixes that a guest may announce."""

    per_session: Annotated[int, _tighter("smaller", ge=1)]
    """Per session and family."""


class LeastPenalty(Rule):
    """Shortest time that a guest over its limit stays cut off."""

    penalty_min: Annotated[int, _tighter("larger", ge=1, le=1440)]
    """Minutes."""


class GuestClasses(Rule):
    """Classes of routes that guests may ask for."""

    allowed: Annotated[tuple[RouteClass, ...], _tighter("fewer")] = ()
    """None named means that guests ask for none."""


class PortsBound(Rule):
    """Every guest has a `vmid`, so that its MAC and addresses are tied to its port."""


class ZonesApart(Rule):
    """Zones that no leak joins."""

    zones: Annotated[tuple[SdnId, ...], _tighter("more")]
    """No two of them may have a leak between them."""


class OneTenantPerZone(Rule):
    """Tenants do not share a zone, and so no VRF."""

    except_zones: Annotated[tuple[SdnId, ...], _tighter("fewer")] = ()
    """Zones that may be shared."""


class ClosedPorts(Rule):
    """Ports of hosts and infrastructure that no `firewall` entry may open."""

    tcp: Annotated[tuple[Annotated[int, Field(ge=1, le=65535)], ...], _tighter("more")] = ()
    """TCP ports, 1-65535."""
    udp: Annotated[tuple[Annotated[int, Field(ge=1, le=65535)], ...], _tighter("more")] = ()
    """UDP ports, 1-65535."""


class LeastPlacement(Rule):
    """Fewest hosts that each guest may run on."""

    hosts: Annotated[int, _tighter("larger", ge=1, le=128)]
    """Hosts of its placement, or of its zone where none is named."""


class LeastEdges(Rule):
    """Fewest edges that a site has."""

    edges: Annotated[int, _tighter("larger", ge=1, le=64)]
    """Edges."""


class LeastLifetimes(Rule):
    """Shortest lifetimes of IPv6 prefixes that guests are told; a deprecated prefix has none and is left out."""

    valid_s: Annotated[int, _tighter("larger", ge=12, le=31536000)] | None = None
    """Seconds that guests keep addresses of it."""
    preferred_s: Annotated[int, _tighter("larger", ge=12, le=31536000)] | None = None
    """Seconds that guests open connections from them."""


class LargestBatch(Rule):
    """Most hosts that are changed at once."""

    hosts: Annotated[int, _tighter("smaller", ge=1, le=128)]
    """Hosts of a batch."""
