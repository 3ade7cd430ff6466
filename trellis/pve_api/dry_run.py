"""Whether Proxmox would generate what was computed: its own dry run, which pve-network has from 1.3.0 on.

It answers with the difference (`diff -b -N -u`) between a node's frr.conf and the one that it would write. So it shows
what changes, not the whole text: a line that comes must have been computed, and one that Proxmox was computed to
generate must not go. That the host then holds nothing else is seen by its own agent, at its commit.
"""

from __future__ import annotations

from collections import Counter

_NOT_STATEMENTS = ("exit", "exit-vrf", "exit-address-family", "line vty", "end")


def surprises(diff: str | None, generated: str, frr_conf: str) -> list[str]:
    """In what a dry run is not what was computed.

    Args:
        diff: What the node answers as `frr-diff`; None where nothing would change.
        generated: What Proxmox was computed to generate on that node.
        frr_conf: The node's whole frr.conf as computed, our own part included.

    Returns:
        A line for each, for people.
    """
    coming, going = _changed(diff or "")
    computed, own = set(_statements(frr_conf)), set(_statements(generated))
    unknown = [f"would generate `{line}`, which was not computed" for line in coming - going if line not in computed]
    lost = [f"would take `{line}` away, which was computed to stay" for line in going - coming if line in own]
    return [*unknown, *lost]


def _changed(diff: str) -> tuple[Counter[str], Counter[str]]:
    """The statements that come and that go; one that moves does both."""
    coming: Counter[str] = Counter()
    going: Counter[str] = Counter()
    for line in diff.splitlines():
        if line.startswith(("+++ ", "--- ", "@@")):
            continue
        if line[:1] in ("+", "-"):
            (coming if line[0] == "+" else going).update(_statements(line[1:]))
    return coming, going


def _statements(text: str) -> list[str]:
    lines = (" ".join(line.split()) for line in text.splitlines())
    return [line for line in lines if line and line[0] not in "!#" and line not in _NOT_STATEMENTS]
