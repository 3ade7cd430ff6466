"""FRR's defaults, per version: what is never rendered, because FRR does not print it back (R14).

Measured with ``frr defaults datacenter`` by loading each value and reading the running configuration.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FrrDefaults:
    """Values that ``show running-config`` leaves out.

    Attributes:
        timers_s: BGP keepalive and hold time in seconds.
        bfd_interval_ms: BFD transmit and receive interval in milliseconds.
        bfd_multiplier: BFD detection multiplier.
    """

    timers_s: tuple[int, int] = (3, 9)
    bfd_interval_ms: int = 300
    bfd_multiplier: int = 3


DEFAULTS = {"10.3": FrrDefaults(), "10.7": FrrDefaults()}
