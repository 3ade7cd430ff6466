"""FRR's defaults, per version: what is never rendered, because FRR does not print it back (R14).

Measured with ``frr defaults datacenter`` by loading each value and reading the running configuration.
"""

from __future__ import annotations

from dataclasses import dataclass

from trellis.plan.model import HostPlan
from trellis.pve import pve_version


@dataclass(frozen=True, slots=True)
class FrrDefaults:
    """Values that ``show running-config`` leaves out.

    Attributes:
        timers_s: BGP keepalive and hold time in seconds.
        bfd_interval_ms: BFD transmit and receive interval in milliseconds.
        bfd_multiplier: BFD detection multiplier.
        bgp_lines: What every ``router bgp`` prints although it is the default, so that it has to be written.
    """

    timers_s: tuple[int, int] = (3, 9)
    bfd_interval_ms: int = 300
    bfd_multiplier: int = 3
    bgp_lines: tuple[str, ...] = ()


DEFAULTS = {
    "10.3": FrrDefaults(),
    # From 10.6.1 on the datacenter profile prints this one, and frr-reload would delete it each time (FRR 22939).
    "10.7": FrrDefaults(bgp_lines=("use-underlays-nexthop-weight",)),
}

_FIRST_AS_OFF = "no bgp enforce-first-as"


def enforces_first_as(host: HostPlan) -> bool:
    """Return whether FRR's own default makes each eBGP peer put its ASN first.

    FRR takes its defaults from the ``frr version`` line of its file, whatever version it is; under the line that
    Proxmox VE 8.4 writes it is off, and has to be said (``trellis.pve`` knows which lines ask for what).

    Args:
        host: The host, whose ``frr version`` line Proxmox writes if there is one.
    """
    return _FIRST_AS_OFF not in _under_proxmox_header(host)


def _under_proxmox_header(host: HostPlan) -> tuple[str, ...]:
    return pve_version(host.pve_version).instance_statements(host.frr_version) if host.pve_version else ()


def bgp_lines(host: HostPlan) -> tuple[str, ...]:
    """Return the lines that every ``router bgp`` of ``host`` holds for FRR's sake, those that Proxmox makes included.

    Args:
        host: The host.
    """
    return (*_under_proxmox_header(host), *DEFAULTS[host.frr_version].bgp_lines)


PREFIX_LIFETIMES_S = (2592000, 604800)
"""Valid and preferred lifetime of an advertised prefix that FRR does not print (10.3 and 10.7)."""

ADVERTISEMENT_INTERVAL_S = 600
"""Interval of router advertisements that FRR does not print; a lifetime it always does."""
