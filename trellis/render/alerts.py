"""Plan -> alert rules for Prometheus: recording rules that say what is expected, and alerts that compare it.

What the plan knows (guests, hosts, addresses of hosts and edges) becomes series of its own, so that each alert is one
rule for all guests and one that is missing altogether is noticed too.  An exporter on each host sees a guest's session
idle on every host but one; so only sessions between hosts and with edges (the default VRF) are judged by it, and
guests' sessions by how many hosts have them Established.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from trellis.plan.model import GuestPlan, HostPlan, Plan
from trellis.render import metric_names as names

_GUEST = ", ".join(names.OF_GUEST)
_WHO = "{{ $labels.guest }} ({{ $labels.guest_ip }} in {{ $labels.network }})"
_PEER = "{{ $labels.to }} ({{ $labels.peer }}, {{ $labels.afi }} {{ $labels.safi }})"

OLD_S = 90
"""Seconds after which what was read of a host is old: it is read whole every 30 s, and one read may be missed."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A rule that makes a series which is 1, or a number of the plan's."""

    record: str
    expr: str
    labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert.

    Attributes:
        alert: Its name.
        expr: What must be true, in PromQL.
        lasting: For how long, as Prometheus writes durations; empty is at once.
        severity: ``critical`` (somebody is cut off), ``warning``, or None where the series says it.
        summary: One line for people.
        description: What it means, and where to look.
    """

    alert: str
    expr: str
    lasting: str
    severity: str | None
    summary: str
    description: str


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated one after the other."""

    name: str
    rules: tuple[Recording | Alert, ...]


def alert_rules(plan: Plan) -> tuple[Group, ...]:
    """Return the rules of a plan.

    Args:
        plan: The plan.
    """
    return (
        Group("trellis-expected", (*_hosts(plan), *_peers(plan), *_guests(plan))),
        Group("trellis-guests", _OF_GUESTS),
        Group("trellis-observer", _OF_OBSERVER),
        Group("trellis-fabric", _OF_FABRIC),
        *((Group("trellis-prefixes", _OF_PREFIXES),) if _delegates(plan) else ()),
    )


def alerts_document(groups: tuple[Group, ...]) -> dict[str, Any]:
    """Return rules as a rule file holds them.

    Args:
        groups: The rules.
    """
    return {"groups": [{"name": group.name, "rules": [_rule(rule) for rule in group.rules]} for group in groups]}


def alerts_text(groups: tuple[Group, ...]) -> str:
    """Return rules as the text of a rule file.

    Args:
        groups: The rules.
    """
    head = "# Made by `trellis alerts`: do not edit.  Exporters run with " + " ".join(names.EXPORTER_FLAGS) + ".\n"
    text: str = yaml.safe_dump(alerts_document(groups), sort_keys=False, allow_unicode=True, width=120)
    return head + text


def _rule(rule: Recording | Alert) -> dict[str, Any]:
    if isinstance(rule, Recording):
        return {"record": rule.record, "expr": rule.expr, "labels": dict(rule.labels)}
    return {
        "alert": rule.alert,
        "expr": rule.expr,
        **({"for": rule.lasting} if rule.lasting else {}),
        **({"labels": {"severity": rule.severity}} if rule.severity else {}),
        "annotations": {"summary": rule.summary, "description": rule.description},
    }


def _hosts(plan: Plan) -> Iterator[Recording]:
    for host in _watched(plan):
        yield Recording(names.HOST_EXPECTED.name, "vector(1)", (("host", host.name),))


def _watched(plan: Plan) -> tuple[HostPlan, ...]:
    """Return the hosts that are read: one that is left out of changes for maintenance may be away."""
    away = {name for name, _ in plan.rollout.maintenance}
    return tuple(host for host in plan.hosts if host.name not in away)


def _peers(plan: Plan) -> Iterator[Recording]:
    hosts = [(address, host.name, "ibgp") for host in _watched(plan) for address in (host.ipv4, host.ipv6)]
    edges = [(address, edge.name, "ebgp") for edge in plan.edges for address in (edge.ipv4, edge.ipv6)]
    for address, name, kind in (*hosts, *edges):
        labels = (("peer", address), ("to", name), ("kind", kind), ("vrf", "default"))
        yield Recording(names.PEER_EXPECTED.name, "vector(1)", labels)


