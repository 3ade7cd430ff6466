"""What goes through this host, as far as the host itself can say: packets forwarded, sessions, and routes by another.

The kernel counts each packet that it forwards, of all VRFs, by family; what it bridges within a VNet it does not count.
Nothing is changed, no lock is taken.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from trellis.agent import drain, freeze, lock, sessions, state
from trellis.agent.control_plane import Daemons, adjacencies_v2, adjacencies_v3
from trellis.agent.manifest import BadManifest, parse
from trellis.agent.process import run
from trellis.agent.report import Fault
from trellis.agent.vty import Away

ANSWER_S = 20.0
"""What listing the kernel's routes may take, in seconds; 4,000 guests are a fifth of one."""

MOST_ROUTES = 200
"""Routes by another host that are told; what is beyond is counted."""

_INTERFACE = re.compile(r"(?m)^interface (\S+)\n(?: .*\n)*? ip(?:v6)? ospf6? (?:area|cost)")


def transit(others: Iterable[str] = ()) -> dict[str, Any]:
    """What this host forwards, hears, and sends by another host.

    Args:
        others: Addresses of another host: which routes here go by one of them.

    Raises:
        Fault: One of them is none.
    """
    try:
        wanted = {ip_address(other) for other in others}
    except ValueError as wrong:
        raise Fault("transit", str(wrong), "name addresses of a host") from None
    now, drained, frozen, last = sessions.now(), drain.drained(), freeze.frozen(), state.committed()
    through = list(_through({str(address) for address in wanted})) if wanted else []
    return {
        "at_s": state.clock(),
        "forwarded": forwarded(),
        "sessions": established(now),
        "adjacent": adjacent(),
        "addresses": _addresses(last.manifest) if last else [],
        "through": through[:MOST_ROUTES],
        "more": max(0, len(through) - MOST_ROUTES),
        "committed": last.digest if last else None,
        "busy": lock.is_held() or state.under_way() is not None,
        "drained": asdict(drained) if drained else None,
        "frozen": asdict(frozen) if frozen else None,
    }


def established(found: sessions.Sessions) -> list[str]:
    """The fabric's own neighbours that have a session."""
    return sorted(peer.address for peer in found.established if peer.vrf == sessions.DEFAULT)


def forwarded() -> dict[str, int]:
    """Packets that this host has forwarded since its boot, by family."""
    names, values = (line.split() for line in Path("/proc/net/snmp").read_text().splitlines()[:2])
    v6 = dict(line.split()[:2] for line in Path("/proc/net/snmp6").read_text().splitlines())
    return {
        "ipv4": int(dict(zip(names, values, strict=True))["ForwDatagrams"]),
        "ipv6": int(v6.get("Ip6OutForwDatagrams", 0)),
    }


def adjacent() -> list[str]:
    """The OSPF neighbours, as `FAMILY ROUTER-ID INTERFACE`; none of a daemon that does not answer."""
    found: set[str] = set()
    with Daemons() as daemons:
        for family, adjacencies in (("ipv4", adjacencies_v2), ("ipv6", adjacencies_v3)):
            with contextlib.suppress(Away):
                heard = [one for one in adjacencies(daemons.ask) if near(one)]
                found.update(f"{family} {one['router_id']} {one['interface']}" for one in heard)
    return sorted(found)


def near(adjacency: Mapping[str, Any]) -> bool:
    """Whether a neighbour is as near as it is meant to be.

    On a segment two routers of which neither is designated stay at 2-Way (RFC 2328, 10.4), and who is designated
    changes with each boot: a neighbour that was Full before a maintenance need not be so after it.

    Args:
        adjacency: As `trellis.agent.control_plane` has it.
    """
    return adjacency["state"] == "Full" or (adjacency["state"], adjacency["role"]) == ("2-Way", "DROther")


def _addresses(manifest: str) -> list[str]:
    """The addresses of this host in the underlay, link-local ones too: by them others send to it and through it."""
    with contextlib.suppress(BadManifest):
        names = set(_INTERFACE.findall(parse(manifest).intent))
        listed = _ip("address", "show")
        found = {entry["local"] for link in listed if link.get("ifname") in names for entry in link["addr_info"]}
        return sorted(found)
    return []


def _through(others: set[str]) -> Iterator[dict[str, Any]]:
    """Routes of all tables by some addresses, each with whether it has another next hop as well."""
    for family in ("-4", "-6"):
        for route in _ip(family, "route", "show", "table", "all"):
            hops = route.get("nexthops") or [route]
            by = [gateway for hop in hops if (gateway := _gateway(hop)) in others]
            if by:
                yield {
                    "table": str(route.get("table", "main")),
                    "prefix": "::/0" if (family, route["dst"]) == ("-6", "default") else _prefix(route["dst"]),
                    "by": by[0],
                    "others": len(by) < len(hops),
                }


def _gateway(hop: dict[str, Any]) -> str:
    via = hop.get("via")
    return str(hop.get("gateway") or (via.get("host") if isinstance(via, dict) else ""))


def _prefix(destination: str) -> str:
    return "0.0.0.0/0" if destination == "default" else destination


def _ip(*words: str) -> list[dict[str, Any]]:
    """What iproute2 lists; of what it leaves out it prints empty objects (6.15)."""
    ended = run(["ip", "-json", *words], ANSWER_S)
    try:
        return [entry for entry in json.loads(ended.out or "[]") if entry]
    except ValueError:
        return []
