"""The proof judged by what a real twin said: all of it holds, and each defect turns exactly its own rows red."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from rich.console import Console

from tests.lab.recorded import Recording, recording
from trellis.lab import proof
from trellis.lab.evidence import Evidence, Question
from trellis.lab.proof import ask, converge
from trellis.lab.proof.fabric import Fabric
from trellis.lab.proof.prove import CHAPTERS, judge, questions
from trellis.lab.proof.row import Group

PVE01_4, PVE02_4, EDGE_4 = (ip_address(f"10.255.0.{last}") for last in (1, 2, 254))
SOLCP01, SOLCP01_LO = ip_address("fd00:101::11"), ip_network("10.101.254.11/32")


@pytest.fixture(scope="module")
def twin() -> Recording:
    return recording()


def test_every_claim_holds_on_the_recorded_twin(twin: Recording) -> None:
    rows = twin.rows()
    assert [row.name for row in rows if row.fails] == []
    assert proof.holds(rows)


def test_the_proof_covers_every_link_session_guest_and_prefix_of_the_site(twin: Recording) -> None:
    rows = twin.rows()
    assert Counter(row.group for row in rows) == {
        Group.UNDERLAY: 18,  # 3 cables with 2 hosts, a segment with 3, two versions
        Group.MESH: 12,  # 3 hosts, 2 peers, two IP versions
        Group.EDGE_SESSIONS: 12,  # 3 hosts, two IP versions, both sides
        Group.GUEST_SESSIONS: 8,
        Group.BFD: 3,
        Group.GUEST_ELSEWHERE: 8,
        Group.OWN_TABLE: 6,  # 3 hosts, two families
        Group.EDGE_GUESTS: 28,  # 8 guests and the pods of 6, two families
        Group.EDGE_SUBNETS: 10,
        Group.EDGE_NOTHING_ELSE: 2,
        Group.DEFAULTS: 16,
        Group.PING_HOST: 14,  # 3 guests on pve01, 2 on pve02 and pve03 each; isolated-1 is alone in its zone
        Group.PING_FABRIC: 28,  # 7 guests to the 2 other hosts
        Group.PING_UPSTREAM: 16,
        Group.PING_GATEWAY: 16,
        Group.MANAGED: 24,  # a guest of each zone, from its host, another one and the edge; ping and TCP, two families
        Group.TCP_UPSTREAM: 16,
        Group.ZONES: 8,  # both ways, two families, ping and TCP
        Group.ZONES_HOST: 4,
        Group.ZONES_EDGE: 4,
        Group.INFRASTRUCTURE: 64,  # 2 guests; loopback and management address of 4 routers, two families; ping and TCP
        Group.INFRASTRUCTURE_HOST: 4,
        Group.INFRASTRUCTURE_EDGE: 8,  # on to a host, and the edge itself
        Group.INFRASTRUCTURE_BACK: 4,
        Group.HOST_PORTS: 6,  # by the gateway's two addresses and its link-local one
        Group.FORGED: 4,
        Group.ADVERTISEMENTS: 2,
        Group.ISOLATION: 24,  # 2 zones, 3 hosts, two families, kernel and BGP
        Group.GATEWAY: 5,
        Group.CONFIG: 3,
    }
    names = [(row.group, row.name) for row in rows]
    assert len(set(names)) == len(names)


def test_without_evidence_no_claim_holds(twin: Recording) -> None:
    assert [row.name for row in judge(twin.fabric, Evidence(())) if row.ok] == []


def test_an_empty_proof_proves_nothing() -> None:
    assert not proof.holds(())


def test_each_row_is_told_apart_by_the_node_that_its_evidence_was_taken_on(twin: Recording) -> None:
    owners = {row.name: row.host for row in twin.rows() if row.group is Group.GUEST_SESSIONS}
    assert owners["solcp02 (AS4210101012) on pve02"] == "pve02"
    assert owners["isolated-1 (AS4200200006) on pve02"] == "pve02"
    assert all(answer.seconds or answer.output for row in twin.rows() for answer in row.evidence)


def test_guests_are_looked_for_where_they_run_now_not_where_the_site_starts_them(twin: Recording) -> None:
    moved = replace(twin.fabric, places={**twin.fabric.places, "solcp01": "pve03"})
    asked = questions(moved, CHAPTERS)
    assert ask.neighbour("pve03", SOLCP01, "evpnz1") in asked
    assert ask.default_route("pve03", "solcp01", 4) in asked
    assert not any(question.node == "pve01" and "solcp01" in question.argv for question in asked)


def peer(said: Any, address: object) -> Any:
    return said[str(address)]


def drop_family(address: object, family: str) -> Callable[[Any], object]:
    return lambda said: peer(said, address)["neighborCapabilities"]["multiprotocolExtensions"].pop(family)


def set_state(address: object, state: str) -> Callable[[Any], object]:
    return lambda said: peer(said, address).update(bgpState=state)


def established_here_too(said: Any) -> None:
    for family in said.values():
        family["peers"]["fd00:101::11"]["state"] = "Established"


def first_hop(said: Any) -> Any:
    return said[str(SOLCP01_LO)][0]["nexthops"][0]


def second_hop(said: Any) -> None:
    hops = said[str(SOLCP01_LO)][0]["nexthops"]
    hops.append({**hops[0], "ip": "10.255.0.2"})


def only_one_hop_is_left(said: Any) -> None:
    route = said["10.101.0.0/24"][0]
    route["nexthops"] = [hop for hop in route["nexthops"] if hop["ip"] != "10.255.0.3"]


def v3_neighbour_lost(said: Any) -> None:
    said["neighbors"] = [entry for entry in said["neighbors"] if entry["interfaceName"] != "vmbr1v20"]


def v2_neighbour_stuck(said: Any) -> None:
    for entry in said["neighbors"]["10.255.0.2"]:
        if entry["ifaceName"].startswith("vmbr1v20"):
            entry["nbrState"] = "ExStart/-"


def segment_without_a_designated_router(said: Any) -> None:
    for entries in said["neighbors"].values():
        for entry in entries:
            if entry["ifaceName"].startswith("vmbr0.10"):
                entry["nbrState"] = "2-Way/DROther"


def copy_route(prefix: str, model: str) -> Callable[[Any], object]:
    def edit(said: Any) -> None:
        table = said.get("routes", said)
        table[prefix] = table[model]

    return edit


def device_info(said: Any, address: str) -> Any:
    return next(info for info in said[0]["addr_info"] if info["local"] == address)


@dataclass(frozen=True)
class Defect:
    what: str
    question: Question
    edit: Callable[[Any], object]
    red: tuple[str, ...]


DEFECTS = (
    Defect(
        "a link whose OSPFv2 is stuck in ExStart",
        ask.ospf("pve01", 4),
        v2_neighbour_stuck,
        ("UNDERLAY: mesh-pve01-pve02: OSPFv2 of pve01",),
    ),
    Defect(
        "a link without an OSPFv3 neighbour",
        ask.ospf("pve01", 6),
        v3_neighbour_lost,
        ("UNDERLAY: mesh-pve01-pve02: OSPFv3 of pve01",),
    ),
    Defect(
        "a segment on which nobody is Full",
        ask.ospf("pve01", 4),
        segment_without_a_designated_router,
        ("UNDERLAY: management: OSPFv2 of pve01",),
    ),
    Defect(
        "iBGP that did not agree on EVPN",
        ask.neighbour("pve01", PVE02_4),
        drop_family(PVE02_4, "l2VpnEvpn"),
        ("MESH: pve01 to pve02, IPv4",),
    ),
    Defect(
        "an iBGP session that is down",
        ask.neighbour("pve01", PVE02_4),
        set_state(PVE02_4, "Connect"),
        ("MESH: pve01 to pve02, IPv4",),
    ),
    Defect(
        "an edge session that only the host takes for up",
        ask.neighbour("edge1", PVE01_4),
        set_state(PVE01_4, "Active"),
        ("EDGE_SESSIONS: edge1 to pve01, IPv4",),
    ),
    Defect(
        "an edge session that only the edge takes for up",
        ask.neighbour("pve01", EDGE_4),
        set_state(EDGE_4, "Idle"),
        ("EDGE_SESSIONS: pve01 to edge1, IPv4",),
    ),
    Defect(
        "a guest session that is down",
        ask.neighbour("pve01", SOLCP01, "evpnz1"),
        set_state(SOLCP01, "Idle"),
        ("GUEST_SESSIONS: solcp01 (AS4210101011) on pve01",),
    ),
    Defect(
        "a guest session for IPv6 only",
        ask.neighbour("pve01", SOLCP01, "evpnz1"),
        drop_family(SOLCP01, "ipv4Unicast"),
        ("GUEST_SESSIONS: solcp01 (AS4210101011) on pve01",),
    ),
    Defect(
        "a guest session on a second host",
        ask.summary("pve03", "evpnz1"),
        established_here_too,
        ("GUEST_ELSEWHERE: solcp01",),
    ),
    Defect(
        "a guest of another host in the table that a host exports from",
        ask.bgp_table("pve01", 4),
        copy_route("10.101.254.12/32", "10.101.254.11/32"),
        ("OWN_TABLE: IPv4 table of pve01",),
    ),
    Defect(
        "a guest's route that its host does not export",
        ask.bgp_table("pve01", 6),
        lambda said: said["routes"].pop("fd00:101:fe::11/128"),
        ("OWN_TABLE: IPv6 table of pve01",),
    ),
    Defect(
        "a guest's loopback by way of two hosts",
        ask.route("edge1", SOLCP01_LO),
        second_hop,
        ("EDGE_GUESTS: solcp01 loopback 10.101.254.11/32 at edge1",),
    ),
    Defect(
        "a guest's loopback by way of another host",
        ask.route("edge1", SOLCP01_LO),
        lambda said: first_hop(said).update(ip="10.255.0.3"),
        ("EDGE_GUESTS: solcp01 loopback 10.101.254.11/32 at edge1",),
    ),
    Defect(
        "a guest's loopback that the edge's kernel has not got",
        ask.route("edge1", SOLCP01_LO),
        lambda said: said[str(SOLCP01_LO)][0].pop("installed"),
        ("EDGE_GUESTS: solcp01 loopback 10.101.254.11/32 at edge1",),
    ),
    Defect(
        "a guest's loopback by OSPF",
        ask.route("edge1", SOLCP01_LO),
        lambda said: said[str(SOLCP01_LO)][0].update(protocol="ospf"),
        ("EDGE_GUESTS: solcp01 loopback 10.101.254.11/32 at edge1",),
    ),
    Defect(
        "no route to a node's pods",
        ask.route("edge1", ip_network("fd00:101:244::/64")),
        lambda said: said.clear(),
        ("EDGE_GUESTS: solcp01 pods fd00:101:244::/64 at edge1",),
    ),
    Defect(
        "a subnet that one host does not export",
        ask.route("edge1", ip_network("10.101.0.0/24")),
        only_one_hop_is_left,
        ("EDGE_SUBNETS: vnet101 10.101.0.0/24 at edge1",),
    ),
    Defect(
        "a host's loopback leaked to the edge",
        ask.bgp_table("edge1", 4),
        copy_route("10.255.0.2/32", "10.101.0.0/24"),
        ("EDGE_NOTHING_ELSE: IPv4 at edge1",),
    ),
    Defect(
        "a host's own address in a VNet leaked to the edge",
        ask.bgp_table("edge1", 4),
        copy_route("10.101.0.254/32", "10.101.0.0/24"),
        ("EDGE_NOTHING_ELSE: IPv4 at edge1",),
    ),
    Defect(
        "an edge without any route",
        ask.bgp_table("edge1", 6),
        lambda said: said["routes"].clear(),
        ("EDGE_NOTHING_ELSE: IPv6 at edge1",),
    ),
    Defect(
        "a guest without a default route",
        ask.default_route("pve01", "solcp01", 4),
        lambda said: said.clear(),
        ("DEFAULTS: solcp01, IPv4",),
    ),
    Defect(
        "a guest with only a static default route",
        ask.default_route("pve01", "solcp01", 6),
        lambda said: said[0].update(protocol="static"),
        ("DEFAULTS: solcp01, IPv6",),
    ),
    Defect(
        "a guest whose default is not by the anycast gateway",
        ask.default_route("pve01", "solcp01", 6),
        lambda said: said[0].update(gateway="fe80::1"),
        ("DEFAULTS: solcp01, IPv6",),
    ),
    Defect(
        "a route of the second zone in the first one's kernel table",
        ask.all_routes("pve01", 4, "evpnz1"),
        copy_route("10.200.254.6/32", "10.101.254.11/32"),
        ("ISOLATION: vrf_evpnz1, IPv4 routes of pve01",),
    ),
    Defect(
        "a more specific route of the first zone in the second one's BGP table",
        ask.bgp_table("pve03", 6, "evpnz2"),
        copy_route("fd00:101:244:0:1::/80", "::/0"),
        ("ISOLATION: vrf_evpnz2, IPv6 BGP table of pve03",),
    ),
    Defect(
        "a VRF that lacks a route of its own, learned from another host",
        ask.all_routes("pve01", 4, "evpnz1"),
        lambda said: said.pop("10.101.254.12/32"),
        ("ISOLATION: vrf_evpnz1, IPv4 routes of pve01",),
    ),
    Defect(
        "a gateway with another MAC on one host",
        ask.device("pve02", "vnet101"),
        lambda said: said[0].update(address="bc:24:11:00:00:01"),
        ("GATEWAY: vnet101",),
    ),
    Defect(
        "a gateway that one host takes for a duplicate",
        ask.device("pve02", "vnet101"),
        lambda said: device_info(said, "fd00:101::fffe").update(dadfailed=True),
        ("GATEWAY: vnet101",),
    ),
    Defect(
        "a gateway with a further link-local on one host",
        ask.device("pve02", "vnet101"),
        lambda said: said[0]["addr_info"].append({"local": "fe80::1", "scope": "link"}),
        ("GATEWAY: vnet101",),
    ),
    Defect(
        "a host without the IPv4 gateway",
        ask.device("pve02", "vnet101"),
        lambda said: said[0]["addr_info"].remove(device_info(said, "10.101.0.254")),
        ("GATEWAY: vnet101",),
    ),
)


@pytest.mark.parametrize("defect", DEFECTS, ids=[defect.what for defect in DEFECTS])
def test_a_defect_turns_exactly_its_own_row_red(twin: Recording, defect: Defect) -> None:
    assert twin.altered(defect.question, defect.edit).failing() == list(defect.red)


PING = ask.ping("pve01", "solcp01", SOLCP01_LO.network_address, ip_address("203.0.113.1"))


def pinged(*answered: int) -> str:
    replies = [f"64 bytes from 203.0.113.1: icmp_seq={number} ttl=62 time=0.1 ms" for number in answered]
    received = f"3 packets transmitted, {len(answered)} received, 0% packet loss, time 418ms"
    return "\n".join(("PING 203.0.113.1", *replies, "", "--- 203.0.113.1 ping statistics ---", received))


@pytest.mark.parametrize(
    ("answered", "red"),
    [
        ((1, 2, 3), []),
        ((2, 3), []),
        ((1, 2), ["PING_UPSTREAM: solcp01 to 203.0.113.1"]),
        ((1,), ["PING_UPSTREAM: solcp01 to 203.0.113.1"]),
        ((), ["PING_UPSTREAM: solcp01 to 203.0.113.1"]),
    ],
)
def test_all_pings_but_the_first_have_to_be_answered(
    twin: Recording, answered: tuple[int, ...], red: list[str]
) -> None:
    assert twin.with_output(PING, pinged(*answered), 0 if answered else 1).failing() == red


def test_an_answer_that_comes_twice_does_not_count_for_one_that_is_lost(twin: Recording) -> None:
    doubled = pinged(1, 2) + "\n64 bytes from 203.0.113.1: icmp_seq=3 ttl=62 time=9.1 ms (DUP!)"
    assert twin.with_output(PING, doubled).failing() == ["PING_UPSTREAM: solcp01 to 203.0.113.1"]


@pytest.mark.parametrize(
    ("status", "output", "seen"),
    [
        (0, "Lines To Add\n===\nrouter bgp 4200001000\n neighbor VTEP bfd\nexit\n", "2 lines"),
        (0, "Lines To Delete\n===\nno ip forwarding\n", "- no ip forwarding"),
        (1, "", "no result: exit status 1"),
        (0, "something else entirely", "no result"),
    ],
)
def test_a_reload_that_would_change_something_is_told(twin: Recording, status: int, output: str, seen: str) -> None:
    red = twin.with_output(ask.reload_test("pve02"), output, status)
    assert red.failing() == ["CONFIG: pve02"]
    assert seen in next(row.seen for row in red.rows() if row.fails)


def test_what_proxmox_itself_writes_is_no_difference(twin: Recording) -> None:
    listed = "\nLines To Add\n============\nfrr version 10.4.1\nline vty\nexit\n\n2026-11-21 05:19:01,092  INFO: x\n"
    assert twin.with_output(ask.reload_test("pve02"), listed).failing() == []


def test_a_host_that_cannot_be_reached_turns_all_that_is_asked_of_it_red(twin: Recording) -> None:
    silent = [row for row in twin.without("pve02").rows() if "pve02" in row.host.split(",")]
    assert len(silent) > 50
    assert [row.name for row in silent if row.ok] == []
    assert {row.seen for row in silent if row.host == "pve02"} == {"no answer: no route to host"}


def test_the_edges_routes_are_what_convergence_waits_for(twin: Recording) -> None:
    assert list(converge.missing_at_edges(twin.fabric, twin.evidence)) == []

    def late(said: Any) -> None:
        del said["10.101.254.11/32"]
        said["10.101.254.12/32"][0]["nexthops"][0]["ip"] = "10.255.0.3"

    altered = twin.altered(ask.all_routes("edge1", 4), late)
    assert list(converge.missing_at_edges(altered.fabric, altered.evidence)) == [
        "solcp01 loopback 10.101.254.11/32 at edge1",
        "solcp02 loopback 10.101.254.12/32 at edge1 (now via 10.255.0.3)",
    ]


@dataclass
class Replayed:
    """A twin whose nodes say what was recorded, from one poll to the next."""

    polls: list[Recording]
    asked: int = 0

    def ask(self, _twin: object, asked: object) -> Evidence:
        self.asked += 1
        return (self.polls.pop(0) if len(self.polls) > 1 else self.polls[0]).evidence


def replay(monkeypatch: pytest.MonkeyPatch, fabric: Fabric, *polls: Recording) -> Replayed:
    replayed = Replayed(list(polls))
    monkeypatch.setattr(converge, "ask_twin", replayed.ask)
    monkeypatch.setattr(converge, "fabric_of", lambda _twin: fabric)
    monkeypatch.setattr(converge, "_PAUSE_S", 0.0)
    return replayed


def test_waiting_says_what_is_missing_and_ends_when_nothing_is(
    twin: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    routes_late = twin.altered(ask.all_routes("edge1", 4), lambda said: said.pop("10.101.254.11/32"))
    session_late = twin.altered(ask.neighbour("pve01", PVE02_4), set_state(PVE02_4, "Connect"))
    # A poll that finds all routes asks the hosts as well: two questions of the recorded twin.
    replay(monkeypatch, twin.fabric, routes_late, routes_late, twin, session_late, twin, twin)
    said: list[str] = []
    assert proof.wait_until_converged(None, said.append, limit_s=30) < 30  # type: ignore[arg-type]
    assert [line.partition("waiting for ")[2] for line in said] == [
        "solcp01 loopback 10.101.254.11/32 at edge1",
        "pve01 to pve02, IPv4: Connect: ipv4Unicast + l2VpnEvpn, up "
        + twin.said(ask.neighbour("pve01", PVE02_4))[str(PVE02_4)]["bgpTimerUpString"],
    ]


def test_waiting_ends_at_its_limit_and_names_all_that_is_missing(
    twin: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = twin.altered(ask.all_routes("edge1", 6), lambda said: said.pop("fd00:101:fe::11/128"))
    replay(monkeypatch, twin.fabric, late)
    with pytest.raises(proof.NotConvergedError) as raised:
        proof.wait_until_converged(None, lambda _: None, limit_s=0)  # type: ignore[arg-type]
    assert raised.value.missing == ("solcp01 loopback fd00:101:fe::11/128 at edge1",)


def rendered(recorded: Recording) -> str:
    console = Console(file=io.StringIO(), width=160)
    console.print(proof.as_table(recorded.rows(), {"apply": 31.4}))
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def test_the_table_has_a_line_per_group_and_spells_out_what_fails(twin: Recording) -> None:
    healthy = rendered(twin)
    assert all(group.value in healthy for group in {row.group for row in twin.rows()})
    assert "28/28" in healthy
    assert "31.4 s" in healthy
    assert "expected" not in healthy
    red = rendered(twin.altered(ask.neighbour("pve01", SOLCP01, "evpnz1"), set_state(SOLCP01, "Idle")))
    assert "7/8" in red
    assert (
        "solcp01 (AS4210101011) on pve01: expected Established: ipv4Unicast + ipv6Unicast; seen on pve01: Idle" in red
    )


def test_the_json_form_carries_the_raw_evidence_of_each_row(twin: Recording) -> None:
    rows = twin.rows()
    report = json.loads(json.dumps(proof.as_json(rows, {"apply": 31.4})))
    assert report["holds"] is True
    assert report["counts"] == {"rows": len(rows), "failing": 0}
    row = next(row for row in report["rows"] if row["name"] == "solcp01 (AS4210101011) on pve01")
    assert row["host"] == "pve01"
    (evidence,) = row["evidence"]
    assert evidence["command"] == "vtysh -c 'show bgp vrf vrf_evpnz1 neighbors fd00:101::11 json'"
    assert json.loads(evidence["output"])["fd00:101::11"]["bgpState"] == "Established"
    assert all(row["evidence"] for row in report["rows"])
