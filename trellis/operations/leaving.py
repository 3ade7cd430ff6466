"""Whether traffic has left a drained host, by what it forwards and by the routes that others still have through it.

A host counts each packet that it forwards. Others tell which of their routes go by one of its addresses; each is the
host's own (to itself, or to a guest that stays on it), one that has another way as well, or one without any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from trellis.plan.model import Plan
from trellis.plan.sessions import loopbacks
from trellis.site import Site
from trellis.site.resolved import AnyNetwork, AttachedGuest

QUIET_PPS = 5.0
"""Packets a second that a host may go on forwarding: what monitoring and a stray answer come to."""

SETTLED_LOOKS = 3
"""Looks in a row that must show the same: a route that is only being replaced shows in one."""


@dataclass(frozen=True, slots=True, order=True)
class Way:
    """A route of another host by the drained one.

    Attributes:
        host: Whose route it is.
        table: The kernel's table: `main`, or a VRF's number.
        others: Whether it has another next hop as well.
    """

    host: str
    table: str
    prefix: str
    others: bool

    def __str__(self) -> str:
        """Return the way as people read it."""
        where = "" if self.table == "main" else f" in table {self.table}"
        return f"{self.host} sends {self.prefix}{where}"


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen at one moment.

    Attributes:
        at_s: When, by the drained host's clock.
        forwarded: Packets that it has forwarded until then.
        ways: Routes of others by it.
        unasked: Hosts that did not say.
    """

    at_s: float
    forwarded: int
    ways: tuple[Way, ...]
    unasked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Left:
    """What still goes through a drained host, and why.

    Attributes:
        packets_per_s: What it forwards.
        avoidable: Routes by it that have another way as well.
        alone: Routes by it that have no other.
        unasked: Hosts that did not say.
    """

    packets_per_s: float
    avoidable: tuple[Way, ...] = ()
    alone: tuple[Way, ...] = ()
    unasked: tuple[str, ...] = ()

    @property
    def quiet(self) -> bool:
        """Whether it forwards next to nothing."""
        return self.packets_per_s <= QUIET_PPS

    def gone(self, guests_stay: bool) -> bool:
        """Whether all has left that can.

        Args:
            guests_stay: Whether guests are on it that go on talking.
        """
        return not self.avoidable and not self.unasked and (self.quiet or guests_stay or bool(self.alone))


def look(content: Mapping[str, Any], others: Mapping[str, Mapping[str, Any] | str]) -> Look:
    """Return one look at a drained host.

    Args:
        content: What its agent's `transit` says.
        others: What those of the other hosts say; a text where one could not be asked.
    """
    ways = (
        Way(host, entry["table"], entry["prefix"], bool(entry["others"]))
        for host, said in others.items()
        if not isinstance(said, str)
        for entry in said["through"]
    )
    unasked = tuple(sorted(host for host, said in others.items() if isinstance(said, str)))
    return Look(float(content["at_s"]), sum(content["forwarded"].values()), tuple(sorted(ways)), unasked)


def left(before: Look, now: Look, own: Iterable[AnyNetwork]) -> Left:
    """Return what still goes through a host between two looks.

    Args:
        before: The first.
        now: The second.
        own: What is the host's own.
    """
    # A reboot in between begins anew to count.
    count, seconds = max(0, now.forwarded - before.forwarded), max(now.at_s - before.at_s, 0.001)
    foreign = [way for way in now.ways if not _within(way.prefix, own)]
    return Left(
        round(count / seconds, 1),
        tuple(way for way in foreign if way.others),
        tuple(way for way in foreign if not way.others),
        now.unasked,
    )


def own_prefixes(site: Site, plan: Plan, host: str, stays: Iterable[str]) -> tuple[AnyNetwork, ...]:
    """Return what is reached by a host alone, or on it: itself, its links, and guests that stay.

    Args:
        site: The site.
        plan: Its plan.
        host: The host.
        stays: The guests that stay on it.
    """
    own, names = loopbacks(site, host), set(stays)
    links = (link.ends[host] for link in site.links.values() if host in link.ends)
    ends = [address.network for end in links for address in (end.ipv4, end.ipv6) if address is not None]
    guests = [prefix for one in plan.guests if one.guest.name in names for prefix in _of_guest(one.guest)]
    return (ip_network(own.ipv4), ip_network(own.ipv6), *ends, *guests)


def _of_guest(guest: AttachedGuest) -> Iterator[AnyNetwork]:
    yield from (ip_network(address) for address in (guest.ipv4, guest.ipv6, *guest.global_ipv6) if address is not None)
    yield from (*guest.loopbacks, *guest.pods, *guest.services, *guest.extra)
    yield from (pool for pool, _ in guest.pod_pools)


def _within(prefix: str, own: Iterable[AnyNetwork]) -> bool:
    wanted = ip_network(prefix)
    # mypy cannot tell that both are of one family.
    return any(one.version == wanted.version and wanted.subnet_of(one) for one in own)  # type: ignore[arg-type]
