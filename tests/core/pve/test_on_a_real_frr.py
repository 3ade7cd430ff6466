"""What FRR makes of the merged texts: it takes them whole, and a reload right after finds nothing to do."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.core.pve.homelab import GOLDEN, RELEASES, homelab, host
from trellis.lab.images import ensure_root
from trellis.lab.scratch import ScratchFrr
from trellis.pve import NEVER_PRINTED, Node, SdnState, carry, carry_in_router, effective
from trellis.pve.nodes import read_positions

pytestmark = pytest.mark.frr

BFD = ("bfd", " profile tr_edge", "  detect-multiplier 4", "  receive-interval 310", " exit", "exit")
LISTS = (
    "bgp large-community-list standard TL_A seq 5 permit 4200001000:0:100",
    "bgp as-path access-list TA_A seq 5 permit ^4210101011$",
)


@pytest.fixture(scope="session")
def frr_root() -> Path:
    """A Debian root with FRR: the one named by TRELLIS_FRR_ROOT, else the lab's, built where it is missing."""
    named = os.environ.get("TRELLIS_FRR_ROOT")
    return Path(named) if named else ensure_root("trixie", print)


@pytest.fixture
def frr(frr_root: Path) -> Iterator[ScratchFrr]:
    """A fresh FRR on a machine called pve01."""
    with ScratchFrr(frr_root, hostname="pve01") as scratch:
        yield scratch


def apply(frr: ScratchFrr, node: Node, lines: tuple[str, ...]) -> list[str]:
    """Check and load a text as a boot does; return what a reload would still do, but for Proxmox's own lines."""
    text = "".join(f"{line}\n" for line in lines)
    assert frr.check(text).status == 0, frr.check(text).text
    assert frr.load(text).status == 0
    expected = {*NEVER_PRINTED, node.version.frr_header, "exit", "", "Lines To Add"}
    return [line for line in frr.reload_test(text) if line.strip(" =") not in expected]


def told(node: Node) -> tuple[str, ...]:
    """What the instances must be told because Proxmox's header is older than FRR 10.3."""
    statements = [f" {statement}" for statement in node.version.instance_statements("10.3")]
    headers = [f"router bgp 4200001000{vrf}" for vrf in ("", " vrf vrf_evpnz1", " vrf vrf_evpnz2")]
    return tuple(line for header in headers for line in (header, *statements, "exit")) if statements else ()


def test_a_header_older_than_a_default_is_never_settled_unless_the_default_is_told(frr: ScratchFrr) -> None:
    node = host("8.4")
    assert " bgp enforce-first-as" in apply(frr, node, effective(homelab(), node, ()).lines)


@pytest.mark.parametrize("release", RELEASES)
def test_what_proxmox_generates_is_what_frr_prints(frr: ScratchFrr, release: str) -> None:
    node = host(release)
    assert apply(frr, node, effective(homelab(), node, told(node)).lines) == []


@pytest.mark.parametrize("release", RELEASES)
def test_a_local_file_with_profiles_carried_by_a_router_is_what_frr_prints(frr: ScratchFrr, release: str) -> None:
    node = host(release)
    local = (*told(node), *(GOLDEN / "frr.conf.local").read_text().splitlines())
    assert apply(frr, node, effective(homelab(), node, local).lines) == []
    running = frr.running_config()
    assert " profile tr_guest\n" in running
    assert " neighbor 10.255.0.254 bfd profile tr_edge\n" in running


@pytest.mark.parametrize("release", ["9.1", "9.2"])
def test_statements_carried_by_an_interface_are_what_frr_prints(frr: ScratchFrr, release: str) -> None:
    node = host(release)
    block = carry("dummy_underlay", ("ip ospf area 0", "ip ospf passive"), (*LISTS, *BFD))
    assert apply(frr, node, effective(homelab(), node, (*block, "router ospf", "exit")).lines) == []
    running = frr.running_config()
    assert all(line in running for line in LISTS)
    assert " profile tr_edge\n" in running
    assert "interface dummy_underlay\n ip ospf area 0\n ip ospf passive\n" in running


