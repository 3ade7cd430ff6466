"""What was read of an existing cluster: each host's files as texts, and Proxmox's objects; nothing of it judged yet."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

FRR_CONF, FRR_CONF_LOCAL = "frr.conf", "frr.conf.local"
DAEMONS, INTERFACES, RADVD, FIREWALL = "daemons", "interfaces", "radvd.conf", "firewall.nft"
NEIGHBOURS, VERSIONS, HOST_KEY = "neighbours", "versions", "ssh_host_ed25519_key.pub"

HOST_FILES: dict[str, str] = {
    FRR_CONF: "/etc/frr/frr.conf",
    FRR_CONF_LOCAL: "/etc/frr/frr.conf.local",
    DAEMONS: "/etc/frr/daemons",
    INTERFACES: "/etc/network/interfaces",
    RADVD: "/etc/radvd.conf",
    FIREWALL: "/etc/trellis/firewall.nft",
    HOST_KEY: "/etc/ssh/ssh_host_ed25519_key.pub",
}
"""What is read of a host, by the name that it has in a folder, with its path on the host."""

HOST_COMMANDS: dict[str, str] = {
    NEIGHBOURS: "ip neigh show",
    VERSIONS: "pveversion 2>/dev/null; dpkg-query --show --showformat 'frr ${Version}\\n' frr",
}
"""What is asked of a host, by the name that the answer has in a folder, with the command that answers it."""

SDN_KINDS = ("controllers", "zones", "vnets", "subnets")
"""The files of ``/etc/pve/sdn`` that a site has nouns for."""


@dataclass(frozen=True, slots=True)
class GivenHost:
    """A host: its name, where it is reached if that is known, and its files by name (`HOST_FILES`, `HOST_COMMANDS`)."""

    name: str
    files: Mapping[str, str]
    address: str | None = None
    host_key: str | None = None

    def text(self, file: str) -> str:
        """Return what a file holds; nothing where it was not read."""
        return self.files.get(file, "")


@dataclass(frozen=True, slots=True)
class Section:
    """An object of Proxmox's SDN: ``zone: evpnz1`` with its keys.

    Attributes:
        type: The word before the colon; of a zone or controller its kind.
        place: Where it was read: a file or a question to the API.
        numbers: The line of each key in the file; of the empty key, that of the section itself.
    """

    type: str
    id: str
    values: Mapping[str, str]
    place: str
    numbers: Mapping[str, int] = field(default_factory=dict)

    def of(self, key: str) -> str:
        """Return the value of a key; nothing where there is none."""
        return self.values.get(key, "")


@dataclass(frozen=True, slots=True)
class Vm:
    """A VM: its number, node and name, and of each network card the number, the MAC and the bridge."""

    vmid: int
    node: str
    name: str
    cards: tuple[tuple[int, str, str], ...]


@dataclass(frozen=True, slots=True)
class GivenCluster:
    """All that was read.

    Attributes:
        sdn: Proxmox's objects by the name of their file without its end: ``zones``.
        endpoint: Where its API is.
    """

    hosts: tuple[GivenHost, ...]
    sdn: Mapping[str, tuple[Section, ...]] = field(default_factory=dict)
    vms: tuple[Vm, ...] = ()
    endpoint: str | None = None

    def objects(self, kind: str) -> tuple[Section, ...]:
        """Return Proxmox's objects of a kind."""
        return self.sdn.get(kind, ())


_SECTION = re.compile(r"([A-Za-z0-9_-]+):\s+(\S+)\s*")


def sections(text: str, place: str) -> Iterator[Section]:
    """Yield the objects of a file of ``/etc/pve/sdn``.

    Args:
        text: The file.
        place: What it is called in messages.

    Raises:
        ValueError: A line belongs to no object.
    """
    current: tuple[str, str, dict[str, str], dict[str, int]] | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        if not line[0].isspace() and (found := _SECTION.fullmatch(line)):
            if current is not None:
                yield Section(current[0], current[1], current[2], place, current[3])
            current = found[1], found[2], {}, {"": number}
        elif line[0].isspace() and current is not None:
            key, _, value = line.strip().partition(" ")
            current[2][key], current[3][key] = value.strip(), number
        else:
            raise ValueError(f"{place}, line {number}: stands in no object")
    if current is not None:
        yield Section(current[0], current[1], current[2], place, current[3])
