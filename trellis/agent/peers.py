"""Guests' sessions and routes as bgpd has them now: a cheap look each time, and a close one where something moved.

The cheap look is one question for all neighbours.  It tells a neighbour's messages, so that what is asked closely is
only asked of those that said something: of them what their updates did, and only if these did something, the routes.
A route is accepted if it is in the table after the filters: what bgpd lists as filtered lacks a path with a loop.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from trellis.agent.vty import Vty

FAMILIES = {"ipv4Unicast": "ipv4 unicast", "ipv6Unicast": "ipv6 unicast"}
VERIFIED_AT_ONCE = 50
"""Neighbours whose routes a whole line reads again although nothing moved; each costs bgpd two walks of its table."""

TEXT_LIMIT = 250

Key = tuple[str, str]
"""VRF and address."""

_UNSEEN = {"state": "Idle", "received": 0, "accepted": 0, "resets": 0, "mac": None}
"""What a line says of a neighbour that went before it was looked at closely."""


@dataclass(slots=True)
class Peer:
    """A neighbour: what was seen of it last.

    Attributes:
        moved: What the cheap look says; another value asks for a close one.
        did: What its updates did; another value asks for its routes.
        families: The families that both sides have.
        fields: What a line says of it, without its routes.
        off_s: For how many more seconds bgpd keeps it off, if it does.
    """

    moved: tuple[Any, ...] = ()
    did: tuple[Any, ...] = ()
    families: tuple[str, ...] = ()
    fields: dict[str, Any] = field(default_factory=lambda: dict(_UNSEEN))
    routes: list[dict[str, Any]] = field(default_factory=list)
    off_s: int | None = None

    @property
    def established(self) -> bool:
        """Whether its session is up."""
        return bool(self.fields["state"] == "Established")

    def said(self) -> tuple[Any, ...]:
        """What makes a new line if it changes: not how long it is up, nor what others have it sent."""
        still = tuple(value for name, value in self.fields.items() if name not in ("uptime_s", "sent", "last_reset"))
        return (*still, tuple(tuple(route.values()) for route in self.routes))


class Peers:
    """All neighbours outside of the default VRF, kept from look to look."""

    def __init__(self, bgpd: Vty) -> None:
        self._bgpd = bgpd
        self._turn = 0
        self.known: dict[Key, Peer] = {}

    def look(self, *, verify: bool) -> None:
        """Bring `known` up to date.

        Args:
            verify: Read some neighbours' routes again although nothing moved.

        Raises:
            Away: bgpd does not answer.
        """
        found = self._cheap()
        self.known = {key: self.known.get(key, Peer()) for key in found}
        again = self._next_to_verify() if verify else set()
        for key, (fields, moved) in found.items():
            peer = self.known[key]
            peer.fields = {**peer.fields, **fields}
            if moved != peer.moved:
                self._closely(key, peer)
                peer.moved = moved
            elif key in again:
                peer.routes = self._routes(key, peer)
            if peer.off_s is not None:
                peer.off_s = max(0, peer.off_s - 1)

    def forget(self) -> None:
        """Begin anew, as after bgpd was away."""
        self.known = {}

    def _cheap(self) -> dict[Key, tuple[dict[str, Any], tuple[Any, ...]]]:
        found: dict[Key, tuple[dict[str, Any], tuple[Any, ...]]] = {}
        for vrf, families in self._bgpd.ask("show bgp vrf all summary json").items():
            if vrf == "default" or not isinstance(families, dict):
                continue
            for name in FAMILIES:
                peers = families.get(name, {}).get("peers", {})
                for address, entry in peers.items():
                    if ":" in address or address.count(".") == 3:
                        _add(found, (vrf, address), entry)
        return found

    def _next_to_verify(self) -> set[Key]:
        up = sorted(key for key, peer in self.known.items() if peer.established)
        if len(up) <= VERIFIED_AT_ONCE:
            return set(up)
        self._turn = (self._turn + VERIFIED_AT_ONCE) % len(up)
        return set((up + up)[self._turn : self._turn + VERIFIED_AT_ONCE])

    def _closely(self, key: Key, peer: Peer) -> None:
        vrf, address = key
        entry = self._bgpd.ask(f"show bgp vrf {vrf} neighbors {address} json").get(address, {})
        if not entry:
            return  # It went in between: the next cheap look does not have it.
        local, capable = entry.get("hostLocal"), entry.get("neighborCapabilities", {})
        both = capable.get("multiprotocolExtensions", {})
        peer.families = tuple(name for name in FAMILIES if "advertisedAndReceived" in both.get(name, {}))
        peer.fields |= {
            "group": entry.get("peerGroup"),
            "local_address": local if local != "Unknown" else None,
            "last_reset": printable(entry.get("lastResetDueTo")),
            "last_notification": printable(entry.get("lastNotificationReason")),
            "resets": entry.get("connectionsDropped", 0),
        }
        off_ms = entry.get("restartInTimerMsec") if entry.get("reducePrefixNumFrom") else None
        peer.off_s = None if off_ms is None else round(off_ms / 1000)
        did = _did(entry)
        if did != peer.did:
            peer.did = did
            peer.routes = self._routes(key, peer)

    def _routes(self, key: Key, peer: Peer) -> list[dict[str, Any]]:
        """The routes of a neighbour before and after the host's filters; counts them, too."""
        vrf, address = key
        found: list[dict[str, Any]] = []
        if peer.established:
            for name in peer.families:
                of_peer = f"show bgp vrf {vrf} {FAMILIES[name]} neighbors {address}"
                received = self._bgpd.ask(f"{of_peer} received-routes json").get("receivedRoutes", {})
                # A table without a route is no object with routes.
                kept = self._bgpd.ask(f"{of_peer} routes json").get("routes", {}) if received else {}
                found += [_route(prefix, entry, prefix in kept) for prefix, entry in sorted(received.items())]
        peer.fields["received"] = len(found)
        peer.fields["accepted"] = sum(route["accepted"] for route in found)
        return found


