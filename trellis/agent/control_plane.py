"""What FRR's daemons say that this host does now: sessions, guests' routes, defaults, VNIs, adjacencies, ways.

Read for `live`.  What is told is FRR's answer in few words and without its spellings, which differ from release to
release (measured: 10.3 and 10.7); what it ought to be is not known here.  A daemon that does not answer is named, and
what the others say is told all the same.  No lock is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from trellis.agent.peers import printable
from trellis.agent.vty import Away, Vty

Ask = Callable[[str, str], dict[str, Any]]
"""A daemon and a command in, the JSON object that it answers out; raises `Away`."""

FAMILIES = {"ipv4Unicast": "ipv4 unicast", "ipv6Unicast": "ipv6 unicast", "l2VpnEvpn": "l2vpn evpn"}
DEFAULTS = {"ipv4": "0.0.0.0/0", "ipv6": "::/0"}
DEFAULT_VRF = "default"
EXPORTED = "TL-EXPORTED"
"""The community-list of the marks, by the name that the plan gives it."""
_SPELT = {"Twoway": "2-Way", "BDR": "Backup"}
"""What ospf6d says otherwise than ospfd."""


class Daemons:
    """The daemons' sockets, for `with`."""

    def __init__(self) -> None:
        self._open: dict[str, Vty] = {}

    def __enter__(self) -> Daemons:
        return self

    def __exit__(self, *_: object) -> None:
        for vty in self._open.values():
            vty.close()

    def ask(self, daemon: str, command: str) -> dict[str, Any]:
        """The JSON object that a daemon answers.

        Raises:
            Away: It does not answer.
        """
        return self._open.setdefault(daemon, Vty(daemon)).ask(command)


def control_plane(ask: Ask) -> dict[str, Any]:
    """What all daemons say, with ``away``: why one can't be asked, by its name.

    Args:
        ask: Asks them.
    """
    parts: tuple[tuple[str, Callable[[Ask], dict[str, Any]]], ...] = (
        ("bgpd", _of_bgpd),
        ("zebra", _of_zebra),
        ("ospfd", lambda ask: {"ospf_ipv4": list(adjacencies_v2(ask))}),
        ("ospf6d", lambda ask: {"ospf_ipv6": list(adjacencies_v3(ask))}),
    )
    found: dict[str, Any] = {
        **{name: [] for name in ("sessions", "routes", "exports", "defaults", "labels", "vnis", "vrf_defaults")},
        **{name: [] for name in ("ways", "ospf_ipv4", "ospf_ipv6")},
    }
    away: dict[str, str] = {}
    for daemon, part in parts:
        try:
            found |= part(ask)
        except Away as gone:
            away[daemon] = printable(str(gone)) or ""
    return {"away": away, **found}


def _of_bgpd(ask: Ask) -> dict[str, Any]:
    sessions = list(_sessions(ask))
    vrfs = dict.fromkeys(session["vrf"] for session in sessions if session["vrf"] != DEFAULT_VRF)
    told: dict[str, Any] = {"sessions": sessions, "routes": [], "exports": [], "defaults": []}
    for family, default in DEFAULTS.items():
        main = ask("bgpd", f"show bgp {family} unicast json").get("routes", {})
        told["exports"] += _marked(ask, family)
        told["defaults"] += [{"family": family, "next_hops": _used(main.get(default, []))}]
    for vrf in vrfs:
        there = {session["address"] for session in sessions if session["vrf"] == vrf}
        for family in DEFAULTS:
            table = ask("bgpd", f"show bgp vrf {vrf} {family} unicast json").get("routes", {})
            told["routes"] += _of_peers(vrf, there, table)
    told["labels"] = list(_labels(ask("bgpd", "show bgp l2vpn evpn vni json")))
    return told


def _marked(ask: Ask, family: str) -> list[str]:
    """The routes of the main table with the mark by which a host exports; it has others' guests' without it."""
    try:
        return list(ask("bgpd", f"show bgp {family} unicast community-list {EXPORTED} json").get("routes", {}))
    except Away:  # a host that has no such list yet answers with words
        return []


def _sessions(ask: Ask) -> Iterator[dict[str, Any]]:
    """Each neighbour once; of those that a host can't do without, and of those that are there, more is asked."""
    known: dict[tuple[str, str], dict[str, Any]] = {}
    for vrf, families in ask("bgpd", "show bgp vrf all summary json").items():
        for name, family in families.items() if isinstance(families, dict) else ():
            peers = family.get("peers", {}) if isinstance(family, dict) else {}
            for address, entry in peers.items():
                own = {"vrf": vrf, "address": address, "state": str(entry.get("state", "Idle"))}
                session = known.setdefault((vrf, address), {**own, "accepted": {}})
                session["accepted"][FAMILIES.get(name, name)] = entry.get("pfxRcd", 0)
    for (vrf, address), session in known.items():
        details: dict[str, Any] = {"families": [], "said": None}
        if vrf == DEFAULT_VRF or session["state"] == "Established":
            scope = "" if vrf == DEFAULT_VRF else f"vrf {vrf} "
            details = _details(ask("bgpd", f"show bgp {scope}neighbors {address} json").get(address, {}))
        yield {**session, **details}


