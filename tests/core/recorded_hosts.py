"""What the hosts of a converged homelab say to `trellis check --live`: FRR's own answers, read as the agent reads them.

Sessions, tables, defaults and adjacencies are those of the recorded twin (``tests/lab/recorded``).  It was not asked
for VNIs, ways and pings; they are written here in the form in which FRR 10.3 and 10.7 print them (measured, and for
VNIs and ways held against real daemons by ``tests/agent/test_live_on_frr.py``).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import cache
from typing import Any

from tests.lab.recorded import Recording, recording
from tests.sites import plan_of
from trellis.agent.control_plane import control_plane
from trellis.lab.proof.ask import vtysh
from trellis.reach.assertions import Judgement, expected, judge, seen

HOSTS = ("pve01", "pve02", "pve03")
_LINKS = {("pve01", "pve02"): "vmbr1v20", ("pve01", "pve03"): "vmbr1v21", ("pve02", "pve03"): "vmbr1v22"}
_MANAGEMENT = "vmbr0.10"
L3VNIS = {4096: "vrf_evpnz1", 4097: "vrf_evpnz2"}
L2VNIS = {10100: "vrf_evpnz1", 10101: "vrf_evpnz1", 10102: "vrf_evpnz1", 10103: "vrf_evpnz1", 10200: "vrf_evpnz2"}

Answer = dict[str, Any]


def _vtep(host: str) -> str:
    return f"10.255.0.{host[-1]}"


def _vni_list(host: str) -> Answer:
    labels = {"rd": f"{_vtep(host)}:2", "originatorIp": _vtep(host), "inKernel": "True"}
    targets = {vni: [f"60904:{vni}"] for vni in (*L3VNIS, *L2VNIS)}
    entries = {str(vni): {"vni": vni, **labels, "importRTs": rt, "exportRTs": rt} for vni, rt in targets.items()}
    return {"advertiseAllVnis": "Enabled", "flooding": "Head-end replication", "numVnis": len(entries), **entries}


def _vni(host: str, vni: int) -> Answer:
    if vni in L3VNIS:
        there = {"vni": vni, "type": "L3", "tenantVrf": L3VNIS[vni], "localVtepIp": _vtep(host), "state": "Up"}
        return {
            **there,
            "vniFilter": "none",
            "l2Vnis": [number for number, vrf in L2VNIS.items() if vrf == L3VNIS[vni]],
        }
    remotes = [{"ip": _vtep(other), "flood": "HER"} for other in HOSTS if other != host]
    there = {"vni": vni, "type": "L2", "tenantVrf": L2VNIS[vni], "vtepIp": _vtep(host)}
    return {**there, "numRemoteVteps": len(remotes), "remoteVteps": remotes}


def _ways(host: str, pool: str, length: int, edge: str) -> Answer:
    ways = {
        f"{pool}{other[-1]}/{length}": _LINKS[min(host, other), max(host, other)] for other in HOSTS if other != host
    }
    ways[f"{pool}{edge}/{length}"] = _MANAGEMENT
    hop = {"fib": True, "active": True}
    return {p: [{"selected": True, "nexthops": [{**hop, "interfaceName": name}]}] for p, name in ways.items()}


def _answer(twin: Recording, host: str, command: str) -> Answer:
    """What FRR on a host answers; what it has none of is empty, as there."""
    match command.removesuffix(" json").split():
        case ["show", "evpn", "vni"]:
            return {str(vni): {} for vni in (*L3VNIS, *L2VNIS)}
        case ["show", "evpn", "vni", number]:
            return _vni(host, int(number))
        case ["show", "bgp", "l2vpn", *_]:
            return _vni_list(host)
        case ["show", family, "route", "ospf" | "ospf6"]:
            pool = ("10.255.0.", 32, "254") if family == "ip" else ("fd00:0:0:ffff::", 128, "fffe")
            return _ways(host, *pool)
        case ["show", family, "route", "vrf", vrf, prefix]:
            whole = twin.said(vtysh(host, f"show {family} route vrf {vrf} json"))
            return {only: found for only, found in whole.items() if only == prefix}
    return dict(twin.said(vtysh(host, command)))


@cache
def _said(host: str) -> str:
    twin = recording()
    wanted = expected(plan_of("homelab")).hosts[host]
    pings = [
        {"source": ping.source, "target": ping.target, "size": ping.size, "answered": True, "answered_small": True}
        for ping in wanted.pings
    ]
    told = control_plane(lambda daemon, command: _answer(twin, host, command))
    return json.dumps({"schema_version": 1, "host": host, **told, "pings": pings})


def said(host: str) -> Answer:
    """What a host's agent answers, fresh, so that a test may change it."""
    found: Answer = json.loads(_said(host))
    return found


class Fabric:
    """The three hosts, and what a test makes of them."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer | str] = {host: said(host) for host in HOSTS}
        self.left_alone: dict[str, str] = {}

    def of(self, host: str) -> Answer:
        """A host's answer, to be changed."""
        answer = self.answers[host]
        assert not isinstance(answer, str)
        return answer

    def one(self, host: str, name: str, **where: Any) -> Answer:
        """The entry of a list in a host's answer, to be changed."""
        (found,) = [entry for entry in self.of(host)[name] if where.items() <= entry.items()]
        assert isinstance(found, dict)
        return found

    def drop(self, host: str, name: str, holds: Callable[[Any], bool]) -> None:
        """Take entries out of a list in a host's answer."""
        before = copy.copy(self.of(host)[name])
        self.of(host)[name] = [entry for entry in before if not holds(entry)]
        assert self.of(host)[name] != before, "there is no such entry"

    def judged(self) -> Judgement:
        """What is said of it."""
        plan = plan_of("homelab")
        answers = {h: found if isinstance(found, str) else seen(h, found) for h, found in self.answers.items()}
        return judge(plan, expected(plan), answers, self.left_alone)

    def failing(self) -> list[tuple[str, str, str]]:
        """Host, kind and subject of each finding."""
        return [(one.host, one.kind, one.about) for one in self.judged().findings]
