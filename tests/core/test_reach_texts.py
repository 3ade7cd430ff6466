"""What `trellis trace` and `trellis what-if` print for the examples is what was reviewed.

``pytest tests/core/test_reach_texts.py --update-golden`` writes the files of ``tests/core/reach/texts`` anew.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from tests.core.leaking import leaking_homelab
from tests.sites import plan_of
from trellis.plan import Plan
from trellis.reach.fabric import VERSIONS, Version
from trellis.reach.failure import down_of
from trellis.reach.trace import trace
from trellis.reach.trace_text import trace_text
from trellis.reach.what_if import what_if
from trellis.reach.what_if_text import what_if_text

FOLDER = Path(__file__).parent / "reach" / "texts"

V6: tuple[Version, ...] = (6,)
TRACES: dict[str, tuple[str, str, str, tuple[Version, ...]]] = {
    # The five flows of the seed's section 9.
    "flow-1-guest-to-internet": ("homelab", "solcp02", "internet", V6),
    "flow-2-guests-of-one-host": ("homelab", "fd00:101::22", "fd00:101::12", VERSIONS),
    "flow-3-guests-of-two-hosts": ("homelab", "fd00:101::11", "fd00:101::12", VERSIONS),
    "flow-4-pod-to-internet": ("homelab", "fd00:101:244:3::5", "2001:4860:4860::8888", VERSIONS),
    "flow-5-internet-to-a-subnet": ("homelab", "internet", "10.101.0.12", VERSIONS),
    "loopbacks-of-two-hosts": ("homelab", "solcp01", "solcp02", VERSIONS),
    "pods-of-another-node": ("homelab", "solcp01", "10.101.241.5", VERSIONS),
    "a-service": ("homelab", "debian-test-1", "10.101.250.7", VERSIONS),
    "another-zone": ("homelab", "solcp01", "isolated-1", VERSIONS),
    "another-zone-that-leaks": ("leaking", "solcp01", "isolated-1", VERSIONS),
    "another-zone-by-way-of-the-edge": ("leaking-apart", "solcp01", "isolated-1", (4,)),
    "infrastructure": ("homelab", "solcp01", "10.255.0.3", VERSIONS),
    "the-gateway": ("homelab", "solcp01", "10.101.0.254", VERSIONS),
    "a-host-to-a-guest": ("homelab", "pve01", "solcp02", (4,)),
    "two-edges": ("mixed", "own-asn", "internet", (4,)),
    "what-one-edge-brings": ("mixed", "own-asn", "192.168.70.9", VERSIONS),
    "no-ipv4": ("mixed", "v6-guest", "internet", VERSIONS),
    "a-plain-router": ("mixed", "v6-guest", "fd00:200::fffe", VERSIONS),
    "guests-of-a-large-site": ("scale-32x16", "g101-1", "g101-2", (4,)),
}

FAILURES: dict[str, tuple[str, tuple[str, ...]]] = {
    "without-a-host": ("homelab", ("pve02",)),
    "without-two-hosts": ("homelab", ("pve01", "pve02")),
    "without-a-mesh-link": ("homelab", ("mesh-pve01-pve02",)),
    "without-both-mesh-links-of-a-host": ("homelab", ("mesh-pve01-pve02", "mesh-pve01-pve03")),
    "without-management": ("homelab", ("management",)),
    "without-one-port-of-management": ("homelab", ("management:pve02",)),
    "without-the-only-edge": ("homelab", ("edge1",)),
    "without-one-of-two-edges": ("mixed", ("edge1",)),
    "without-both-reflectors": ("scale-32x16", ("pve16", "pve32")),
}


def planned(example: str) -> Plan:
    if example.startswith("leaking"):
        return leaking_homelab(apart=example == "leaking-apart")
    return plan_of(example)


@cache
def texts() -> dict[str, str]:
    found = {}
    for name, (example, source, target, versions) in TRACES.items():
        found[name] = trace_text(trace(planned(example), source, target, versions=versions))
    for name, (example, down) in FAILURES.items():
        found[name] = what_if_text(what_if(planned(example), down_of(planned(example), down)))
    return found


def test_what_is_printed_is_what_was_reviewed(request: pytest.FixtureRequest) -> None:
    printed = texts()
    if request.config.getoption("--update-golden"):
        FOLDER.mkdir(parents=True, exist_ok=True)
        for stale in FOLDER.glob("*.txt"):
            stale.unlink()
        for name, text in printed.items():
            (FOLDER / f"{name}.txt").write_text(text, encoding="utf-8")
    assert printed == {path.stem: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.txt")}


def test_no_line_is_wider_than_a_screen() -> None:
    long = {name: line for name, text in texts().items() for line in text.splitlines() if len(line) > 240}
    assert not long
