"""What `trellis why` prints for the examples is what was reviewed.

``pytest tests/core/test_why_texts.py --update-golden`` writes the files of ``tests/core/reach/why`` anew.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.test_why import attacked
from tests.sites import REPOSITORY, plan_of
from trellis.plan import Plan
from trellis.reach.fabric import Fabric
from trellis.reach.why import Said, questions, why
from trellis.reach.why.text import why_text

FOLDER = Path(__file__).parent / "reach" / "why"

ASKED: dict[str, tuple[str, str, str, Said]] = {
    "a-nodes-loopbacks": ("homelab", "solcp01", "own", Said()),
    "a-service-as-public": ("homelab", "solcp01", "10.101.250.7", Said()),
    "the-pod-aggregate": ("homelab", "solcp01", "fd00:101:244::/60", Said()),
    "another-guests-loopback": ("homelab", "debian-test-1", "fd00:101:fe::11", Said()),
    "the-fabrics-loopback": ("attacks", "mallory", "10.255.0.2/32", Said()),
    "what-is-taken-on-an-open-vnet": ("attacks", "fd00:200::99", "fd00:200:fe::6", Said()),
    "a-path-by-way-of-the-edge": ("attacks", "mallory", "10.101.254.66", Said(path=(4200000000,))),
    "forged-communities": ("attacks", "mallory", "fd00:101:fe::66", Said(communities=("65000:2", "rt:65000:4097"))),
    "another-guests-asn": ("attacks", "mallory", "fd00:101:fe::66", Said(asn=4200101007)),
    "more-than-the-limit": ("attacks", "alice", "fd00:101:fe::7", Said(announced=11)),
    "a-stranger-where-guests-are-bound": ("attacks", "fd00:101::5", "fd00:101:fe::5", Said()),
    "two-edges": ("mixed", "own-asn", "own", Said()),
}


def planned(example: str) -> Plan:
    return attacked() if example == "attacks" else plan_of(example)


def texts() -> dict[str, str]:
    found = {}
    for name, (example, guest, prefix, said) in ASKED.items():
        fabric = Fabric(planned(example))
        asked = questions(fabric, guest, prefix, said)
        found[name] = "\n".join(why_text(why(fabric, question)) for question in asked)
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


def test_the_example_of_the_documentation_is_what_is_printed() -> None:
    documentation = (REPOSITORY / "docs/guests.md").read_text(encoding="utf-8")
    assert f"$ trellis why solcp01 fd00:101:244::/60\n{texts()['the-pod-aggregate']}" in documentation


def test_no_line_is_wider_than_a_screen() -> None:
    long = {name: line for name, text in texts().items() for line in text.splitlines() if len(line) > 240}
    assert not long
