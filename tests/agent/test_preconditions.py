"""What a host must have: each thing that it lacks is named, all at once, and what it has is not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from trellis.agent import preconditions
from trellis.agent.devices import Device
from trellis.agent.ground import Interface, Preconditions
from trellis.agent.preconditions import missing
from trellis.agent.process import Ended
from trellis.agent.report import Refusal, Refused

ADDRESSES = ("10.20.20.0/31", "fc00:20::1/64")
LINK = Interface("vmbr1v20", "links.mesh.ends.pve01", 9000, "links.mesh.mtu is 9000", ADDRESSES)
NEEDED = Preconditions(("frr", "nftables"), (LINK,))
THERE = Device("vmbr1v20", "vlan", 9000, True, frozenset({*ADDRESSES, "fe80::1/64"}))


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Packages and their state, as dpkg knows them."""
    states = {"frr": "installed", "nftables": "installed"}

    def run(argv: list[str], _: float) -> Ended:
        state = states.get(argv[-1])
        return Ended(0, state, "") if state else Ended(1, "", f"no packages found matching {argv[-1]}")

    monkeypatch.setattr(preconditions, "run", run)
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/dpkg-query")
    return states


def _of(device: Device | None) -> list[Refusal]:
    return missing(NEEDED, {device.name: device} if device else {})


def _changed(**changes: object) -> Device:
    values = {name: getattr(THERE, name) for name in ("name", "kind", "mtu", "up", "addresses")}
    return Device(**{**values, **changes})  # type: ignore[arg-type]


def test_a_host_that_has_everything_lacks_nothing() -> None:
    assert _of(THERE) == []
    assert _of(_changed(mtu=9216)) == []


def test_a_missing_interface_is_named_with_its_place_in_the_site() -> None:
    [refusal] = _of(None)
    assert (refusal.path, refusal.value) == ("links.mesh.ends.pve01.interface", "vmbr1v20")
    assert refusal.rule == "the interface is there"


def test_an_interface_that_is_down_is_named() -> None:
    [refusal] = _of(_changed(up=False))
    assert refusal.value == "vmbr1v20 is down"


def test_an_mtu_one_byte_too_small_is_named_with_what_needs_it() -> None:
    [refusal] = _of(_changed(mtu=8999))
    assert refusal.value == "vmbr1v20 has MTU 8999"
    assert refusal.rule == "its MTU is 9000 or more: links.mesh.mtu is 9000"


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_that_is_missing_or_of_another_length_is_named(address: str) -> None:
    [refusal] = _of(_changed(addresses=frozenset({*ADDRESSES} - {address})))
    assert refusal.rule == f"vmbr1v20 has {address}"
    other = f"{address.partition('/')[0]}/25"
    [refusal] = _of(_changed(addresses=frozenset({*ADDRESSES} - {address} | {other})))
    assert other in refusal.value


@pytest.mark.parametrize("state", [None, "config-files", "half-installed"])
def test_a_package_that_is_not_installed_is_named(installed: dict[str, str], state: str | None) -> None:
    installed.pop("nftables")
    if state:
        installed["nftables"] = state
    [refusal] = _of(THERE)
    assert (refusal.value, refusal.remedy) == ("nftables", "apt install nftables")


def test_where_there_is_no_dpkg_the_commands_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/sbin/nft" if name == "nft" else None)
    monkeypatch.setattr(Path, "exists", lambda path: str(path) == "/usr/lib/frr/zebra")
    assert _of(THERE) == []
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert [refusal.value for refusal in _of(THERE)] == ["nftables"]


def test_everything_is_named_at_once_each_with_rule_why_and_remedy(installed: dict[str, str]) -> None:
    installed.clear()
    found = _of(Device("vmbr1v20", "", 1500, False, frozenset()))
    assert [refusal.value for refusal in found] == [
        "frr",
        "nftables",
        "vmbr1v20 is down",
        "vmbr1v20 has MTU 1500",
        "vmbr1v20 has none",
        "vmbr1v20 has none",
    ]
    assert all(refusal.rule and refusal.why and refusal.remedy for refusal in found)
    fault = Refused(found)
    assert fault.what == "this host lacks 6 things that the site counts on"
    assert str(found[3]).splitlines()[0] == "links.mesh.ends.pve01.interface: vmbr1v20 has MTU 1500"
