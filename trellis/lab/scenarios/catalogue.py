"""The scenarios: what is done, by which function, and what must hold within which time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trellis.lab.scenarios import breaking

if TYPE_CHECKING:
    from trellis.lab.twin import Twin

Breaking = Callable[["Twin"], list[str]]
"""Causes it, returns when it has happened, and says what proves that."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Something that is done to a running fabric.

    Args:
        name: As `trellis lab scenario` takes it.
        what: What is done, in one sentence.
        breaks: Does it.
        mends: Takes away what it leaves behind, at Proxmox; the hosts must need no help.
        intent_s: Seconds from its beginning within which every host runs what is intended.
        sessions_s: Seconds within which every session is Established again and every route is back.
        resets: Whether sessions may reset; of a host that goes down they must.
    """

    name: str
    what: str
    breaks: Breaking
    intent_s: float
    sessions_s: float
    resets: bool = False
    mends: Breaking | None = None


# A boot takes 10 s alone and 25 s beside two others on two cores; OSPF waits 40 s on the management segment, BGP's
# sessions follow it. A reload of FRR takes 5 s on these kernels, the guard looks twice, 3 s apart.
SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        "sdn-apply-by-another",
        "somebody else adds a VNet at Proxmox and applies: every node's frr.conf is written anew",
        breaking.apply_by_another,
        intent_s=60,
        sessions_s=60,
        mends=breaking.take_the_others_away,
    ),
    Scenario(
        "sdn-apply-without-ours",
        "a node has lost frr.conf.local and its daemons, and somebody applies: Proxmox's EVPN part is all that is left",
        breaking.apply_without_ours,
        # 60 s of it are Proxmox's own reload, which takes 750 lines out of FRR on these kernels; 10 are the guard's.
        intent_s=150,
        sessions_s=210,
        resets=True,
    ),
    Scenario(
        "network-reload",
        "the network of every node is reloaded from its page: devices as by ifreload -a, frr.conf written anew",
        breaking.network_reload,
        intent_s=60,
        sessions_s=60,
    ),
    Scenario(
        "sdn-commit-at-boot",
        "a node boots while somebody's SDN changes are pending: pve-sdn-commit commits them and writes frr.conf anew",
        breaking.commit_at_boot,
        intent_s=120,
        sessions_s=180,
        resets=True,
        mends=breaking.take_the_others_away,
    ),
    Scenario(
        "reboot-one",
        "one host reboots",
        breaking.reboot_one,
        intent_s=120,
        sessions_s=180,
        resets=True,
    ),
    Scenario(
        "reboot-all",
        "every host loses its power at once, and gets it back at once",
        breaking.power_event,
        intent_s=180,
        sessions_s=240,
        resets=True,
    ),
)
