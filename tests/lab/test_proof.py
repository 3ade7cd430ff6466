"""The proof judged by what a real twin said: all of it holds, and each defect turns exactly its own rows red.

Waiting for convergence stands in ``test_proof_waiting``, what is printed in ``test_proof_report``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from ipaddress import ip_address

import pytest

from tests.lab.proof_defects import DEFECTS, SOLCP01, SOLCP01_LO, Defect
from tests.lab.recorded import Recording, recording
from trellis.lab import proof
from trellis.lab.evidence import Evidence
from trellis.lab.proof import ask
from trellis.lab.proof.prove import CHAPTERS, judge, questions
from trellis.lab.proof.row import Group


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
        Group.EXPORTS: 18,  # 3 hosts, two families, to the edge and two hosts
        Group.EDGE_GUESTS: 28,  # 8 guests and the pods of 6, two families
        Group.EDGE_SUBNETS: 12,  # 5 VNets, two families, and the prefixes that are delegated to two of them
        Group.EDGE_NOTHING_ELSE: 2,
        Group.DEFAULTS: 16,
        Group.PING_HOST: 14,  # 3 guests on pve01, 2 on pve02 and pve03 each; isolated-1 is alone in its zone
        Group.PING_FABRIC: 28,  # 7 guests to the 2 other hosts
        Group.PING_UPSTREAM: 16,
        Group.GLOBAL_SOURCE: 2,  # one by SLAAC, one of the site's
        Group.PING_GLOBAL: 2,
        Group.PING_GATEWAY: 23,  # 8 guests, two families, and the delegated subnet of the VNet of 7
        Group.MANAGED: 24,  # a guest of each zone, from its host, another one and the edge; ping and TCP, two families
        Group.TCP_UPSTREAM: 16,
        Group.ZONES: 8,  # both ways, two families, ping and TCP
        Group.ZONES_HOST: 4,
        Group.ZONES_EDGE: 4,
        Group.INFRASTRUCTURE: 64,  # 2 guests; loopback and management address of 4 routers, two families; ping and TCP
        Group.INFRASTRUCTURE_HOST: 4,
        Group.INFRASTRUCTURE_EDGE: 8,  # on to a host, and the edge itself
        Group.INFRASTRUCTURE_BACK: 4,
        Group.HOST_PORTS: 7,  # by the gateway's two addresses and its link-local one, and one's delegated one
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
