"""The rules that a policy file may put in force: each with what must hold, why, and the function that finds breaches.

A rule judges a plan, in which every number is resolved, whichever key of the site it comes from; its findings name
that key.  A new rule is a noun in ``trellis.policy.parameters``, a field of ``trellis.policy.model.Rules``, a function
here and an entry below; a test with a site that keeps it and one that breaks it is asked for by
``tests/policy/test_policy.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from trellis.plan import Plan
from trellis.policy.found import Found
from trellis.policy.rules import guests, isolation, sessions


@dataclass(frozen=True, slots=True)
class RuleOf:
    """A rule.

    Attributes:
        what: What must hold, as a sentence without its number.
        why: What would go wrong otherwise, where the policy gives no reason of its own.
        find: Yields what breaks it, given a plan and the rule's parameters.
    """

    what: str
    why: str
    find: Callable[[Plan, Any], Iterator[Found]]


RULES: dict[str, RuleOf] = {
    "widest_guest_prefix": RuleOf(
        "no prefix that is accepted from a guest is wider than the limit",
        "a guest that announces an aggregate takes the traffic of everybody in it",
        guests.widest_guest_prefix,
    ),
    "forbidden_asns": RuleOf(
        "no speaker has a forbidden ASN",
        "somebody else has it, and loop detection would drop the routes of one of the two",
        guests.forbidden_asns,
    ),
    "forbidden_prefixes": RuleOf(
        "nothing that guests use or edges bring overlaps a forbidden range",
        "it belongs to somebody else, who would lose traffic",
        isolation.forbidden_prefixes,
    ),
    "brought_by_edges": RuleOf(
        "an edge brings the default and what is allowed, nothing else",
        "what an edge brings enters every VRF and beats the default there",
        isolation.brought_by_edges,
    ),
    "least_bgp_timers": RuleOf(
        "timers of BGP are no shorter than the limit",
        "a busy host misses short ones, and its sessions go down although nothing is broken",
        sessions.least_bgp_timers,
    ),
    "least_bfd_timers": RuleOf(
        "timers of BFD are no shorter than the limit",
        "a stall of some milliseconds is then taken for a dead neighbour",
        sessions.least_bfd_timers,
    ),
    "slowest_detection": RuleOf(
        "BFD on links and with guests tells in time that a neighbour is gone",
        "until then traffic goes to somebody who is not there",
        sessions.slowest_detection,
    ),
    "bfd_with_guests": RuleOf(
        "hosts watch guests by BFD, unless a guest asks for graceful restart",
        "without it a dead guest's routes stay for the hold time",
        sessions.bfd_with_guests,
    ),
    "fast_failure_only": RuleOf(
        "no guest's routes outlive it by a graceful restart",
        "for up to 30 s traffic goes to a guest that may be gone",
        sessions.fast_failure_only,
    ),
    "signed_sessions": RuleOf(
        "sessions are signed (TCP MD5)",
        "whoever can send from a neighbour's address can reset a session that is not",
        sessions.signed_sessions,
    ),
    "declared_guests_only": RuleOf(
        "only declared guests are heard",
        "on an open VNet anybody with an address announces what nobody else has",
        guests.declared_guests_only,
    ),
    "most_prefixes": RuleOf(
        "a guest announces no more prefixes than the limit",
        "every route of a guest is held by every host of its zone",
        guests.most_prefixes,
    ),
    "least_penalty": RuleOf(
        "a guest over its limit stays cut off for a while",
        "one that comes back at once floods the fabric again",
        guests.least_penalty,
    ),
    "guest_classes": RuleOf(
        "guests ask for no other classes of routes than those allowed",
        "a class decides where a route is told: public ones leave the fabric",
        guests.guest_classes,
    ),
    "ports_bound": RuleOf(
        "every guest's MAC and addresses are tied to its port",
        "another machine on the VNet could take its address and its session",
        guests.ports_bound,
    ),
    "zones_apart": RuleOf(
        "no leak joins zones that are to stay apart",
        "a leak lets everything of the two zones pass, both ways",
        isolation.zones_apart,
    ),
    "one_tenant_per_zone": RuleOf(
        "a zone holds one tenant",
        "tenants in one zone share its VRF and are not isolated from each other",
        isolation.one_tenant_per_zone,
    ),
    "closed_ports": RuleOf(
        "no firewall entry opens a closed port of hosts or infrastructure to guests",
        "who gets in there runs the host, and with it every guest",
        isolation.closed_ports,
    ),
    "least_placement": RuleOf(
        "every guest may run on several hosts",
        "one that is bound to a host is down with it, and cannot be moved off it",
        guests.least_placement,
    ),
    "least_edges": RuleOf(
        "a site has several edges",
        "with the last one the way out is gone",
        isolation.least_edges,
    ),
    "least_lifetimes": RuleOf(
        "guests keep an IPv6 prefix for a while after they last heard of it",
        "when advertisements are late, they lose their addresses and every connection with them",
        guests.least_lifetimes,
    ),
    "largest_batch": RuleOf(
        "no more hosts are changed at once than the limit",
        "a mistake that one host does not show reaches all of a batch",
        sessions.largest_batch,
    ),
}
