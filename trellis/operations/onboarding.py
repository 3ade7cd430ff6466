"""A guest's way in, step by step (the seed's 11.1): what is done, what is missing, and what to do about it.

Each step is judged by what was found out, which may be that nobody could say: that is ``unknown``, never ``ok``.  Here
are the steps up to the hosts' configuration; those that the guest's session shows are ``onboarding_routes``'.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from trellis.observe.observation import Observation
from trellis.operations.discovery import Found
from trellis.plan.model import GuestPlan
from trellis.routeros.routes import Route

State = Literal["ok", "missing", "unknown"]


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a guest's way in.

    Attributes:
        name: What it is, in a word or two.
        said: What was seen.
        remedy: What to do; empty where nothing is to be done.
        where: The host or edge that it is about; empty where it is about none.
    """

    name: str
    state: State
    said: str
    remedy: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True)
class Deployed:
    """What a host holds.

    Attributes:
        committed: Digest of what was deployed last; None for nothing.
        planned: Digest of what the site gives it now.
        differences: In how many places the host is not as planned.
    """

    committed: str | None
    planned: str
    differences: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found out; a text says why nobody could.

    Attributes:
        vm: The guest beside the VMs in Proxmox.
        deployed: By host of the guest's placement.
        observed: By the same, what the host's agent says of sessions, whole.
        edges: By edge, the routes by which it forwards.
    """

    vm: Found | str
    deployed: Mapping[str, Deployed | str] = field(default_factory=dict)
    observed: Mapping[str, Observation | str] = field(default_factory=dict)
    edges: Mapping[str, tuple[Route, ...] | str] = field(default_factory=dict)


LATER = ("numbers", "VM", "deployed", "session", "routes", "edge", "default route")
"""The steps after the first, in their order."""


def not_declared(name: str, known: tuple[str, ...], entry: str) -> tuple[Step, ...]:
    """Return the steps of a guest that the site does not have.

    Args:
        name: Its name.
        known: The guests that the site has.
        entry: The entry that a VM of that name would have; empty where there is no such VM, or nobody could say.
    """
    said = f"the site has no guest {name}; it has {', '.join(known) or 'none'}"
    how = "add it to the stack file, below `guests` or a cluster's `nodes`"
    remedy = f"{how}, as in\n{entry.rstrip()}" if entry else f"{how}: `trellis guests discover` proposes entries"
    first = Step("declared", "missing", said, remedy)
    return (first, *(Step(later, "unknown", "it has to be declared first") for later in LATER))


def up_to_the_hosts(planned: GuestPlan, evidence: Evidence) -> Iterator[Step]:
    """Yield the steps from the site to the hosts' configuration.

    Args:
        planned: The guest.
        evidence: What was found out.
    """
    guest = planned.guest
    yield Step("declared", "ok", f"{guest.path}: vnet {guest.vnet}, placement {', '.join(planned.hosts)}")
    yield _numbers(planned)
    yield _machine(planned, evidence.vm)
    for host in planned.hosts:
        yield _deployed(host, evidence.deployed.get(host, "it was not asked"))


def _numbers(planned: GuestPlan) -> Step:
    guest = planned.guest
    addresses = ", ".join(str(address) for address in (guest.ipv4, guest.ipv6) if address is not None)
    loopbacks = ", ".join(map(str, guest.loopbacks)) or "none"
    speaks = f"speaks with {planned.gateway_ipv6} (ASN {planned.gateway_asn})"
    return Step("numbers", "ok", f"ASN {guest.asn}; {addresses}; loopbacks {loopbacks}; {speaks}")


def _machine(planned: GuestPlan, vm: Found | str) -> Step:
    guest = planned.guest
    if isinstance(vm, str):
        return Step("VM", "unknown", vm, "give a token of Proxmox's API in PROXMOX_VE_API_TOKEN (VM.Audit on /vms)")
    number = f"with number {guest.vmid} " if guest.vmid is not None else ""
    make = f"make a VM {number}on {' or '.join(planned.hosts)} with a card {guest.mac} on bridge {guest.vnet}"
    match vm.state:
        case "absent":
            return Step("VM", "missing", vm.why, make)
        case "unknown":
            return Step("VM", "unknown", vm.why, "see that the token may read VMs, and that all nodes are online")
        case "differs":
            said = "; ".join(map(str, vm.differences))
            return Step("VM", "missing", said, "correct it in Proxmox (`qm set`, `qm migrate`), or in the site")
    place = f"VM {vm.vmid} {vm.nic} on {vm.node}"
    if vm.running is False:
        return Step("VM", "missing", f"{place} is stopped", f"start it: `qm start {vm.vmid}` on {vm.node}")
    return Step("VM", "ok", f"{place}{'' if vm.running else ', whether it runs Proxmox does not know'}")


def _deployed(host: str, found: Deployed | str) -> Step:
    if isinstance(found, str):
        return Step("deployed", "unknown", found, f"see `trellis check {host}`", host)
    if found.committed is None:
        return Step("deployed", "missing", "nothing was ever deployed there", "`trellis install`, `pulumi up`", host)
    if found.committed != found.planned:
        said = f"{found.committed[:12]} is in force, and the site gives {found.planned[:12]}"
        return Step("deployed", "missing", said, "run `pulumi up`", host)
    if found.differences:
        said = f"{found.committed[:12]} was deployed, and {found.differences} thing(s) are not as it says"
        return Step("deployed", "missing", said, f"see `trellis check {host}`, then `trellis repair {host}`", host)
    return Step("deployed", "ok", f"{found.committed[:12]}, as the site gives it", where=host)
