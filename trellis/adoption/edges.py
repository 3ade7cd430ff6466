"""The edges of an existing cluster: eBGP neighbours of the global table, by their description or ASN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trellis.adoption.draft import Draft, named, secret_name
from trellis.adoption.reading import Read
from trellis.adoption.speaking import GLOBAL, Party
from trellis.plan import names


def edges_of(reads: Sequence[Read], asn: int, draft: Draft) -> dict[str, Any]:
    """Return the edges: eBGP neighbours of the global table, those of one description or ASN as one.

    Args:
        reads: The hosts.
        asn: The fabric's ASN.
        draft: Where it is noted what no text says.
    """
    found: dict[tuple[int, str], dict[str, tuple[Read, Party]]] = {}
    for read in reads:
        for party in read.bgp.neighbours(GLOBAL):
            remote = read.bgp.remote_as(party)
            if remote is None or remote == asn:
                continue
            called = read.bgp.word(party, "description") or ""
            family = "ipv6" if ":" in party.name else "ipv4"
            key = remote, named(called.removesuffix("v4").removesuffix("v6"), "")
            lone = (key for key in found if key[0] == remote and family not in found[key])
            if family in found.get(key, {}) and found[key][family][1].name != party.name:
                key = remote, named(f"{key[1]}-{party.name}", party.name)
            elif key not in found and not called:
                key = next(lone, key)
            found.setdefault(key, {}).setdefault(family, (read, party))
    edges: dict[str, Any] = {}
    for (remote, called), sessions in sorted(_joined(found).items()):
        if len(sessions) < 2:
            continue  # an edge has a loopback of each family: told of by its lines
        name = called or f"edge-{remote}"
        edges[name] = {"asn": remote, "loopback": {f: sessions[f][1].name for f in sorted(sessions)}}
        read, party = sessions["ipv4"]
        hops = read.bgp.word(party, "ebgp-multihop")
        if hops is not None and hops != "5":
            edges[name]["max_hops"] = int(hops or 255)
        if (key_text := read.bgp.word(party, "password")) is not None:
            edges[name]["md5"] = secret_name(key_text, named(f"edge-{name}", "edge"))
    _accepts(reads, edges, draft)
    return edges


def _joined(
    found: dict[tuple[int, str], dict[str, tuple[Read, Party]]],
) -> dict[tuple[int, str], dict[str, tuple[Read, Party]]]:
    """Join two lone sessions with one ASN, one of each family, whatever they are described as."""
    joined = dict(found)
    for key, sessions in sorted(found.items()):
        lone = [
            other
            for other, others in joined.items()
            if other != key and other[0] == key[0] and len(others) == 1 and not set(others) & set(sessions)
        ]
        if key in joined and len(sessions) == 1 and len(lone) == 1:
            shorter = min((key, lone[0]), key=lambda one: (not one[1], len(one[1]), one[1]))
            both = {**joined.pop(key), **joined.pop(lone[0])}
            joined[shorter] = both
    return joined


def _accepts(reads: Sequence[Read], edges: dict[str, Any], draft: Draft) -> None:
    """Give the last edge what all of them together are accepted from, beside the default: no text says whose it is."""
    beyond = {rule.prefix for read in reads for rule in read.rules(names.UPSTREAM) if rule.prefix.prefixlen}
    if beyond and edges:
        chosen = sorted(edges)[-1]
        edges[chosen]["accepts"] = [str(prefix) for prefix in sorted(beyond, key=lambda one: (one.version, one))]
        if len(edges) > 1:
            draft.assume(f"edges.{chosen}.accepts has all that is accepted beside the default: no text says from whom")
