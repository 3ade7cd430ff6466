"""One line of ``agent.py observe``, as frozen values: read strictly, since what a host says comes from guests, too.

A line that is none is refused with what is wrong and where; nothing of it is used then.  The line itself is described
in ``trellis.agent.observe``, which writes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from typing import Any, TypeVar

SCHEMA_VERSION = 1

BGP_STATES = frozenset({"Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established", "Clearing", "Deleted"})
"""As bgpd names them; the last two are on the way to Idle."""

_TEXT_LIMIT = 4096
"""Characters of any one text; the longest are AS paths, of at most 255 numbers a segment."""

_MAX_ASN = 4_294_967_295

Value = TypeVar("Value")


class BadLine(ValueError):
    """A line that is none; the message says where and why."""


@dataclass(frozen=True, slots=True)
class SeenRoute:
    """A route as a guest announced it.

    Attributes:
        as_path: As bgpd prints it; ``{`` and ``(`` begin sets and confederations.
        accepted: Whether it passed the host's filters; None where that was not read.
    """

    prefix: str
    next_hop: str
    as_path: str = ""
    accepted: bool | None = None


@dataclass(frozen=True, slots=True)
class SeenPeer:
    """A neighbour as a host has it; whoever is listed is listed whole, with all of its routes.

    Attributes:
        dynamic: Whether the host knows it only while it is connected (an open VNet).
        group: Its peer-group.
        uptime_s: Seconds since it became Established.
        received: Prefixes before the host's filters, both families.
        accepted: Prefixes after them.
        resets: How many sessions it has lost since bgpd started.
        mac: Its network card, read for dynamic neighbours only.
    """

    vrf: str
    address: str
    state: str
    remote_as: int
    local_as: int
    dynamic: bool = False
    group: str | None = None
    local_address: str | None = None
    uptime_s: int | None = None
    received: int = 0
    accepted: int = 0
    sent: int = 0
    last_reset: str | None = None
    last_notification: str | None = None
    resets: int = 0
    mac: str | None = None
    routes: tuple[SeenRoute, ...] = ()

    @property
    def established(self) -> bool:
        """Whether its session is up."""
        return self.state == "Established"


@dataclass(frozen=True, slots=True)
class Penalized:
    """An address that is kept off because it exceeded its limit, and for how many more seconds."""

    address: str
    left_s: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Attempts to connect that a host refused since its last line: by whom, why, and how many."""

    address: str
    why: str
    count: int


@dataclass(frozen=True, slots=True)
class Observation:
    """What a host says at one moment.

    Attributes:
        at: By the host's own clock.
        whole: Whether all neighbours are listed, or only those that changed.
        away: Why bgpd can't be asked; nothing is known of any session then.
        gone: (VRF, address) of neighbours that the host no longer has.
        penalized: All that are kept off now, in every line.
    """

    host: str
    at: datetime
    whole: bool
    away: str | None = None
    peers: tuple[SeenPeer, ...] = ()
    gone: tuple[tuple[str, str], ...] = ()
    penalized: tuple[Penalized, ...] = ()
    refused: tuple[Refused, ...] = ()


def parse(line: str) -> Observation:
    """Return what a line says.

    Args:
        line: One line of the agent's standard output.

    Raises:
        BadLine: It is none.
    """
    try:
        raw = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadLine(f"a line of the agent is no JSON: {error}: {line[:80]!r}") from None
    fields = _Fields(raw, "the line")
    version = fields.number("schema_version")
    if version != SCHEMA_VERSION:
        raise BadLine(f"the line has schema_version {version}, and {SCHEMA_VERSION} is known: `trellis install` anew")
    return fields.closed(
        Observation(
            host=fields.text("host"),
            at=datetime.fromtimestamp(fields.number("at_s", 32_503_680_000, fractions=True), UTC),
            whole=fields.flag("whole"),
            away=fields.optional("away", fields.text),
            peers=fields.each("peers", _peer),
            gone=fields.each("gone", _gone),
            penalized=fields.each("penalized", _penalized),
            refused=fields.each("refused", _refused),
        )
    )


class _Fields:
    """The fields of an object; each is taken once, and what is left over is refused."""

    def __init__(self, raw: Any, where: str) -> None:
        if not isinstance(raw, dict):
            raise BadLine(f"{where} is no object: {str(raw)[:80]!r}")
        self._raw: dict[str, Any] = dict(raw)
        self._where = where

    def closed(self, value: Value) -> Value:
        """The value made of the fields, if none is left over."""
        if self._raw:
            raise BadLine(f"{self._where} has what is not known: {', '.join(sorted(self._raw))[:80]}")
        return value

    def take(self, name: str) -> Any:
        if name not in self._raw:
            raise BadLine(f"{self._where} lacks {name}")
        return self._raw.pop(name)

    def bad(self, name: str, value: Any, rule: str) -> BadLine:
        return BadLine(f"{self._where}: {name}: {str(value)[:80]!r} is not {rule}")

    def text(self, name: str) -> str:
        value = self.take(name)
        if not isinstance(value, str) or len(value) > _TEXT_LIMIT or not value.isprintable():
            raise self.bad(name, value, f"a text of at most {_TEXT_LIMIT} printable characters")
        return value

    def number(self, name: str, most: int = 2**63 - 1, *, fractions: bool = False) -> Any:
        value = self.take(name)
        kinds = (int, float) if fractions else (int,)
        if isinstance(value, bool) or not isinstance(value, kinds) or not 0 <= value <= most:
            raise self.bad(name, value, f"a number of 0 to {most}")
        return value

    def flag(self, name: str) -> bool:
        value = self.take(name)
        if not isinstance(value, bool):
            raise self.bad(name, value, "true or false")
        return value

    def address(self, name: str) -> str:
        value = self.text(name)
        try:
            return str(ip_address(value))
        except ValueError:
            raise self.bad(name, value, "an address") from None

    def prefix(self, name: str) -> str:
        value = self.text(name)
        try:
            return str(ip_network(value))
        except ValueError:
            raise self.bad(name, value, "a prefix without host bits") from None

    def optional(self, name: str, take: Callable[[str], Value]) -> Value | None:
        """A field that may be null or missing."""
        if self._raw.get(name) is None:
            self._raw.pop(name, None)
            return None
        return take(name)

    def each(self, name: str, make: Callable[[_Fields], Value]) -> tuple[Value, ...]:
        """A list of objects; one that is missing is empty."""
        value = self._raw.pop(name, [])
        if not isinstance(value, list):
            raise self.bad(name, value, "a list")
        return tuple(make(_Fields(entry, f"{name}[{number}]")) for number, entry in enumerate(value))


def _peer(fields: _Fields) -> SeenPeer:
    state = fields.text("state")
    if state not in BGP_STATES:
        raise fields.bad("state", state, f"one of {', '.join(sorted(BGP_STATES))}")
    return fields.closed(
        SeenPeer(
            vrf=fields.text("vrf"),
            address=fields.address("address"),
            state="Idle" if state in ("Clearing", "Deleted") else state,
            remote_as=fields.number("remote_as", _MAX_ASN),
            local_as=fields.number("local_as", _MAX_ASN),
            dynamic=fields.flag("dynamic"),
            group=fields.optional("group", fields.text),
            local_address=fields.optional("local_address", fields.address),
            uptime_s=fields.optional("uptime_s", fields.number),
            received=fields.number("received", 2**31 - 1),
            accepted=fields.number("accepted", 2**31 - 1),
            sent=fields.number("sent", 2**31 - 1),
            last_reset=fields.optional("last_reset", fields.text),
            last_notification=fields.optional("last_notification", fields.text),
            resets=fields.number("resets"),
            mac=fields.optional("mac", fields.text),
            routes=_once(fields.each("routes", _route), fields),
        )
    )


def _once(routes: tuple[SeenRoute, ...], fields: _Fields) -> tuple[SeenRoute, ...]:
    if len({route.prefix for route in routes}) != len(routes):
        raise fields.bad("routes", "a prefix twice", "each prefix once")
    return routes


def _route(fields: _Fields) -> SeenRoute:
    return fields.closed(
        SeenRoute(
            prefix=fields.prefix("prefix"),
            next_hop=fields.address("next_hop"),
            as_path=fields.text("as_path"),
            accepted=fields.optional("accepted", fields.flag),
        )
    )


def _gone(fields: _Fields) -> tuple[str, str]:
    return fields.closed((fields.text("vrf"), fields.address("address")))


def _penalized(fields: _Fields) -> Penalized:
    return fields.closed(Penalized(fields.address("address"), fields.number("left_s")))


def _refused(fields: _Fields) -> Refused:
    return fields.closed(Refused(fields.address("address"), fields.text("why"), fields.number("count")))
