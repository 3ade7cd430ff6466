"""Taking rules out of the filters of a running lab, and putting the filters back.

What a host's filter is, its own disk says; an edge's is what the lab loaded last (`trellis.lab.edge_filter`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trellis.lab import edge_filter, network
from trellis.lab.errors import LabError
from trellis.lab.mutants.catalogue import Mutant
from trellis.lab.processes import Completed, run

if TYPE_CHECKING:
    from trellis.lab.twin import Twin

HOST_FILTER = "/etc/trellis/firewall.nft"
"""Where the product's text lies on a host."""
_TABLE = " ".join(edge_filter.TABLE)


@dataclass(frozen=True, slots=True)
class Seeded:
    """A rule that was taken away: the proof that the defect is there.

    Args:
        node: The host or edge.
        chain: Its chain.
        comment: Its name.
    """

    node: str
    chain: str
    comment: str


def seed(twin: Twin, mutant: Mutant) -> tuple[Seeded, ...]:
    """Take a mutant's rules away.

    Args:
        twin: The lab, its filters whole.
        mutant: The defect.

    Returns:
        The rules that went.

    Raises:
        LabError: A filter has no such rule, or nft refused.
    """
    gone: list[Seeded] = []
    for removal in mutant.removals:
        for node in twin.site.hosts if removal.where == "hosts" else twin.site.edges:
            listed = _nft(twin, node, "--json --handle list table " + _TABLE)
            found = list(_rules(json.loads(listed.stdout), removal.chain, removal.comment))
            if not found:
                raise LabError(
                    f"mutant {mutant.name}",
                    why=f"the filter of {node} has no rule {removal.comment!r} in a chain {removal.chain!r}",
                    remedy=f"trellis lab shell {node} -- nft list table {_TABLE}",
                )
            lines = [f"delete rule {_TABLE} {chain} handle {handle}" for chain, handle, _ in found]
            _nft(twin, node, "--file -", "\n".join(lines) + "\n")
            gone += [Seeded(node, chain, comment) for chain, _, comment in found]
    return tuple(gone)


def put_back(twin: Twin) -> None:
    """Load every filter as it was meant.

    Raises:
        LabError: nft refused, or a host has no filter on its disk.
    """
    for host in twin.site.hosts:
        _nft(twin, host, f"--file {HOST_FILTER}")
    for edge in twin.site.edges:
        _nft(twin, edge, "--file -", (twin.lab.state / "edges" / edge / "filter.nft").read_text())


def listed(twin: Twin) -> Mapping[str, str]:
    """Every filter as nft prints it, without counters, by node."""
    return {node: _nft(twin, node, f"--stateless list table {_TABLE}").stdout for node in _nodes(twin)}


def _nodes(twin: Twin) -> tuple[str, ...]:
    return (*sorted(twin.site.hosts), *sorted(twin.site.edges))


def _rules(said: Mapping[str, Any], chain: str, comment: str) -> Iterator[tuple[str, int, str]]:
    for entry in said["nftables"]:
        rule = entry.get("rule", {})
        if re.fullmatch(comment, rule.get("comment", "")) and re.fullmatch(chain, rule["chain"]):
            yield rule["chain"], rule["handle"], rule["comment"]


def _nft(twin: Twin, node: str, words: str, stdin: str | None = None) -> Completed:
    if node in twin.site.edges:
        inside = ["ip", "netns", "exec", network.namespace_of(twin.stack, node)]
        return run([*inside, "nft", *words.split()], stdin=stdin)
    return twin.lab.access.run(node, f"nft {words}", stdin=stdin)
