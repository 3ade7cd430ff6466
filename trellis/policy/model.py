"""A policy file, typed: which rules are in force with which parameters, and the exceptions to them.

A rule that is not named is not in force.  What each one means is ``trellis.policy.rules``'s, what an exception covers
``trellis.policy.judge``'s.
"""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import AfterValidator, WithJsonSchema

from trellis.policy import parameters
from trellis.site.delegated import Moment
from trellis.site.noun import Noun
from trellis.site.scalars import Name, Reason, matching, refuse

FILE_NAME = "policy.yaml"
"""Where the policy stands: beside the stack files, one for all of them."""


class Rules(Noun):
    """The rules that are in force, each by its name."""

    widest_guest_prefix: parameters.WidestGuestPrefix | None = None
    forbidden_asns: parameters.ForbiddenAsns | None = None
    forbidden_prefixes: parameters.ForbiddenPrefixes | None = None
    brought_by_edges: parameters.BroughtByEdges | None = None
    least_bgp_timers: parameters.LeastBgpTimers | None = None
    least_bfd_timers: parameters.LeastBfdTimers | None = None
    slowest_detection: parameters.SlowestDetection | None = None
    bfd_with_guests: parameters.BfdWithGuests | None = None
    fast_failure_only: parameters.FastFailureOnly | None = None
    signed_sessions: parameters.SignedSessions | None = None
    declared_guests_only: parameters.DeclaredGuestsOnly | None = None
    most_prefixes: parameters.MostPrefixes | None = None
    least_penalty: parameters.LeastPenalty | None = None
    guest_classes: parameters.GuestClasses | None = None
    ports_bound: parameters.PortsBound | None = None
    zones_apart: parameters.ZonesApart | None = None
    one_tenant_per_zone: parameters.OneTenantPerZone | None = None
    closed_ports: parameters.ClosedPorts | None = None
    least_placement: parameters.LeastPlacement | None = None
    least_edges: parameters.LeastEdges | None = None
    least_lifetimes: parameters.LeastLifetimes | None = None
    largest_batch: parameters.LargestBatch | None = None


RULE_NAMES = tuple(Rules.model_fields)
"""The names of all rules, in the order in which they are judged and listed."""


def _known(name: str) -> str:
    if name not in RULE_NAMES:
        raise refuse(
            "an exception is to a rule that there is",
            "one to a misspelt rule would let nothing pass",
            "correct the name; `trellis policy list` prints them",
        )
    return name


RuleName = Annotated[str, AfterValidator(_known), WithJsonSchema({"enum": list(RULE_NAMES)})]
"""The name of a rule."""

Place = Annotated[
    str,
    AfterValidator(
        matching(
            r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*",
            "a place is a path in the site, with dots between its keys",
            "an exception covers the place that is named and what lies in it, nothing else",
            "take the place that `trellis policy check` prints, as in guests.debian-test-1.vmid",
        )
    ),
]
"""A path in the site."""


class ExceptionToRule(Noun):
    """A violation that is let pass: which, who answers for it, why, and until when."""

    rule: RuleName
    place: Place
    """Where in the site, and everything below it."""
    site: Name | None = None
    """The site's name, where one policy holds for several; none means every site."""
    owner: Reason
    """Who answers for it."""
    reason: Reason
    until: Moment
    """When it ends, in UTC; `trellis policy check` compares it with the clock, nothing else does."""


class PolicyFile(Noun):
    """What a policy file says."""

    schema_version: Literal[1]
    rules: Rules = Rules()
    exceptions: tuple[ExceptionToRule, ...] = ()


def schema_text() -> str:
    """Return the JSON Schema of a policy file with a final newline; it is committed as ``policy.schema.json``."""
    schema = PolicyFile.model_json_schema()
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "A policy file of Trellis"}
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"