def _guests(plan: Plan) -> Iterator[Recording]:
    listening = {vnet.name for vnet in plan.vnets if vnet.listens}
    for planned in plan.guests:
        if planned.guest.vnet not in listening:
            continue
        labels = _labels(planned)
        severity = "critical" if planned.guest.cluster is not None else "warning"
        yield Recording(names.GUEST_EXPECTED.name, "vector(1)", (*labels, ("severity", severity)))
        always = len(planned.guest.loopbacks) + len(planned.guest.pods)
        if planned.guest.cluster is not None and always:
            yield Recording(names.PREFIXES_EXPECTED.name, f"vector({always})", labels)


def _delegates(plan: Plan) -> bool:
    """Whether prefixes are delegated to the site, so that somebody must compare them."""
    return any(vnet.delegated for vnet in plan.vnets) or any(
        edge.routeros and edge.routeros.pools for edge in plan.edges
    )


def _labels(planned: GuestPlan) -> tuple[tuple[str, str], ...]:
    """Return the values of `names.OF_GUEST` with their names."""
    guest = planned.guest
    values = (guest.vnet, guest.tenant, guest.name, str(guest.ipv6))
    return tuple(zip(names.OF_GUEST, values, strict=True))


_STOPPED = f'{names.PEERING_STATE.name}{{state="Withdrawn"}}'

_OF_GUESTS = (
    Alert(
        "TrellisGuestSessionDown",
        # The expected series first: its severity is the alert's.
        f"{names.GUEST_EXPECTED.name} and on ({_GUEST}) ({names.SESSION_HOSTS.name} == 0)"
        f" unless on ({_GUEST}) {_STOPPED}",
        "1m",
        None,
        f"{_WHO} has no BGP session on any host",
        "All hosts that may have it are read, and none has it Established: nothing reaches its loopbacks and pods.",
    ),
    Alert(
        "TrellisGuestStopped",
        f'{names.GUEST_EXPECTED.name}{{severity="critical"}} and on ({_GUEST}) {_STOPPED}',
        "5m",
        "warning",
        f"{_WHO} is a node, and its VM does not run",
        "It was stopped or destroyed in Proxmox, and stands in the site still.",
    ),
    Alert(
        "TrellisGuestSessionTwice",
        f"{names.SESSION_HOSTS.name} > 1",
        "1m",
        "warning",
        f"{_WHO} has its session on {{{{ $value }}}} hosts at once",
        "A guest runs on one host: it was started twice, or another guest uses its address.",
    ),
    Alert(
        "TrellisGuestSessionUnknown",
        f"{names.GUEST_EXPECTED.name} unless on ({_GUEST}) {names.SESSION_HOSTS.name}",
        "2m",
        "warning",
        f"whether {_WHO} has its session is not known",
        "A host that may have it is not read, or nothing reads the hosts; it is neither up nor down.",
    ),
    Alert(
        "TrellisGuestRoutesMissing",
        f"{names.PREFIXES_ACCEPTED.name} < on ({_GUEST}) {names.PREFIXES_EXPECTED.name}"
        f" and on ({_GUEST}) {names.SESSION_HOSTS.name} >= 1",
        "2m",
        "critical",
        f"of {_WHO} only {{{{ $value }}}} prefixes are accepted",
        "A node announces its loopbacks and pods always; `trellis guests routes` tells which are missing or refused.",
    ),
    Alert(
        "TrellisGuestPenalty",
        f"{names.PENALTY.name} == 1",
        "",
        "warning",
        f"{_WHO} is cut off: it announced more prefixes than it may",
        "It is let in again after its penalty, and cut off again if it still announces too many.",
    ),
    Alert(
        "TrellisGuestRoutesRefused",
        f"{names.REJECTED_ROUTES.name} > 0",
        "1m",
        "warning",
        f"{{{{ $value }}}} prefixes of {_WHO} are refused: {{{{ $labels.reason }}}}",
        "`trellis guests routes --state Rejected` tells which, and what they would have to be.",
    ),
)

_OF_OBSERVER = (
    Alert(
        "TrellisHostNotReached",
        f"{names.HOST_REACHED.name} == 0",
        "1m",
        "warning",
        "{{ $labels.host }} is not read: what its guests' sessions do is unknown",
        "`trellis observe run` can't log in to it, or its agent does not answer; the page's hosts tell why.",
    ),
    Alert(
        "TrellisHostNotObserved",
        f"{names.HOST_EXPECTED.name} unless on (host) {names.HOST_REACHED.name}",
        "2m",
        "warning",
        "{{ $labels.host }} is a host of the site, and nobody reads it",
        "`trellis observe run` does not run, runs with an older site, or its /metrics are not scraped.",
    ),
    Alert(
        "TrellisHostDataOld",
        f"{names.HOST_AGE.name} > {OLD_S} and on (host) {names.HOST_REACHED.name} == 1",
        "1m",
        "warning",
        "what is known of {{ $labels.host }} is {{ $value | humanizeDuration }} old",
        "Each host is read whole every 30 s; the collector has stopped, and its server has not.",
    ),
)

