"""Sites, lines and a store for the tests: one tenant's VNets, one bound and one open, three hosts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session as Transaction

from trellis.observe.observation import Observation, Penalized, Refused, SeenPeer, SeenRoute
from trellis.observe.recorder import Recorder
from trellis.observe.tables import Event, Peering, Route, Session
from trellis.reach.known import Declared, Known, Network

HOSTS = ("pve01", "pve02", "pve03")
BEGIN = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)

BOUND = Network("vnet101", "vrf_z1", "acme", ("fd00:101::/64", "10.101.0.0/24"), "fd00:101::fffe", 4200001000)
OPEN = Network(
    "vnet102",
    "vrf_z1",
    "acme",
    ("fd00:102::/64",),
    "fd00:102::fffe",
    4200001000,
    mode="open",
    ranges=("fd00:102::/64", "fd00:ff::/48"),
    taken=("fd00:102::fffe/128", "fd00:ff::6/128"),
)
WEB = Declared(
    "web",
    "vnet101",
    "fd00:101::6",
    4200101006,
    "bc:24:11:00:00:06",
    HOSTS,
    spans=(("fd00:ff::6/128", 128, 128), ("10.240.0.6/32", 32, 32), ("fd00:60::/56", 64, 64)),
)
DB = replace(WEB, name="db", address="fd00:101::7", asn=4200101007, mac="bc:24:11:00:00:07", limits=(2, 3))
DB = replace(DB, spans=(("fd00:ff::7/128", 128, 128),))
KNOWN = Known(
    {"vnet101": BOUND, "vnet102": OPEN},
    {("vnet101", guest.address): guest for guest in (WEB, DB)},
    infrastructure=("fd00:1::/48", "10.0.0.0/24"),
    infrastructure_asns=frozenset({4200001000, 64512}),
)
GOOD = SeenRoute("fd00:ff::6/128", "fd00:101::6", "4200101006", True)
BAD = SeenRoute("fd00:ff::7/128", "fd00:101::6", "4200101006", False)


def at(seconds: float) -> datetime:
    """A moment of a test."""
    return BEGIN + timedelta(seconds=seconds)


def peer(state: str = "Established", up: int | None = None, *routes: SeenRoute, **more: Any) -> SeenPeer:
    """The guest `web` as a host has it; `up` is for how long."""
    uptime = (up or 0) if state == "Established" else None
    accepted = sum(route.accepted is True for route in routes)
    found = SeenPeer("vrf_z1", WEB.address, state, WEB.asn, 4200001000, uptime_s=uptime, routes=routes)
    found = replace(found, received=len(routes), accepted=accepted, sent=1 if uptime is not None else 0)
    return replace(found, **more)


def stranger(up: int = 0, *routes: SeenRoute, **more: Any) -> SeenPeer:
    """A guest of the open VNet that nobody declared."""
    own = {"address": "fd00:102::50", "remote_as": 65201, "dynamic": True, "mac": "bc:24:11:00:00:50"}
    return peer("Established", up, *routes, **{**own, **more})


def line(seconds: float, host: str, *peers: SeenPeer, whole: bool = True, **more: Any) -> Observation:
    """A line of a host's agent."""
    return Observation(host, at(seconds), whole, peers=peers, **more)


def off(address: str = "fd00:102::50", left_s: int = 240) -> tuple[Penalized, ...]:
    """What is kept off."""
    return (Penalized(address, left_s),)


def refusal(address: str, why: str = "OPEN Message Error/Bad Peer AS", count: int = 1) -> tuple[Refused, ...]:
    """An attempt that was refused."""
    return (Refused(address, why, count),)


class Store:
    """A store with its recorder, and short questions to it."""

    def __init__(self, engine: Engine, known: Known = KNOWN) -> None:
        self.engine = engine
        self.recorder = Recorder(engine, known)

    def declared(self, known: Known = KNOWN, seconds: float = 0, hosts: tuple[str, ...] = HOSTS) -> Store:
        """The site's guests declared, as the collector does when it starts."""
        self.recorder = Recorder(self.engine, known)
        self.recorder.declare(hosts, at(seconds))
        return self

    def saw(self, *lines: Observation) -> Store:
        for each in lines:
            self.recorder.saw(each)
        return self

    def all(self, table: Any) -> list[Any]:
        with Transaction(self.engine) as db:
            return list(db.scalars(select(table).order_by(table.id)))

    def peering(self, address: str = WEB.address) -> Peering:
        (found,) = [row for row in self.all(Peering) if row.guest_ip == address]
        return found

    def has(self, address: str) -> bool:
        return any(row.guest_ip == address for row in self.all(Peering))

    def state(self, address: str = WEB.address) -> str:
        return self.peering(address).state

    def sessions(self, address: str = WEB.address) -> dict[str, str]:
        key = self.peering(address).id
        return {row.host: row.state for row in self.all(Session) if row.peering_id == key}

    def routes(self, address: str = WEB.address) -> dict[str, str]:
        """Prefix -> state, of the last announcement of each."""
        key = self.peering(address).id
        return {row.prefix: row.state for row in self.all(Route) if row.peering_id == key}

    def kinds(self, *but: str) -> list[str]:
        return [row.kind for row in self.all(Event) if row.kind not in ("host_reached", *but)]

    def events(self, kind: str) -> list[Event]:
        return [row for row in self.all(Event) if row.kind == kind]

    def picture(self) -> Any:
        """All that is so now, without what numbers and histories make of it."""
        peerings = {row.id: row for row in self.all(Peering)}
        places = {key: (row.network_id, row.guest_ip) for key, row in peerings.items()}
        columns = ("state", "host", "mode", "guest", "guest_asn", "prefixes_received", "prefixes_sent", "mac")
        return (
            {places[key]: tuple(getattr(row, name) for name in columns) for key, row in peerings.items()},
            {(*places[row.peering_id], row.host): (row.state, row.established_at) for row in self.all(Session)},
            {
                (*places[row.peering_id], row.prefix): (row.state, row.rejection_code, row.next_hop)
                for row in self.all(Route)
                if row.state != "Withdrawn"
            },
        )
