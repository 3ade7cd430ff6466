"""Pairs of sites that differ as people change them, and the diff of each."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from tests.core.generated import Data
from tests.sites import plan_of, site_data
from trellis.diff import Diff, diff
from trellis.plan import Plan, plan
from trellis.site import load_site

Change = Callable[[Data], Any]


def _guest_added(site: Data) -> None:
    site["guests"]["debian-test-2"] = {"vnet": "vnet101", "suffix": 7, "host": "pve02", "mac": "BC:24:11:01:01:07"}


def _filter_widened(site: Data) -> None:
    policy = site["tenants"]["tenant200"]["guest_bgp"]
    policy["asns"] = {"first": 65100, "last": 65299}
    policy["prefix_lengths"] = {"ipv4": {"shortest": 28, "longest": 32}}


def _vnet_added(site: Data) -> None:
    site["vnets"]["vnet104"] = {
        "zone": "evpnz1",
        "tenant": "tenant102",
        "vni": 20102,
        "subnets": {
            "ipv4": {"prefix": "10.104.0.0/24", "gateway": "10.104.0.254"},
            "ipv6": {"prefix": "fd00:104::/64", "gateway": "fd00:104::fffe"},
        },
    }


def _host_added(site: Data) -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB7AN+6NeTnhqtDCcBocTwmEmrsZHsAW9p5vjeQUInbD"
    address = "10.10.0.14"
    site["hosts"]["pve04"] = {
        "id": 4,
        "pve_version": "9.1",
        "frr_version": "10.3",
        "ssh": {"address": address, "host_key": key},
    }
    site["links"]["management"]["ends"]["pve04"] = {
        "interface": "vmbr0.10",
        "ipv4": f"{address}/24",
        "ipv6": "fd00:10::14/64",
    }


def _edge_added(site: Data) -> None:
    site["edges"]["edge2"] = {
        "kind": "frr",
        "asn": 4200000001,
        "loopback": {"ipv4": "10.255.0.253", "ipv6": "fd00:0:0:ffff::fffd"},
    }
    site["links"]["management"]["ends"]["edge2"] = {
        "interface": "ens18",
        "ipv4": "10.10.0.253/24",
        "ipv6": "fd00:10::fffd/64",
    }
    for vnet in ("vnet100", "vnet101"):
        site["vnets"][vnet]["delegation"]["edge"] = "edge1"


def _zone_removed(site: Data) -> None:
    del site["zones"]["evpnz2"], site["vnets"]["vnet200"], site["tenants"]["tenant200"], site["guests"]["isolated-1"]


def _md5_on(site: Data) -> None:
    site["edges"]["edge1"]["md5"] = "edge-key"


def _delegation_changed(site: Data) -> None:
    before = site["delegated"]["vnet101"]["current"]
    site["delegated"]["vnet101"] = {
        "current": "2600:1700:ab1a:5111::/64",
        "deprecated": [{"prefix": before, "remove_after": "2026-12-01T00:00:00Z"}],
    }


def _guest_moved(site: Data) -> None:
    site["guests"]["debian-test-1"] |= {"host": "pve03", "placement": ["pve03"]}


def _link_cut(site: Data) -> None:
    del site["links"]["mesh-pve01-pve02"]
    site["hosts"]["pve03"]["maintenance"] = "new disks"


CHANGES: dict[str, Change] = {
    "guest-added": _guest_added,
    "guest-moved": _guest_moved,
    "filter-widened": _filter_widened,
    "vnet-added": _vnet_added,
    "host-added": _host_added,
    "edge-added": _edge_added,
    "zone-removed": _zone_removed,
    "md5-on": _md5_on,
    "delegation-changed": _delegation_changed,
    "link-cut": _link_cut,
}
"""What people change, each on the homelab."""


@cache
def changed_plan(name: str) -> Plan:
    """Return the plan of the homelab after a change."""
    site = site_data("homelab")
    CHANGES[name](site)
    return plan(load_site(site))


@cache
def diff_of(name: str) -> Diff:
    """Return what a change of the homelab changes."""
    return diff(plan_of("homelab"), changed_plan(name))
