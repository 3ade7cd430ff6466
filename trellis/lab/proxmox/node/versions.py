"""How a Proxmox release treats FRR, as data: one entry per generation of its pve-network package.

The entries were read from pve-network's own history (tags 0.11.2 of April 2025, 1.1.8 of September 2025,
1.2.5 of January 2026 and 1.3.0 of March 2026). Nothing newer was seen: a newer release is played as 1.3.0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

MergeGrammar = Literal["stripped", "verbatim"]


@dataclass(frozen=True)
class Behaviour:
    """What one generation of pve-network does on a node.

    Args:
        network: Its version.
        frr_header: What its `frr version` line says.
        merge: How it reads frr.conf.local: `stripped` forgets indentation and sorts what it collects,
            `verbatim` keeps lines and their order.
        final_newline: Whether the frr.conf that it writes ends with a newline.
        rewrites_daemons: Whether it forces the daemons that SDN fabrics use in /etc/frr/daemons, and
            *restarts* FRR where that changed the file.
        needs_controller: Whether frr.conf is only ever written while there is a controller.
        serves_local_file: Whether an frr.conf.local alone, without any controller, is reason to regenerate.
        commits_at_boot: Whether there is a service that commits pending SDN changes at boot.
        has_lock: Whether the API has lock tokens and rollback.
        has_dry_run: Whether the API has the dry run.
    """

    network: str
    frr_header: str
    merge: MergeGrammar
    final_newline: bool
    rewrites_daemons: bool
    needs_controller: bool
    serves_local_file: bool
    commits_at_boot: bool
    has_lock: bool
    has_dry_run: bool


BEHAVIOURS: Final = {
    entry.network: entry
    for entry in (
        Behaviour("0.11.2", "8.5.2", "stripped", False, False, True, False, False, False, False),
        Behaviour("1.1.8", "10.3.1", "stripped", False, True, False, False, True, True, False),
        Behaviour("1.2.5", "10.4.1", "stripped", True, True, False, True, True, True, False),
        Behaviour("1.3.0", "10.4.1", "verbatim", True, True, False, True, True, True, True),
    )
}
"""By version of pve-network."""

NETWORK_OF_RELEASE: Final = {"8.4": "0.11.2", "9.0": "1.1.8", "9.1": "1.3.0", "9.2": "1.3.0"}
"""The pve-network of an up-to-date release. 9.1 began with 1.2.2 and got 1.3.0 within its life."""

MANAGER_OF_RELEASE: Final = {"8.4": "8.4.1", "9.0": "9.0.10", "9.1": "9.1.6", "9.2": "9.2.1"}
"""The version of pve-manager that answers for a release named without a patch level."""

_NEWEST: Final = "9.2"
_RELEASE: Final = re.compile(r"(\d+)\.(\d+)(?:\.\d+)?")


def manager_of(release: str) -> str:
    """The version that `pveversion` and `/version` name: the release's own patch level, or a usual one."""
    return MANAGER_OF_RELEASE.get(release, release)


def behaviour_of(release: str, network: str | None = None) -> Behaviour:
    """What a node of this release does.

    Args:
        release: Proxmox VE's version: major.minor, and optionally a patch level, which is not looked at.
        network: The version of pve-network, where it is not the newest that the release had.

    Returns:
        The behaviour; the newest known one for a release newer than it.

    Raises:
        ValueError: The release is older than 8.4, or the version of pve-network is not known here.
    """
    match = _RELEASE.fullmatch(release)
    if match is None:
        raise ValueError(f"Proxmox VE release {release!r}: want major.minor, for example 9.1")
    short = f"{match[1]}.{match[2]}"
    if (int(match[1]), int(match[2])) > tuple(int(part) for part in _NEWEST.split(".")):
        short = _NEWEST
    if short not in NETWORK_OF_RELEASE:
        raise ValueError(f"Proxmox VE release {release!r}: not known here; known are {', '.join(NETWORK_OF_RELEASE)}")
    chosen = network or NETWORK_OF_RELEASE[short]
    if chosen not in BEHAVIOURS:
        raise ValueError(f"pve-network {chosen!r}: not known here; known are {', '.join(BEHAVIOURS)}")
    return BEHAVIOURS[chosen]
