"""What a host needs beside FRR's configuration: daemons and kernel settings.

Each sysctl was needed in the field or measured; without ``tcp_early_demux=0`` TCP connects and payload never
flows (incident I3).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from trellis.plan import names

DAEMONS = ("bgpd", "ospfd", "ospf6d", "bfdd")
"""The daemons that the configuration needs beside zebra, which always runs (incident I2)."""

_ALWAYS = (
    ("net.ipv4.ip_forward", "1"),
    ("net.ipv6.conf.all.forwarding", "1"),
    # Sockets of the default VRF accept connections of every VRF: bgpd has one socket for all guests.
    ("net.ipv4.tcp_l3mdev_accept", "1"),
    ("net.ipv4.udp_l3mdev_accept", "1"),
    # Early demux takes forwarded flows for local ones where VRFs are used (incident I3).
    ("net.ipv4.tcp_early_demux", "0"),
    ("net.ipv4.udp_early_demux", "0"),
    # Replies of leaked routes come in by another interface than the route back: strict filters drop them.
    ("net.ipv4.conf.all.rp_filter", "0"),
    ("net.ipv4.conf.default.rp_filter", "0"),
    # Ports count in the choice among equal paths, so that one pair of hosts uses all of them.
    ("net.ipv4.fib_multipath_hash_policy", "1"),
    ("net.ipv6.fib_multipath_hash_policy", "1"),
    # The anycast gateway is on every host: duplicate address detection would find it and disable it.
    ("net.ipv6.conf.default.accept_dad", "0"),
)

_PER_VRF = (("net.ipv4.conf.{}.rp_filter", "0"),)

_PER_VNET = (
    ("net.ipv4.conf.{}.rp_filter", "0"),
    # Learn a guest from its gratuitous ARP or unsolicited NA at once after a move (incident I15).
    ("net.ipv4.conf.{}.arp_accept", "1"),
    ("net.ipv6.conf.{}.accept_untracked_na", "1"),
    ("net.ipv6.conf.{}.accept_dad", "0"),
    ("net.ipv6.conf.{}.accept_ra", "0"),
    ("net.ipv6.conf.{}.forwarding", "1"),
)


def sysctls(zones: Iterable[str], vnets: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return the kernel settings of a host that carries ``zones`` and ``vnets``, in the order they are written."""
    return (*_ALWAYS, *_each(_PER_VRF, map(names.vrf_name, zones)), *_each(_PER_VNET, vnets))


def _each(settings: tuple[tuple[str, str], ...], devices: Iterable[str]) -> Iterator[tuple[str, str]]:
    for device in devices:
        for key, value in settings:
            yield key.format(device), value
