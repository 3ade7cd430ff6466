"""What guests may and may not reach, tried as a guest would: by ping and by TCP, both families (R12).

Which of the filters on the way stops what must not pass is told by `trellis.lab.proof.filters`; here only the end
counts.  Every row carries the counters of the host's named rules before and after.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from trellis.lab.evidence import Answer, Question
from trellis.lab.proof import ask
from trellis.lab.proof.declared import BGP, SSH, may_reach, own_address, routers, served, speakers
from trellis.lab.proof.fabric import VERSIONS, Address, Fabric
from trellis.lab.proof.row import Group, Row, judged
from trellis.lab.proof.spoken import Connection, connection, echoes, rules_that_counted
from trellis.lab.upstream import PORT as UPSTREAM_PORT
from trellis.site import AttachedGuest

Evidence = Mapping[Question, Answer]


def zones(fabric: Fabric, evidence: Evidence) -> Iterator[Row]:
    """The first guest of each zone to the first of each other: closed, but for what a leak lets pass."""
    for guest in speakers(fabric):
        for other in speakers(fabric):
            if other.zone == guest.zone:
                continue
            targets = {address.version: address for address in fabric.sources(other)}
            for source in fabric.sources(guest):
                if (target := targets.get(source.version)) is None:
                    continue
                name = f"{guest.name} to {other.name} ({target})"
                near = own_address(guest, source.version) or source
                pinged = may_reach(fabric, source, guest.zone, target, other.zone)
                yield _ping(fabric, evidence, guest, name, source, target, allowed=pinged)
                connects = may_reach(fabric, near, guest.zone, target, other.zone)
                group = Group.LEAKS if connects else Group.ZONES
                asked = ask.tcp(fabric.place(guest), guest.name, target, BGP, _patience(connects))
                yield _tcp(fabric, evidence, guest, f"{name}, TCP {BGP}", group, asked, allowed=connects)


def infrastructure(fabric: Fabric, evidence: Evidence) -> Iterator[Row]:
    """The first guest of each zone to every loopback and management address: closed, but for declared services."""
    for guest in speakers(fabric):
        sources = {address.version: address for address in fabric.sources(guest)}
        for node, target, port in routers(fabric):
            if (source := sources.get(target.version)) is None:
                continue
            name = f"{guest.name} to {target} of {node}"
            yield _ping(fabric, evidence, guest, name, source, target, allowed=False, group=Group.INFRASTRUCTURE)
            open_ = served(fabric, guest, port, target)
            group = Group.SERVICES if open_ else Group.INFRASTRUCTURE
            asked = ask.tcp(fabric.place(guest), guest.name, target, port, _patience(open_))
            yield _tcp(fabric, evidence, guest, f"{name}, TCP {port}", group, asked, allowed=open_)


def own_host(fabric: Fabric, evidence: Evidence) -> Iterator[Row]:
    """The first guest of each zone to the sshd of its host, by the gateway's addresses."""
    for guest in speakers(fabric):
        host = fabric.place(guest)
        open_ = served(fabric, guest, SSH, None)
        group = Group.SERVICES if open_ else Group.HOST_PORTS
        asked = [
            (str(gateway), ask.tcp(host, guest.name, gateway, SSH, _patience(open_)))
            for gateway in fabric.gateways(guest.vnet)
        ]
        asked.append(("its link-local gateway", ask.tcp_to_link_local_gateway(host, guest.name, SSH)))
        for where, question in asked:
            name = f"{guest.name} to {where} of {host}, TCP {SSH}"
            # A service is at the VNet's gateway addresses, of which the link-local one is none.
            allowed = open_ and where in map(str, fabric.gateways(guest.vnet))
            yield _tcp(fabric, evidence, guest, name, group if allowed else Group.HOST_PORTS, question, allowed=allowed)


