"""The homelab with a leak between its two zones, and with services that its guests may reach."""

from __future__ import annotations

from functools import cache

from tests.sites import site_data
from trellis.plan import Plan, plan
from trellis.site import load_site


@cache
def leaking_homelab(*, apart: bool = False) -> Plan:
    """Return its plan.

    Args:
        apart: Whether the second zone is on pve02 alone, so that other hosts reach it by way of the edge.
    """
    site = site_data("homelab")
    loopbacks = ["10.101.254.0/24", "10.200.254.0/24", "fd00:101:fe::/64", "fd00:200:fe::/64"]
    site["leaks"] = {"backup": {"between": ["evpnz1", "evpnz2"], "prefixes": loopbacks}}
    site["firewall"] = {
        "csi": {"vnets": ["vnet101"], "protocol": "tcp", "ports": [8006], "to": ["10.10.0.11/32"]},
        "ntp": {"vnets": ["vnet101"], "protocol": "udp", "ports": [123]},
    }
    if apart:
        site["zones"]["evpnz2"]["nodes"] = ["pve02"]
    return plan(load_site(site))
