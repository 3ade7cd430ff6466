"""Pings between guests and to behind the edge, both families, from the addresses that guests announce.

And from the global address of each guest that has one, which is what its kernel has to choose by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from trellis.lab.evidence import Answer, Question
from trellis.lab.proof import ask
from trellis.lab.proof.fabric import Address, Fabric
from trellis.lab.proof.row import Group, Row, judged
from trellis.lab.proof.spoken import chosen_source, echoes
from trellis.site import AttachedGuest

Evidence = Mapping[Question, Answer]


def pings(fabric: Fabric, evidence: Evidence) -> Iterator[Row]:
    """Every guest to one on its own host, to one on each other host, to behind the edge."""
    for zone in sorted(fabric.site.zones):
        here = [guest for guest in fabric.guests if guest.zone == zone]
        for guest in here:
            for other in _partners(fabric, guest, here):
                same = fabric.place(guest) == fabric.place(other)
                group = Group.PING_HOST if same else Group.PING_FABRIC
                yield from _between(fabric, guest, other, group, evidence)
            yield from _upstream(fabric, guest, evidence)


def global_sources(fabric: Fabric, evidence: Evidence) -> Iterator[Row]:
    """Every guest with a global address: it is what the guest's kernel takes to reach the internet."""
    for guest, own, target in _on_the_internet(fabric):
        answer = evidence[ask.way_to(fabric.place(guest), guest.name, target)]
        seen = chosen_source(answer.json())
        ok = seen == own
        yield judged(f"{guest.name} to {target}", Group.GLOBAL_SOURCE, f"from {own}", f"from {seen}", ok, answer)


def global_pings(fabric: Fabric, evidence: Evidence) -> Iterator[Row]:
    """Every guest with a global address, from there to behind the edge."""
    for guest, own, target in _on_the_internet(fabric):
        yield _ping(fabric, guest, f"{guest.name} to {target}", Group.PING_GLOBAL, own, target, evidence)


def _on_the_internet(fabric: Fabric) -> Iterator[tuple[AttachedGuest, Address, Address]]:
    for target in (address for address in fabric.upstream if address.version == 6 and fabric.site.edges):
        for guest in fabric.guests:
            if (own := fabric.global_address(guest)) is not None:
                yield guest, own, target


def _partners(fabric: Fabric, guest: AttachedGuest, zone: Sequence[AttachedGuest]) -> Iterator[AttachedGuest]:
    """Of each host of the zone the guest that follows in the alphabet, so that everybody is pinged by somebody."""
    for host in fabric.hosts:
        others = [other for other in zone if fabric.place(other) == host and other.name != guest.name]
        later = [other for other in others if other.name > guest.name]
        if others:
            yield (later or others)[0]


def _between(
    fabric: Fabric, guest: AttachedGuest, other: AttachedGuest, group: Group, evidence: Evidence
) -> Iterator[Row]:
    targets = {address.version: address for address in fabric.sources(other)}
    for source in fabric.sources(guest):
        if source.version in targets:
            name = f"{guest.name} to {other.name}, IPv{source.version}"
            yield _ping(fabric, guest, name, group, source, targets[source.version], evidence)


def _upstream(fabric: Fabric, guest: AttachedGuest, evidence: Evidence) -> Iterator[Row]:
    if not fabric.site.edges:
        return
    targets = {address.version: address for address in fabric.upstream}
    for source in fabric.sources(guest):
        if (target := targets.get(source.version)) is not None:
            name = f"{guest.name} to {target}"
            yield _ping(fabric, guest, name, Group.PING_UPSTREAM, source, target, evidence)


def _ping(
    fabric: Fabric,
    guest: AttachedGuest,
    name: str,
    group: Group,
    source: Address,
    target: Address,
    evidence: Evidence,
) -> Row:
    answer = evidence[ask.ping(fabric.place(guest), guest.name, source, target)]
    heard = echoes(answer.output)
    seen = f"{len(heard.answered)} of {heard.sent} answered"
    if heard.average_ms is not None:
        seen += f", {heard.average_ms:g} ms"
    return judged(name, group, f"answered, from {source}", seen, heard.steady, answer)
