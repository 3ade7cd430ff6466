"""A host's interfaces: addresses, MTU and VRF of each, out of ``/etc/network/interfaces`` and FRR's own lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv6Interface, ip_interface

from trellis.adoption.statements import Statement

AnyInterface = IPv4Interface | IPv6Interface


@dataclass(slots=True)
class Wire:
    """An interface of a host."""

    name: str
    addresses: list[AnyInterface] = field(default_factory=list)
    mtu: int | None = None
    vrf: str | None = None
    vni: int | None = None

    def ipv4(self) -> IPv4Interface | None:
        """Return its first IPv4 address."""
        return next((found for found in self.addresses if isinstance(found, IPv4Interface)), None)

    def ipv6(self) -> IPv6Interface | None:
        """Return its first IPv6 address that is not link-local."""
        return next((a for a in self.addresses if isinstance(a, IPv6Interface) and not a.is_link_local), None)


def wires(interfaces: str, statements: Iterable[Statement]) -> dict[str, Wire]:
    """Return a host's interfaces by name.

    Args:
        interfaces: Its ``/etc/network/interfaces``, as ifupdown2 reads it.
        statements: What its FRR reads.

    Raises:
        ValueError: An address is none; the message names the line.
    """
    found: dict[str, Wire] = {}
    current: Wire | None = None
    for number, raw in enumerate(interfaces.splitlines(), start=1):
        words = raw.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] in ("auto", "mapping", "source", "source-directory") or words[0].startswith("allow-"):
            current = None
        elif words[0] == "iface" and len(words) > 1:
            current = found.setdefault(words[1], Wire(words[1]))
        elif current is not None and len(words) > 1:
            _attribute(current, words, number)
    for statement in statements:
        opener = statement.around[0] if len(statement.around) == 1 else ""
        words = statement.line.split()
        if opener.startswith("interface ") and words[:2] in (["ip", "address"], ["ipv6", "address"]):
            name = opener.split()[1]
            _address(found.setdefault(name, Wire(name)), words[2], f"{statement.file}, line {statement.number}")
    return found


def _attribute(wire: Wire, words: list[str], number: int) -> None:
    key, value = words[0], words[1]
    if key == "address":
        _address(wire, value, f"interfaces, line {number}")
    elif key == "netmask" and wire.addresses:
        length = value if value.isdigit() else str(IPv4Interface(f"0.0.0.0/{value}").network.prefixlen)
        _address(wire, f"{wire.addresses.pop().ip}/{length}", f"interfaces, line {number}")
    elif key == "mtu" and value.isdigit():
        wire.mtu = int(value)
    elif key == "vrf":
        wire.vrf = value
    elif key == "vxlan-id" and value.isdigit():
        wire.vni = int(value)


def _address(wire: Wire, text: str, where: str) -> None:
    try:
        address = ip_interface(text)
    except ValueError:
        raise ValueError(f"{where}: {text!r} is no address of an interface") from None
    if address not in wire.addresses:
        wire.addresses.append(address)
