"""What must hold of guests: each session on exactly one of its hosts, its routes used and exported there alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from trellis.reach.assertions.model import Finding, GuestSession
from trellis.reach.assertions.seen import Seen, SeenSession

_FAMILIES = ("ipv4 unicast", "ipv6 unicast")


def guests(wanted: tuple[GuestSession, ...], heard: Mapping[str, Seen]) -> Iterator[Finding | None]:
    """Yield the verdict on each assertion about guests; None where it holds.

    Args:
        wanted: The guests' sessions.
        heard: What hosts say whose bgpd answers.
    """
    for guest in wanted:
        states = {host: _session(guest, heard[host]) for host in guest.hosts if host in heard}
        up = [host for host, session in states.items() if session is not None and session.established]
        if len(up) > 1:
            yield _on_several(guest, up)
        elif up:
            yield None
        elif len(states) == len(guest.hosts):
            yield _nowhere(guest, states)
        for host in up:
            yield from _routes(guest, heard[host])
        for host in states if len(up) == 1 else ():
            if host not in up:
                yield from _elsewhere(guest, heard[host], up[0])


def _session(guest: GuestSession, found: Seen) -> SeenSession | None:
    return found.sessions.get((guest.vrf, guest.address))


def _on_several(guest: GuestSession, up: list[str]) -> Finding:
    return Finding(
        up[0], "guest", f"session of {guest.name}", f"on exactly one of {', '.join(guest.hosts)}",
        f"Established on {', '.join(up)}", "R2",
        "two machines have its address, or one that has moved is still heard where it was: its routes lead to both",
        "see where it runs (`trellis guests discover`) and stop the other: `trellis guests sessions` tells since when",
    )  # fmt: skip


def _nowhere(guest: GuestSession, states: Mapping[str, SeenSession | None]) -> Finding:
    said = ", ".join(f"{host}: {_told(session)}" for host, session in states.items())
    return Finding(
        guest.starts if guest.starts in states else guest.hosts[0], "guest", f"session of {guest.name}",
        f"Established on one of {', '.join(guest.hosts)}", said, "",
        "nothing of what it announces is reached",
        f"`trellis onboard {guest.name}` says which step is missing",
    )  # fmt: skip


def _told(session: SeenSession | None) -> str:
    return "no such neighbour" if session is None else session.state


def _routes(guest: GuestSession, found: Seen) -> Iterator[Finding | None]:
    for prefix in guest.loopbacks:
        used = found.routes.get((guest.vrf, guest.address, prefix))
        if not used:
            yield Finding(
                found.host, "route", f"{prefix} of {guest.name}", "accepted, and the path that is used",
                "not accepted" if used is None else "accepted, but another path is used", "R7",
                "it is not reached by this address, or another is in its place",
                f"`trellis why {guest.name} {prefix} --live` follows it through each filter",
            )  # fmt: skip
        elif prefix not in found.exports:
            yield Finding(
                found.host, "route", f"{prefix} of {guest.name}", "exported by this host",
                "not in the main table", "R2",
                "the edge does not learn where it is",
                f"`trellis why {guest.name} {prefix} --live` follows it through each filter",
            )  # fmt: skip
        else:
            yield None
    yield _count(guest, found)


def _count(guest: GuestSession, found: Seen) -> Finding | None:
    session = _session(guest, found)
    assert session is not None
    accepted = [session.accepted.get(family, 0) for family in _FAMILIES]
    if accepted[0] <= guest.limits[0] and accepted[1] <= guest.limits[1]:
        return None
    return Finding(
        found.host, "route", f"number of routes of {guest.name}",
        f"at most {guest.limits[0]} of IPv4, {guest.limits[1]} of IPv6",
        f"{accepted[0]} of IPv4, {accepted[1]} of IPv6", "R7",
        "its limit is not in force on this host: one guest can fill every host's tables",
        f"`trellis check {found.host}` compares what FRR runs",
    )  # fmt: skip


def _elsewhere(guest: GuestSession, found: Seen, host: str) -> Iterator[Finding | None]:
    for prefix in guest.loopbacks:
        if prefix not in found.exports:
            yield None
            continue
        yield Finding(
            found.host, "route", f"{prefix} of {guest.name}", f"exported by {host} alone",
            "exported by this host, too", "R2",
            "the edge has two ways to it, and one ends in a black hole",
            f"`vtysh -c 'show bgp ipv{4 if '.' in prefix else 6} unicast {prefix}'` on this host shows where it has "
            f"it from; `trellis why {guest.name} {prefix} --live`",
        )  # fmt: skip
