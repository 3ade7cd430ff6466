"""The seed's five traffic flows (its section 9), hop by hop on the wire: which host, which device, in VXLAN or not."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest

from trellis.lab.failures.streams import guest_of
from trellis.lab.hops import Hop, between, tap
from trellis.lab.twin import Twin

pytestmark = [pytest.mark.lab, pytest.mark.engine, pytest.mark.scenario, pytest.mark.timeout(600)]

Address = IPv4Address | IPv6Address
L2VNI, L3VNI = 10101, 4096
MESH, MANAGEMENT = "vmbr1v20", "vmbr0.10"
FAMILIES = pytest.mark.parametrize("version", [4, 6])


def loopback(dev: Twin, guest: str, version: int) -> str:
    return str(next(one[0] for one in guest_of(dev, guest).loopbacks if one.version == version))


def on_vnet(dev: Twin, guest: str, version: int) -> str:
    found = guest_of(dev, guest)
    return str(found.ipv4 if version == 4 else found.ipv6)


def pod(dev: Twin, guest: str, version: int) -> str:
    return str(next(prefix[1] for prefix in guest_of(dev, guest).pods if prefix.version == version))


def internet(dev: Twin, version: int) -> str:
    return dev.upstream[0 if version == 4 else 1]


def straight(*hops: tuple[str, str, str, int | None]) -> frozenset[Hop]:
    return frozenset(Hop(*hop) for hop in hops)


def out_and_back(dev: Twin, guest: str, host: str) -> tuple[frozenset[Hop], frozenset[Hop]]:
    """From a guest by its host and the edge, by no other host, and nowhere in VXLAN; and back the same way."""
    card = tap(dev, guest)
    requests = straight(
        (host, card, "in", None),
        (host, MANAGEMENT, "out", None),
        ("edge1", "vlan10", "in", None),
        ("edge1", "upstream", "out", None),
    )
    answers = straight(
        ("edge1", "upstream", "in", None),
        ("edge1", "vlan10", "out", None),
        (host, MANAGEMENT, "in", None),
        (host, card, "out", None),
    )
    return requests, answers


def in_vxlan(one: str, other: str, vni: int) -> tuple[frozenset[Hop], frozenset[Hop]]:
    """From a guest on pve01 to one on pve02 over the link between them, and back the same way."""

    def way(there: str, card: str, here: str, others_card: str) -> frozenset[Hop]:
        sent, received = (there, MESH, "out", vni), (here, MESH, "in", vni)
        return straight((there, card, "in", None), sent, received, (here, others_card, "out", None))

    return way("pve01", one, "pve02", other), way("pve02", other, "pve01", one)


@FAMILIES
def test_9_1_a_vm_reaches_the_internet_by_its_own_host_and_the_edge_and_is_answered_that_way(
    dev: Twin, version: int
) -> None:
    seen = between(dev, "solcp02", loopback(dev, "solcp02", version), internet(dev, version))
    assert seen == out_and_back(dev, "solcp02", "pve02")


@FAMILIES
def test_9_2_vms_of_one_host_and_vnet_are_switched_and_no_other_host_sees_anything(dev: Twin, version: int) -> None:
    one, other = tap(dev, "solwk02"), tap(dev, "solcp02")
    seen = between(dev, "solwk02", on_vnet(dev, "solwk02", version), on_vnet(dev, "solcp02", version))
    assert seen == (
        straight(("pve02", one, "in", None), ("pve02", other, "out", None)),
        straight(("pve02", other, "in", None), ("pve02", one, "out", None)),
    )


@FAMILIES
def test_9_3_vms_of_one_vnet_on_two_hosts_are_bridged_in_vxlan_over_the_mesh_link(dev: Twin, version: int) -> None:
    one, other = tap(dev, "solcp01"), tap(dev, "solcp02")
    seen = between(dev, "solcp01", on_vnet(dev, "solcp01", version), on_vnet(dev, "solcp02", version))
    assert seen == in_vxlan(one, other, L2VNI)


@FAMILIES
def test_9_3_loopbacks_of_two_hosts_are_routed_in_the_zone_s_vxlan_over_the_mesh_link(dev: Twin, version: int) -> None:
    one, other = tap(dev, "solcp01"), tap(dev, "solcp02")
    seen = between(dev, "solcp01", loopback(dev, "solcp01", version), loopback(dev, "solcp02", version))
    assert seen == in_vxlan(one, other, L3VNI)


@FAMILIES
def test_9_4_a_pod_reaches_the_internet_with_its_own_address(dev: Twin, version: int) -> None:
    seen = between(dev, "solwk01", pod(dev, "solwk01", version), internet(dev, version))
    assert seen == out_and_back(dev, "solwk01", "pve01")
