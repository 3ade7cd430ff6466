"""What an edge that runs RouterOS is told beside its sessions: where the world is, and how prefixes come from there.

All of it has a default, so that a RouterOS edge needs none of it to be rendered whole.  Rules between it and other
nouns stand in ``trellis.site.checks.edges``; what follows from it in ``trellis.plan.routeros``.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, WithJsonSchema

from trellis.site.noun import Noun
from trellis.site.scalars import SdnId, V6Prefix, matching

RouterosName = Annotated[
    str,
    AfterValidator(
        matching(
            r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}",
            "a name on RouterOS is 1-63 of a-z, A-Z, 0-9, '_', '.', '-', and begins with a letter or a digit",
            "it stands in quotes in a script: a quote, a '$' or a backslash would end it or mean a variable",
            "rename it on the router, and use the name that `print` shows there",
        )
    ),
]
"""The name of an interface on RouterOS, which takes longer ones than Linux does."""

_WEBHOOK = r"https://[A-Za-z0-9][A-Za-z0-9.-]{0,252}(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+){0,16}/?"

Webhook = Annotated[
    str,
    AfterValidator(
        matching(
            _WEBHOOK,
            "a webhook is https://HOST[:PORT]/PATH, of letters, digits and any of ._~- in the path",
            "the router tells it that a delegation changed, and nothing else; a query or a key in it would be logged",
            "write it as in https://trellis.example.net/webhooks/prefixes",
        )
    ),
    WithJsonSchema({"type": "string", "pattern": f"^{_WEBHOOK}$"}),
]
"""Where a sync of delegated prefixes is requested."""

Nat66 = Literal["never", "always", "without_delegation"]


class Routeros(Noun):
    """What a RouterOS edge has of its own."""

    loopback_interface: RouterosName = "lo"
    """The interface of its loopback addresses; RouterOS has ``lo`` since 7.14."""
    wan_interface: RouterosName | None = None
    """The interface towards the world; without it there is no NAT66."""
    nat66: Nat66 = "never"
    """Whether unique local sources leave with the address of the WAN interface; ``without_delegation``: the router
    decides by itself, by whether it has a prefix for each VNet that gets one from it."""
    delegations: tuple[V6Prefix, ...] = ()
    """What delegated prefixes are taken from: any /64 of it is accepted from the hosts, so that the edge needs no new
    script when a delegation changes."""
    webhook: Webhook | None = None
    """What the router calls when a VNet's prefix comes or goes; it requests a sync and tells nothing."""
    replaces: dict[SdnId, RouterosName] = {}
    """By VNet, the interface of the VLAN that it replaces: addresses there beat every route by BGP, and go as soon as
    the VNet is heard of by BGP."""
