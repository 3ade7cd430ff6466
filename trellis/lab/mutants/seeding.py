"""Taking rules out of the filters of a running lab, and putting the filters back.

What a host's filter is, its own disk says; an edge's is what the lab loaded last (`trellis.lab.edge_filter`).
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trellis.lab import edge_filter, network
from trellis.lab.errors import LabError
from trellis.lab.mutants.catalogue import Mutant, Removal
from trellis.lab.processes import Completed, run

if TYPE_CHECKING:
    from trellis.lab.twin import Twin

HOST_FILTER = "/etc/trellis/firewall.nft"
"""Where the product's text lies on a host."""
_TABLES = {
    "inet trellis": "",
    "bridge trellis": "",
    "bridge trellis_gateways": "--terse ",
    "inet trellis_peers": "--terse ",
}
"""A host's, each with how it is listed: what the kernel put into the last is no part of it."""


@dataclass(frozen=True, slots=True)
class Seeded:
    """A rule that was taken away: the proof that the defect is there.

    Args:
        node: The host or edge.
        chain: Its chain.
        name: Its comment, or the chain that it went on to.
    """

    node: str
    chain: str
    name: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as nft lists it.

    Args:
        chain: Its chain.
        handle: What nft knows it by.
        comment: Its name; empty without.
        goes_to: The chain that it goes on to; empty without.
    """

    chain: str
    handle: int
    comment: str
    goes_to: str


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
            listed = _nft(twin, node, "--json --handle list table " + removal.table)
            found = list(rules_of(json.loads(listed.stdout), removal))
            if not found:
                raise LabError(
                    f"mutant {mutant.name}",
                    why=f"the filter of {node} has no rule like {removal}",
                    remedy=f"trellis lab shell {node} -- nft list table {removal.table}",
                )
            lines = [f"delete rule {removal.table} {rule.chain} handle {rule.handle}" for rule in found]
            _nft(twin, node, "--file -", "\n".join(lines) + "\n")
            gone += [Seeded(node, rule.chain, rule.comment or rule.goes_to) for rule in found]
    return tuple(gone)


@contextlib.contextmanager
def unguarded(twin: Twin) -> Iterator[None]:
    """Hosts whose guard does not look, for as long as defects are wanted: it puts rules back every five minutes."""
    units = "trellis-guard.timer trellis-guard.path"
    twin.lab.access.run_on_all(sorted(twin.site.hosts), f"systemctl stop {units}")
    try:
        yield
    finally:
        put_back(twin)
        twin.lab.access.run_on_all(sorted(twin.site.hosts), f"systemctl start {units}")


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
    return {node: "".join(_printed(twin, node)) for node in _nodes(twin)}


def _printed(twin: Twin, node: str) -> Iterator[str]:
    own = _TABLES if node in twin.site.hosts else {" ".join(edge_filter.TABLE): ""}
    for table, terse in own.items():
        yield _nft(twin, node, f"--stateless {terse}list table {table}").stdout


def _nodes(twin: Twin) -> tuple[str, ...]:
    return (*sorted(twin.site.hosts), *sorted(twin.site.edges))


def rules_of(said: Mapping[str, Any], removal: Removal) -> Iterator[Rule]:
    """Find the rules to take away in what `nft --json --handle list table` prints."""
    for entry in said["nftables"]:
        if "rule" not in entry:
            continue
        rule = entry["rule"]
        verdicts = [step[word]["target"] for step in rule["expr"] for word in ("goto", "jump") if word in step]
        found = Rule(rule["chain"], rule["handle"], rule.get("comment", ""), "".join(verdicts))
        wanted = ((removal.chain, found.chain), (removal.comment, found.comment), (removal.goes_to, found.goes_to))
        if all(re.fullmatch(pattern, text) for pattern, text in wanted):
            yield found


def _nft(twin: Twin, node: str, words: str, stdin: str | None = None) -> Completed:
    if node in twin.site.edges:
        inside = ["ip", "netns", "exec", network.namespace_of(twin.stack, node)]
        return run([*inside, "nft", *words.split()], stdin=stdin)
    return twin.lab.access.run(node, f"nft {words}", stdin=stdin)
