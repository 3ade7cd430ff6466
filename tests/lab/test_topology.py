"""What a lab consists of, as a value: what is refused, and what survives being written down."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.lab.three_hosts import demo_topology
from trellis.lab.errors import LabError
from trellis.lab.topology import FileSpec, InterfaceSpec, NetworkKind, NetworkSpec, RouteSpec, Topology

DEMO = demo_topology()


def test_a_topology_is_read_back_as_it_was_written() -> None:
    host, *others = DEMO.machines
    host = replace(host, files=(FileSpec("/etc/x", "ä\n", 0o640, "frr"),), enabled_units=("x.service",), memory_mib=256)
    edge, *ends = DEMO.namespaces
    edge = replace(edge, routes=(RouteSpec("2001:db8::/32", "fd00:10::ffff"),), loopbacks=("::1/128",), forwarding=True)
    rich = replace(DEMO, machines=(host, *others), namespaces=(edge, *ends), frr_suite="sid")
    assert Topology.from_json(rich.to_json()) == rich


def test_any_change_changes_the_digest() -> None:
    host, *others = DEMO.machines
    changed = replace(DEMO, machines=(replace(host, files=(FileSpec("/etc/x", ""),)), *others))
    assert DEMO.digest() == demo_topology().digest()
    assert changed.digest() != DEMO.digest()


def test_all_that_is_wrong_is_said_at_once() -> None:
    host, *others = DEMO.machines
    broken = InterfaceSpec("a-name-of-16-chars", "nowhere", addresses=("10.0.0.1", "10.0.0.300/24"), mtu=9001)
    with pytest.raises(LabError) as raised:
        Topology(
            name="Demo",
            networks=(*DEMO.networks, NetworkSpec("management", NetworkKind.SEGMENT)),
            machines=(replace(host, interfaces=(broken,), loopbacks=("::1",)), *others, others[0]),
            frr_suite="buster",
        )
    why = raised.value.why
    for fault in (
        "'Demo' is not lower-case",
        "2 machines or namespaces are called 'pve02'",
        "2 networks are called 'management'",
        "'buster'",
        "'a-name-of-16-chars' of 'pve01': not a name that Linux takes",
        "there is no network 'nowhere'",
        "MTU 9001 is not within 1280..9000",
        "'10.0.0.1' is not an address",
        "'10.0.0.300/24' is not an address",
        "loopback of 'pve01': '::1' is not an address",
        "cable 'vmbr1v22' has 3 ends, not two",
    ):
        assert fault in why, fault


def test_an_unknown_host_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(LabError, match="pve01, pve02, pve03"):
        DEMO.machine("pve04")


def test_hardware_addresses_are_local_unicast_stable_and_unlike_each_other() -> None:
    def all_of(topology: Topology) -> list[str]:
        return [i.hardware_address(m.name) for m in topology.machines for i in m.interfaces]

    assert all_of(DEMO) == all_of(demo_topology("another"))
    assert len(set(all_of(DEMO))) == len(all_of(DEMO))
    assert {int(mac[:2], 16) & 0b11 for mac in all_of(DEMO)} == {0b10}
    assert InterfaceSpec("x", "n", mac="02:00:00:00:00:07").hardware_address("m") == "02:00:00:00:00:07"
