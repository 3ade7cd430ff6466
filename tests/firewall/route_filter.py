"""RouterOS's filters of routes: the rules of a chain, read and asked what they do with a route.

Written from MikroTik's manual of routing filters: rules in order, the first that decides does; at the end of a chain a
route is rejected.  Only prefixes decide here; besides there is one rule about drained hosts, whose communities
a route that is asked for has not, and one about what its next hop is looked up among.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network

from tests.firewall.routeros import Entry

_RULE = re.compile(
    r"if \((?P<condition>[^(){}]+)\) \{(set distance (?P<distance>[0-9]+); )?(?P<action>accept|reject)\}"
    r"|if \(bgp-communities includes 65535:0\) \{set bgp-local-pref (?P<preference>0)\}|set scope-target (?P<scope>20)"
    r"|(?P<plain>accept|reject)|jump (?P<to>\S+)"
)
_MATCH = re.compile(r"(?P<what>dst|dst-len) (?P<how>==|in|>=|<=) (?P<value>\S+)")


def accepts(rules: Iterable[Entry], chain: str, prefix: str) -> bool:
    """Return whether a chain accepts a route.

    Args:
        rules: Entries of `/routing filter rule`, in order.
        chain: Name of a chain, which has to be there.
        prefix: The route's destination.
    """
    return became(rules, chain, prefix, distance=20) is not None


def became(rules: Iterable[Entry], chain: str, prefix: str, *, distance: int) -> int | None:
    """Return the distance that a route has after a chain, or nothing where the chain rejects it.

    Args:
        rules: Entries of `/routing filter rule`, in order.
        chain: Name of a chain, which has to be there.
        prefix: The route's destination.
        distance: What it comes with.
    """
    taken = _decided(list(rules), chain, ip_network(prefix))
    return None if taken is None or taken["action"] == "reject" else int(taken["distance"] or distance)


def _decided(rules: list[Entry], chain: str, route: IPv4Network | IPv6Network) -> dict[str, str] | None:
    own = [rule["rule"] for rule in rules if rule["chain"] == chain]
    assert own, f"no chain {chain}"
    for text in own:
        rule = _RULE.fullmatch(text)
        assert rule is not None, f"not a rule: {text}"
        if rule["preference"] or rule["scope"]:
            continue
        if rule["to"]:
            decided = _decided(rules, rule["to"], route)
            if decided is not None:
                return decided
        elif rule["plain"] or all(_matches(part, route) for part in rule["condition"].split(" && ")):
            return {"action": rule["plain"] or rule["action"], "distance": rule["distance"] or ""}
    return None


def _matches(part: str, route: IPv4Network | IPv6Network) -> bool:
    found = _MATCH.fullmatch(part)
    assert found is not None, f"not a condition: {part}"
    if found["what"] == "dst":
        prefix = ip_network(found["value"])  # refuses bits beyond the length
        if prefix.version != route.version:
            return False
        return route == prefix if found["how"] == "==" else route.subnet_of(prefix)  # type: ignore[arg-type]
    length = int(found["value"])
    return {"==": route.prefixlen == length, ">=": route.prefixlen >= length, "<=": route.prefixlen <= length}[
        found["how"]
    ]
