"""What a host must have before a bundle makes sense on it: packages, links, and the loopbacks that we give it.

Read from a manifest, or from the smaller document of `prepare`, and judged as strictly: addresses must be host
addresses, and the stanza for /etc/network/interfaces may hold the lines of one interface and nothing else, because
that file runs commands as root.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_interface
from typing import Any

from trellis.agent.shape import field_problems, text_problems

_NAME = r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,14}"
_PACKAGE = r"[a-z0-9][a-z0-9+.-]*"


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface that the site counts on.

    Attributes:
        path: Where the site says so.
        mtu: Bytes of an IP packet that it must carry.
        why: What needs so many.
        addresses: Its own, with their lengths.
    """

    name: str
    path: str
    mtu: int
    why: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preconditions:
    """What must be there already: the agent installs no package and changes no link."""

    packages: tuple[str, ...] = ()
    interfaces: tuple[Interface, ...] = ()


NOTHING_NEEDED = Preconditions()


@dataclass(frozen=True, slots=True)
class Loopbacks:
    """The interface that holds this host's loopbacks, and how /etc/network/interfaces describes it."""

    interface: str
    addresses: tuple[str, ...]
    stanza: tuple[str, ...]


def preconditions(document: dict[str, Any] | None) -> Preconditions:
    """The preconditions of a document whose problems were none; no document asks for nothing."""
    if document is None:
        return NOTHING_NEEDED
    interfaces = tuple(
        Interface(entry["name"], entry["path"], entry["mtu"], entry["why"], tuple(entry["addresses"]))
        for entry in document["interfaces"]
    )
    return Preconditions(tuple(document["packages"]), interfaces)


def loopbacks(document: dict[str, Any] | None) -> Loopbacks | None:
    """The loopbacks of a document whose problems were none."""
    if document is None:
        return None
    return Loopbacks(document["interface"], tuple(document["addresses"]), tuple(document["stanza"]))


def problems_of(document: dict[str, Any]) -> list[str]:
    """What is wrong with the `preconditions` and `loopbacks` of a document; both may be missing or null."""
    return _precondition_problems(document.get("preconditions")) + _loopback_problems(document.get("loopbacks"))


def _precondition_problems(entry: object) -> list[str]:
    if entry is None:
        return []
    problems = field_problems("preconditions", entry, {"packages": list, "interfaces": list})
    if problems or not isinstance(entry, dict):
        return problems
    for package in entry["packages"]:
        if not isinstance(package, str) or not re.fullmatch(_PACKAGE, package):
            problems.append(f"preconditions.packages: {package!r} is no package")
    fields: dict[str, type | tuple[type, ...]]
    fields = {"name": str, "path": str, "mtu": int, "why": str, "addresses": list}
    for number, interface in enumerate(entry["interfaces"]):
        where = f"preconditions.interfaces[{number}]"
        found = field_problems(where, interface, fields)
        if not found:
            found = _name_problems(f"{where}.name", interface["name"])
            found += text_problems(where, [interface["path"], interface["why"]])
            found += _address_problems(f"{where}.addresses", interface["addresses"])
        problems += found
    return problems


def _loopback_problems(entry: object) -> list[str]:
    if entry is None:
        return []
    problems = field_problems("loopbacks", entry, {"interface": str, "addresses": list, "stanza": list})
    if problems or not isinstance(entry, dict):
        return problems
    problems += _name_problems("loopbacks.interface", entry["interface"])
    problems += _address_problems("loopbacks.addresses", entry["addresses"])
    problems += text_problems("loopbacks.stanza", entry["stanza"])
    if problems:
        return problems
    name = re.escape(entry["interface"])
    allowed = "|".join(
        (
            rf"auto {name}",
            rf"iface {name} inet6? static",
            r" {4}address [0-9a-f.:]+/[0-9]+",
            r"    link-type dummy",
            rf"    pre-up ip link add {name} type dummy \|\| true",
            r"#[A-Za-z0-9 .,:;'()/_-]*",
            "",
        )
    )
    strange = [line for line in entry["stanza"] if not re.fullmatch(allowed, line)]
    return [f"loopbacks.stanza: {line!r} is no line of {entry['interface']}'s" for line in strange]


def _name_problems(where: str, name: str) -> list[str]:
    return [] if re.fullmatch(_NAME, name) else [f"{where}: {name!r} is no interface"]


def _address_problems(where: str, addresses: list[Any]) -> list[str]:
    problems = []
    for address in addresses:
        try:
            if "/" in address and str(ip_interface(address)) == address:
                continue
        except (TypeError, ValueError):
            pass
        problems.append(f"{where}: {address!r} is no address with its length, in canonical form")
    return problems
