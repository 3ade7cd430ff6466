"""VMs and their network cards, as Proxmox's API has them: which VM a guest is, whether it runs, whether it is gone.

One question tells all VMs and whether they run; a VM's cards are asked for once, and again when it is new, moved, or
its cards may have changed.  That a VM is gone is believed only when Proxmox says so of that very VM: a list that lacks
it may be one that a token was not allowed to see.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from trellis.pve_api.client import ApiProblem

CARDS_EVERY_S = 600.0
"""How often a VM's cards are asked for again."""

_CARD = re.compile(r"net(?:[0-9]|[12][0-9]|3[01])")
_MAC = re.compile(r"(?:^|[=,])([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5})(?:,|$)")
_BRIDGE = re.compile(r"(?:^|,)bridge=([^,]+)")
_BETWEEN_TAGS = re.compile(r"[;, ]+")


class Asked(Protocol):
    """What is asked: ``trellis.pve_api.client.Api``."""

    def get(self, path: str, **query: str) -> Any:
        """The ``data`` of an answer."""


@dataclass(frozen=True, slots=True)
class Card:
    """A network card of a VM: its name (``net0``), its address in lower case, and its bridge."""

    name: str
    mac: str
    bridge: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """A VM.

    Attributes:
        node: The host that it is on.
        running: Whether it runs; None where Proxmox does not know (its node is offline).
        name: What it is called; Proxmox does not see that no two are called the same.
        template: Whether it is one that others are made of, and that never runs.
        unread: Why its cards could not be asked for this time; empty if they could.
    """

    vmid: int
    node: str
    running: bool | None
    cards: tuple[Card, ...] = ()
    name: str = ""
    tags: tuple[str, ...] = ()
    template: bool = False
    unread: str = ""


@dataclass(frozen=True, slots=True)
class Machines:
    """What Proxmox says of all VMs.

    Attributes:
        by_vmid: Those that there are.
        destroyed: Those that were asked for and that it has no longer.
    """

    by_vmid: Mapping[int, Machine]
    destroyed: frozenset[int] = frozenset()

    def by_mac(self) -> dict[str, tuple[Machine, Card]]:
        """The VM of each network card; a card that two VMs have is nobody's."""
        found = [(card.mac, (machine, card)) for machine in self.by_vmid.values() for card in machine.cards]
        counts = Counter(mac for mac, _ in found)
        return {mac: owner for mac, owner in found if counts[mac] == 1}


class VirtualMachines:
    """Asks Proxmox, and remembers cards.

    Args:
        api: The cluster's API.
    """

    def __init__(self, api: Asked) -> None:
        self._api = api
        self._cards: dict[tuple[int, str], tuple[float, tuple[Card, ...]]] = {}

    def read(self, expected: Iterable[int] = ()) -> Machines:
        """Ask for all VMs.

        Args:
            expected: Those that there were; of one that is not listed it is asked whether it is gone.

        Raises:
            ApiProblem: Proxmox does not answer.
        """
        listed = [entry for entry in _objects(self._api.get("/cluster/resources", type="vm")) if _is_vm(entry)]
        machines = {int(entry["vmid"]): self._machine(entry) for entry in listed}
        missing = {vmid for vmid in expected if vmid not in machines}
        nodes = self._all_nodes() if missing else ()
        return Machines(machines, frozenset(vmid for vmid in missing if self._is_gone(vmid, nodes)))

    def _machine(self, entry: Mapping[str, Any]) -> Machine:
        vmid, node = int(entry["vmid"]), str(entry["node"])
        running = {"running": True, "stopped": False}.get(str(entry.get("status")))
        cards, unread = self._cards_of(vmid, node)
        return Machine(
            vmid,
            node,
            running,
            cards,
            name=str(entry.get("name") or ""),
            tags=tuple(sorted(filter(None, _BETWEEN_TAGS.split(str(entry.get("tags") or ""))))),
            template=str(entry.get("template") or "0") not in ("0", "False"),
            unread=unread,
        )

    def _cards_of(self, vmid: int, node: str) -> tuple[tuple[Card, ...], str]:
        """The cards of a VM, and why they could not be asked for, if they could not."""
        read_at, cards = self._cards.get((vmid, node), (None, ()))
        if read_at is not None and time.monotonic() - read_at < CARDS_EVERY_S:
            return cards, ""
        try:
            cards = cards_of(self._api.get(f"/nodes/{node}/qemu/{vmid}/config"))
        except ApiProblem as problem:
            # Its node is off, or it just went: what was known of its cards stays, and they are asked for next time.
            return cards, str(problem)
        self._cards[vmid, node] = (time.monotonic(), cards)
        return cards, ""

    def _all_nodes(self) -> tuple[str, ...]:
        return tuple(str(entry["node"]) for entry in _objects(self._api.get("/nodes")) if "node" in entry)

    def _is_gone(self, vmid: int, nodes: tuple[str, ...]) -> bool:
        """Whether Proxmox says of a VM itself, on every node, that it has no configuration."""
        for node in nodes:
            try:
                self._api.get(f"/nodes/{node}/qemu/{vmid}/config")
            except ApiProblem as problem:
                if "does not exist" in str(problem):
                    continue
            return False
        return bool(nodes)


def cards_of(config: Any) -> tuple[Card, ...]:
    """The network cards in a VM's configuration.

    Args:
        config: The answer of ``/nodes/NODE/qemu/VMID/config``.
    """
    found = []
    for name, text in config.items() if isinstance(config, dict) else ():
        if _CARD.fullmatch(name) and (mac := _MAC.search(str(text))):
            bridge = _BRIDGE.search(str(text))
            found.append(Card(name, mac[1].lower(), bridge[1] if bridge else ""))
    return tuple(sorted(found, key=lambda card: int(card.name.removeprefix("net"))))


def _objects(answer: Any) -> list[dict[str, Any]]:
    return [entry for entry in answer if isinstance(entry, dict)] if isinstance(answer, list) else []


def _is_vm(entry: Mapping[str, Any]) -> bool:
    return entry.get("type") == "qemu" and str(entry.get("vmid", "")).isdigit() and "node" in entry