def _details(entry: dict[str, Any]) -> dict[str, Any]:
    agreed = entry.get("neighborCapabilities", {}).get("multiprotocolExtensions", {})
    both = [FAMILIES.get(name, name) for name, how in agreed.items() if "advertisedAndReceived" in how]
    said = entry.get("lastNotificationReason") or entry.get("lastResetDueTo")
    return {"families": both, "said": printable(said)}


def _of_peers(vrf: str, peers: set[str], table: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The routes of a VRF's own neighbours that passed their filters."""
    for prefix, paths in table.items():
        for path in paths:
            if (peer := path.get("peerId")) in peers:
                yield {"vrf": vrf, "peer": peer, "prefix": prefix, "best": bool(path.get("bestpath"))}


def _used(paths: list[dict[str, Any]]) -> list[str]:
    """The next hops of the paths that are used: the best, and those that are as good."""
    used = [path for path in paths if path.get("bestpath") or path.get("multipath")]
    return sorted({hop["ip"] for path in used for hop in path.get("nexthops", []) if hop.get("used")})


def _labels(answer: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What bgpd gives the routes of each VNI: its route distinguisher and targets."""
    for entry in answer.values():
        if isinstance(entry, dict) and "vni" in entry:
            targets = {name: sorted(map(str, entry.get(f"{name}RTs", []))) for name in ("import", "export")}
            yield {"vni": entry["vni"], "rd": str(entry.get("rd", "")), **targets}


def _of_zebra(ask: Ask) -> dict[str, Any]:
    ways: list[dict[str, Any]] = []
    for command in ("show ip route ospf json", "show ipv6 route ospf6 json"):
        ways += _ways(ask("zebra", command))
    vnis = list(_vnis(ask))
    defaults = []
    for vrf in dict.fromkeys(vni["vrf"] for vni in vnis if vni["type"] == "L3"):
        for family, prefix in DEFAULTS.items():
            table = ask("zebra", f"show {'ip' if family == 'ipv4' else family} route vrf {vrf} {prefix} json")
            defaults.append({"vrf": vrf, "family": family, "next_hops": _installed(table.get(prefix, []))})
    return {"ways": ways, "vnis": vnis, "vrf_defaults": defaults}


def _vnis(ask: Ask) -> Iterator[dict[str, Any]]:
    for number in ask("zebra", "show evpn vni json"):
        entry = ask("zebra", f"show evpn vni {number} json")
        if "vni" not in entry:
            continue  # It went in between.
        # Older releases list the VTEPs as their number, and as text.
        listed = entry.get("remoteVteps", entry.get("numRemoteVteps"))
        remotes = [one["ip"] if isinstance(one, dict) else one for one in (listed if isinstance(listed, list) else [])]
        yield {
            "vni": entry["vni"],
            "type": str(entry.get("type", "")),
            "state": str(entry.get("state", "Up")),  # zebra has an L2VNI only while it is up
            "vrf": str(entry.get("tenantVrf", entry.get("vrf", ""))),
            "vtep": str(entry.get("vtepIp", entry.get("localVtepIp", ""))),
            "remotes": sorted(map(str, remotes)),
        }


def _ways(table: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """By which interfaces OSPF's host routes lead, where they are the ones that are used."""
    for prefix, entries in table.items():
        if prefix.endswith(("/32", "/128")):
            for entry in entries:
                if entry.get("selected"):
                    hops = (hop for hop in entry.get("nexthops", []) if hop.get("fib"))
                    yield {"prefix": prefix, "interfaces": sorted({str(hop.get("interfaceName", "")) for hop in hops})}


def _installed(entries: list[dict[str, Any]]) -> list[str]:
    """The next hops that BGP gave a route that the kernel has, before they were resolved."""
    used = [entry for entry in entries if entry.get("selected") and entry.get("protocol") == "bgp"]
    hops = [hop for entry in used if entry.get("installed") for hop in entry.get("nexthops", [])]
    return sorted({hop["ip"] for hop in hops if "ip" in hop and hop.get("active") and not hop.get("resolver")})


def adjacencies_v2(ask: Ask) -> Iterator[dict[str, Any]]:
    """Yield OSPFv2's neighbours: ``router_id``, ``interface``, ``state``, and the neighbour's ``role`` there."""
    for router_id, entries in ask("ospfd", "show ip ospf neighbor json").get("neighbors", {}).items():
        for entry in entries:
            state, _, role = entry["nbrState"].partition("/")
            yield _adjacency(router_id, entry["ifaceName"].partition(":")[0], state, role)


def adjacencies_v3(ask: Ask) -> Iterator[dict[str, Any]]:
    """Yield OSPFv3's neighbours, as `adjacencies_v2` does; the ``role`` is this host's own."""
    for entry in ask("ospf6d", "show ipv6 ospf6 neighbor json").get("neighbors", []):
        yield _adjacency(entry["neighborId"], entry["interfaceName"], entry["state"], entry["ifState"])


def _adjacency(router_id: str, interface: str, state: str, role: str) -> dict[str, Any]:
    return {
        "router_id": router_id,
        "interface": interface,
        "state": _SPELT.get(state, state),
        "role": _SPELT.get(role, role),
    }
