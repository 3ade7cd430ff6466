"""BGP sessions around a change: those that were Established before it must be Established again after it.

The fabric's own, in the default VRF, count each by itself: without one of them a host is cut off from a neighbour or
from an edge. Guests' sessions are their owners' to keep, and a guest may go at any moment; so only a VRF that had some
and has none left fails a change, and the others are named. What the new configuration no longer has is not waited for.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trellis.agent import vault
from trellis.agent.normalise import normalise
from trellis.agent.process import run
from trellis.agent.report import Fault

ANSWER_S = 20.0

DEFAULT = "default"
"""The VRF of the fabric's own sessions."""

GUESTS_S = 10.0
"""How long guests are waited for whose VRF has sessions: some may have gone for reasons of their own."""

_LOOK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True, order=True)
class Peer:
    """A BGP neighbour: the VRF that it is in, and its address (or interface)."""

    vrf: str
    address: str

    def __str__(self) -> str:
        return self.address if self.vrf == DEFAULT else f"{self.address} in {self.vrf}"


@dataclass(frozen=True, slots=True)
class Sessions:
    """All BGP neighbours as they are at one moment.

    Attributes:
        known: Every neighbour that FRR has, configured or accepted.
        established: Those with a session.
        dynamic: Those that FRR has only as long as they are there.
    """

    known: frozenset[Peer] = frozenset()
    established: frozenset[Peer] = frozenset()
    dynamic: frozenset[Peer] = frozenset()

    def of_fabric(self) -> Sessions:
        """The same without what guests have: the default VRF's alone."""
        every = (self.known, self.established, self.dynamic)
        return Sessions(*(frozenset(peer for peer in peers if peer.vrf == DEFAULT) for peers in every))


def now() -> Sessions:
    """The sessions of this host; none where bgpd does not answer."""
    ended = run(["vtysh", "-c", "show bgp vrf all summary json"], ANSWER_S)
    try:
        return read(json.loads(ended.out)) if ended.status == 0 else Sessions()
    except ValueError:
        return Sessions()


def read(answer: Mapping[str, Any]) -> Sessions:
    """The sessions in FRR's answer: by VRF, by address family, by neighbour."""
    known, established, dynamic = set(), set(), set()
    for vrf, families in answer.items():
        for family in families.values() if isinstance(families, dict) else ():
            peers = family.get("peers", {}) if isinstance(family, dict) else {}
            for address, peer in peers.items():
                known.add(Peer(vrf, address))
                if peer.get("state") == "Established":
                    established.add(Peer(vrf, address))
                if peer.get("dynamicPeer"):
                    dynamic.add(Peer(vrf, address))
    return Sessions(frozenset(known), frozenset(established), frozenset(dynamic))


def listening(intent: str) -> frozenset[str]:
    """The VRFs in which a configuration accepts neighbours that it does not name."""
    ranges = [line[0] for line in normalise(intent) if line[-1].startswith("bgp listen range ")]
    return frozenset(stanza.split()[4] if " vrf " in stanza else DEFAULT for stanza in ranges)


@dataclass(frozen=True, slots=True)
class Lost:
    """What a change has cost so far, without what the new configuration no longer has.

    Attributes:
        fabric: The fabric's own sessions that are not back.
        dark: VRFs that had sessions and have none left.
        guests: Guests' sessions that are not back.
    """

    fabric: list[Peer]
    dark: list[str]
    guests: list[Peer]


def lost(before: Sessions, after: Sessions, listens: frozenset[str]) -> Lost:
    """What a change has cost so far.

    Args:
        before: The sessions before it.
        after: The sessions now.
        listens: The VRFs in which the new configuration accepts neighbours that it does not name.
    """
    # A neighbour that was accepted is known only while it is there: that it is not says nothing of the configuration.
    accepted = {peer for peer in before.dynamic if peer.vrf in listens}
    gone = (before.established & (after.known | accepted)) - after.established
    guests = sorted(peer for peer in gone if peer.vrf != DEFAULT)
    dark = sorted({peer.vrf for peer in guests} - {peer.vrf for peer in after.established})
    return Lost(sorted(peer for peer in gone if peer.vrf == DEFAULT), dark, guests)


def await_back(before: Sessions, ran: str, intent: str, within_s: float) -> str:
    """Wait until what was Established is again.

    A session whose key changes is not waited for: it comes back when the other side has the new one too.

    Args:
        before: The sessions before the change.
        ran: The configuration that FRR ran before.
        intent: The one that it runs now.
        within_s: How long that may take.

    Returns:
        What there is to say of it; guests that are not back are named.

    Raises:
        Fault: A session of the fabric is not back, or all sessions of a VRF are gone.
    """
    began = time.monotonic()
    listens = listening(intent)
    rekeyed = {Peer(*session) for session in vault.rekeyed(ran, intent)}
    before = Sessions(before.known, before.established - rekeyed, before.dynamic)
    while True:
        after = now()
        found, waited_s = lost(before, after, listens), time.monotonic() - began
        needed = found.fabric or found.dark
        if not needed and (not found.guests or waited_s >= min(GUESTS_S, within_s)):
            break
        if needed and waited_s >= within_s:
            raise _not_back(found, within_s)
        time.sleep(_LOOK_EVERY_S)
    said = f"{len(before.established & after.established)} session(s) that were up are up"
    late = ", ".join(map(str, found.guests))
    return f"{said}; not back, and the guests' own: {late}" if late else said


def _not_back(found: Lost, within_s: float) -> Fault:
    lines = [f"{peer} was Established before" for peer in found.fabric]
    lines += [f"{vrf} had sessions with guests, and has none left" for vrf in found.dark]
    why = f"{'; '.join(lines)}; waited for {within_s:g} s"
    return Fault("sessions are not back", why, "see what the new configuration changes for them (`trellis render`)")
