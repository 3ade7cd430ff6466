"""Plan -> everything that a RouterOS edge runs for the fabric, as one script that can be imported again and again.

An entry is known by its comment, ``trellis:<which> <content> <words>``: the first checksum says which entry it is and
never changes, the second follows from its properties.  So an import sets what changed, adds what is new, removes what
is no more, and leaves alone what is as it was: no session is reset by an import that has nothing to say about it.

Deliberately elsewhere: what is decided (``trellis.plan.routeros``); the filter between zones, which goes into the
script as it is (``trellis.render.edge``); and what runs when a delegation changes, a text of its own
(``templates/edge/delegation.j2``).  RouterOS 7.20 or later: the BGP instance is a menu of its own since then.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from trellis.plan.model import EdgePlan, HostPlan, Plan
from trellis.plan.names import DEFAULT_ROUTES
from trellis.plan.routeros_model import Accepted, RouterosPlan
from trellis.render.edge import edge_filter
from trellis.render.stanzas import Stanzas
from trellis.site.checks.edges import DELEGATED_LENGTH
from trellis.site.model import Bfd

OWN = "trellis"
"""Name of what there is one of: instances, chains, lists; what there is more of begins with it."""
ANNOUNCED = f"{OWN}-announced"
NAT66 = f"{OWN}-nat66"
DELEGATION = f"{OWN}-delegation"
DYNAMIC = f"{OWN}-dynamic"
UNREACHABLE_DISTANCE = 254
"""Of the route that RouterOS adds by itself for what is delegated to it: less than any other, which has 1 then."""
_LENGTHS = {4: 32, 6: 128}


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a menu.

    Attributes:
        key: What tells it from the menu's other ones of ours, whatever its properties are.
        words: For people who read its comment.
        properties: All that is set of it; each entry of a key always has the same ones, so that none stays behind.
        at_first: What is set when it is added and then left to the router.
        same: Condition by which an entry that somebody made by hand is this one.
        secret: Name of the secret that it needs; the value is typed on the router.
    """

    menu: str
    key: str
    words: str
    properties: tuple[str, ...]
    at_first: tuple[str, ...] = ()
    same: str = ""
    secret: str = ""

    @property
    def which(self) -> str:
        """How the comment of this entry begins, whatever its properties are."""
        return f"trellis:{_checksum(self.menu, self.key)} "

    @property
    def comment(self) -> str:
        """The comment of this entry as it is now."""
        return f"{self.which}{_checksum(*self.properties, *self.at_first, self.secret)} {self.words}"

    @property
    def line(self) -> str:
        """What is set of it."""
        return " ".join(self.properties)

    @property
    def first_line(self) -> str:
        """What it is added with."""
        return " ".join((*self.properties, *self.at_first))


@dataclass(frozen=True, slots=True)
class Section:
    """All entries of ours in a menu."""

    title: str
    menu: str
    entries: tuple[Entry, ...]

    @property
    def secrets(self) -> tuple[str, ...]:
        """Names of the secrets that its entries need."""
        return tuple(sorted({entry.secret for entry in self.entries if entry.secret}))


@dataclass(frozen=True, slots=True)
class RouteFilter:
    """A chain of rules for routes; the last rule is for what none before it matched."""

    name: str
    rules: tuple[str, ...]


def edge_script(plan: Plan, edge: EdgePlan) -> str:
    """Return the script of an edge of kind routeros.

    Args:
        plan: The plan.
        edge: One of its edges.

    Raises:
        ValueError: The edge is of another kind.
    """
    if edge.routeros is None:
        raise ValueError(f"{edge.name} is no RouterOS")
    own, stanzas = edge.routeros, Stanzas()
    chains = (_from_hosts(own), _to_hosts(edge), _by_itself(own))
    hosts = [host for host in plan.hosts if host.name in edge.hosts]
    return stanzas.fill(
        "edge/rsc.j2",
        edge=edge,
        own=own,
        chains=chains,
        generation=_checksum(*(rule for chain in chains for rule in chain.rules)),
        routing=(*_addresses(edge, own), *_ospf(edge, own), *_bfd(own, hosts), *_bgp(plan, edge, own, hosts)),
        filter=edge_filter(plan, edge, "routeros").rstrip("\n"),
        delegated=(*_nat66(own), _scripts(own, stanzas)),
        switches=own.nat66 == "without_delegation",
        hooked=own.pools if _hook(own) else (),
    )


