"""The order in which a neighbour's statements stand, where FRR's result depends on it."""

from __future__ import annotations

import pytest

from tests.sites import EXAMPLES, bundles_of


@pytest.mark.parametrize("example", EXAMPLES)
def test_bfd_is_switched_on_before_the_source_is_named(example: str) -> None:
    """FRR 10.3.0 keeps a neighbour Idle while its BFD session is down, and installs a multihop BFD session at once
    only if `bfd` comes first: the other way round two routers can wait for each other for ever."""
    for bundle in bundles_of(example):
        lines = [line.strip() for line in bundle.text("/etc/frr/frr.conf").splitlines()]
        sources = [(at, line.split()[1]) for at, line in enumerate(lines) if " update-source " in line]
        assert sources, bundle.host
        for at, neighbor in sources:
            assert lines.index(f"neighbor {neighbor} bfd") < at, f"{bundle.host}: {neighbor}"
