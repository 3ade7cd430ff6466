"""What a lab consists of, as values: machines, namespaces, and the networks between them.

A topology knows no policy: it says which interface of which machine is on which network, with which
addresses, and what lies on a machine's disk at its first boot. Making one out of a site is done
elsewhere, and so is everything that starts a process.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
from collections import Counter
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from trellis.lab.errors import LabError

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_INTERFACE_NAME = re.compile(r"[A-Za-z0-9_.-]{1,15}")  # IFNAMSIZ of Linux: 15 bytes and a NUL


class NetworkKind(StrEnum):
    """How a network joins its interfaces."""

    POINT_TO_POINT = "point-to-point"
    """A cable: exactly two interfaces."""
    SEGMENT = "segment"
    """A switch: any number of interfaces."""


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """A cable or a switch.

    Args:
        name: Unique in the topology.
        kind: Cable or switch.
    """

    name: str
    kind: NetworkKind


@dataclass(frozen=True, slots=True)
class InterfaceSpec:
    """A network interface of a machine or a namespace.

    Args:
        name: As the site calls it, 1 to 15 characters; a dot does not make it a VLAN device.
        network: The network that it is plugged into.
        addresses: In CIDR notation, of either family.
        mac: Six octets; None takes one from the machine's and the interface's names.
        mtu: Bytes, 1280 (IPv6's least, RFC 8200) to 9000.
    """

    name: str
    network: str
    addresses: tuple[str, ...] = ()
    mac: str | None = None
    mtu: int = 9000

    def hardware_address(self, owner: str) -> str:
        """The MAC address: the given one, or a locally administered one taken from the names."""
        if self.mac is not None:
            return self.mac
        octets = hashlib.sha256(f"{owner}/{self.name}".encode()).digest()[:5]
        return ":".join(f"{octet:02x}" for octet in (0x02, *octets))


@dataclass(frozen=True, slots=True)
class FileSpec:
    """A file that lies on a machine's disk before its first boot.

    Args:
        path: Absolute, on the machine.
        content: Its text.
        mode: Permission bits.
        owner: User and group, as the machine's /etc/passwd has them.
    """

    path: str
    content: str
    mode: int = 0o644
    owner: str = "root"


@dataclass(frozen=True, slots=True)
class MachineSpec:
    """A host: a kernel, a systemd and a disk of its own.

    Args:
        name: Its hostname.
        interfaces: In the order in which the kernel finds them.
        loopbacks: Addresses of `dummy_underlay`, in CIDR notation.
        memory_mib: Memory of its kernel, MiB.
        files: What else lies on its disk at first.
        enabled_units: systemd units, among `files`, that multi-user.target wants.
    """

    name: str
    interfaces: tuple[InterfaceSpec, ...]
    loopbacks: tuple[str, ...] = ()
    memory_mib: int = 512
    files: tuple[FileSpec, ...] = ()
    enabled_units: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RouteSpec:
    """A static route of a namespace.

    Args:
        destination: A prefix in CIDR notation.
        via: The next hop's address.
    """

    destination: str
    via: str


@dataclass(frozen=True, slots=True)
class NamespaceSpec:
    """A network namespace of the machine itself: what needs no kernel of its own.

    Args:
        name: Unique among machines and namespaces.
        interfaces: As a machine's.
        loopbacks: Addresses of its `lo`, in CIDR notation.
        routes: Static routes.
        forwarding: Whether it forwards packets of either family.
    """

    name: str
    interfaces: tuple[InterfaceSpec, ...]
    loopbacks: tuple[str, ...] = ()
    routes: tuple[RouteSpec, ...] = ()
    forwarding: bool = False


@dataclass(frozen=True, slots=True)
class Topology:
    """A whole lab.

    Args:
        name: The lab's name: labs of different names live side by side on one machine.
        networks: Cables and switches.
        machines: Hosts.
        namespaces: The controller, the edge, and other ends.
        frr_suite: The Debian suite of the hosts' root, `trixie` or `sid`, hence their FRR.

    Raises:
        LabError: Names collide or are malformed, an interface is on an unknown network, or a cable
            has not two ends. All that is wrong is said at once.
    """

    name: str
    networks: tuple[NetworkSpec, ...]
    machines: tuple[MachineSpec, ...]
    namespaces: tuple[NamespaceSpec, ...] = field(default=())
    frr_suite: str = "trixie"

    def __post_init__(self) -> None:
        if faults := [*_faults_of_names(self), *_faults_of_interfaces(self)]:
            raise LabError(
                f"the topology of lab {self.name!r}",
                why="; ".join(faults),
                remedy="mend the site, or what makes a topology of it",
            )

    def machine(self, name: str) -> MachineSpec:
        """The machine of that name.

        Raises:
            LabError: There is none; the message lists those that there are.
        """
        for machine in self.machines:
            if machine.name == name:
                return machine
        raise LabError(
            f"host {name!r}",
            why=f"lab {self.name!r} has no such host",
            remedy=f"its hosts are {', '.join(m.name for m in self.machines)}",
        )

    def digest(self) -> str:
        """A short hash of everything in it: equal topologies, equal digests."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:16]

    def to_json(self) -> str:
        """The topology as a JSON document, which `from_json` reads back."""
        return json.dumps(asdict(self), indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Topology:
        """The topology that `to_json` wrote."""
        raw = json.loads(text)
        return cls(
            name=raw["name"],
            networks=tuple(NetworkSpec(n["name"], NetworkKind(n["kind"])) for n in raw["networks"]),
            machines=tuple(_machine(m) for m in raw["machines"]),
            namespaces=tuple(_namespace(n) for n in raw["namespaces"]),
            frr_suite=raw["frr_suite"],
        )


def _interfaces(raw: list[dict[str, Any]]) -> tuple[InterfaceSpec, ...]:
    return tuple(InterfaceSpec(**{**i, "addresses": tuple(i["addresses"])}) for i in raw)


def _machine(raw: dict[str, Any]) -> MachineSpec:
    return MachineSpec(
        name=raw["name"],
        interfaces=_interfaces(raw["interfaces"]),
        loopbacks=tuple(raw["loopbacks"]),
        memory_mib=raw["memory_mib"],
        files=tuple(FileSpec(**f) for f in raw["files"]),
        enabled_units=tuple(raw["enabled_units"]),
    )


def _namespace(raw: dict[str, Any]) -> NamespaceSpec:
    return NamespaceSpec(
        name=raw["name"],
        interfaces=_interfaces(raw["interfaces"]),
        loopbacks=tuple(raw["loopbacks"]),
        routes=tuple(RouteSpec(**r) for r in raw["routes"]),
        forwarding=raw["forwarding"],
    )


def _nodes(topology: Topology) -> tuple[MachineSpec | NamespaceSpec, ...]:
    return (*topology.machines, *topology.namespaces)


def _faults_of_names(topology: Topology) -> list[str]:
    nodes = [n.name for n in _nodes(topology)]
    networks = [n.name for n in topology.networks]
    faults = [
        f"the name {name!r} is not lower-case letters, digits and hyphens (at most 32)"
        for name in (topology.name, *nodes)
        if not _NAME.fullmatch(name)
    ]
    for kind, names in (("machines or namespaces", nodes), ("networks", networks)):
        faults += [f"{count} {kind} are called {name!r}" for name, count in Counter(names).items() if count > 1]
    if topology.frr_suite not in {"trixie", "sid"}:
        faults.append(f"no FRR is known from suite {topology.frr_suite!r}, only from trixie and sid")
    return faults


def _faults_of_interfaces(topology: Topology) -> list[str]:
    faults: list[str] = []
    ends: Counter[str] = Counter()
    known = {n.name for n in topology.networks}
    for node in _nodes(topology):
        for interface in node.interfaces:
            where = f"interface {interface.name!r} of {node.name!r}"
            ends[interface.network] += 1
            if not _INTERFACE_NAME.fullmatch(interface.name):
                faults.append(f"{where}: not a name that Linux takes (1 to 15 characters)")
            if interface.network not in known:
                faults.append(f"{where}: there is no network {interface.network!r}")
            if not 1280 <= interface.mtu <= 9000:
                faults.append(f"{where}: MTU {interface.mtu} is not within 1280..9000")
            faults += [f"{where}: {a!r} is not an address" for a in interface.addresses if not _is_address(a)]
        faults += [f"loopback of {node.name!r}: {a!r} is not an address" for a in node.loopbacks if not _is_address(a)]
    faults += [
        f"cable {network.name!r} has {ends[network.name]} ends, not two"
        for network in topology.networks
        if network.kind is NetworkKind.POINT_TO_POINT and ends[network.name] != 2
    ]
    return faults


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_interface(text)
    except ValueError:
        return False
    return "/" in text