def permitted(fabric: Fabric, evidence: Evidence) -> Iterator[Row]:
    """What the filters must let pass: every guest's gateway by ping, and TCP to behind the edge."""
    beyond: dict[int, Address] = {address.version: address for address in fabric.upstream if fabric.site.edges}
    for guest in fabric.guests:
        host = fabric.place(guest)
        for gateway in fabric.gateways(guest.vnet):
            if (source := own_address(guest, gateway.version)) is not None:
                answer = evidence[ask.ping(host, guest.name, source, gateway)]
                heard = echoes(answer.output)
                seen = f"{len(heard.answered)} of {heard.sent} answered"
                yield judged(f"{guest.name} to {gateway}", Group.PING_GATEWAY, "answered", seen, heard.steady, answer)
        for version in VERSIONS:
            if own_address(guest, version) is not None and (target := beyond.get(version)) is not None:
                answer = evidence[ask.tcp(host, guest.name, target, UPSTREAM_PORT, _patience(True))]
                made = connection(answer)
                name = f"{guest.name} to {target}, TCP {UPSTREAM_PORT}"
                yield judged(name, Group.TCP_UPSTREAM, "connected", made.told, made.state == "connected", answer)


def managed(fabric: Fabric, evidence: Evidence) -> Iterator[Row]:
    """What hosts and edges open towards guests: whoever manages guests from there gets their answers back."""
    for guest in speakers(fabric):
        others = [host for host in fabric.hosts if host != fabric.place(guest)][:1]
        for node in (fabric.place(guest), *others, *sorted(fabric.site.edges)):
            for version in VERSIONS:
                if (target := own_address(guest, version)) is None:
                    continue
                source, name = fabric.loopback(node, version), f"{node} to {guest.name} ({target})"
                answer = evidence[ask.ping_from(node, source, target)]
                echoed = echoes(answer.output)
                seen = f"{len(echoed.answered)} of {echoed.sent} answered"
                yield judged(f"{name}, ping", Group.MANAGED, "answered", seen, echoed.steady, answer)
                answer = evidence[ask.tcp_from(node, source, target, BGP)]
                made = connection(answer)
                connected = made.state == "connected"
                yield judged(f"{name}, TCP {BGP}", Group.MANAGED, "connected", made.told, connected, answer)


def _ping(
    fabric: Fabric,
    evidence: Evidence,
    guest: AttachedGuest,
    name: str,
    source: Address,
    target: Address,
    *,
    allowed: bool,
    group: Group = Group.ZONES,
) -> Row:
    patience_s = ask.PING_LONG_PATIENCE_S if allowed else ask.PING_PATIENCE_S
    answer = evidence[ask.ping(fabric.place(guest), guest.name, source, target, patience_s)]
    heard = echoes(answer.output)
    counted, counters = _counted(fabric, evidence, guest)
    seen = f"{len(heard.answered)} of {heard.sent} answered{counted}"
    ok = heard.steady if allowed else heard.sent > 0 and not heard.answered
    group, expected = (Group.LEAKS, "answered") if allowed else (group, "not answered")
    return judged(f"{name}, ping", group, expected, seen, ok, answer, *counters)


def _tcp(
    fabric: Fabric,
    evidence: Evidence,
    guest: AttachedGuest,
    name: str,
    group: Group,
    asked: Question,
    *,
    allowed: bool,
) -> Row:
    answer = evidence[asked]
    made: Connection = connection(answer)
    counted, counters = _counted(fabric, evidence, guest)
    expected = "connected" if allowed else "no connection"
    ok = made.state == ("connected" if allowed else "refused")
    return judged(name, group, expected, f"{made.told}{counted}", ok, answer, *counters)


def _patience(allowed: bool) -> int:
    return ask.TCP_LONG_PATIENCE_S if allowed else ask.TCP_PATIENCE_S


def _counted(fabric: Fabric, evidence: Evidence, guest: AttachedGuest) -> tuple[str, tuple[Answer, Answer]]:
    """Which named rules of the guest's host counted something meanwhile, and the answers that say so."""
    host = fabric.place(guest)
    before, after = evidence[ask.drops(host, "before attempts")], evidence[ask.drops(host, "after attempts")]
    counted = rules_that_counted(before.output, after.output)
    return (f"; counted on {host}: {counted}" if counted else ""), (before, after)
