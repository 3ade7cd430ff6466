"""Each host's texts, taken apart once for all that is inferred from them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from trellis.adoption import given
from trellis.adoption.given import GivenCluster, GivenHost
from trellis.adoption.speaking import GLOBAL, Party, Speaking, speaking
from trellis.adoption.statements import Statement, statements
from trellis.adoption.wires import Wire, wires
from trellis.site.refusal import Refusal, raise_if_any

AnyNetwork = IPv4Network | IPv6Network

_RULE = re.compile(r"(ip|ipv6) prefix-list (\S+)(?: seq \d+)? (permit|deny) (\S+)(?: ge (\d+))?(?: le (\d+))?")


@dataclass(frozen=True, slots=True)
class PrefixRule:
    """An entry of a prefix-list."""

    permits: bool
    prefix: AnyNetwork
    ge: int | None
    le: int | None

    @property
    def exact(self) -> bool:
        """Whether it matches its prefix alone."""
        longest = self.prefix.max_prefixlen
        return self.prefix.prefixlen == longest or (self.ge is None and self.le in (None, self.prefix.prefixlen))


@dataclass(frozen=True, slots=True)
class Read:
    """A host, taken apart.

    Attributes:
        statements: What its FRR reads: of frr.conf, else of frr.conf.local.
        local: What stands in frr.conf.local.
        unread: What stands behind a stray `exit`, in either.
        lists: Its prefix-lists by keyword and name.
        stanzas: The lines inside of each stanza of the top level.
        permitting: Those inside of each permitting entry of a route-map, by its name.
    """

    host: GivenHost
    kind: str
    statements: tuple[Statement, ...]
    local: tuple[Statement, ...]
    unread: tuple[Statement, ...]
    wires: Mapping[str, Wire]
    bgp: Speaking
    lists: Mapping[tuple[str, str], tuple[PrefixRule, ...]]
    stanzas: Mapping[str, tuple[str, ...]]
    permitting: Mapping[str, list[tuple[str, ...]]]

    @property
    def name(self) -> str:
        """The host's name."""
        return self.host.name

    def inside(self, opener: str) -> tuple[str, ...]:
        """Return the lines inside of a stanza of the top level."""
        return self.stanzas.get(opener, ())

    def asn(self) -> int | None:
        """Return the ASN of its global table, else of any."""
        return self.bgp.asns.get(GLOBAL) or next(iter(self.bgp.asns.values()), None)

    def router_id(self) -> str | None:
        """Return what it calls itself: as BGP does, else as OSPF does."""
        said = [line.removeprefix("bgp router-id ") for line in self.bgp.plain.get(GLOBAL, ()) if "router-id" in line]
        said += [line.split()[-1] for line in self.inside("router ospf") if line.startswith("ospf router-id ")]
        said += [line.split()[-1] for line in self.inside("router ospf6") if line.startswith("ospf6 router-id ")]
        return next(iter(said), None)

    def rules(self, name: str) -> Iterator[PrefixRule]:
        """Yield the entries of the lists of a name, IPv4 first."""
        for keyword in ("ip", "ipv6"):
            yield from self.lists.get((keyword, name), ())

    def accepted(self, party: Party) -> tuple[list[PrefixRule], list[str]]:
        """Return what the filter of a neighbour lets in, by entry, and the names of the lists that say so."""
        names: list[str] = []
        for route_map in self.bgp.in_any_family(party, "route-map", " in"):
            for lines in self.permitting.get(route_map, ()):
                names += [line.split()[-1] for line in lines if " address prefix-list " in line]
        unique = list(dict.fromkeys(names))
        return [rule for name in unique for rule in self.rules(name) if rule.permits], unique


def read_hosts(cluster: GivenCluster) -> tuple[Read, ...]:
    """Return all hosts, taken apart, by name.

    Args:
        cluster: What was read.

    Raises:
        SiteRefused: Something cannot be read; all of it is named.
    """
    problems: list[Refusal] = []
    nodes = {vm.node for vm in cluster.vms} | {
        node for zone in cluster.objects("zones") for node in _words(zone.of("nodes"))
    }
    found = [_read(host, nodes, problems) for host in sorted(cluster.hosts, key=lambda host: host.name)]
    raise_if_any(problems)
    return tuple(read for read in found if read is not None)


def _read(host: GivenHost, nodes: set[str], problems: list[Refusal]) -> Read | None:
    if not (host.text(given.FRR_CONF) or host.text(given.FRR_CONF_LOCAL)):
        problems.append(_nothing(host.name))
        return None
    running, unread = statements(host.name, given.FRR_CONF, host.text(given.FRR_CONF))
    local, unread_local = statements(host.name, given.FRR_CONF_LOCAL, host.text(given.FRR_CONF_LOCAL))
    effective = running or local
    try:
        own_wires = wires(host.text(given.INTERFACES), effective)
        lists = _lists(effective)
    except ValueError as error:
        rule, why = "what is read of a host is well formed", "whatever was read of it would be a guess"
        problems.append(Refusal(f"{host.name}", str(error), rule, why, "correct it there, and read the host again"))
        return None
    stanzas: dict[str, list[str]] = {}
    for statement in effective:
        if statement.opens and not statement.around:
            stanzas.setdefault(statement.line, [])
        elif statement.around:
            stanzas.setdefault(statement.around[0], []).append(" > ".join(statement.path[1:]))
    return Read(
        host=host,
        kind="pve" if _is_proxmox(host, nodes) else "frr",
        statements=effective,
        local=local,
        unread=(*unread, *unread_local),
        wires=own_wires,
        bgp=speaking(effective),
        lists=lists,
        stanzas={opener: tuple(lines) for opener, lines in stanzas.items()},
        permitting=_permitting(stanzas),
    )


def _is_proxmox(host: GivenHost, nodes: set[str]) -> bool:
    return bool(host.text(given.FRR_CONF_LOCAL)) or host.name in nodes or "pve-manager/" in host.text(given.VERSIONS)


def _permitting(stanzas: Mapping[str, list[str]]) -> dict[str, list[tuple[str, ...]]]:
    found: dict[str, list[tuple[str, ...]]] = {}
    for opener, lines in stanzas.items():
        words = opener.split()
        if words[0] == "route-map" and words[2:3] == ["permit"]:
            found.setdefault(words[1], []).append(tuple(lines))
    return found


def _lists(found: tuple[Statement, ...]) -> dict[tuple[str, str], tuple[PrefixRule, ...]]:
    lists: dict[tuple[str, str], list[PrefixRule]] = {}
    for statement in found:
        rule = _RULE.fullmatch(statement.line)
        if rule is None or rule[4] == "any":
            continue
        try:
            prefix = ip_network(rule[4], strict=False)
        except ValueError:
            raise ValueError(f"{statement.file}, line {statement.number}: {rule[4]!r} is no prefix") from None
        ge, le = (int(length) if length else None for length in (rule[5], rule[6]))
        lists.setdefault((rule[1], rule[2]), []).append(PrefixRule(rule[3] == "permit", prefix, ge, le))
    return {key: tuple(rules) for key, rules in lists.items()}


def _nothing(host: str) -> Refusal:
    return Refusal(
        host,
        "neither frr.conf nor frr.conf.local",
        "each host has at least one of the two",
        "without them nothing is known of its sessions, and the site would take them away",
        "put them into the host's folder, or leave the host out",
    )


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()
