"""Sites drawn at random, valid by construction: what a property must hold for.

Names and prefixes follow from ids, as people choose them; order, sizes, kinds, versions and placements are drawn.
Hypothesis draws the seed alone: a site has hundreds of choices, and drawing each through it takes seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from hypothesis import strategies as st

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB7AN+6NeTnhqtDCcBocTwmEmrsZHsAW9p5vjeQUInbD"

Data = dict[str, Any]


def sites(least: int = 1) -> st.SearchStrategy[Data]:
    """Draw the raw object of a site with at least that many hosts and tenants."""
    return st.integers(0, 2**32).map(lambda seed: site_of(Random(seed), least))


def site_of(draw: Random, least: int) -> Data:
    """Return the raw object of a site.

    Args:
        draw: Makes the choices.
        least: Fewest hosts and tenants.
    """
    host_ids = draw.sample(range(1, 61), draw.randint(least, 4))
    zone_ids = draw.sample(range(1, 91), draw.randint(1, 3))
    tenant_ids = draw.sample(range(100, 250), draw.randint(least, 4))
    site: Data = {
        "name": "drawn",
        "fabric": {
            "asn": 4200001000,
            "loopbacks": {"ipv4": "10.255.0.0/24", "ipv6": "fd00:0:0:ffff::/64"},
            "infrastructure": ["10.10.0.0/24", "fd00:10::/64"],
            **draw.choice([{}, {"keepalive_s": 3, "hold_time_s": 9}, {"keepalive_s": 1, "hold_time_s": 3}]),
            "bfd": {"interval_ms": draw.choice([10, 300, 60000]), "multiplier": draw.choice([2, 3, 255])},
            "guest_bfd": {"interval_ms": draw.choice([100, 300]), "multiplier": draw.choice([3, 5])},
        },
        "proxmox": {"endpoint": "https://10.10.0.200:8006"},
        "hosts": {f"h{number}": _host(draw, number) for number in host_ids},
        "links": {"management": {**_segment(host_ids), "cost": draw.choice([1, 10, 65535])}},
        "edges": {
            f"edge{n}": {
                "asn": 4200000000 + n,
                "loopback": {"ipv4": f"10.255.0.{250 + n}", "ipv6": f"fd00:0:0:ffff::fff{n}"},
            }
            for n in range(draw.randint(0, 2))
        },
        "zones": {f"z{number}": {"id": number, "shared": True} for number in zone_ids},
        "tenants": {},
        "vnets": {},
        "guests": {},
        "clusters": {},
    }
    if len(host_ids) > 2:
        reflectors = [f"h{number}" for number in draw.sample(host_ids, 2)]
        site["fabric"] |= {
            "full_mesh_limit": 2,
            "route_reflectors": reflectors if draw.random() < 0.5 else sorted(reflectors),
        }
    for zone in site["zones"].values():
        zone["nodes"] = draw.sample(sorted(site["hosts"]), len(host_ids)) if draw.random() < 0.5 else []
    for edge in site["edges"].values():
        edge["max_hops"] = draw.choice([2, 5, 255])
        edge["accepts"] = draw.sample(["192.168.70.0/24", "fd00:70::/64", "10.0.0.0/8"], draw.randint(0, 3))
    for number in tenant_ids:
        _tenant(draw, site, number, f"z{draw.choice(zone_ids)}")
    return site


def _host(draw: Random, number: int) -> Data:
    kind, pve, frr = draw.choice(
        [("pve", "8.4", "10.3"), ("pve", "9.1", "10.3"), ("pve", "9.2", "10.7"), ("frr", None, "10.3")]
    )
    host = {"id": number, "kind": kind, "frr_version": frr, "ssh": {"address": f"10.10.0.{number}", "host_key": KEY}}
    return {**host, "pve_version": pve} if pve else host


def _segment(host_ids: list[int]) -> Data:
    ends = {f"h{number}": {"interface": "vmbr0", "ipv4": f"10.10.0.{number}/24"} for number in host_ids}
    return {"kind": "segment", "ends": ends}


def _tenant(draw: Random, site: Data, number: int, zone: str) -> None:
    """Add a tenant with its VNet, guests and perhaps a cluster."""
    hosts = sorted(site["hosts"])
    site["tenants"][f"t{number}"] = {
        "id": number,
        "loopbacks": {"ipv4": f"10.{number}.254.0/24", "ipv6": f"fd00:{number}:fe::/64"},
        "guest_bgp": {
            "enabled": True,
            "export_peer_loopbacks": draw.random() < 0.5,
            "max_prefixes": draw.choice([3, 10, 100000]),
        },
    }
    site["vnets"][f"v{number}"] = {
        "zone": zone,
        "tenant": f"t{number}",
        "subnets": {
            "ipv4": {"prefix": f"10.{number}.0.0/24", "gateway": f"10.{number}.0.254"},
            "ipv6": {"prefix": f"fd00:{number}::/64", "gateway": f"fd00:{number}::fffe"},
        },
    }
    for suffix in draw.sample(range(1, 11), draw.randint(0, 2)):
        announced = [f"10.{number}.0.{100 + suffix}/32", f"fd00:{number}::{100 + suffix}/128"]
        site["guests"][f"g{number}-{suffix}"] = {
            "vnet": f"v{number}",
            "announces": draw.sample(announced, draw.randint(0, 2)),
            **_attachment(draw, hosts, number, suffix),
        }
    suffixes = draw.sample([*range(11, 15), *range(21, 25)], draw.randint(0, 3))
    if suffixes:
        blocks = draw.sample(range(8), 8)
        site["clusters"][f"c{number}"] = {
            "id": number,
            "vnet": f"v{number}",
            "pods": {
                "ipv4": {"pool": f"10.{number}.240.0/21", "node_length": 24},
                "ipv6": {"pool": f"fd00:{number}:244::/60", "node_length": 64},
            },
            "services": {"ipv4": f"10.{number}.250.0/24", "ipv6": f"fd00:{number}:250::/112"},
            "nodes": {
                f"n{number}-{suffix}": {
                    "role": "controlplane" if suffix < 20 else "worker",
                    "pod_block": block,
                    **_attachment(draw, hosts, number, suffix),
                }
                for suffix, block in zip(suffixes, blocks, strict=False)
            },
        }


def _attachment(draw: Random, hosts: list[str], tenant: int, suffix: int) -> Data:
    placement = draw.sample(hosts, draw.randint(0, len(hosts)))
    return {
        "suffix": suffix,
        "host": draw.choice(placement or hosts),
        "placement": placement,
        "mac": f"BC:24:11:00:{tenant:02X}:{suffix:02X}",
        "resilience": draw.choice(["fast_failure", "restart"]),
    }


def reordered(draw: Random, value: Any) -> Any:
    """Return ``value`` with every mapping and every list in it in another order."""
    if isinstance(value, Mapping):
        return {key: reordered(draw, value[key]) for key in draw.sample(list(value), len(value))}
    if isinstance(value, list):
        return draw.sample(value, len(value))
    return value


def entries(site: Data) -> list[tuple[str, str]]:
    """Return family and name of every entry that a person may take out of a site."""
    families = ("hosts", "zones", "tenants", "guests", "clusters")
    found = [(family, name) for family in families for name in site[family]]
    return found + [("nodes", name) for cluster in site["clusters"].values() for name in cluster["nodes"]]


def without(site: Data, family: str, name: str) -> Data | None:
    """Return ``site`` without an entry and what cannot be without it; None if nothing would be left.

    Args:
        site: The whole site.
        family: As ``entries`` names it.
        name: Name of the entry.
    """

    def of_vnet(vnet: str) -> bool:
        details = site["vnets"][vnet]
        return (family, name) in (("zones", details["zone"]), ("tenants", details["tenant"]))

    def goes(entry: Data) -> bool:
        gone_host = family == "hosts" and (entry["host"] == name or entry["placement"] == [name])
        return gone_host or ("vnet" in entry and of_vnet(entry["vnet"]))

    def kept(entry: Data) -> Data:
        if family != "hosts":
            return entry
        return {**entry, "placement": [host for host in entry["placement"] if host != name]}

    smaller: Data = {
        **site,
        "hosts": {key: host for key, host in site["hosts"].items() if (family, name) != ("hosts", key)},
        "zones": {
            key: {**zone, "nodes": [node for node in zone["nodes"] if (family, name) != ("hosts", node)]}
            for key, zone in site["zones"].items()
            if (family, name) != ("zones", key)
        },
        "vnets": {key: vnet for key, vnet in site["vnets"].items() if not of_vnet(key)},
        "guests": {
            key: kept(guest)
            for key, guest in site["guests"].items()
            if (family, name) != ("guests", key) and not goes(guest)
        },
    }
    smaller["tenants"] = {
        key: tenant
        for key, tenant in site["tenants"].items()
        if any(vnet["tenant"] == key for vnet in smaller["vnets"].values())
    }
    smaller["clusters"] = {
        key: {
            **cluster,
            "nodes": {
                node: kept(entry)
                for node, entry in cluster["nodes"].items()
                if (family, name) != ("nodes", node) and not goes(entry)
            },
        }
        for key, cluster in site["clusters"].items()
        if (family, name) != ("clusters", key) and not of_vnet(cluster["vnet"])
    }
    fabric = site["fabric"]
    if name in fabric.get("route_reflectors", ()) and family == "hosts":
        left = [host for host in fabric["route_reflectors"] if host != name]
        smaller["fabric"] = {**fabric, "route_reflectors": left}
    segment = site["links"]["management"]
    ends = {key: segment["ends"][key] for key in smaller["hosts"]}
    smaller["links"] = {"management": {**segment, "ends": ends}}
    return smaller if smaller["hosts"] and smaller["zones"] else None
