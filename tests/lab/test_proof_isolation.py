"""What must not pass, judged by what a real twin said: each thing that came through turns exactly its row red."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from tests.lab.recorded import Recording, recording
from trellis.lab.evidence import Answer, Question
from trellis.lab.proof import ask, filters
from trellis.lab.proof.declared import may_reach, served
from trellis.lab.proof.fabric import Fabric
from trellis.lab.proof.prove import TRAFFIC, questions
from trellis.lab.proof.row import Group
from trellis.lab.proof.spoken import Connection, connection, counters, rules_that_counted
from trellis.site import load_site

SSH_BANNER = "connected\nSSH-2.0-OpenSSH_10.0p2 Debian-7+deb13u4\n"
ISOLATED4, DEBIAN4 = ip_address("10.200.254.6"), ip_address("10.101.254.6")


@pytest.fixture(scope="module")
def twin() -> Recording:
    return recording()


def with_site(twin: Recording, **more: Any) -> Fabric:
    site = twin.fabric.site.model_dump(mode="json", exclude_unset=True)
    return replace(twin.fabric, site=load_site({**site, **more}))


def pinged(*answered: int) -> str:
    replies = [f"64 bytes from 10.200.254.6: icmp_seq={number} ttl=62 time=0.1 ms" for number in answered]
    return "\n".join(("PING 10.200.254.6", *replies, f"3 packets transmitted, {len(answered)} received"))


@pytest.mark.parametrize("answered", [(1, 2, 3), (2,)])
def test_a_single_answer_from_another_zone_turns_its_row_red(twin: Recording, answered: tuple[int, ...]) -> None:
    asked = ask.ping("pve01", "debian-test-1", DEBIAN4, ISOLATED4, ask.PING_PATIENCE_S)
    red = twin.with_output(asked, pinged(*answered)).failing()
    assert red == ["ZONES: debian-test-1 to isolated-1 (10.200.254.6), ping"]


def test_a_ping_that_was_never_sent_proves_nothing(twin: Recording) -> None:
    asked = ask.ping("pve01", "debian-test-1", DEBIAN4, ISOLATED4, ask.PING_PATIENCE_S)
    red = twin.with_output(asked, "", status=1).failing()
    assert red == ["ZONES: debian-test-1 to isolated-1 (10.200.254.6), ping"]


@pytest.mark.parametrize(
    ("asked", "red"),
    [
        (
            ask.tcp("pve01", "debian-test-1", ISOLATED4, 179),
            "ZONES: debian-test-1 to isolated-1 (10.200.254.6), TCP 179",
        ),
        (
            ask.tcp("pve02", "isolated-1", ip_address("10.10.0.11"), 22),
            "INFRASTRUCTURE: isolated-1 to 10.10.0.11 of pve01, TCP 22",
        ),
        (
            ask.tcp("pve01", "debian-test-1", ip_address("fd00:101::fffe"), 22),
            "HOST_PORTS: debian-test-1 to fd00:101::fffe of pve01, TCP 22",
        ),
        (
            ask.tcp_to_link_local_gateway("pve01", "debian-test-1", 22),
            "HOST_PORTS: debian-test-1 to its link-local gateway of pve01, TCP 22",
        ),
    ],
)
def test_a_banner_that_a_guest_could_read_turns_its_row_red(twin: Recording, asked: Question, red: str) -> None:
    broken = twin.with_output(asked, SSH_BANNER)
    assert broken.failing() == [red]
    assert "SSH-2.0-OpenSSH" in next(row.seen for row in broken.rows() if row.fails)


@pytest.mark.parametrize(
    ("status", "output", "errors", "state"),
    [
        (0, SSH_BANNER, "", "connected"),
        (124, "connected\n", "", "connected"),  # a listener that says nothing
        (124, "", "", "refused"),
        (1, "", "bash: connect: Connection refused", "refused"),
        (1, "", "OSError: [Errno 113] No route to host", "refused"),
        (1, "", "nsenter: cannot open /run/netns/gone: No such file or directory", "not tried"),
        (127, "", "was not asked", "not tried"),
        (124, "", "no end after 30 s", "not tried"),
        (0, "", "", "not tried"),
    ],
)
def test_only_an_attempt_that_was_made_counts_as_refused(status: int, output: str, errors: str, state: str) -> None:
    made: Connection = connection(Answer(Question("pve01", ("bash",)), status, output, errors))
    assert made.state == state


def test_counters_of_rules_are_read_by_their_name() -> None:
    before = 'ip daddr @tenants_ip counter packets 4 bytes 336 drop comment "R12 other zone"\n'
    after = before.replace("4", "9") + 'counter packets 2 bytes 120 drop comment "R12 host"\n'
    assert counters(after) == {"R12 other zone": 9, "R12 host": 2}
    assert rules_that_counted(before, after) == "R12 host 2, R12 other zone 5"
    assert rules_that_counted(after, after) == ""


def watching(twin: Recording, node: str, guest: str | None) -> Question:
    """The question to whoever watches there."""
    inside = ask.in_guest(guest) if guest else ("python3",)
    found = [q for q in twin.evidence if q.node == node and "watch" in q.argv and q.argv[: len(inside)] == inside]
    (question,) = found
    return question


def arrived(*pair: str) -> Callable[[Any], object]:
    def edit(said: Any) -> None:
        (entry,) = [entry for entry in said if entry.split(",")[:2] == list(pair)]
        said[entry]["tcp"] += 1

    return edit


@pytest.mark.parametrize(
    ("where", "pair", "red"),
    [
        (("edge1", None), ("10.101.0.6", "10.200.0.6"), ["ZONES_HOST: debian-test-1 to isolated-1, IPv4"]),
        (("edge1", None), ("fd00:101::6", "fd00:10::12"), ["INFRASTRUCTURE_HOST: debian-test-1, IPv6"]),
        (("edge1", None), ("fd00:200::6", "2001:db8:ffff::1"), None),
        (
            ("pve02", "isolated-1"),
            ("fd00:101::6", "fd00:200::6"),
            ["ZONES_EDGE: debian-test-1 to isolated-1 by edge1, IPv6"],
        ),
        (
            ("pve02", None),
            ("10.101.0.6", "10.255.0.2"),
            ["INFRASTRUCTURE_EDGE: debian-test-1 to 10.255.0.2 of pve02 by edge1"],
        ),
        (
            ("pve01", "debian-test-1"),
            ("10.255.0.254", "10.101.0.6"),
            ["INFRASTRUCTURE_EDGE: debian-test-1 to 10.255.0.254 of edge1 itself"],
        ),
        (
            ("pve01", "debian-test-1"),
            ("10.255.0.1", "10.101.0.6"),
            ["INFRASTRUCTURE_BACK: debian-test-1 to 10.255.0.1 of pve01, back from edge1"],
        ),
    ],
)
def test_a_packet_behind_a_filter_turns_that_filters_row_red(
    twin: Recording, where: tuple[str, str | None], pair: tuple[str, str], red: list[str] | None
) -> None:
    question = watching(twin, *where)
    if red is None:  # as a control of the one and a forged source of the other, told apart by their marks
        same = [entry for entry in twin.said(question) if entry.split(",")[:2] == list(pair)]
        assert len({entry.rpartition(",")[2] for entry in same}) == 2
        return
    assert twin.altered(question, arrived(*pair)).failing() == red


def test_a_watch_that_saw_nothing_of_what_may_pass_proves_nothing(twin: Recording) -> None:
    question = watching(twin, "edge1", None)
    deaf = {entry: {"icmp": 0, "tcp": 0} for entry in twin.said(question)}
    red = twin.with_output(question, json.dumps(deaf)).failing()
    assert {row.partition(":")[0] for row in red} == {"ZONES_HOST", "INFRASTRUCTURE_HOST", "FORGED"}
    silent = twin.with_output(question, "", status=1).failing()
    assert silent == red


def test_an_advertisement_that_the_host_took_in_turns_its_row_red(twin: Recording) -> None:
    asked = ask.advertisements_heard("pve01", "vnet101", "after")
    text = twin.evidence[asked].output
    lines = [
        f"Icmp6InRouterAdvertisements {int(line.split()[1]) + 1}" if line.startswith("Icmp6InRouterAdv") else line
        for line in text.splitlines()
    ]
    assert twin.with_output(asked, "\n".join(lines)).failing() == ["ADVERTISEMENTS: debian-test-1 on vnet101 of pve01"]


def test_a_bfd_session_that_is_down_turns_its_hosts_row_red(twin: Recording) -> None:
    def edit(said: Any) -> None:
        next(entry for entry in said if entry["peer"] == "fd00:101::11")["status"] = "down"

    assert twin.altered(ask.bfd("pve01"), edit).failing() == ["BFD: pve01"]


def test_every_filter_is_tried_with_something_that_may_pass_on_the_same_way(twin: Recording) -> None:
    trials = tuple(filters.trials_of(twin.fabric))
    assert {trial.group for trial in trials} == {
        Group.ZONES_HOST,
        Group.ZONES_EDGE,
        Group.INFRASTRUCTURE_HOST,
        Group.INFRASTRUCTURE_EDGE,
        Group.INFRASTRUCTURE_BACK,
        Group.FORGED,
    }
    for trial in trials:
        for crossing in trial.forbidden:
            assert crossing.sender == trial.control.sender
            assert crossing.next_hop == trial.control.next_hop
            assert crossing.watchers == trial.control.watchers


def test_what_a_leak_lets_pass_is_expected_to_pass_by_the_host_itself(twin: Recording) -> None:
    fabric = with_site(twin, leaks={"both": {"between": ["evpnz1", "evpnz2"]}})
    assert may_reach(fabric, DEBIAN4, "evpnz1", ISOLATED4, "evpnz2")
    groups = {trial.group for trial in filters.trials_of(fabric)}
    assert groups & {Group.ZONES_HOST, Group.ZONES_EDGE} == set()
    assert Group.LEAKS in groups


def test_a_leak_of_some_prefixes_opens_these_alone(twin: Recording) -> None:
    fabric = with_site(twin, leaks={"part": {"between": ["evpnz1", "evpnz2"], "prefixes": ["10.101.254.0/24"]}})
    assert may_reach(fabric, DEBIAN4, "evpnz1", ISOLATED4, "evpnz2")
    assert not may_reach(fabric, ip_address("10.101.0.6"), "evpnz1", ISOLATED4, "evpnz2")


def test_a_service_is_expected_to_answer_its_own_vnets_guests_at_its_own_ports(twin: Recording) -> None:
    service = {"vnets": ["vnet101"], "protocol": "tcp", "ports": [22]}
    fabric = with_site(twin, firewall={"host": service, "far": {**service, "to": ["10.255.0.3/32"]}})
    guests = {guest.name: guest for guest in fabric.guests}
    assert served(fabric, guests["debian-test-1"], 22, None)
    assert served(fabric, guests["debian-test-1"], 22, ip_address("10.255.0.3"))
    assert not served(fabric, guests["debian-test-1"], 22, ip_address("10.255.0.2"))
    assert not served(fabric, guests["debian-test-1"], 179, None)
    assert not served(fabric, guests["isolated-1"], 22, None)
    assert ask.tcp("pve01", "debian-test-1", ip_address("10.255.0.3"), 22, 4) in questions(fabric, TRAFFIC)
