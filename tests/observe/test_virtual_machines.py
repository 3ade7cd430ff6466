"""Which VM a guest is, and what a stopped, a destroyed and an unseen VM do to its peering."""

from __future__ import annotations

from typing import Any

import pytest

from tests.observe.seen import GOOD, KNOWN, WEB, Store, at, line, peer, stranger
from trellis.observe.virtual_machines import Card, Machine, Machines, VirtualMachines, cards_of
from trellis.pve_api.client import ApiProblem

CARDS = (Card("net0", WEB.mac, "vnet101"), Card("net1", "bc:24:11:00:00:50", "vnet102"))


def _machines(running: bool | None = True, destroyed: tuple[int, ...] = ()) -> Machines:
    there = {} if destroyed else {101: Machine(101, "pve01", running, CARDS)}
    return Machines(there, frozenset(destroyed))


def test_a_guest_is_the_vm_that_has_its_network_card(store: Store) -> None:
    store.saw(line(1, "pve01", stranger(1)))
    store.recorder.machines(_machines(), at(2))
    assert (store.peering().vm_id, store.peering().nic_id) == ("101", "net0")
    assert (store.peering("fd00:102::50").vm_id, store.peering("fd00:102::50").nic_id) == ("101", "net1")
    assert store.peering("fd00:101::7").vm_id == "unknown"
    assert store.recorder.expected_machines() == {101}


def test_a_card_that_two_vms_have_is_nobodys(store: Store) -> None:
    both = {number: Machine(number, "pve01", True, CARDS) for number in (101, 102)}
    store.recorder.machines(Machines(both), at(2))
    assert store.peering().vm_id == "unknown"


def test_a_stopped_vms_peering_is_withdrawn_before_its_host_notices_and_started_again_it_is_back(store: Store) -> None:
    store.saw(line(1, "pve01", peer("Established", 1, GOOD)))
    for second in (2, 3):
        store.recorder.machines(_machines(running=False), at(second))
    assert (store.state(), store.routes()) == ("Withdrawn", {GOOD.prefix: "Withdrawn"})
    store.saw(line(4, "pve01", peer("Active"), whole=False))
    assert store.state() == "Withdrawn"
    # It starts, and speaks before Proxmox is asked again.
    store.saw(line(20, "pve01", peer("Established", 0, GOOD), whole=False))
    assert store.state() == "Established"
    store.recorder.machines(_machines(running=False), at(21))
    assert store.state() == "Established"
    store.recorder.machines(_machines(), at(50))
    assert store.state() == "Established"
    assert store.kinds("route_accepted", "route_withdrawn") == [
        "session_up",
        "vm_stopped",
        "session_down",
        "session_up",
    ]


def test_a_vm_whose_node_is_off_is_neither_stopped_nor_gone(store: Store) -> None:
    store.saw(line(1, "pve01", peer("Established", 1, GOOD)))
    store.recorder.machines(_machines(), at(2))
    store.recorder.machines(_machines(running=None), at(3))
    assert store.state() == "Established"


def test_a_destroyed_vms_peering_is_removed_once_and_expunged_after_the_retention(store: Store) -> None:
    store.saw(line(1, "pve01", peer("Established", 1, GOOD)))
    store.recorder.machines(_machines(), at(2))
    store.recorder.machines(_machines(destroyed=(101,)), at(30))
    assert (store.state(), store.peering().removed, store.routes()) == (
        "Withdrawn", at(30), {GOOD.prefix: "Withdrawn"},
    )  # fmt: skip
    store.declared(seconds=40)
    store.recorder.machines(Machines({}), at(60))
    assert store.peering().removed == at(30)
    assert len(store.events("vm_destroyed")) == 1
    assert store.recorder.expected_machines() == frozenset()
    store.recorder.prune(at(31))
    assert not store.has(WEB.address)


