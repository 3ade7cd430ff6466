"""What a host's tables say of one route of one guest: announced, accepted, in the VRF, in the main table, told to whom.

One JSON object, beside the version and the host: ``away`` (why bgpd can't be asked), ``session`` (null for no such
neighbour), ``received`` (null where the guest does not announce it), and ``vrf`` and ``main``, each with its ``paths``
and the addresses of the peers that it is ``told`` to; ``off_s`` is for how many more seconds the kernel keeps the guest
off.  Nothing is changed, no lock is taken.
"""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from typing import Any

from trellis.agent.observe import penalized
from trellis.agent.peers import printable
from trellis.agent.report import Fault
from trellis.agent.vty import Away, Vty

MOST_PATHS = 64
"""Paths that are told of a table; a service of that many nodes is told in part."""

_VRF = re.compile(r"[A-Za-z0-9_.-]{1,15}")
_EMPTY: dict[str, Any] = {"paths": [], "told": []}


def route(vrf: str, peer: str, prefix: str) -> dict[str, Any]:
    """What this host's bgpd knows of a route.

    Args:
        vrf: The VRF of the guest's zone.
        peer: The guest's address.
        prefix: What it announces, or might.

    Raises:
        Fault: One of them is none.
    """
    try:
        address, wanted = str(ip_address(peer)), ip_network(prefix)
    except ValueError as wrong:
        raise Fault("route", str(wrong), "name an address and a prefix without host bits") from None
    if not _VRF.fullmatch(vrf):
        raise Fault("route", f"{vrf[:40]!r} is no name of a VRF", "name the VRF of the guest's zone") from None
    family = f"ipv{wanted.version} unicast"
    bgpd = Vty("bgpd")
    found: dict[str, Any] = {"away": None, "session": None, "received": None, "vrf": _EMPTY, "main": _EMPTY}
    try:
        found["session"] = _session(bgpd, vrf, address, wanted.version)
        if found["session"] is not None:
            heard = bgpd.ask(f"show bgp vrf {vrf} {family} neighbors {address} received-routes json")
            found["received"] = _received(heard.get("receivedRoutes", {}).get(str(wanted)))
        found["vrf"] = _table(bgpd.ask(f"show bgp vrf {vrf} {family} {wanted} json"))
        found["main"] = _table(bgpd.ask(f"show bgp {family} {wanted} json"))
    except Away as away:
        found["away"] = printable(str(away))
    finally:
        bgpd.close()
    return {**found, "off_s": penalized().get(address)}


def _session(bgpd: Vty, vrf: str, address: str, version: int) -> dict[str, Any] | None:
    entry = bgpd.ask(f"show bgp vrf {vrf} neighbors {address} json").get(address)
    if not isinstance(entry, dict):
        return None
    of_family = entry.get("addressFamilyInfo", {}).get(f"ipv{version}Unicast", {})
    up_ms = entry.get("bgpTimerUpMsec")
    waits_ms = entry.get("restartInTimerMsec") if entry.get("reducePrefixNumFrom") else None
    return {
        "state": str(entry.get("bgpState", "Idle")),
        "remote_as": entry.get("remoteAs", 0),
        "uptime_s": int(up_ms / 1000) if up_ms is not None else None,
        "accepted": of_family.get("acceptedPrefixCounter", 0),
        "limit": of_family.get("prefixAllowedMax"),
        "off_s": None if waits_ms is None else round(waits_ms / 1000),
        "last_notification": printable(entry.get("lastNotificationReason")),
        "last_reset": printable(entry.get("lastResetDueTo")),
    }


def _received(entry: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if entry is None else {"as_path": printable(entry.get("path")) or ""}


def _table(answer: dict[str, Any]) -> dict[str, Any]:
    paths = answer.get("paths", [])[:MOST_PATHS]
    told = answer.get("advertisedTo", {})
    return {"paths": [_path(path) for path in paths], "told": sorted(map(str, told))}


def _path(path: dict[str, Any]) -> dict[str, Any]:
    used = [hop for hop in path.get("nexthops", []) if hop.get("used")] or path.get("nexthops", [])
    return {
        "peer": printable(path.get("peer", {}).get("peerId")) or "",
        "as_path": printable(path.get("aspath", {}).get("string")) or "",
        "best": bool(path.get("bestpath", {}).get("overall")),
        "next_hop": printable(used[0].get("ip")) if used else None,
        "communities": _listed(path, "community"),
        "large": _listed(path, "largeCommunity"),
        "imported": bool(path.get("importedFrom")),
    }


def _listed(path: dict[str, Any], kind: str) -> list[str]:
    return [printable(str(found)) or "" for found in path.get(kind, {}).get("list", [])]
