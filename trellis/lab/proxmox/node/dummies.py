"""Dummy interfaces of /etc/network/interfaces, as ifupdown2 makes them: at boot, and at every network reload.

Only stanzas with `link-type dummy` are read; the lab sets up a host's other interfaces itself (`trellis.lab.disk`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .devices import Live

INTERFACES = Path("/etc/network/interfaces")


@dataclass(frozen=True)
class Dummy:
    """A dummy interface that the file wants.

    Args:
        name: The device.
        addresses: Each with its length.
    """

    name: str
    addresses: tuple[str, ...]


def read(text: str) -> list[Dummy]:
    """The dummy interfaces that come up at boot (`auto`)."""
    automatic: set[str] = set()
    options: dict[str, list[tuple[str, str]]] = {}
    current: list[tuple[str, str]] = []
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "auto":
            automatic |= set(words[1:])
        elif words[0] == "iface":
            current = options.setdefault(words[1], [])
        elif line[:1].isspace():
            current.append((words[0], " ".join(words[1:])))
    return [
        Dummy(name, tuple(value for key, value in found if key == "address"))
        for name, found in options.items()
        if name in automatic and ("link-type", "dummy") in found
    ]


def commands(wanted: list[Dummy], live: Mapping[str, Live]) -> list[str]:
    """Lines for `ip -batch` that make what is missing of the wanted interfaces."""
    out: list[str] = []
    for dummy in wanted:
        current = live.get(dummy.name)
        if current is None:
            out.append(f"link add {dummy.name} type dummy")
        present = current.addresses if current is not None else frozenset()
        out += [f"address add {addr} dev {dummy.name}" for addr in dummy.addresses if addr not in present]
        if current is None or not current.up:
            out.append(f"link set {dummy.name} up")
    return out
