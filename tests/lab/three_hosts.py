"""A three-host topology for trying the lab itself: the homelab's cables and management segment.

The numbers are those of the development site. The program's own lab is made from the site; this one
exists so that the machines can be tried, and tested, without it.
"""

from __future__ import annotations

from trellis.lab.topology import (
    InterfaceSpec,
    MachineSpec,
    NamespaceSpec,
    NetworkKind,
    NetworkSpec,
    Topology,
)

_MESHES = (("vmbr1v20", 1, 2, 20), ("vmbr1v21", 1, 3, 21), ("vmbr1v22", 2, 3, 22))
"""Interface name, the two hosts that it joins, and the number in its prefixes."""


def demo_topology(name: str = "demo", *, frr_suite: str = "trixie") -> Topology:
    """Three hosts in a full mesh of cables, with a management segment and a controller on it.

    Args:
        name: The lab's name.
        frr_suite: The Debian suite that FRR is taken from.

    Returns:
        The topology: pve01 to pve03, and the namespaces `controller`, `edge1` and `proxmox`.
    """
    return Topology(
        name=name,
        networks=(
            NetworkSpec("management", NetworkKind.SEGMENT),
            *(NetworkSpec(mesh, NetworkKind.POINT_TO_POINT) for mesh, *_ in _MESHES),
        ),
        machines=tuple(_host(n) for n in (1, 2, 3)),
        namespaces=(
            _on_segment("controller", "10.10.0.250/24", "fd00:10::250/64"),
            _on_segment("edge1", "10.10.0.254/24", "fd00:10::ffff/64"),
            _on_segment("proxmox", "10.10.0.200/24"),
        ),
        frr_suite=frr_suite,
    )


def _host(number: int) -> MachineSpec:
    meshes = (
        InterfaceSpec(mesh, mesh, (f"10.20.{net}.{end}/31", f"fc00:{net}::{number}/64"))
        for mesh, low, high, net in _MESHES
        for end, host in ((0, low), (1, high))
        if host == number
    )
    management = InterfaceSpec("vmbr0.10", "management", (f"10.10.0.1{number}/24", f"fd00:10::1{number}/64"))
    return MachineSpec(
        name=f"pve0{number}",
        interfaces=(management, *meshes),
        loopbacks=(f"10.255.0.{number}/32", f"fd00:0:0:ffff::{number}/128"),
    )


def _on_segment(name: str, *addresses: str) -> NamespaceSpec:
    return NamespaceSpec(name, (InterfaceSpec("eth0", "management", addresses),))
