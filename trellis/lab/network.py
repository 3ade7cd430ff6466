"""The lab's cables and switches on this machine: namespaces, veth pairs, bridges.

All cables end in one namespace, the fabric's, in which the hosts' kernels run and take up their ends; every
`NamespaceSpec` gets a namespace of its own beside it.  A point-to-point cable is a bridge of two ports: a host's
kernel gives up a device that goes down under it, so that a cut is made at the bridge's port.  The hosts' own
interfaces, inside their kernels, are set up by what lies on their disks (`trellis.lab.disk`).
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from trellis.lab.processes import Say, run
from trellis.lab.topology import InterfaceSpec, MachineSpec, NamespaceSpec, Topology

ACCESS_NETWORK = "198.18.0"
"""First three octets of the lab's own way in (RFC 2544: for tests between devices, routed nowhere)."""
ACCESS_HOST_OCTET = 254
_ACCESS_BRIDGE = "access"
_COMPLETE = "complete"
"""Alias of that bridge once everything is in place: a build that was cut short is not taken for a whole one."""
_PATIENCE_S = 3.0

# A packet is sent whole, with its checksum and cut to size: a raw socket hands on what it reads, and nobody
# completes it. With these left on, an upload of a few packets over the lab's own way in never ends.
_OFFLOADS_OFF = "tx off rx off tso off gso off gro off"


@dataclass(frozen=True, slots=True)
class Plug:
    """A host's end of a cable, by the name of the device that its kernel takes up.

    Args:
        device: The veth in the fabric's namespace.
        mac: The address that the host's kernel gives its own interface.
        mtu: Bytes.
    """

    device: str
    mac: str
    mtu: int


def fabric_namespace(lab: str) -> str:
    """The namespace that holds all cables of a lab."""
    return f"tl-{lab}"


def namespace_of(lab: str, name: str) -> str:
    """The namespace of one of a lab's `NamespaceSpec`s."""
    return f"tl-{lab}.{name}"


def access_address(topology: Topology, machine: str) -> str:
    """The address of the lab's own way in to a host."""
    names = [entry.name for entry in topology.machines]
    return f"{ACCESS_NETWORK}.{names.index(machine) + 1}"


def plugs(topology: Topology, machine: MachineSpec) -> tuple[Plug, ...]:
    """A host's cables in the order in which its kernel finds them; the first is the lab's own way in."""
    number = [entry.name for entry in topology.machines].index(machine.name)
    access = InterfaceSpec("access", _ACCESS_BRIDGE, mtu=1500)
    return tuple(
        Plug(f"h{number}v{position}", interface.hardware_address(machine.name), interface.mtu)
        for position, interface in enumerate((access, *machine.interfaces))
    )


def exists(topology: Topology) -> bool:
    """Whether the lab's namespaces and cables are there, all of them."""
    if not _wanted(topology) <= set(present(topology.name)):
        return False
    shown = run(["ip", "-n", fabric_namespace(topology.name), "link", "show", "dev", _ACCESS_BRIDGE], check=False)
    return f"alias {_COMPLETE}" in shown.stdout


def build(topology: Topology, say: Say) -> None:
    """Make the namespaces, bridges and cables of a lab that has none.

    Args:
        topology: The lab.
        say: Takes progress.

    Raises:
        LabError: A command failed.
    """
    say(f"cables and switches: {len(topology.networks)} networks in namespace {fabric_namespace(topology.name)}")
    for name in sorted(_wanted(topology)):
        run(["ip", "netns", "add", name])
        run(["ip", "-n", name, "link", "set", "dev", "lo", "up"])
    fabric = fabric_namespace(topology.name)
    # This machine only carries frames there: it must send none of its own (router solicitations, MLD).
    _shell(fabric, "for d in default all; do echo 1 > /proc/sys/net/ipv6/conf/$d/disable_ipv6; done")
    _batch(fabric, [*_bridges(topology), *_machine_cables(topology)])
    for spec in topology.namespaces:
        _plug_in(topology, spec)
    _finish_packets(fabric)
    run(["ip", "-n", fabric, "link", "set", "dev", _ACCESS_BRIDGE, "alias", _COMPLETE])


def demolish(lab: str) -> bool:
    """Delete a lab's namespaces, their cables, and what still runs in them.

    A process that outlived its namespace's name would keep the cables; so they are asked to end, then killed.

    Args:
        lab: The lab's name.

    Returns:
        Whether there was anything to delete.
    """
    there = present(lab)
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + _PATIENCE_S
        for pid in _processes(there):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        while _processes(there) and time.monotonic() < deadline:
            time.sleep(0.05)
    for name in there:
        run(["ip", "netns", "delete", name])
    return bool(there)


def present(lab: str) -> list[str]:
    """A lab's namespaces on this machine, whoever made them."""
    names = [line.split()[0] for line in run(["ip", "netns", "list"]).stdout.splitlines() if line.strip()]
    return [name for name in names if name == fabric_namespace(lab) or name.startswith(f"{fabric_namespace(lab)}.")]


def set_link(topology: Topology, node: str, interface: str, *, up: bool) -> None:
    """Cut a cable at its other end, or mend it: no device of the node goes down, as behind a switch.

    Args:
        topology: The lab.
        node: A host, or a namespace beside it.
        interface: Its interface's name.
        up: Whether the cable carries.
    """
    device = _device(topology, node, interface)
    run(["ip", "-n", fabric_namespace(topology.name), "link", "set", "dev", _port(device), "up" if up else "down"])


