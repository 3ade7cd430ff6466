"""Emptying a host: who moves where, who stays, and why it would better not be emptied now; values in, values out.

A drain itself cuts nobody off: each way through the host stays, as the last choice.  What its absence would mean later
is the plan's to say (``trellis.reach``), and shown beside this.  Asking and moving are the command's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from trellis.operations.discovery import Discovery, Found
from trellis.plan.model import GuestPlan, Plan
from trellis.site import Site
from trellis.site.refusal import Refusal


@dataclass(frozen=True, slots=True)
class Seen:
    """What a host's agent says of itself: `transit`.

    Attributes:
        sessions: Addresses of the fabric's neighbours that it has a session with.
        adjacent: Its OSPF neighbours.
        committed: Digest of what was deployed last; None for nothing.
        busy: Whether a change is under way there.
        drained: Its drain, as the agent has it; None where it is none.
        frozen: Its freeze, likewise.
    """

    sessions: frozenset[str] = frozenset()
    adjacent: frozenset[str] = frozenset()
    committed: str | None = None
    busy: bool = False
    drained: Mapping[str, Any] | None = None
    frozen: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """A guest that moves."""

    guest: str
    vmid: int
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Stay:
    """A guest that stays, and why."""

    guest: str
    why: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What the operator wants of it.

    Attributes:
        to: Where everybody is to go; None leaves the choice.
        leave: Guests that stay.
        migrate: Whether anybody moves at all.
    """

    to: str | None = None
    leave: tuple[str, ...] = ()
    migrate: bool = True


@dataclass(frozen=True, slots=True)
class Decision:
    """Who goes where, or why nothing is done."""

    moves: tuple[Move, ...]
    stays: tuple[Stay, ...]
    refusals: tuple[Refusal, ...]


Hosts = Mapping[str, Seen | str]
"""By host what its agent says; a text says why it could not be asked."""


def seen(content: Mapping[str, Any]) -> Seen:
    """Return what the agent's `transit` says of its host."""
    return Seen(
        frozenset(content["sessions"]),
        frozenset(content["adjacent"]),
        content["committed"],
        bool(content["busy"]),
        content["drained"],
        content["frozen"],
    )


def decide(site: Site, plan: Plan, found: Discovery | None, host: str, hosts: Hosts, asked: Asked) -> Decision:
    """Return who moves where when a host is drained, with everything that speaks against it.

    Args:
        site: The site.
        plan: Its plan.
        found: The guests beside the VMs in Proxmox; None where nobody is to move, and the site says who is there.
        host: The host.
        hosts: Every host of the site.
        asked: What the operator wants.
    """
    there = {one.guest: one for one in found.guests if one.node == host} if found is not None else None
    here = [one for one in plan.guests if (one.guest.name in there if there is not None else one.guest.host == host)]
    fit = fitting(site, hosts, host)
    refusals = [*_against_the_host(host, hosts[host]), *_against_the_others(site, host, hosts, fit)]
    refusals += _against_the_words(site, host, asked, {one.guest.name for one in here})
    moves, stays = [], []
    places = Counter(one.node for one in found.guests if one.node) if found is not None else Counter[str]()
    clusters = Counter((one.guest.host, one.guest.cluster) for one in plan.guests)
    for planned in sorted(here, key=lambda one: one.guest.name):
        outcome = _outcome(planned, there, host, fit, asked, places, clusters)
        if isinstance(outcome, Move):
            moves.append(outcome)
            places[outcome.target] += 1
            clusters[outcome.target, planned.guest.cluster] += 1
        elif isinstance(outcome, Stay):
            stays.append(outcome)
        else:
            refusals.append(outcome)
    if found is not None:
        refusals += _of_the_unread(found, host)
    return Decision(tuple(moves), tuple(stays), tuple(sorted(set(refusals))))


def fitting(site: Site, hosts: Hosts, host: str) -> tuple[str, ...]:
    """Return the hosts that can carry what another one carried: they answer, are not drained, and hear an edge.

    Args:
        site: The site.
        hosts: Every host of the site.
        host: The one that is drained.
    """
    edges = {str(address) for edge in site.edges.values() for address in (edge.loopback.ipv4, edge.loopback.ipv6)}

    def fits(name: str) -> bool:
        found = hosts.get(name, "")
        return isinstance(found, Seen) and found.drained is None and (not edges or bool(edges & found.sessions))

    return tuple(name for name in site.hosts if name != host and fits(name))


def moved(plan: Plan, moves: tuple[Move, ...]) -> Plan:
    """Return the plan as it is once guests have moved, for what follows from the host's absence.

    Args:
        plan: The plan.
        moves: Who moves.
    """
    targets = {move.guest: move.target for move in moves}
    guests = (
        replace(one, guest=replace(one.guest, host=targets[one.guest.name])) if one.guest.name in targets else one
        for one in plan.guests
    )
    return replace(plan, guests=tuple(guests))


