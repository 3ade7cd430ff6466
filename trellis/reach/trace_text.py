"""A trace as a person reads it: hop by hop, like traceroute, with what carried the packet and what let it pass."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.reach.path import Hop, Onward, Path
from trellis.reach.routes import Passed
from trellis.reach.trace import FamilyTrace, Trace

_INDENT = " " * 5


def trace_text(found: Trace) -> str:
    """Return a trace as text, each line ended."""
    lines: list[str] = []
    for family in found.families:
        lines += [*_family(found, family), ""]
    for missing in found.missing:
        lines.append(
            f"no {_written(missing)}: {found.source.name} or {found.target.name} has no address of that family"
        )
    return "\n".join(lines).rstrip("\n") + "\n"


def _family(found: Trace, family: FamilyTrace) -> Iterator[str]:
    what = "" if found.protocol == "icmp" else f", {found.protocol} port {found.port}"
    yield (
        f"{_ended(found.source.name, str(family.source))} to {_ended(found.target.name, str(family.target))}, "
        f"{_written(family.family)}{what}: {_verdict(family)}"
    )
    yield from _ways(family.there)
    filters = list(_filters(family.there))
    if filters:
        yield "  let the route through:"
        yield from (f"{_INDENT}{line}" for line in filters)
    if family.back:
        same = "" if family.asymmetric or not family.answered else ", the same way"
        yield f"  the answer{same}:" if same or not family.asymmetric else "  the answer, another way (asymmetric):"
        yield from _back(family)


def _verdict(family: FamilyTrace) -> str:
    if family.answered:
        return f"arrives and is answered, packets of up to {family.mtu} bytes"
    if family.arrives:
        return "arrives, and the answer does not come back"
    if any(path.arrives for path in family.there):
        return "arrives by some of its equal paths only"
    return "does not arrive"


def _ways(paths: tuple[Path, ...]) -> Iterator[str]:
    """Yield the first path in full, the others in a line each."""
    if not paths:
        return
    shown = _shown(paths)
    for number, hop in enumerate(shown.hops, start=1):
        yield from _hop(number, hop)
    yield from _stop(shown)
    for path in paths:
        if path is not shown:
            yield f"  or: {_line(path)}"


def _shown(paths: tuple[Path, ...]) -> Path:
    """Return the path that is told in full: one that fails, or the first."""
    return next((path for path in paths if not path.arrives), paths[0])


def _hop(number: int, hop: Hop) -> Iterator[str]:
    where = {"guest": "", "host": "", "edge": "edge", "internet": "", "station": ""}[hop.place]
    head = f" {number:>2}  {hop.node}"
    said = [part for part in (where, _decided(hop), hop.note or "") if part]
    yield f"{head}{': ' if said else ''}{', '.join(said)}"
    for check in hop.checks:
        yield f"{_INDENT}{check.name}: {'passes' if check.passes else 'DROPPED'}, {check.rule} ({check.why})"
    if hop.onward is not None:
        yield from (f"{_INDENT}{line}" for line in _onward(hop, hop.onward))


def _decided(hop: Hop) -> str:
    if hop.table is None:
        return ""
    table = f"bridge {hop.table}" if hop.prefix is None and hop.onward is not None else hop.table
    if hop.prefix is None:
        return table
    known = {
        "own address": "its own address",
        "connected": "connected",
        "guest": f"from guest {' and '.join(hop.next_hops)}",
        "type-5": f"EVPN type-5 from {' and '.join(hop.next_hops)}",
        "type-2": f"EVPN type-2 from {' and '.join(hop.next_hops)}",
        "edge": f"from edge {' and '.join(hop.next_hops)}",
        "host": f"by BGP via {' and '.join(hop.next_hops)}",
        "leak": f"leak to zone {' and '.join(hop.next_hops)}",
        "VRF": f"from zone {' and '.join(hop.next_hops)}",
        "OSPF": f"by OSPF via {' and '.join(hop.next_hops)}",
        "static": f"static{' via ' + hop.next_hops[0] if hop.place == 'guest' and hop.next_hops else ''}",
        None: "",
    }[hop.learned]
    return f"{table}: {hop.prefix} {known}"


def _onward(hop: Hop, onward: Onward) -> Iterator[str]:
    if onward.means == "vxlan" and onward.vxlan is not None:
        wrapped = onward.vxlan
        yield (
            f"VXLAN {wrapped.kind} {wrapped.vni}, {wrapped.source} to {wrapped.target}: "
            f"{wrapped.overhead} bytes over {_written(wrapped.outer)}"
        )
        yield f"underlay: {_crossed(onward)}"
        if not onward.fits:
            smallest = min(link.mtu for link in onward.links)
            yield f"TOO LARGE: the zone's largest packet takes {onward.needs} bytes; the link carries {smallest}"
    elif onward.means == "link" and onward.links:
        yield f"not wrapped: {_crossed(onward)}"
    elif onward.means == "bridge" and hop.place == "host":
        yield (
            f"to {onward.to} on its own VNet, without VXLAN" if hop.table and "vrf" in hop.table else f"to {onward.to}"
        )
    elif onward.means == "vrf":
        yield "on in another table of the same host"


def _crossed(onward: Onward) -> str:
    chain = onward.links[0].source
    for link in onward.links:
        chain += f" -{link.name}- {link.target}"
    equal = len(onward.equal_paths)
    said = f"{chain}, cost {onward.cost}, MTU {min(link.mtu for link in onward.links)}"
    return said + (f", one of {equal} equal paths" if equal > 1 else "")


def _stop(path: Path) -> Iterator[str]:
    if path.stop is not None:
        yield f"  X  stops at {path.stop.node}: {path.stop.rule}: {path.stop.why}"
        if path.stop.remedy is not None:
            yield f"{_INDENT}what would help: {path.stop.remedy}"


def _filters(paths: tuple[Path, ...]) -> Iterator[str]:
    """Yield each route-map that let a route of the path through, in the order in which routes passed them."""
    seen: set[Passed] = set()
    for hop in _shown(paths).hops if paths else ():
        for passed in hop.passed:
            if passed not in seen:
                seen.add(passed)
                yield f"{passed.node}, {passed.where}: {passed.route_map} {passed.entry}"


def _back(family: FamilyTrace) -> Iterator[str]:
    for path in family.back[:4]:
        yield f"{_INDENT}{_line(path)}"
        if path.stop is not None and path.stop.remedy is not None:
            yield f"{_INDENT}what would help: {path.stop.remedy}"
    if len(family.back) > 4:
        yield f"{_INDENT}and {len(family.back) - 4} more equal paths"


def _line(path: Path) -> str:
    chain = " > ".join(path.nodes)
    if path.stop is None:
        return f"{chain}, up to {path.mtu} bytes"
    return f"{chain}{' ' if chain else ''}X {path.stop.rule}: {path.stop.why}"


def _ended(name: str, address: str) -> str:
    return address if name == address else f"{name} ({address})"


def _written(family: str) -> str:
    return "IPv4" if family == "ipv4" else "IPv6"
