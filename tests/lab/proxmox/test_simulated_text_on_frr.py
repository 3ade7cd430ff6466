"""The golden frr.conf of every release on a real FRR: loaded without a complaint, stable under frr-reload."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from trellis.lab.proxmox.node.versions import BEHAVIOURS
from trellis.lab.scratch import ScratchFrr

pytestmark = pytest.mark.frr

GOLDEN = Path(__file__).parent / "golden"
FRR = "10.3"
"""What the lab's hosts run; Proxmox writes the version of its own FRR into the header."""

FRAME = ("Lines To Add", "Lines To Delete", "exit", "line vty")
"""What frr-reload lists though nothing differs: its own frame, and a line that FRR never prints."""


BY_HEADER: dict[str, tuple[str, ...]] = {
    "8.5.2": (
        "bgp enforce-first-as",
        "router bgp 4200001000",
        "router bgp 4200001000 vrf vrf_evpnz1",
        "router bgp 4200001000 vrf vrf_evpnz2",
    )
}
"""What frr-reload lists because FRR takes its defaults from the header's version: 10.3 enforces the first AS by
default, 8.5.2 did not, so under Proxmox VE 8.4's header the running configuration says it in so many words."""


@pytest.mark.parametrize("merged", ["", "-merged"])
@pytest.mark.parametrize("network", sorted(BEHAVIOURS))
def test_what_proxmox_writes_is_what_frr_runs(frr_root: Callable[[str], Path], network: str, merged: str) -> None:
    text = (GOLDEN / f"pve-network-{network}{merged}.frr.conf").read_text()
    with ScratchFrr(frr_root(FRR), hostname="pve01") as frr:
        checked = frr.check(text)
        assert (checked.status, checked.text.strip()) == (0, "")
        assert frr.load(text).status == 0
        listed = [line.strip() for line in frr.reload_test(text)]
        frame = {*FRAME, text.splitlines()[0]}
        known = set(BY_HEADER.get(BEHAVIOURS[network].frr_header, ()))
        assert {line for line in listed if line and set(line) != {"="}} - frame == known
        running = frr.running_config()
    assert " neighbor VTEP peer-group" in running
    assert "vrf vrf_evpnz2\n vni 4097\nexit-vrf" in running
    assert ("neighbor 10.101.0.6 remote-as 4200101006" in running) is bool(merged)
    assert "LOST" not in running