def test_an_empty_interface_is_to_add_for_ever(frr: ScratchFrr) -> None:
    node = host("9.1")
    assert apply(frr, node, effective(homelab(), node, ("interface lo", "exit")).lines) == ["interface lo"]


def test_a_second_value_beside_a_generated_one_is_never_settled(frr: ScratchFrr) -> None:
    node = host("9.1")
    local = (
        "router bgp 4200001000",
        " address-family l2vpn evpn",
        "  neighbor VTEP route-map TR_EVPN_OUT out",
        " exit-address-family",
        "exit",
        "route-map TR_EVPN_OUT permit 1",
        "exit",
    )
    merged = effective(homelab(), node, local)
    assert merged.losses == ()
    assert apply(frr, node, merged.lines) != []


def test_exit_vrf_under_the_old_merge_is_a_second_end_that_frr_refuses(frr: ScratchFrr) -> None:
    local = ("vrf vrf_evpnz1", " ip route 10.9.0.0/16 Null0", "exit-vrf")
    text = "".join(f"{line}\n" for line in effective(homelab(), host("9.0"), local).lines)
    assert frr.check(text).status != 0


@pytest.mark.parametrize("release", ["9.0", "9.1"])
def test_the_file_needs_the_controller_first(frr: ScratchFrr, release: str) -> None:
    """Before the first SDN apply there is no peer-group of Proxmox's: the SDN has to be applied before the file."""
    local = tuple((GOLDEN / "frr.conf.local").read_text().splitlines())
    text = "".join(f"{line}\n" for line in effective(SdnState(), host(release), local).lines)
    assert frr.check(text).status == 0
    result = frr.load(text)
    assert result.status != 0
    assert "Specify remote-as or peer-group commands first" in result.text


def placed(lines: tuple[str, ...]) -> list[tuple[tuple[str, ...], str]]:
    reading = read_positions(lines)
    assert reading.stray_exit is None
    return [
        (tuple(lines[index].strip() for index in position), line.strip())
        for line, position in zip(lines, reading.positions, strict=True)
        if position is not None
    ]


@pytest.fixture(scope="module")
def vtysh(frr_root: Path) -> Iterator[ScratchFrr]:
    """One FRR for texts that are only read, not loaded."""
    with ScratchFrr(frr_root, hostname="pve01") as scratch:
        yield scratch


EVERYWHERE = (
    tuple((GOLDEN / "frr.conf.local").read_text().splitlines()),
    carry_in_router("ospf6", ("ospf6 router-id 10.255.0.1",), (*LISTS, *BFD)),
    ("vrf vrf_evpnz1", " ip nht resolve-via-default", " ip route 10.9.0.0/16 Null0", "exit"),
    (
        "interface eth0",
        " ip ospf area 0",
        " ip prefix-list P seq 5 permit any",
        "interface eth1",
        " ip ospf bfd",
        "exit",
    ),
)
SINCE_9_1 = (carry("dummy_underlay", ("ip ospf area 0",), (*LISTS, *BFD)),)


@pytest.mark.parametrize(
    ("release", "local"),
    [
        *(("9.0", local) for local in EVERYWHERE),
        *(("9.1", local) for local in (*EVERYWHERE, *SINCE_9_1)),
    ],
)
def test_vtysh_finds_the_same_blocks(vtysh: ScratchFrr, release: str, local: tuple[str, ...]) -> None:
    """`vtysh -m` writes an `exit` wherever it leaves a node by itself; frr-reload.py reads the file through it."""
    lines = effective(homelab(), host(release), local).lines
    vtysh.write("/tmp/merged.conf", "".join(f"{line}\n" for line in lines))
    marked = vtysh.run(["vtysh", "-m", "-f", "/tmp/merged.conf"])
    assert marked.status == 0, marked.text
    assert placed(tuple(line for line in marked.out.splitlines() if line.strip() != "end")) == placed(lines)
