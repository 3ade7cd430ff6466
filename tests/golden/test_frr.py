"""Every golden effective configuration on real FRR daemons of the version that the site names for that host.

What is rendered must be what FRR prints (R14): clean for ``vtysh -C``, loaded without a complaint, nothing to do for
``frr-reload.py`` afterwards, and equal to the running configuration by the agent's own comparison.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.golden.files import FOLDER, GOLDEN_HOSTS, bundle_of
from tests.sites import plan_of
from trellis.agent.normalise import difference, shown
from trellis.lab.scratch import Result, ScratchFrr
from trellis.pve import NEVER_PRINTED

pytestmark = pytest.mark.frr

_CHATTER = re.compile(r"\[\d+\|\w+\] (sending configuration|done)|Waiting for children to finish applying config\.\.\.")
# A scratch FRR has no VRF devices, and FRR 10.7 says of their static routes that they wait for one.
_WAITS_FOR_VRF = re.compile(
    r"% Configuration applied with notes:"
    r"|STATICD: Static Route to \S+ not installed currently because dependent config not fully available"
)
_FORWARD = re.compile(r"The route-map '(.+)' does not exist\.")
_AGAIN = re.compile(r"\S+ already attached to Area 0\.0\.0\.0|MGMTD: No changes found to be committed!")
_FRAME = re.compile(r"Lines To (Add|Delete)|=+|exit")


@pytest.fixture(params=GOLDEN_HOSTS, ids="/".join, scope="module")
def golden(
    request: pytest.FixtureRequest, frr_root: Callable[[str], Path]
) -> Iterator[tuple[str, str, str, ScratchFrr]]:
    """Yield a golden configuration, its host's name and kind, and an empty FRR of the host's version."""
    example, host = request.param
    planned = next(found for found in plan_of(example).hosts if found.name == host)
    text = (FOLDER / example / host / "frr.conf").read_text(encoding="utf-8")
    assert text == bundle_of(example, host).text("/etc/frr/frr.conf"), "not the golden: run tests/golden first"
    with ScratchFrr(frr_root(planned.frr_version), hostname=host) as frr:
        checked = frr.check(text)
        assert (checked.status, checked.text.strip()) == (0, "")
        assert load(frr, text) == []
        yield text, host, planned.kind, frr


def load(frr: ScratchFrr, text: str) -> list[str]:
    """Load a text, and return what FRR said of it beyond progress.

    A daemon that has just started may still hold mgmtd's lock for reading its own empty file; then the text is
    loaded again, and FRR says of the part that the first load brought that it is there already.
    """
    first = loaded = frr.load(text)
    for _ in range(10):
        if "locked by another session" not in loaded.text:
            break
        time.sleep(0.5)
        loaded = frr.load(text)
    found = complaints(loaded, text)
    return found if loaded is first else [line for line in found if not _AGAIN.fullmatch(line)]


def complaints(loaded: Result, text: str) -> list[str]:
    """Return what FRR said of a text beyond progress; a reference to a map that stands further down is none."""
    found = [] if loaded.status == 0 else [f"status {loaded.status}"]
    for line in filter(None, map(str.strip, loaded.text.splitlines())):
        forward = _FORWARD.fullmatch(line)
        if (
            _CHATTER.fullmatch(line)
            or _WAITS_FOR_VRF.fullmatch(line)
            or (forward and f"\nroute-map {forward[1]} " in text)
        ):
            continue
        found.append(line)
    return found


def to_do(frr: ScratchFrr, text: str, kind: str) -> list[str]:
    """Return what ``frr-reload.py`` would change for a text that is loaded, but for Proxmox's own two lines."""
    listed = [line.strip() for line in frr.reload_test(text) if not _FRAME.fullmatch(line.strip())]
    if kind != "pve":
        return listed
    # Proxmox's `frr version` is not the daemons', and FRR prints no empty `line vty`.
    return [line for line in listed if line not in NEVER_PRINTED | {text.splitlines()[0]}]


def test_a_golden_config_leaves_frr_reload_nothing_to_do(golden: tuple[str, str, str, ScratchFrr]) -> None:
    text, _, kind, frr = golden
    assert to_do(frr, text, kind) == []


def test_a_golden_config_is_what_frr_runs_by_the_agents_comparison(golden: tuple[str, str, str, ScratchFrr]) -> None:
    text, _, _, frr = golden
    missing, unexpected = difference(text, frr.running_config())
    assert (shown(missing), shown(unexpected)) == ([], [])


def test_a_wrong_line_in_a_golden_config_would_be_complained_of(golden: tuple[str, str, str, ScratchFrr]) -> None:
    text, _, _, frr = golden
    broken = text + "route-map TL-X permit 1\n match community-listt TL-EXPORTED\nexit\n"
    checked = frr.check(broken)
    assert checked.status != 0 or checked.text.strip()