def printable(text: str | None) -> str | None:
    """A text that may come from a guest, cut and without what a terminal would obey."""
    if text is None:
        return None
    return "".join(sign if sign.isprintable() else "?" for sign in text[:TEXT_LIMIT])


def _add(found: dict[Key, tuple[dict[str, Any], tuple[Any, ...]]], key: Key, entry: dict[str, Any]) -> None:
    """Take a neighbour's entry in one family; one that is in both counts together."""
    state = str(entry.get("state", "Idle")).split()[0]
    up_ms = entry.get("peerUptimeMsec")
    before, moved = found.get(key, ({}, ()))
    fields = {
        "vrf": key[0],
        "address": key[1],
        "dynamic": bool(entry.get("dynamicPeer")),
        "remote_as": entry.get("remoteAs", 0),
        "local_as": entry.get("localAs", 0),
        "state": state,
        "uptime_s": int(up_ms / 1000) if state == "Established" and up_ms is not None else None,
        "sent": before.get("sent", 0) + entry.get("pfxSnt", 0),
    }
    names = ("state", "msgRcvd", "pfxRcd", "connectionsEstablished", "connectionsDropped")
    found[key] = (fields, (*moved, *(entry.get(name) for name in names)))


def _did(entry: dict[str, Any]) -> tuple[Any, ...]:
    families = entry.get("addressFamilyInfo", {})
    accepted = tuple(families.get(name, {}).get("acceptedPrefixCounter") for name in FAMILIES)
    counts, filtered = entry.get("messageStats", {}), entry.get("prefixStats", {})
    sessions = entry.get("connectionsEstablished"), entry.get("bgpState") == "Established"
    return (*sessions, *accepted, counts.get("updatesRecv"), tuple(filtered.values()))


def _route(prefix: str, entry: dict[str, Any], accepted: bool) -> dict[str, Any]:
    return {
        "prefix": prefix,
        "next_hop": entry.get("nextHopGlobal") or entry.get("nextHop") or "::",
        "as_path": printable(entry.get("path")) or "",
        "accepted": accepted,
    }
