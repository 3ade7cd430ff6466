"""Lines of interfaces that a new configuration leaves out, taken away one by one before frr-reload.py comes to them.

frr-reload.py says `no interface X`, which FRR (10.3) refuses while the kernel has the device: `only inactive
interfaces can be deleted`. A host still has a VNet's when the VNet goes: the lines leave FRR before Proxmox takes the
device away, since zebra dies of one that goes while it sends advertisements there (docs/decisions/0031). A stanza
without lines is none that FRR prints, and nothing is left for the reload to take away.
"""

from __future__ import annotations


def taken_away(running: str, wanted: str) -> list[tuple[str, ...]]:
    """Return what to tell vtysh, for each interface that runs and is not wanted any more.

    Args:
        running: What FRR runs.
        wanted: What it is to run.
    """
    then = stanzas(wanted)
    return [
        ("configure terminal", heading, *(_undone(line) for line in lines), "exit")
        for heading, lines in stanzas(running).items()
        if lines and heading not in then
    ]


def _undone(line: str) -> str:
    return line.removeprefix("no ") if line.startswith("no ") else f"no {line}"


def stanzas(text: str) -> dict[str, list[str]]:
    """Return the lines of each interface, by its heading.

    Args:
        text: A configuration, as FRR prints it or a file has it.
    """
    found: dict[str, list[str]] = {}
    heading = ""
    for line in text.splitlines():
        if not line.startswith(" "):
            heading = line.strip() if line.startswith("interface ") else ""
            if heading:
                found.setdefault(heading, [])
        elif heading:
            found[heading].append(line.strip())
    return found