_JOINED = f"on (peer, vrf) group_left (to, kind) {names.PEER_EXPECTED.name}"

_OF_FABRIC = (
    Alert(
        "TrellisEdgeSessionDown",
        f'{names.PEER_STATE.name} * {_JOINED}{{kind="ebgp"}} == {names.DOWN}',
        "1m",
        "critical",
        f"{{{{ $labels.instance }}}} has no session with the edge {_PEER}",
        "0 is down, 1 Established, 2 shut down by configuration; guests of the host may not reach the outside.",
    ),
    Alert(
        "TrellisMeshSessionDown",
        f'{names.PEER_STATE.name} * {_JOINED}{{kind="ibgp"}} == {names.DOWN}',
        "1m",
        "critical",
        f"{{{{ $labels.instance }}}} has no session with the host {_PEER}",
        "Guests of the two hosts may not reach each other.",
    ),
    Alert(
        "TrellisSessionShutDown",
        f"{names.PEER_STATE.name} * {_JOINED} == {names.ADMINISTRATIVELY_DOWN}",
        "15m",
        "warning",
        f"{{{{ $labels.instance }}}} has its session with {_PEER} shut down by configuration",
        "Somebody typed `neighbor ... shutdown`; the site has no such statement.",
    ),
    Alert(
        "TrellisEdgeHearsNothing",
        f'{names.PEER_ADVERTISED.name} * {_JOINED}{{kind="ebgp"}} == 0'
        f" and on (instance, peer, vrf, afi, safi) {names.PEER_STATE.name} == {names.ESTABLISHED}",
        "2m",
        "critical",
        f"{{{{ $labels.instance }}}} announces nothing to the edge {_PEER}",
        "The session stands, yet the edge knows no route to a guest by way of this host.",
    ),
    Alert(
        "TrellisFrrNotRead",
        f'{names.COLLECTOR_UP.name}{{collector=~"bgp|bgp6|bgpl2vpn"}} == 0',
        "2m",
        "critical",
        "the exporter on {{ $labels.instance }} can't read bgpd ({{ $labels.collector }})",
        "bgpd does not run or does not answer; the host's other sessions may be down without an alert.",
    ),
)

UNCHECKED_S = 7200
"""Seconds without a check after which nobody knows whether prefixes drift; checks may fail for as long as it takes to
replace an edge."""

_OF_PREFIXES = (
    Alert(
        "TrellisPrefixDrift",
        f"max by (vnet) ({names.PREFIX_DRIFT.name}) == 1",
        "10m",
        "warning",
        "the prefix of {{ $labels.vnet }} in the prefix file is not what its edge has",
        "`trellis prefixes check` shows both; `trellis prefixes sync` takes over what the edge has. Until then guests "
        "have addresses that nobody routes to them.",
    ),
    Alert(
        "TrellisCompetingRoutes",
        f"{names.COMPETING_ROUTES.name} > 0",
        "10m",
        "critical",
        "{{ $value }} routes of {{ $labels.edge }} take what is sent to VNets",
        "`trellis prefixes check` names them: addresses of an old VLAN, static routes, a DHCPv6 client's own. They "
        "beat BGP, so that guests are looked for elsewhere.",
    ),
    Alert(
        "TrellisPrefixesNotChecked",
        f"time() - max({names.PREFIXES_CHECKED.name}) > {UNCHECKED_S} or absent({names.PREFIXES_CHECKED.name})",
        "5m",
        "warning",
        "whether delegated prefixes have drifted is not known",
        "`trellis prefixes check --metrics` has not run to its end for two hours, or its file is not scraped: see its "
        "unit's journal; an edge that does not answer is named there.",
    ),
    Alert(
        "TrellisPrefixSyncWaiting",
        f"{names.SYNC_WAITING.name} == 1",
        "15m",
        "warning",
        "a sync of delegated prefixes was requested, and nobody does it",
        "`trellis prefixes sync --if-requested` takes requests; see the unit or the pipeline that runs it.",
    ),
)