def _outcome(
    planned: GuestPlan,
    there: Mapping[str, Found] | None,
    host: str,
    fit: tuple[str, ...],
    asked: Asked,
    places: Counter[str],
    clusters: Counter[tuple[str, str | None]],
) -> Move | Stay | Refusal:
    """What becomes of a guest of the host."""
    guest, name = planned.guest, planned.guest.name
    if not asked.migrate or name in asked.leave:
        return Stay(name, "it is left" if name in asked.leave else "nobody is moved")
    assert there is not None
    vm = there[name]
    if vm.running is False:
        return Stay(name, f"VM {vm.vmid} is stopped")
    if vm.running is None or vm.vmid is None:
        why = "a VM that may run is neither moved nor forgotten"
        return Refusal(guest.path, str(vm.vmid), "Proxmox knows whether it runs", why, "see that its node is online")
    may = [target for target in planned.hosts if target != host]
    able = [target for target in may if target in fit and asked.to in (None, target)]
    if not able:
        return _nowhere(planned, host, may, asked)
    order = {target: at for at, target in enumerate(planned.hosts)}
    target = min(able, key=lambda one: (clusters[one, guest.cluster] if guest.cluster else 0, places[one], order[one]))
    return Move(name, vm.vmid, host, target)


def _nowhere(planned: GuestPlan, host: str, may: list[str], asked: Asked) -> Refusal:
    name = planned.guest.name
    remedy = f"`--leave {name}`, and it stays on {host} and goes down with it"
    if not may:
        rule, why = "another host of its placement can take it", "the site places it there alone"
        remedy = f"add hosts to its placement, or {remedy}"
    elif asked.to is not None and asked.to not in may:
        rule, why = f"it may run on {asked.to}", "elsewhere nobody waits for its session, and its packets are dropped"
        remedy = f"name one of {', '.join(may)}, leave --to out, or {remedy}"
    else:
        rule = f"{asked.to or 'a host of its placement'} answers, is not drained, and hears an edge"
        why = "it would lose its way out"
        remedy = f"bring one of {', '.join(may)} back (`trellis check`, `trellis undrain`), or {remedy}"
    return Refusal(planned.guest.path, ", ".join(planned.hosts), rule, why, remedy)


def _against_the_host(host: str, found: Seen | str) -> Iterator[Refusal]:
    path = f"hosts.{host}"
    if isinstance(found, str):
        why = "it could neither be drained, nor asked what goes through it"
        yield Refusal(path, found, "the host can be asked", why, f"see `trellis check {host}`")
        return
    if found.committed is None:
        why = "there is no routing of ours to be drained"
        yield Refusal(path, "nothing was deployed", "something of ours is in force there", why, "deploy it first")
    if found.busy:
        why = "two changes at once would be taken back together"
        yield Refusal(path, "a change is under way", "no change is", why, "let it end, then run again")
    if found.frozen is not None and found.drained is None:
        frozen = f"{found.frozen['reason']} ({found.frozen['owner']}, since {found.frozen['since']})"
        why = "whoever froze it wants no change there"
        yield Refusal(path, f"frozen: {frozen}", "it is not frozen", why, f"ask, then `trellis thaw {host}`")


def _against_the_others(site: Site, host: str, hosts: Hosts, fit: tuple[str, ...]) -> Iterator[Refusal]:
    if fit:
        return
    for name in (name for name in site.hosts if name != host):
        found = hosts.get(name, "it was not asked")
        said = found if isinstance(found, str) else "drained" if found.drained else "no session with an edge"
        yield Refusal(
            f"hosts.{name}",
            said,
            f"another host than {host} answers, is not drained, and hears an edge",
            "with nobody else to carry it, all traffic would go on through the drained host",
            f"see `trellis check {name}`, `trellis undrain {name}`, and the edge",
        )
    if len(site.hosts) == 1:
        yield Refusal(f"hosts.{host}", "the only host", "there is another one", "nobody could take over", "add one")


def _against_the_words(site: Site, host: str, asked: Asked, here: set[str]) -> Iterator[Refusal]:
    if asked.to is not None and (asked.to == host or asked.to not in site.hosts):
        others = ", ".join(name for name in site.hosts if name != host)
        rule, why = "it names another host of the site", "that is where guests move to"
        yield Refusal("--to", asked.to, rule, why, f"name one of {others}")
    for name in asked.leave:
        if name not in here:
            listed = ", ".join(sorted(here)) or "none of the site's"
            why = "a misspelt name would let the guest be moved"
            yield Refusal("--leave", name, f"it names a guest on {host}", why, f"on it are {listed}")


def _of_the_unread(found: Discovery, host: str) -> Iterator[Refusal]:
    for vm in found.unread:
        if vm.node == host:
            why = "it may be a guest of the site, and would be forgotten"
            remedy = "give the token VM.Audit on /vms; see that its node is online"
            yield Refusal(f"VM {vm.vmid}", vm.why, f"the cards of each VM on {host} can be read", why, remedy)
