"""The interface of the loopbacks: made where it is missing, left where it is right, refused where it is another's.

The kernel is a fake here, the files are real ones.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.agent.fake_ip import FakeIp
from tests.agent.test_interfaces_text import INSTALLED, NAME, SEED, STANZA
from trellis.agent import devices, files, loopbacks
from trellis.agent.ground import Loopbacks
from trellis.agent.report import Fault

ADDRESSES = ("10.255.0.1/32", "fd00:0:0:ffff::1/128")
WANTED = Loopbacks(NAME, ADDRESSES, STANZA)
NOBODY: frozenset[str] = frozenset()


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> FakeIp:
    fake = FakeIp()
    fake.add("vmbr0", "10.10.0.11/24", kind="bridge")
    monkeypatch.setattr(devices, "run", fake.run)
    return fake


@pytest.fixture
def interfaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An /etc/network/interfaces as Proxmox installs it, without our stanza."""
    path = tmp_path / "interfaces"
    path.write_text(INSTALLED)
    monkeypatch.setattr(loopbacks, "INTERFACES", str(path))
    monkeypatch.setattr(loopbacks, "PENDING", f"{path}.new")
    return path


def _write(kind: str = "pve") -> None:
    new = loopbacks.file_to_write(WANTED, kind)
    changed = [new] if new else []
    files.stage(changed)
    files.publish(changed)
    files.settle([file.path for file in changed])


def test_a_bare_host_gets_device_addresses_and_stanza_and_needs_nothing_more(kernel: FakeIp, interfaces: Path) -> None:
    assert loopbacks.refusals(WANTED, "pve", NOBODY) == []
    assert loopbacks.differences(WANTED, "pve") == [
        "dummy_underlay is missing",
        f"{interfaces} has no stanza for dummy_underlay",
    ]
    _write()
    loopbacks.bring_up(WANTED, NOBODY)
    assert kernel.orders == [
        "link add dummy_underlay type dummy",
        "address add 10.255.0.1/32 dev dummy_underlay",
        "address add fd00:0:0:ffff::1/128 dev dummy_underlay",
        "link set dummy_underlay up",
    ]
    assert interfaces.read_text().startswith(INSTALLED)
    assert loopbacks.differences(WANTED, "pve") == []
    assert loopbacks.bring_up(WANTED, NOBODY) == []
    assert loopbacks.file_to_write(WANTED, "pve") is None


def test_a_host_that_has_it_all_in_its_own_words_is_left_as_it_is(kernel: FakeIp, interfaces: Path) -> None:
    interfaces.write_text(SEED)
    kernel.add(NAME, *ADDRESSES, "fe80::1/64", kind="dummy")
    assert loopbacks.refusals(WANTED, "pve", NOBODY) == []
    assert loopbacks.differences(WANTED, "pve") == []
    assert loopbacks.file_to_write(WANTED, "pve") is None
    assert loopbacks.bring_up(WANTED, NOBODY) == []
    assert kernel.orders == []


def test_on_a_proxmox_host_the_stanza_is_written_although_the_device_is_right(kernel: FakeIp, interfaces: Path) -> None:
    kernel.add(NAME, *ADDRESSES, kind="dummy")
    assert loopbacks.differences(WANTED, "pve") == [f"{interfaces} has no stanza for dummy_underlay"]
    _write()
    assert kernel.orders == []
    assert loopbacks.differences(WANTED, "pve") == []


def test_on_a_plain_host_something_else_may_have_set_the_device_up(kernel: FakeIp, interfaces: Path) -> None:
    interfaces.unlink()
    kernel.add(NAME, *ADDRESSES, kind="dummy")
    assert loopbacks.differences(WANTED, "frr") == []
    assert loopbacks.refusals(WANTED, "frr", NOBODY) == []
    kernel.devices[NAME]["addresses"].pop()
    [refusal] = loopbacks.refusals(WANTED, "frr", NOBODY)
    assert refusal.value == "missing"
    assert loopbacks.refusals(WANTED, "pve", NOBODY) == []  # there Proxmox needs the file: it is made
    interfaces.write_text(INSTALLED)
    assert loopbacks.refusals(WANTED, "frr", NOBODY) == []
    _write("frr")
    loopbacks.bring_up(WANTED, NOBODY)
    assert loopbacks.differences(WANTED, "frr") == []
    interfaces.write_text(interfaces.read_text().replace("    address", "    # address"))
    assert loopbacks.differences(WANTED, "frr") == [f"{interfaces} says otherwise of dummy_underlay: no address"]


@pytest.mark.parametrize("at", range(3))
def test_each_thing_that_is_missing_in_the_kernel_is_named_and_made(kernel: FakeIp, interfaces: Path, at: int) -> None:
    interfaces.write_text(SEED)
    kernel.add(NAME, *ADDRESSES, kind="dummy")
    if at < 2:
        kernel.devices[NAME]["addresses"].remove(ADDRESSES[at])
    else:
        kernel.devices[NAME]["up"] = False
    named = f"dummy_underlay lacks {ADDRESSES[at]}" if at < 2 else "dummy_underlay is down"
    assert loopbacks.differences(WANTED, "pve") == [named]
    assert len(loopbacks.bring_up(WANTED, NOBODY)) == 1
    assert loopbacks.differences(WANTED, "pve") == []


