"""The smallest site in which every field that holds text holds some, each name once.

What a property does to any field, it does here: two routers of different kinds, two zones with a VNet each, a leak
and two services.  A field that is new in the model fails a test (``tests/core/test_text_injection.py``) until it
stands here.
"""

from __future__ import annotations

from tests.core.generated import KEY, Data

WHOLE: Data = {
    "name": "whole",
    "fabric": {
        "asn": 4200001000,
        "loopbacks": {"ipv4": "10.255.0.0/24", "ipv6": "fd00:0:0:ffff::/64"},
        "infrastructure": ["10.10.0.0/24", "fd00:10::/64"],
        "loopback_interface": "loop0",
        "full_mesh_limit": 2,
        "route_reflectors": ["pve01", "rtr02"],
        "md5": "mesh-key",
    },
    "proxmox": {"endpoint": "https://10.10.0.200:8006", "controller": "ctrl"},
    "hosts": {
        "pve01": {
            "id": 1,
            "kind": "pve",
            "pve_version": "9.1",
            "frr_version": "10.3",
            "ssh": {"address": "host1.example.net", "user": "deploy", "host_key": KEY},
        },
        "rtr02": {
            "id": 2,
            "kind": "frr",
            "frr_version": "10.7",
            "ssh": {"address": "10.10.0.2", "host_key": KEY},
            "maintenance": "new disks",
            "replaces": "4f1a0b2aab0b" + 52 * "0",
        },
    },
    "rollout": {"canary": "pve01", "on_failure": "keep"},
    "links": {
        "wire": {
            "kind": "point-to-point",
            "mtu": 9000,
            "ends": {
                "pve01": {"interface": "eth1", "ipv4": "10.20.0.0/31", "ipv6": "fd00:20::1/64"},
                "rtr02": {"interface": "eth2", "ipv4": "10.20.0.1/31", "ipv6": "fd00:20::2/64"},
            },
        },
    },
    "edges": {
        "edge1": {
            "kind": "routeros",
            "asn": 4200000001,
            "loopback": {"ipv4": "10.255.0.251", "ipv6": "fd00:0:0:ffff::fff1"},
            "accepts": ["192.168.70.0/24", "fd00:70::/64"],
            "md5": "edge-key",
            "rest_api": {"endpoint": "https://10.255.0.251:443", "certificate": "5e" * 32, "user": "prefix-reader"},
            "routeros": {
                "loopback_interface": "lo7",
                "wan_interface": "ether1",
                "nat66": "without_delegation",
                "delegations": ["2600:1700:ab1a:5000::/52"],
                "webhook": "https://hook.example.net/prefixes",
                "replaces": {"vnet1": "vlan101"},
            },
        }
    },
    "zones": {
        "zone1": {"id": 1, "vtep": "ipv4", "nodes": ["pve01", "rtr02"]},
        "zone2": {"id": 2, "mtu": 1400},
    },
    "tenants": {
        "tenant1": {
            "id": 101,
            "loopbacks": {"ipv4": "10.101.254.0/24", "ipv6": "fd00:101:fe::/64"},
            "guest_bgp": {"enabled": True, "mode": "bound", "md5": "guest-key", "classes": ["public"]},
        },
        "tenant2": {"id": 102},
    },
    "vnets": {
        "vnet1": {
            "zone": "zone1",
            "tenant": "tenant1",
            "alias": "office (1st floor)",
            "subnets": {
                "ipv4": {"prefix": "10.101.0.0/24", "gateway": "10.101.0.254"},
                "ipv6": {"prefix": "fd00:101::/64", "gateway": "fd00:101::fffe"},
            },
            "guest_bgp": {"enabled": True, "mode": "open", "md5": "vnet-key", "classes": ["internal", "tenant"]},
            "delegation": {"pool": "pd-v101", "edge": "edge1"},
            "router_advertisements": {"sender": "trellis", "resolvers": ["2620:fe::fe"]},
        },
        "vnet2": {
            "zone": "zone2",
            "tenant": "tenant2",
            "subnets": {"ipv6": {"prefix": "fd00:102::/64", "gateway": "fd00:102::fffe"}},
        },
    },
    "guests": {
        "guest1": {
            "vnet": "vnet1",
            "suffix": 6,
            "host": "pve01",
            "placement": ["pve01", "rtr02"],
            "mac": "BC:24:11:00:01:06",
            "addresses": {"ipv4": "10.101.0.66", "ipv6": "fd00:101::66"},
            "loopback": {"ipv4": "10.101.254.66", "ipv6": "fd00:101:fe::66"},
            "announces": ["10.101.0.106/32", "fd00:101::106/128"],
            "speaker": "frr",
            "resilience": "restart",
            "global_address": "none",
        }
    },
    "clusters": {
        "cluster1": {
            "id": 101,
            "vnet": "vnet1",
            "speaker": "bird2",
            "pods": {
                "ipv4": {"pool": "10.101.240.0/21", "node_length": 24},
                "ipv6": {"pool": "fd00:101:244::/60", "node_length": 64},
            },
            "services": {"ipv4": "10.101.250.0/24", "ipv6": "fd00:101:250::/112"},
            "vip": {"ipv4": "10.101.0.200", "ipv6": "fd00:101::200"},
            "talos": {
                "release": "1.13.9",
                "cluster_ips": {"ipv4": "10.96.0.0/16", "ipv6": "fd00:10:96::/112"},
                "interface": "eth0",
                "frr_extension": "sulibot",
                "kubernetes_version": "1.36.1",
                "install_disk": "/dev/sda",
                "installer": "registry.example.net/talos/installer:v1.13.9",
            },
            "cilium": {"advertise": "bgp"},
            "nodes": {
                "node1": {
                    "role": "controlplane",
                    "suffix": 11,
                    "host": "rtr02",
                    "placement": ["rtr02"],
                    "mac": "BC:24:11:00:01:11",
                    "addresses": {"ipv4": "10.101.0.11", "ipv6": "fd00:101::11"},
                    "loopback": {"ipv4": "10.101.254.11", "ipv6": "fd00:101:fe::11"},
                    "resilience": "fast_failure",
                    "pod_block": 0,
                    "global_address": "static",
                }
            },
        }
    },
    "leaks": {"leak1": {"between": ["zone1", "zone2"], "prefixes": ["fd00:101::/64", "fd00:102::/64"]}},
    "firewall": {
        "service1": {"vnets": ["vnet1"], "protocol": "udp", "ports": [123]},
        "service2": {"vnets": ["vnet2"], "protocol": "tcp", "ports": [8006], "to": ["10.10.0.2/32", "fd00:10::/64"]},
    },
    "delegated": {
        "vnet1": {
            "current": "2600:1700:ab1a:500e::/64",
            "deprecated": [{"prefix": "2600:1700:ab1a:400e::/64", "remove_after": "2026-12-01T00:00:00Z"}],
        },
    },
}

REFUSED_WHATEVER_IT_HOLDS = {"zones.*.exit_nodes.*": "a zone has no exit nodes; the key is there to say why"}
"""Fields that stand in no accepted site, with the reason."""