def set_mtu(topology: Topology, node: str, interface: str, mtu: int) -> None:
    """Have the switch behind a cable drop what is larger than this many bytes, both ways, without a word.

    The port's own MTU is not what is changed: its other end would then be told of each packet that is dropped, and a
    host's kernel resets the device, again and again.

    Args:
        topology: The lab.
        node: A host, or a namespace beside it.
        interface: Its interface's name.
        mtu: Bytes of an IP packet.

    Raises:
        LabError: This machine's kernel has no nftables for bridges.
    """
    port = _port(_device(topology, node, interface))
    table = f"table bridge mtu-{port}"
    chains = "\n".join(
        f" chain {hook} {{\n  type filter hook {hook} priority 0\n  {way} {port} meta length > {mtu} drop\n }}"
        for hook, way in (("prerouting", "iifname"), ("postrouting", "oifname"))
    )
    rules = f"{table}\ndelete {table}\n{table} {{\n{chains}\n}}\n"
    run(["ip", "netns", "exec", fabric_namespace(topology.name), "nft", "-f", "-"], stdin=rules)


def _device(topology: Topology, node: str, interface: str) -> str:
    """A node's end of a cable, by the name that it had when it was made."""
    names = [entry.name for entry in topology.namespaces]
    if node in names:
        spec = topology.namespaces[names.index(node)]
        return _namespace_device(names.index(node), [entry.name for entry in spec.interfaces].index(interface))
    machine = topology.machine(node)
    return plugs(topology, machine)[[entry.name for entry in machine.interfaces].index(interface) + 1].device


def _namespace_device(number: int, position: int) -> str:
    return f"n{number}v{position}"


def _port(device: str) -> str:
    """The bridge's end of a cable, by the name of its other end."""
    return f"{device}p"


def _wanted(topology: Topology) -> set[str]:
    return {fabric_namespace(topology.name), *(namespace_of(topology.name, n.name) for n in topology.namespaces)}


def _processes(namespaces: list[str]) -> set[int]:
    """What runs in these namespaces, but for this process."""
    found = {int(pid) for name in namespaces for pid in run(["ip", "netns", "pids", name]).stdout.split()}
    return found - {os.getpid()}


def _batch(namespace: str, lines: Iterable[str]) -> None:
    run(["ip", "-n", namespace, "-batch", "-"], stdin="\n".join(lines) + "\n")


def _bridge_of(topology: Topology, network: str) -> str:
    return f"br{[entry.name for entry in topology.networks].index(network)}"


def _bridges(topology: Topology) -> Iterator[str]:
    for name in (_ACCESS_BRIDGE, *(_bridge_of(topology, net.name) for net in topology.networks)):
        yield f"link add dev {name} type bridge mcast_snooping 0"
        yield f"link set dev {name} mtu 9000 up"
    yield f"address add {ACCESS_NETWORK}.{ACCESS_HOST_OCTET}/24 dev {_ACCESS_BRIDGE}"


def _machine_cables(topology: Topology) -> Iterator[str]:
    for machine in topology.machines:
        bridges = (_ACCESS_BRIDGE, *(_bridge_of(topology, entry.network) for entry in machine.interfaces))
        for plug, bridge in zip(plugs(topology, machine), bridges, strict=True):
            yield from _cable(plug.device, plug.mtu, bridge)
            yield f"link set dev {plug.device} mtu {plug.mtu} up"


def _cable(device: str, mtu: int, bridge: str) -> Iterator[str]:
    yield f"link add dev {device} type veth peer name {_port(device)}"
    yield f"link set dev {_port(device)} mtu {mtu} master {bridge} up"


def _plug_in(topology: Topology, spec: NamespaceSpec) -> None:
    """Give a namespace its interfaces, addresses and routes."""
    fabric, own = fabric_namespace(topology.name), namespace_of(topology.name, spec.name)
    number = [entry.name for entry in topology.namespaces].index(spec.name)
    lines: list[str] = []
    for position, interface in enumerate(spec.interfaces):
        device = _namespace_device(number, position)
        lines += _cable(device, interface.mtu, _bridge_of(topology, interface.network))
        lines.append(f"link set dev {device} netns {own} name {interface.name}")
    _batch(fabric, lines)
    _batch(own, _addresses(spec))
    if spec.forwarding:
        _shell(own, "for f in ipv4/ip_forward ipv6/conf/all/forwarding; do echo 1 > /proc/sys/net/$f; done")
    _finish_packets(own)


def _finish_packets(namespace: str) -> None:
    """Switch the offloads of all of a namespace's devices off; what a device can't do, it is not asked twice."""
    turn = f"ethtool -K ${{d##*/}} {_OFFLOADS_OFF} > /dev/null 2>&1"
    _shell(namespace, f"for d in /sys/class/net/*; do case $d in */lo) ;; *) {turn} ;; esac; done; true")


def _shell(namespace: str, script: str) -> None:
    run(["ip", "netns", "exec", namespace, "sh", "-c", script])


def _addresses(spec: NamespaceSpec) -> Iterator[str]:
    for address in spec.loopbacks:
        yield f"address add {address} dev lo"
    for interface in spec.interfaces:
        yield f"link set dev {interface.name} address {interface.hardware_address(spec.name)} mtu {interface.mtu}"
        for address in interface.addresses:
            yield f"address add {address} dev {interface.name}{' nodad' if ':' in address else ''}"
        yield f"link set dev {interface.name} up"
    for route in spec.routes:
        yield f"route add {route.destination} via {route.via}"
