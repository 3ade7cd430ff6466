"""The hosts themselves: one anycast gateway everywhere, and an FRR that has nothing left to change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from trellis.lab.evidence import Answer, Question
from trellis.lab.proof import ask
from trellis.lab.proof.fabric import Fabric
from trellis.lab.proof.row import Group, Row, judged
from trellis.lab.proof.spoken import Device, device, reload_differences

Evidence = Mapping[Question, Answer]


def gateways(fabric: Fabric, evidence: Evidence) -> Iterator[Row]:
    """Each VNet's gateway: its addresses, one MAC and one link-local on all hosts, none refused as a duplicate."""
    for vnet, entry in sorted(fabric.site.vnets.items()):
        hosts = fabric.nodes_of(entry.zone)
        answers = {host: evidence[ask.device(host, vnet)] for host in hosts}
        found = {host: device(answer.json()) for host, answer in answers.items()}
        faults = [fault for host, there in found.items() for fault in _faults(fabric, vnet, host, there)]
        there = [entry for entry in found.values() if entry is not None]
        macs = {entry.mac for entry in there}
        locals_ = {str(address) for entry in there for address in entry.link_locals}
        seen = f"{', '.join(sorted(macs))}; {', '.join(sorted(locals_))}" if there else "no such device"
        yield judged(
            vnet,
            Group.GATEWAY,
            f"{', '.join(map(str, fabric.gateways(vnet)))} on all {len(hosts)} hosts, one MAC, one link-local",
            "; ".join((seen, *faults)),
            not faults and len(macs) == 1 and len(locals_) == 1,
            *answers.values(),
        )


def _faults(fabric: Fabric, vnet: str, host: str, there: Device | None) -> Iterator[str]:
    if there is None:
        yield f"{host} has no {vnet}"
        return
    if lacking := [str(address) for address in fabric.gateways(vnet) if address not in there.addresses]:
        yield f"{host} has no {', '.join(lacking)}"
    if there.unusable:
        yield f"{host} can't use {', '.join(map(str, there.unusable))} (tentative or dadfailed)"


def config(fabric: Fabric, evidence: Evidence) -> Iterator[Row]:
    """What is rendered is what FRR prints back (R14)."""
    for host in fabric.hosts:
        answer = evidence[ask.reload_test(host)]
        differences = reload_differences(answer.output) if answer.status == 0 else None
        if differences is None:
            seen = f"no result: exit status {answer.status}"
        else:
            seen = f"{len(differences)} lines: {' | '.join(differences[:5])}" if differences else "nothing"
        yield judged(host, Group.CONFIG, "nothing", seen, differences == (), answer)
