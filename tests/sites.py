"""The example sites, each read, planned and rendered once for all tests.

Deliberately elsewhere: the small sites that errors are shown on (``tests/errors``).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from trellis.plan import Plan, plan
from trellis.render import Bundle, render
from trellis.site import Site, load_site, site_data_of_stack, with_prefixes

REPOSITORY = Path(__file__).parents[1]

EXAMPLES = {
    "homelab": REPOSITORY / "Pulumi.dev.yaml",
    **{
        path.stem.removeprefix("Pulumi."): path
        for path in sorted(REPOSITORY.glob("examples/*/Pulumi.*.yaml"))
        if not (path.parent / "Pulumi.yaml").exists()  # a program of its own, that reads what a site's stack tells
    },
}
"""Every example by name; the seed's homelab is the stack ``dev``."""


def site_data(name: str) -> dict[str, Any]:
    """Return the raw site of an example with its delegated prefixes, fresh, so that a test may change it."""
    stack = EXAMPLES[name]
    prefixes = stack.with_name(stack.name.replace("Pulumi.", "Prefixes.", 1))
    text = prefixes.read_text(encoding="utf-8") if prefixes.exists() else None
    return with_prefixes(site_data_of_stack(stack.read_text(encoding="utf-8")), text)


@cache
def site_of(name: str) -> Site:
    """Return the site of an example."""
    return load_site(site_data(name))


@cache
def plan_of(name: str) -> Plan:
    """Return the plan of an example."""
    return plan(site_of(name))


@cache
def bundles_of(name: str) -> tuple[Bundle, ...]:
    """Return the bundles of an example."""
    return render(plan_of(name))
