"""What a router's answers mean: the prefix of each pool that is asked for, or that its delegation is lost.

A pool that a DHCPv6 client fills is there only as long as the provider delegates: gone is what a lost delegation looks
like.  A pool that is neither there nor filled by any client is misspelt, and refused.  That is why both are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv6Network
from itertools import combinations

from trellis.routeros.client import CLIENTS, POOLS, Answers
from trellis.routeros.problem import RouterosProblem
from trellis.site.refusal import Refusal

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_SIZE = 64

Found = dict[str, IPv6Network | None]
"""The prefix of each pool; None where the delegation is lost."""


def delegated(edge: str, answers: Answers, pools: Mapping[str, str]) -> Found:
    """Return the prefix of each pool.

    Args:
        edge: Name of the edge that answered.
        answers: What it said.
        pools: The pools that are asked for, and the path in the site at which each stands.

    Raises:
        RouterosProblem: A pool is unknown, has no or several prefixes or one that no VNet can have, two of them are
            or hold the same prefix, or the two answers contradict each other (which passes: they were not given at the
            same moment).  All reasons are told at once.
    """
    said = {pool: _prefixes(answers.pools, "name", pool) for pool in pools}
    leased = {pool: _prefixes(answers.clients, "pool-name", pool) for pool in pools}
    refusals: list[Refusal] = []
    found: Found = {}
    for pool, path in pools.items():
        one = [*_of_pool(edge, answers, pool, path, said[pool])]
        refusals += one
        parsed = None if one or not said[pool] else IPv6Network(said[pool][0], strict=False)
        found[pool] = parsed
    refusals += _related(edge, pools, said)
    if refusals:
        raise RouterosProblem(edge, refusals)
    if contradictions := [*_contradictions(edge, pools, found, leased)]:
        raise RouterosProblem(edge, contradictions, passing=True)
    return found


def _prefixes(entries: Iterable[Mapping[str, str]], key: str, pool: str) -> list[str]:
    """The prefixes in the entries of a pool, as text: a lease is "PREFIX, TIME LEFT", of which the time is left out."""
    return [
        part.strip()
        for entry in entries
        if entry.get(key) == pool
        for part in entry.get("prefix", "").split(",")
        if "/" in part or (key == "name" and part.strip())
    ]


def _of_pool(edge: str, answers: Answers, pool: str, path: str, prefixes: list[str]) -> Iterator[Refusal]:
    """What is wrong with one pool by itself."""
    entries = [entry for entry in answers.pools if entry.get("name") == pool]
    filled = [client for client in answers.clients if client.get("pool-name") == pool]
    if not entries and not filled:
        others = ", ".join(sorted({entry["name"] for entry in answers.pools if entry.get("name")})) or "none"
        rule = f"{edge} has this pool, or a DHCPv6 client that fills it; it has {others}"
        why = "a pool that is merely gone has a client that waits for it; this one was never there"
        yield Refusal(path, pool, rule, why, f"correct the name: `/ipv6/pool/print` and {CLIENTS} of {edge} have them")
    if entries and not prefixes and not filled:
        rule, why = "a pool has a prefix", "no DHCPv6 client fills it, so that it stays empty"
        yield Refusal(path, f"{pool}: no prefix", rule, why, f"name the pool of a DHCPv6 client of {edge}")
    if len(prefixes) > 1:
        rule, why = "a pool has one prefix", "which of them the VNet's guests shall have, nobody said"
        remedy = f"let each pool of {edge} be filled by one DHCPv6 client, and name one pool for each VNet"
        yield Refusal(path, f"{pool}: {', '.join(prefixes)}", rule, why, remedy)
    for prefix in prefixes:
        yield from _of_prefix(edge, pool, path, prefix)


def _of_prefix(edge: str, pool: str, path: str, text: str) -> Iterator[Refusal]:
    prefix, value = _parsed(text), f"{pool}: {text}"
    if prefix is None:
        rule, why = "a pool's prefix is an IPv6 prefix", "hosts could not have an address of it"
        yield Refusal(path, value, rule, why, f"look at {POOLS} of {edge}")
        return
    if str(prefix.network_address) != str(_address(text)):
        rule, why = "a prefix has no bits beyond its length", "what it means, nobody could tell"
        yield Refusal(path, value, rule, why, f"look at {POOLS} of {edge}")
    if prefix.prefixlen != _SIZE:
        rule = "the pool of a VNet is a /64"
        why = "guests make addresses of their own in a /64 only (SLAAC, RFC 4862)"
        remedy = f"at {edge}, ask the provider for a /64 for each VNet, or cut this one: a pool with a /64 for each"
        yield Refusal(path, value, rule, why, remedy)
    if not prefix.subnet_of(_GLOBAL_UNICAST):
        rule, why = "a delegated prefix is in 2000::/3 (RFC 4291)", "nothing else is routed on the internet"
        yield Refusal(path, value, rule, why, "a VNet's own subnet stands in the site; name the provider's pool here")


def _parsed(text: str) -> IPv6Network | None:
    try:
        return None if "%" in text else IPv6Network(text, strict=False)
    except ValueError:
        return None


def _address(text: str) -> object:
    return IPv6Network(f"{text.partition('/')[0]}/128").network_address


def _related(edge: str, pools: Mapping[str, str], said: Mapping[str, list[str]]) -> Iterator[Refusal]:
    """What is wrong between two pools: they are or hold the same prefix."""
    placed = [(pool, found) for pool in sorted(pools) for found in map(_parsed, said[pool]) if found is not None]
    for (one, first), (other, second) in combinations(placed, 2):
        if one == other or not first.overlaps(second):
            continue
        value, why = f"{other}: {second}", "guests of two VNets would have the same addresses"
        remedy = f"look at {POOLS} and {CLIENTS} of {edge}: what the provider gave twice, it gave for two clients"
        if first == second:
            yield Refusal(pools[other], value, f"a prefix is given once; {one} has the same", why, remedy)
        else:
            rule = f"no prefix is inside another; {one} has {first}"
            yield Refusal(pools[other], value, rule, why, remedy)


def _contradictions(
    edge: str, pools: Mapping[str, str], found: Found, leased: Mapping[str, list[str]]
) -> Iterator[Refusal]:
    """Where a client has another prefix than the pool that it fills: one of the answers is older."""
    for pool, path in pools.items():
        if not leased[pool] or set(map(_parsed, leased[pool])) == {found[pool]}:
            continue
        value = f"{pool}: {found[pool] or 'no prefix'}, and its DHCPv6 client {', '.join(leased[pool])}"
        rule = "a pool has the prefix that its DHCPv6 client was given"
        why = "the delegation changes at this moment, or two clients fill one pool"
        yield Refusal(path, value, rule, why, f"ask again; if it stays so, look at {POOLS} and {CLIENTS} of {edge}")
