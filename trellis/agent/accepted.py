"""A guest that was accepted on an open VNet and is declared now: its session ends, and it becomes a neighbour.

FRR refuses a neighbour whose address it has a session with that it accepted of anybody (`% Operation not allowed on a
dynamic neighbor`), and the guest is back within a second of that session's end.  So it is kept off, by the set with
which the host's table keeps off who exceeds a limit, for as long as FRR needs to learn of the neighbour.
"""

from __future__ import annotations

import time

from trellis.agent.normalise import normalise
from trellis.agent.process import run
from trellis.agent.report import Fault, some
from trellis.agent.sessions import DEFAULT, Peer, Sessions, now

OFF_S = 15
"""How long such a guest is kept off; a reload that adds a neighbour takes 1-2 s."""

_PENALTY = ("inet", "trellis_peers", "penalized_ip6")
_GONE_WITHIN_S = 5.0
_ANSWER_S = 20.0


def declared(intent: str) -> frozenset[Peer]:
    """The neighbours that a configuration names, each with its VRF."""
    found = set()
    for line in normalise(intent):
        words = line[-1].split()
        if line[0].startswith("router bgp ") and words[0] == "neighbor" and words[2] in ("remote-as", "peer-group"):
            found.add(Peer(line[0].split()[4] if " vrf " in line[0] else DEFAULT, words[1]))
    return frozenset(found)


def make_way(before: Sessions, intent: str) -> str:
    """End the sessions of accepted peers that a configuration declares, and keep those peers off for a moment.

    Args:
        before: The sessions of this host.
        intent: The configuration that FRR is about to get.

    Returns:
        What there is to say of it; nothing where there are none.

    Raises:
        Fault: A session did not end.
    """
    peers = sorted(before.dynamic & declared(intent))
    for peer in peers:
        # Without the table (nothing but an open VNet has one) the guest may be back before FRR knows it.
        run(["nft", "add", "element", *_PENALTY, f"{{ {peer.address} timeout {OFF_S}s }}"], _ANSWER_S)
        ended = run(["vtysh", "-c", f"clear bgp vrf {peer.vrf} {peer.address}"], _ANSWER_S)
        if ended.status:
            raise Fault(f"the session with {peer}", some(ended.complaints), "see `show bgp vrf all summary`")
    deadline = time.monotonic() + _GONE_WITHIN_S
    while left := sorted(now().dynamic & {*peers}):
        if time.monotonic() > deadline:
            why = f"it is declared now, and its accepted session did not end within {_GONE_WITHIN_S:g} s"
            raise Fault(f"{', '.join(map(str, left))}", why, "stop the guest's speaker, and run again")
        time.sleep(0.1)
    return f"accepted until now, and declared: {', '.join(map(str, peers))}" if peers else ""