DRAINED = "if (bgp-communities includes 65535:0) {set bgp-local-pref 0}"
"""A rule that decides nothing: the rules behind it do."""

BY_OSPF = "set scope-target 20"
"""Another such rule: the next hop of a route is looked up among connected (10) and OSPF's routes (20) alone.

A multihop session's routes come with a target scope of 30, which static ones have, the default among them: a dead
host's loopback would be looked for upstream, and its routes stay in use until BFD ends the session.
"""


def _checksum(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]


def quoted(text: str) -> str:
    """Return a text as a string of RouterOS on one line; its own lines are continued as an export has them."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return '"' + escaped.replace("\n", "\\n\\\n    ") + '"'


def _from_hosts(own: RouterosPlan) -> RouteFilter:
    """Return what is accepted from hosts: nothing of the infrastructure (R5), then what the site says, then no more.

    What a drained host announces is the last choice (RFC 8326): RouterOS does nothing of its own with that community.
    What a dead one announced is not used: its loopback is OSPF's to find, nobody else's.
    """
    refused = (f"if (dst in {prefix}) {{reject}}" for prefix in own.refused)
    accepted = (f"if ({_matching(found)}) {{accept}}" for found in own.accepted)
    return RouteFilter(f"{OWN}-in", (*refused, DRAINED, BY_OSPF, *accepted, "reject"))


def _to_hosts(edge: EdgePlan) -> RouteFilter:
    """Return what hosts are told: the default and what the site accepts of this edge; nothing that others told it."""
    told = (*map(str, DEFAULT_ROUTES), *edge.accepts)
    return RouteFilter(f"{OWN}-out", (*(f"if (dst == {prefix}) {{accept}}" for prefix in told), "reject"))


def _by_itself(own: RouterosPlan) -> RouteFilter:
    """Return what becomes of routes that the router adds by itself: a VNet's prefix gives way to what hosts announce.

    Where no host does, it still keeps packets from going back to the provider.
    """
    aside = f"{{set distance {UNREACHABLE_DISTANCE}; accept}}"
    rules = (f"if (dst in {prefix} && dst-len == {DELEGATED_LENGTH}) {aside}" for prefix in own.delegated)
    return RouteFilter(DYNAMIC, (*rules, "accept"))


def _matching(found: Accepted) -> str:
    own_length = int(found.prefix.rpartition("/")[2])
    if own_length == found.shortest == found.longest:
        return f"dst == {found.prefix}"
    if found.shortest == found.longest:
        return f"dst in {found.prefix} && dst-len == {found.longest}"
    return f"dst in {found.prefix} && dst-len >= {found.shortest} && dst-len <= {found.longest}"


def _addresses(edge: EdgePlan, own: RouterosPlan) -> tuple[Section, ...]:
    on = f'interface="{own.loopback_interface}"'
    both = (("ip", f"{edge.ipv4}/32", ""), ("ipv6", f"{edge.ipv6}/128", "advertise=no"))
    return tuple(
        Section(
            f"The loopback's address, {menu}.",
            f"{menu} address",
            (
                Entry(
                    f"{menu} address",
                    "loopback",
                    "loopback",
                    tuple(part for part in (f"address={address}", on, extra) if part),
                    same=f"address={address}",
                ),
            ),
        )
        for menu, address, extra in both
    )


def _ospf(edge: EdgePlan, own: RouterosPlan) -> tuple[Section, ...]:
    """Return OSPFv2 and OSPFv3 with the loopback and the links; other interfaces stay out of it."""
    instances, areas, templates = [], [], []
    for version in (2, 3):
        name = f"{OWN}-v{version}"
        properties = (f'name="{name}"', f"version={version}", f"router-id={edge.ipv4}")
        instances.append(Entry("routing ospf instance", name, f"OSPFv{version}", properties))
        backbone = (f'name="{name}"', f'instance="{name}"', "area-id=0.0.0.0")
        areas.append(Entry("routing ospf area", name, f"OSPFv{version}", backbone))
        passive = (f'area="{name}"', f'interfaces="{own.loopback_interface}"', "passive")
        templates.append(Entry("routing ospf interface-template", f"{name} loopback", f"OSPFv{version}", passive))
        for link in own.links:
            kind = "ptp" if link.point_to_point else "broadcast"
            active = (f'area="{name}"', f'interfaces="{link.interface}"', f"cost={link.cost}", f"type={kind}")
            words = f"OSPFv{version} on {link.interface}"
            key = f"{name} {link.interface}"
            templates.append(Entry("routing ospf interface-template", key, words, (*active, "use-bfd=yes")))
    return (
        Section("OSPF: an instance for each family.", "routing ospf instance", tuple(instances)),
        Section("Its one area.", "routing ospf area", tuple(areas)),
        Section("Where it speaks, and the loopback.", "routing ospf interface-template", tuple(templates)),
    )


def _bfd(own: RouterosPlan, hosts: list[HostPlan]) -> tuple[Section, ...]:
    menu = "routing bfd configuration"
    near, far = _timers(own.link_bfd), _timers(own.multihop_bfd)
    on_links = (
        Entry(menu, f"link {link.interface}", f"BFD on {link.interface}", (f'interfaces="{link.interface}"', *near))
        for link in own.links
    )
    with_hosts = (
        Entry(menu, f"host {host.name} {family}", f"BFD with {host.name}", (f"addresses={address}", *far))
        for host in hosts
        for family, address in (("ipv4", f"{host.ipv4}/32"), ("ipv6", f"{host.ipv6}/128"))
    )
    # The first entry that matches is taken, and a host's loopback is reached by way of a link.
    return (Section("BFD: with hosts over several links, and on the links.", menu, (*with_hosts, *on_links)),)


def _timers(bfd: Bfd) -> tuple[str, ...]:
    return f"min-rx={bfd.interval_ms}ms", f"min-tx={bfd.interval_ms}ms", f"multiplier={bfd.multiplier}"


def _bgp(plan: Plan, edge: EdgePlan, own: RouterosPlan, hosts: list[HostPlan]) -> tuple[Section, ...]:
    instance = Entry("routing bgp instance", OWN, "BGP", (f'name="{OWN}"', f"as={edge.asn}", f"router-id={edge.ipv4}"))
    template = Entry(
        "routing bgp template",
        OWN,
        "BGP with hosts",
        (
            f'name="{OWN}"',
            f"hold-time={own.hold_time_s}s",
            f"keepalive-time={own.keepalive_s}s",
            "multihop=yes",
            "use-bfd=yes",
            f'input.filter="{OWN}-in"',
            f'output.filter-chain="{OWN}-out"',
            "output.default-originate=if-installed",
            f'output.network="{ANNOUNCED}"',
        ),
    )
    announced = tuple(
        Section(
            f"Lists of addresses, {menu}: what hosts are told beside the default{_AND_SOURCES[menu]}.",
            f"{menu} firewall address-list",
            tuple(_listed(menu, ANNOUNCED, prefix) for prefix in edge.accepts if (":" in prefix) == (menu == "ipv6"))
            + (tuple(_listed(menu, NAT66, source) for source in _translated(own)) if menu == "ipv6" else ()),
        )
        for menu in ("ip", "ipv6")
    )
    connections = tuple(_connection(plan, edge, own, host, family) for host in hosts for family in ("ipv4", "ipv6"))
    return (
        *announced,
        Section("BGP: who this is.", "routing bgp instance", (instance,)),
        Section("What all sessions have in common.", "routing bgp template", (template,)),
        Section("A session per host and family.", "routing bgp connection", connections),
    )


_AND_SOURCES = {"ip": "", "ipv6": ", and what NAT66 translates"}


def _listed(menu: str, name: str, prefix: str) -> Entry:
    return Entry(f"{menu} firewall address-list", f"{name} {prefix}", name, (f'list="{name}"', f"address={prefix}"))


def _connection(plan: Plan, edge: EdgePlan, own: RouterosPlan, host: HostPlan, family: str) -> Entry:
    local, remote = (edge.ipv4, host.ipv4) if family == "ipv4" else (edge.ipv6, host.ipv6)
    return Entry(
        "routing bgp connection",
        f"{host.name} {family}",
        f"{host.name} {family}",
        (
            f'name="{OWN}-{host.name}-{family}"',
            f'instance="{OWN}"',
            f'templates="{OWN}"',
            f"afi={'ip' if family == 'ipv4' else 'ipv6'}",
            "local.role=ebgp",
            f"local.address={local}",
            f"local.ttl={own.max_hops}",
            f"remote.address={remote}",
            f"remote.as={plan.asn}",
            f'tcp-md5-key=$"{edge.md5}"' if edge.md5 else 'tcp-md5-key=""',
        ),
        secret=edge.md5 or "",
    )


def _translated(own: RouterosPlan) -> tuple[str, ...]:
    return own.nat66_sources if own.wan_interface else ()


def _nat66(own: RouterosPlan) -> tuple[Section, ...]:
    """Return the translation of unique local sources; where the router switches it, it begins as off."""
    menu, entries = "ipv6 firewall nat", []
    if own.wan_interface:
        where = (f'src-address-list="{NAT66}"', f'out-interface="{own.wan_interface}"', "action=masquerade")
        state = "disabled=no" if own.nat66 == "always" else "disabled=yes"
        by_router = own.nat66 == "without_delegation"
        properties = ("chain=srcnat", *where, *(() if by_router else (state,)))
        entries.append(Entry(menu, "nat66", "NAT66", properties, (state,) if by_router else ()))
    title = "NAT66: tenants' unique local sources leave with the address of the WAN interface"
    return (Section(f"{title}; {_SWITCHED[own.nat66]}.", menu, tuple(entries)),)


_SWITCHED = {
    "never": "the site has it off",
    "always": "the site has it on",
    "without_delegation": "the router has it on while a pool has no prefix",
}


def _scripts(own: RouterosPlan, stanzas: Stanzas) -> Section:
    menu, found = "system script", []
    if own.nat66 == "without_delegation":
        found.append((NAT66, stanzas.fill("edge/nat66_switch.j2", own=own, rule=_nat66(own)[0].entries[0].which)))
    if _hook(own):
        parts = {"own": own, "switch": NAT66 if found else "", "token": f"{OWN}-webhook-token"}
        found.append((DELEGATION, stanzas.fill("edge/delegation.j2", **parts)))
    entries = (
        Entry(
            menu,
            name,
            name,
            (f'name="{name}"', "policy=ftp,read,write,test", "dont-require-permissions=yes", f"source={quoted(text)}"),
        )
        for name, text in found
    )
    return Section("What runs when a delegated prefix comes or goes.", menu, tuple(entries))


def _hook(own: RouterosPlan) -> str:
    """Return the script that DHCPv6 clients run; empty where nothing follows a delegation."""
    follows = own.webhook is not None or own.nat66 == "without_delegation"
    return f"/system script run {DELEGATION}" if follows else ""