@pytest.mark.parametrize(
    "said",
    [
        SEED.replace("auto dummy_underlay\n", ""),
        SEED.replace("10.255.0.1/32", "10.255.0.1/24"),
        SEED.partition("iface dummy_underlay inet6")[0],
    ],
)
def test_a_stanza_that_would_bring_up_something_else_is_named_and_replaced(
    kernel: FakeIp, interfaces: Path, said: str
) -> None:
    interfaces.write_text(said)
    kernel.add(NAME, *ADDRESSES, kind="dummy")
    [difference] = loopbacks.differences(WANTED, "pve")
    assert difference.startswith(f"{interfaces} says otherwise of dummy_underlay")
    _write()
    assert loopbacks.differences(WANTED, "pve") == []


@pytest.mark.parametrize("written", [False, True])
def test_an_address_that_nobody_declared_is_refused_and_one_of_an_earlier_commit_goes(
    kernel: FakeIp, interfaces: Path, written: bool
) -> None:
    kernel.add(NAME, *ADDRESSES, kind="dummy")
    if written:
        interfaces.write_text(SEED.replace("10.255.0.1/32", "10.255.0.9/32"))
    else:
        interfaces.write_text(SEED)
        kernel.devices[NAME]["addresses"].append("10.255.0.9/32")
    [refusal] = loopbacks.refusals(WANTED, "pve", NOBODY)
    assert refusal.value == "dummy_underlay has 10.255.0.9/32"
    if not written:
        assert loopbacks.differences(WANTED, "pve") == ["dummy_underlay has 10.255.0.9/32, which it should not"]
    ours = frozenset({"10.255.0.9/32"})
    assert loopbacks.refusals(WANTED, "pve", ours) == []
    loopbacks.bring_up(WANTED, NOBODY)
    assert kernel.orders == []
    loopbacks.bring_up(WANTED, ours)
    assert kernel.orders == ([] if written else ["address delete 10.255.0.9/32 dev dummy_underlay"])


def test_an_interface_of_another_kind_is_refused_unless_it_is_right_already(kernel: FakeIp, interfaces: Path) -> None:
    interfaces.write_text(SEED)
    kernel.add(NAME, *ADDRESSES, kind="bridge")
    assert loopbacks.refusals(WANTED, "pve", NOBODY) == []
    kernel.devices[NAME]["addresses"].pop()
    [refusal] = loopbacks.refusals(WANTED, "pve", NOBODY)
    assert refusal.value == "dummy_underlay is of kind bridge"
    kernel.devices[NAME]["kind"] = ""
    [refusal] = loopbacks.refusals(WANTED, "pve", NOBODY)
    assert refusal.value == "dummy_underlay is of kind hardware"


def test_a_loopback_on_another_interface_is_refused(kernel: FakeIp, interfaces: Path) -> None:
    kernel.add("lo", "127.0.0.1/8", "10.255.0.1/32")
    [refusal] = loopbacks.refusals(WANTED, "pve", NOBODY)
    assert refusal.value == "lo has 10.255.0.1/32"


@pytest.mark.parametrize(
    ("pending", "refused"),
    [(INSTALLED, True), (INSTALLED + SEED, False), (SEED.replace("0.1/", "0.2/"), True), (None, False)],
)
def test_changes_pending_in_proxmox_that_would_take_the_stanza_away_are_refused(
    kernel: FakeIp, interfaces: Path, pending: str | None, refused: bool
) -> None:
    if pending is not None:
        Path(f"{interfaces}.new").write_text(pending)
    assert bool(loopbacks.refusals(WANTED, "pve", NOBODY)) is refused
    assert loopbacks.refusals(WANTED, "frr", NOBODY) == []


@pytest.mark.parametrize("there", [None, (), ADDRESSES[:1], (*ADDRESSES, "10.9.9.9/32")])
@pytest.mark.parametrize("up", [True, False])
def test_the_device_is_put_back_as_it_was(kernel: FakeIp, there: tuple[str, ...] | None, up: bool) -> None:
    if there is not None:
        kernel.add(NAME, *there, kind="dummy", up=up)
    before = {name: {**device, "addresses": set(device["addresses"])} for name, device in kernel.devices.items()}
    earlier = loopbacks.before(WANTED)
    loopbacks.bring_up(WANTED, frozenset({"10.9.9.9/32"}))
    assert kernel.devices[NAME]["up"]
    loopbacks.put_back(earlier)
    after = {name: {**device, "addresses": set(device["addresses"])} for name, device in kernel.devices.items()}
    assert after == before
    count = len(kernel.orders)
    loopbacks.put_back(earlier)
    assert len(kernel.orders) == count


def test_a_device_that_went_in_the_meantime_is_made_again(kernel: FakeIp) -> None:
    kernel.add(NAME, "10.9.9.9/32", kind="dummy")
    earlier = loopbacks.before(WANTED)
    del kernel.devices[NAME]
    loopbacks.put_back(earlier)
    assert kernel.devices[NAME] == {"kind": "dummy", "mtu": 1500, "up": True, "addresses": ["10.9.9.9/32"]}


def test_a_kernel_without_dummy_devices_is_a_fault_that_names_the_order(kernel: FakeIp) -> None:
    kernel.refuses = "type dummy"
    with pytest.raises(Fault, match="Operation not supported"):
        loopbacks.bring_up(WANTED, NOBODY)


def test_a_file_that_is_no_utf_8_is_refused(kernel: FakeIp, interfaces: Path) -> None:
    interfaces.write_bytes(b"# caf\xe9\n")
    with pytest.raises(Fault, match="not UTF-8"):
        loopbacks.refusals(WANTED, "pve", NOBODY)
