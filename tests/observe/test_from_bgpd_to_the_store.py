"""The whole way: guests speak to a real bgpd, its host's agent tells, the collector writes, the store has it."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.conftest import frr_root
from tests.agent.gateway import BOUND, OPEN, VRF, Gateway, announce, speaker, with_guests
from tests.observe.seen import Store
from tests.observe.test_collector import Running, until
from trellis.lab.scratch import ScratchFrr
from trellis.observe.collector import Collector, Read
from trellis.observe.recorder import Recorder
from trellis.observe.store import open_store
from trellis.reach.known import Declared, Known, Network
from trellis.remote import Login

__all__ = ["frr_root"]

pytestmark = pytest.mark.frr

OWN, FOREIGN = "fd00:100::1/128", "fd00:999::/64"
WEB = Declared("web", "vnet1", BOUND, 65201, "bc:24:11:00:00:01", ("pve01",), (3, 3), ((OWN, 128, 128),))
NETWORKS = {
    "vnet1": Network("vnet1", VRF, "acme", ("fd00:1::/64",), "fd00:1::1", 65000),
    "vnet2": Network("vnet2", VRF, "acme", ("fd00:2::/64",), "fd00:2::1", 65000, "open", ranges=("fd00:100::/32",)),
}
KNOWN = Known(NETWORKS, {("vnet1", BOUND): WEB}, infrastructure_asns=frozenset({65000}))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    engine = open_store(f"sqlite:///{tmp_path}/guests.db")
    yield Store(engine, KNOWN)
    engine.dispose()


def _reader(gateway: Gateway) -> Read:
    """Reads the agent as `trellis.remote.lines` does, without a connection in between."""

    def read(login: Login, ended: threading.Event) -> Iterator[str]:
        text = b""
        with gateway.observing() as agent:
            assert agent.process.stdout is not None
            while not ended.is_set():
                if select.select([agent.process.stdout], [], [], 0.5)[0]:
                    text += os.read(agent.process.stdout.fileno(), 1 << 16)
                *lines, text = text.split(b"\n")
                yield from (line.decode() for line in lines)

    return read


def _speaks(store: Store, guest: ScratchFrr, text: str, address: str) -> float:
    """Seconds from the start of a guest's speaker to its session in the store."""
    began = time.monotonic()
    guest.load(text)
    until(lambda: store.has(address) and store.state(address) == "Established" and store.routes(address))
    return time.monotonic() - began


def test_sessions_routes_reasons_and_a_penalty_are_in_the_store_seconds_after_they_happen(
    frr_root: Path, store: Store
) -> None:
    with with_guests(frr_root) as (gateway, bound, stranger):
        login = Login("pve01", "127.0.0.1", 1, "trellis", "")
        collector = Collector(Recorder(store.engine, KNOWN), [login], _reader(gateway))
        with Running(collector):
            until(lambda: store.has(BOUND) and store.sessions(BOUND))
            assert store.state(BOUND) == "Idle"
            _speaks(store, bound, speaker(65201, BOUND, OWN, FOREIGN), BOUND)
            until(lambda: store.routes(BOUND) == {OWN: "Accepted", FOREIGN: "Rejected"})
            (event,) = store.events("route_rejected")
            assert event.detail == f"{FOREIGN} is not in {OWN} (guest web)"
            _speaks(store, stranger, speaker(65222, OPEN, "fd00:100::5/128", router_id="2.2.2.3"), OPEN)
            assert (store.peering(OPEN).guest_asn, store.peering(OPEN).mode) == (65222, "open")
            began = time.monotonic()
            stranger.load(announce(65222, "fd00:100::6/128"))
            until(lambda: "fd00:100::6/128" in store.routes(OPEN))
            # A look a second, an advertisement interval of FRR's of none, and a busy machine.
            assert time.monotonic() - began < 8
            bound.load(announce(65201, *(f"fd00:100::{number}/128" for number in range(10, 20))))
            until(lambda: store.state(BOUND) == "Penalty")
            assert store.peering(BOUND).last_error == "Max-prefix limit (3) exceeded"
            assert set(store.routes(BOUND).values()) == {"Withdrawn"}
            stranger.vtysh("configure terminal", "no router bgp 65222")
            until(lambda: store.state(OPEN) == "Idle")
            gateway.frr.run(["pkill", "-KILL", "bgpd"])
            until(lambda: store.state(BOUND) == "Unknown")
        until(lambda: gateway.agents() == [])
