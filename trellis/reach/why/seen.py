"""What a host says of a route, as frozen values: the answer of ``agent.py route``, read strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trellis.reach.agent_answers import strictly


@dataclass(frozen=True, slots=True)
class SeenSession:
    """A guest's session as its host has it.

    Attributes:
        accepted: Prefixes of the route's family that it keeps; ``limit`` is most of them.
        off_s: For how many more seconds bgpd keeps the guest off, if it does.
    """

    state: str
    remote_as: int
    uptime_s: int | None
    accepted: int
    limit: int | None
    off_s: int | None
    last_notification: str | None
    last_reset: str | None

    @property
    def established(self) -> bool:
        """Whether it is up."""
        return self.state == "Established"


@dataclass(frozen=True, slots=True)
class SeenPath:
    """A path of the route in a table.

    Attributes:
        peer: Whom it came from.
        communities: Standard ones, then large ones.
        imported: Whether another table has it, too.
    """

    peer: str
    as_path: str
    best: bool
    next_hop: str | None
    communities: tuple[str, ...]
    imported: bool


@dataclass(frozen=True, slots=True)
class SeenTable:
    """A table's paths of the route, and the peers that its best one is told to."""

    paths: tuple[SeenPath, ...]
    told: tuple[str, ...]

    @property
    def best(self) -> SeenPath | None:
        """The path that is used."""
        return next((path for path in self.paths if path.best), None)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a host says.

    Attributes:
        away: Why its bgpd can't be asked; nothing is known of its tables then.
        session: The guest's session; None where it has no such neighbour.
        received: The AS path of the route as the guest announces it; None where it does not.
        off_s: For how many more seconds the kernel keeps the guest off, if it does.
    """

    host: str
    away: str | None
    session: SeenSession | None
    received: str | None
    vrf: SeenTable
    main: SeenTable
    off_s: int | None


def seen(host: str, answer: Mapping[str, Any]) -> Seen:
    """Return what a host's agent answers.

    Args:
        host: The host that was asked.
        answer: Its answer.

    Raises:
        BadAnswer: It is none.
    """
    return strictly(host, answer, _read)


def _read(host: str, answer: Mapping[str, Any]) -> Seen:
    session, received = answer["session"], answer["received"]
    return Seen(
        host=host,
        away=_text(answer["away"]),
        session=None if session is None else _session(session),
        received=None if received is None else str(received["as_path"]),
        vrf=_table(answer["vrf"]),
        main=_table(answer["main"]),
        off_s=_number(answer["off_s"]),
    )


def _session(raw: Mapping[str, Any]) -> SeenSession:
    return SeenSession(
        state=str(raw["state"]),
        remote_as=int(raw["remote_as"]),
        uptime_s=_number(raw["uptime_s"]),
        accepted=int(raw["accepted"]),
        limit=_number(raw["limit"]),
        off_s=_number(raw["off_s"]),
        last_notification=_text(raw["last_notification"]),
        last_reset=_text(raw["last_reset"]),
    )


def _table(raw: Mapping[str, Any]) -> SeenTable:
    return SeenTable(tuple(map(_path, raw["paths"])), tuple(map(str, raw["told"])))


def _path(raw: Mapping[str, Any]) -> SeenPath:
    return SeenPath(
        peer=str(raw["peer"]),
        as_path=str(raw["as_path"]),
        best=bool(raw["best"]),
        next_hop=_text(raw["next_hop"]),
        communities=(*map(str, sorted(raw["communities"])), *map(str, sorted(raw["large"]))),
        imported=bool(raw["imported"]),
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _number(value: Any) -> int | None:
    return None if value is None else int(value)
