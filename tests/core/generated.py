"""Sites drawn at random, valid by construction: what a property must hold for.

Names and prefixes follow from ids, as people choose them; order, sizes, kinds, versions and placements are drawn.
Hypothesis draws the seed alone: a site has hundreds of choices, and drawing each through it takes seconds.

Deliberately elsewhere: what is left of a site without an entry (``tests/core/smaller.py``), and the smallest site in
which every field holds something (``tests/core/whole_site.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from random import Random
from typing import Any

from hypothesis import strategies as st

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB7AN+6NeTnhqtDCcBocTwmEmrsZHsAW9p5vjeQUInbD"

Data = dict[str, Any]


def sites(least: int = 1, most: int = 4) -> st.SearchStrategy[Data]:
    """Draw the raw object of a site with at least and at most that many hosts and tenants."""
    return st.integers(0, 2**32).map(lambda seed: site_of(Random(seed), least, most))


def site_of(draw: Random, least: int, most: int = 4) -> Data:
    """Return the raw object of a site.

    Args:
        draw: Makes the choices.
        least: Fewest hosts and tenants.
        most: Most hosts and tenants, at least 3.
    """
    host_ids = draw.sample(range(1, 61), draw.randint(least, most))
    zone_ids = draw.sample(range(1, 91), draw.randint(1, 3))
    tenant_ids = draw.sample(range(100, 250), draw.randint(least, most))
    vtep = draw.choice(["ipv4", "ipv4", "ipv4", "ipv6"])
    site: Data = {
        "name": "drawn",
        "fabric": _fabric(draw, host_ids),
        "proxmox": {"endpoint": "https://10.10.0.200:8006"},
        "hosts": {f"h{number}": _host(draw, number, vtep) for number in host_ids},
        "edges": {f"edge{n}": _edge(draw, n) for n in draw.sample(range(4), draw.randint(0, 3))},
        "zones": {f"z{number}": {"id": number, "shared": True, "vtep": vtep} for number in zone_ids},
        "tenants": {},
        "vnets": {},
        "guests": {},
        "clusters": {},
    }
    site["links"] = {"management": _segment(draw, site), **_wires(draw, host_ids)}
    for zone in site["zones"].values():
        zone["nodes"] = draw.sample(sorted(site["hosts"]), draw.randint(0, len(host_ids)))
    for number in tenant_ids:
        _tenant(draw, site, number, f"z{draw.choice(zone_ids)}")
    site["leaks"] = _leaks(draw, site)
    site["firewall"] = _services(draw, site)
    _delegate(Random(draw.random()), site)
    return site


def _delegate(draw: Random, site: Data) -> None:
    """Give some VNets prefixes, or a pool that has none, and have hosts advertise on some."""
    site["delegated"] = {}
    for number, (name, vnet) in enumerate(sorted(site["vnets"].items())):
        if draw.random() < 0.3:
            vnet["router_advertisements"] = {"max_interval_s": draw.choice([4, 60, 600]), "valid_lifetime_s": 7200}
        if not site["edges"] or draw.random() < 0.5:
            continue
        vnet["delegation"] = {"pool": f"pd-{name}", "edge": draw.choice(sorted(site["edges"]))}
        prefixes = [f"2600:1700:{number + 1:x}:{part:x}::/64" for part in draw.sample(range(1, 99), 3)]
        told = [{"prefix": prefix, "remove_after": "2026-12-01T00:00:00Z"} for prefix in prefixes[1:]]
        current = draw.choice([prefixes[0], None])
        site["delegated"][name] = {"current": current, "deprecated": draw.sample(told, draw.randint(0, 2))}
        for guest in (guest for guest in site["guests"].values() if guest["vnet"] == name):
            guest["global_address"] = draw.choice(["none", "static"])
    have_edges_follow_what_is_delegated(site)


def have_edges_follow_what_is_delegated(site: Data) -> None:
    """Take from each edge that no VNet gets a prefix from what would follow one; it is refused there."""
    asked = {vnet["delegation"]["edge"] for vnet in site["vnets"].values() if "delegation" in vnet}
    for own in (edge.get("routeros", {}) for name, edge in site["edges"].items() if name not in asked):
        own.pop("webhook", None)
        if own.get("nat66") == "without_delegation":
            own["nat66"] = "never"


def _fabric(draw: Random, host_ids: list[int]) -> Data:
    interval_ms, multiplier = draw.choice([10, 300, 60000]), draw.choice([2, 3, 255])
    fabric = {
        "asn": 4200001000,
        "loopbacks": {"ipv4": "10.255.0.0/24", "ipv6": "fd00:0:0:ffff::/64"},
        "infrastructure": ["10.10.0.0/24", "fd00:10::/64", "fd00:20::/64"],
        **draw.choice([{}, {"keepalive_s": 3, "hold_time_s": 9}, {"keepalive_s": 1, "hold_time_s": 3}]),
        "bfd": {"interval_ms": interval_ms, "multiplier": multiplier},
        "multihop_bfd": {"interval_ms": max(interval_ms, draw.choice([300, 1000])), "multiplier": multiplier},
        "guest_bfd": {"interval_ms": draw.choice([100, 300]), "multiplier": draw.choice([3, 5])},
    }
    if len(host_ids) > 2:
        reflectors = [f"h{number}" for number in draw.sample(host_ids, 2)]
        fabric |= {
            "full_mesh_limit": 2,
            "route_reflectors": reflectors if draw.random() < 0.5 else sorted(reflectors),
        }
    return fabric


def _host(draw: Random, number: int, vtep: str) -> Data:
    kinds = [("pve", "8.4", "10.3"), ("pve", "9.1", "10.3"), ("frr", None, "10.3")] if vtep == "ipv4" else []
    kind, pve, frr = draw.choice([*kinds, ("pve", "9.2", "10.7"), ("frr", None, "10.7")])
    host = {"id": number, "kind": kind, "frr_version": frr, "ssh": {"address": f"10.10.0.{number}", "host_key": KEY}}
    return {**host, "pve_version": pve} if pve else host


def _edge(draw: Random, number: int) -> Data:
    kind = draw.choice(["routeros", "frr"])
    return {
        "kind": kind,
        **({"routeros": _routeros(draw)} if kind == "routeros" and draw.random() < 0.8 else {}),
        "asn": 4200000000 + number,
        "loopback": {"ipv4": f"10.255.0.{250 + number}", "ipv6": f"fd00:0:0:ffff::fff{number}"},
        "max_hops": draw.choice([2, 5, 255]),
        "accepts": draw.sample(["192.168.70.0/24", "fd00:70::/64", "10.0.0.0/8"], draw.randint(0, 3)),
    }


def _routeros(draw: Random) -> Data:
    """Return what a RouterOS edge has of its own, and may do where a VNet gets its prefix from it."""
    delegations = draw.sample(["2600:1700:ab1a:4000::/52", "2600:1700:ab1a:5000::/52"], draw.randint(0, 2))
    own: Data = {"delegations": delegations}
    if draw.random() < 0.7:
        own |= {"wan_interface": "ether1", "nat66": draw.choice(["never", "always"])}
    if "wan_interface" in own and draw.random() < 0.5:
        own["nat66"] = "without_delegation"
    if draw.random() < 0.5:
        own["webhook"] = "https://hook.example.net/prefixes"
    return own


def _segment(draw: Random, site: Data) -> Data:
    ends = {
        name: {"interface": "vmbr0", "ipv4": f"10.10.0.{host['id']}/24", "ipv6": f"fd00:10::{host['id']}/64"}
        for name, host in site["hosts"].items()
    }
    ends |= {name: {"interface": "vlan10"} for name in site["edges"] if draw.random() < 0.5}
    return {"kind": "segment", "ends": ends, "cost": draw.choice([1, 10, 65535]), "mtu": draw.choice([1520, 9000])}


def _wires(draw: Random, host_ids: list[int]) -> Data:
    """Return point-to-point links between some neighbours of the order in which the hosts were drawn."""
    return {
        f"w{one}-{other}": {
            "mtu": draw.choice([1520, 9000]),
            "ends": {
                f"h{one}": {"interface": f"eth{other}", "ipv6": f"fd00:20::{one}/64"},
                f"h{other}": {"interface": f"eth{one}", "ipv6": f"fd00:20::{other}/64"},
            },
        }
        for one, other in pairwise(host_ids)
        if draw.random() < 0.5
    }


def _tenant(draw: Random, site: Data, number: int, zone: str) -> None:
    """Add a tenant with its VNets, guests and perhaps a cluster."""
    hosts = sorted(site["zones"][zone]["nodes"] or site["hosts"])
    site["tenants"][f"t{number}"] = {
        "id": number,
        "loopbacks": {"ipv4": f"10.{number}.254.0/24", "ipv6": f"fd00:{number}:fe::/64"},
        "guest_bgp": {
            "enabled": True,
            "export_peer_loopbacks": draw.random() < 0.5,
            "max_prefixes": draw.choice([3, 10, 100000]),
            "classes": draw.sample(["internal", "tenant", "public"], draw.randint(0, 2)),
            "bfd": draw.random() < 0.8,
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
    if draw.random() < 0.3:  # a second VNet, of IPv6 alone
        site["vnets"][f"w{number}"] = {
            "zone": zone,
            "tenant": f"t{number}",
            "vni": 20000 + number,
            "subnets": {"ipv6": {"prefix": f"fd00:{number}:2::/64", "gateway": f"fd00:{number}:2::fffe"}},
            "guest_bgp": _open_policy(draw),
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
        site["clusters"][f"c{number}"] = _cluster(draw, number, suffixes, hosts)


def _open_policy(draw: Random) -> Data:
    """Return the policy of a VNet on which anybody may speak."""
    first, shortest = draw.choice([65200, 65211, 4200990000]), draw.choice([64, 96, 128])
    return {
        "enabled": True,
        "mode": "open",
        "asns": {"first": first, "last": first + draw.choice([0, 7, 99, 12345]) % 324},
        "prefix_lengths": {"ipv6": {"shortest": shortest, "longest": draw.choice([shortest, 128])}},
        "max_prefixes": draw.choice([1, 10]),
        "classes": draw.sample(["internal", "tenant", "public"], draw.randint(0, 2)),
        "penalty_min": draw.choice([1, 5, 1440]),
    }


def _cluster(draw: Random, number: int, suffixes: list[int], hosts: list[str]) -> Data:
    blocks = draw.sample(range(8), 8)
    return {
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


def _leaks(draw: Random, site: Data) -> Data:
    """Return leaks between pairs of the zones that have VNets, of all that is in them or of some of their subnets."""
    zones = sorted({vnet["zone"] for vnet in site["vnets"].values()})
    pairs = [(one, other) for one in zones for other in zones if one < other]
    return {
        f"l-{'-'.join(pair)}": {"between": draw.sample(pair, 2), "prefixes": _leaked(draw, site, pair)}
        for pair in draw.sample(pairs, draw.randint(0, len(pairs)))
    }


def _leaked(draw: Random, site: Data, zones: tuple[str, str]) -> list[str]:
    """Return some subnets of two zones in an order, of IPv4 all or none: both zones take part with one family."""
    subnets = [vnet["subnets"] for vnet in site["vnets"].values() if vnet["zone"] in zones]
    ipv4 = [found["ipv4"]["prefix"] for found in subnets if "ipv4" in found]
    chosen = _some(draw, [found["ipv6"]["prefix"] for found in subnets]) + draw.choice([ipv4, []])
    return draw.sample(chosen, len(chosen))


def _services(draw: Random, site: Data) -> Data:
    infrastructure = ["10.10.0.0/24", "fd00:10::/64", "10.10.0.200/32", "10.255.0.0/24"]
    return {
        f"s{number}": {
            "vnets": _some(draw, list(site["vnets"]), least=1),
            "protocol": draw.choice(["tcp", "udp"]),
            "ports": draw.sample([53, 123, 6443, 8006, 65535], draw.randint(1, 3)),
            "to": _some(draw, infrastructure),
        }
        for number in draw.sample(range(9), draw.randint(0, 3))
    }


def _some(draw: Random, values: list[str], least: int = 0) -> list[str]:
    return draw.sample(values, draw.randint(least, len(values)))


def reordered(draw: Random, value: Any) -> Any:
    """Return ``value`` with every mapping and every list in it in another order."""
    if isinstance(value, Mapping):
        return {key: reordered(draw, value[key]) for key in draw.sample(list(value), len(value))}
    if isinstance(value, list):
        return [reordered(draw, below) for below in draw.sample(value, len(value))]
    return value
