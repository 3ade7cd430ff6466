"""The penalty of an open VNet in a kernel: it begins with the host's NOTIFICATION, and ends when its time is over."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from tests.firewall.namespaces import Namespace, address, cable, for_this_kernel
from tests.sites import bundles_of
from trellis.render.firewall import FIREWALL

NOTIFICATION = b"\xff" * 16 + bytes([0, 21, 3, 6, 1])
"""Cease, Maximum Number of Prefixes Reached (RFC 4486)."""
OPEN = "fd00:200::"
"""The subnet of the open VNet of the example."""
WATCHED_S = 4.0
"""A NOTIFICATION that nobody acknowledges is sent again after 0.2, 0.6, 1.4 and 3 s."""


@pytest.fixture
def ends(nft: None) -> Iterator[tuple[Namespace, Namespace]]:
    table = next(found for found in bundles_of("homelab") if found.host == "pve01").text(FIREWALL)
    text = for_this_kernel(table[table.index("table inet trellis_peers") :])
    with closing(Namespace("host")) as host, closing(Namespace("guest")) as guest:
        cable(host, "vnet200", guest, "eth0")
        address(host, "vnet200", f"{OPEN}fffe/64")
        address(guest, "eth0", f"{OPEN}66/64")
        host.run("nft -f -", text)
        host.listen(179)
        yield host, guest


def cut_off(host: Namespace, guest: Namespace) -> socket.socket:
    """Have the host end a session for too many prefixes, as bgpd does; returns the guest's end, which stays open."""
    stream = next(one for one in host.listening if one.type == socket.SOCK_STREAM)

    def answer() -> None:
        session, _ = stream.accept()
        with closing(session):
            session.sendall(NOTIFICATION)

    server = threading.Thread(target=answer)
    server.start()

    def dial() -> socket.socket:
        client = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
        client.settimeout(5)
        client.connect((f"{OPEN}fffe", 179))
        return client

    client = guest.inside(dial)
    assert client.recv(100) == NOTIFICATION
    server.join()
    return client


def penalized(host: Namespace) -> dict[str, int]:
    """The addresses that are kept off, with the seconds that they have left."""
    listed = json.loads(host.run("nft -j list set inet trellis_peers penalized_ip6"))["nftables"]
    elements: list[Any] = next(entry["set"] for entry in listed if "set" in entry).get("elem", [])
    return {one["elem"]["val"]: one["elem"]["expires"] for one in elements}


def notifications(host: Namespace) -> int:
    rules = json.loads(host.run("nft -j list chain inet trellis_peers answered"))["nftables"]
    found = [rule["rule"]["expr"] for rule in rules if "rule" in rule]
    return sum(step["counter"]["packets"] for expr in found for step in expr if "counter" in step)


@pytest.mark.timeout(60)
def test_a_penalty_begins_with_the_notification_and_is_not_begun_anew_by_it(ends: tuple[Namespace, Namespace]) -> None:
    """An unacknowledged NOTIFICATION is sent again for minutes: each one had begun the penalty anew."""
    host, guest = ends
    client = cut_off(host, guest)
    with closing(client):
        begun = penalized(host)
        assert list(begun) == [f"{OPEN}66"]
        time.sleep(WATCHED_S)
        assert penalized(host)[f"{OPEN}66"] <= begun[f"{OPEN}66"] - WATCHED_S + 1
        assert notifications(host) == 1


@pytest.mark.timeout(60)
def test_who_is_kept_off_neither_dials_nor_says_anything(ends: tuple[Namespace, Namespace]) -> None:
    host, guest = ends
    with closing(cut_off(host, guest)) as client:
        assert not guest.connects(f"{OPEN}fffe", 179)
        client.send(b"\xff" * 19)
        time.sleep(0.3)
    rules = host.run("nft list chain inet trellis_peers dialled").splitlines()
    counted = [int(line.split("packets ")[1].split()[0]) for line in rules if line.endswith('comment "penalty"')]
    assert len(counted) == 2
    assert all(counted)
