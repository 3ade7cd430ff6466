"""OSPF's costs, changed in place and all at once, before frr-reload.py comes to them.

frr-reload.py takes a changed line away before it adds the new one. Meanwhile FRR's own cost holds, which draws
others' packets here; then one link has its new cost and the next its old one, for which this host sends to a neighbour
by way of another that sends by this host: measured with FRR 10.3, a drain's 65 ms of such a loop lost the packets that
went through. A cost that is written over needs no taking away, and while all are set the host goes on choosing by the
old ones: what others send by it goes where it went.
"""

from __future__ import annotations

import re

from trellis.agent.interface_lines import stanzas

HELD_MS = 3000
"""How long the own choice of ways waits for the last cost, in milliseconds; all are set by one call of vtysh."""

_HELD = f"timers throttle spf {HELD_MS} {HELD_MS} 5000"
"""Delay, first and longest hold time; FRR's own are 0, 50 and 5000. A reload takes it away: it is in no intent."""
COST = re.compile(r"(\s*(ip ospf|ipv6 ospf6) cost )([0-9]+)")
"""A line with a cost: all before the cost, the words that begin it, the cost."""
_ROUTERS = {"ip ospf": "router ospf", "ipv6 ospf6": "router ospf6"}

Costs = dict[tuple[str, str], int]
"""By an interface's heading and the words that begin the line, its cost."""


def in_place(running: str, wanted: str) -> tuple[str, ...]:
    """Return what to tell vtysh so that the costs that differ are as wanted; nothing where none does.

    Args:
        running: What FRR runs.
        wanted: What it is to run; a cost that only one of both has is left to the reload.
    """
    now, then = _costs(running), _costs(wanted)
    changed = {key: cost for key, cost in then.items() if now.get(key, cost) != cost}
    if not changed:
        return ()
    commands = ["configure terminal"]
    for router in sorted({_ROUTERS[words] for _, words in changed}):
        commands += [router, _HELD, "exit"]
    for (heading, words), cost in changed.items():
        commands += [heading, f"{words} cost {cost}", "exit"]
    return tuple(commands)


def _costs(text: str) -> Costs:
    return {
        (heading, cost[2]): int(cost[3])
        for heading, lines in stanzas(text).items()
        for line in lines
        if (cost := COST.fullmatch(line))
    }