def test_a_vm_that_is_made_anew_is_a_guest_again(store: Store) -> None:
    store.recorder.machines(_machines(), at(2))
    store.recorder.machines(_machines(destroyed=(101,)), at(30))
    store.recorder.machines(_machines(), at(60))
    assert (store.state(), store.peering().removed, store.peering().vm_id) == ("Idle", None, "101")


def test_a_vm_number_of_the_site_holds_where_no_card_tells(store: Store) -> None:
    numbered = {**KNOWN.guests, ("vnet101", WEB.address): type(WEB)(**{**_fields(WEB), "vmid": 4711, "nic": 2})}
    store.declared(type(KNOWN)(KNOWN.networks, numbered), seconds=1)
    store.recorder.machines(Machines({4711: Machine(4711, "pve02", False)}), at(2))
    assert (store.peering().vm_id, store.peering().nic_id, store.state()) == ("4711", "net2", "Withdrawn")


def _fields(guest: Any) -> dict[str, Any]:
    return {name: getattr(guest, name) for name in guest.__slots__}


class FakeApi:
    """Proxmox, as far as it is asked: an answer, or a problem, for each path."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def get(self, path: str, **query: str) -> Any:
        self.asked.append(path)
        answer = self.answers.get(path.strip("/").replace("/", "_"))
        if answer is None:
            raise ApiProblem(f"GET {path}: 500: Configuration file '{path}.conf' does not exist", status=500)
        if isinstance(answer, Exception):
            raise answer
        return answer


VM = {"type": "qemu", "vmid": 101, "node": "pve01", "status": "running"}
CONFIG = {
    "name": "web",
    "net0": "virtio=BC:24:11:00:00:06,bridge=vnet101,firewall=1",
    "scsi0": "x",
    "net1": "model=e1000",
}


def test_vms_are_read_with_their_cards_which_are_asked_for_once() -> None:
    api = FakeApi(
        cluster_resources=[VM, {"type": "lxc", "vmid": 9, "node": "pve01"}], nodes_pve01_qemu_101_config=CONFIG
    )
    asking = VirtualMachines(api)
    for _ in range(2):
        assert asking.read([101]).by_vmid == {101: Machine(101, "pve01", True, (Card("net0", WEB.mac, "vnet101"),))}
    assert api.asked == ["/cluster/resources", "/nodes/pve01/qemu/101/config", "/cluster/resources"]


@pytest.mark.parametrize(
    ("config", "gone"),
    [
        (None, True),
        (CONFIG, False),
        (ApiProblem("GET: 403: Permission check failed (/vms/101, VM.Audit)", status=403), False),
        (ApiProblem("GET: 595: No route to host"), False),
    ],
)
def test_a_vm_that_is_not_listed_is_gone_only_if_proxmox_says_so_of_it(config: object, gone: bool) -> None:
    nodes = [{"node": "pve01"}, {"node": "pve02"}]
    api = FakeApi(cluster_resources=[], nodes=nodes, nodes_pve01_qemu_101_config=config)
    assert VirtualMachines(api).read([101]).destroyed == (frozenset({101}) if gone else frozenset())


def test_a_cluster_that_does_not_answer_is_told() -> None:
    with pytest.raises(ApiProblem):
        VirtualMachines(FakeApi(cluster_resources=ApiProblem("GET /cluster/resources: timed out"))).read()


def test_cards_of_every_model_are_read_in_their_order() -> None:
    config = {
        "net10": "e1000=AA:BB:CC:DD:EE:10,bridge=vmbr0",
        "net2": "model=virtio,macaddr=aa:bb:cc:dd:ee:02,bridge=vnet101,tag=7",
        "net32": "virtio=AA:BB:CC:DD:EE:32",
        "netx": "virtio=AA:BB:CC:DD:EE:33",
    }
    assert [(card.name, card.mac, card.bridge) for card in cards_of(config)] == [
        ("net2", "aa:bb:cc:dd:ee:02", "vnet101"),
        ("net10", "aa:bb:cc:dd:ee:10", "vmbr0"),
    ]
    assert cards_of("nonsense") == ()
