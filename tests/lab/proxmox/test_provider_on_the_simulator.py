"""The provider's stand-in against the simulator over TLS: the chain of an EVPN fabric, as the engine drives it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.proxmox.simulated_cluster import SECRET, TOKEN
from trellis.lab.plugins.proxmoxve import provider
from trellis.lab.plugins.resource import Call, OperationError, Provider
from trellis.lab.proxmox import SimulatorConfig

CALL = Call("one", lambda *_: None)
CONTROLLER, ZONE = "proxmoxve:sdn/controller/evpn:Evpn", "proxmoxve:sdn/zone/evpn:Evpn"
VNET, SUBNET, APPLIER = "proxmoxve:sdn/vnet:Vnet", "proxmoxve:sdn/subnet:Subnet", "proxmoxve:sdn/applier:Applier"

INPUTS: dict[str, dict[str, object]] = {
    CONTROLLER: {"sdnControllerEvpnId": "evpn", "asn": 4200001000, "peers": ["10.255.0.1", "10.255.0.2"]},
    ZONE: {"resourceId": "evpnz1", "controller": "evpn", "vrfVxlan": 4096, "mtu": 8950},
    VNET: {"resourceId": "vnet100", "zone": "evpnz1", "tag": 10100},
    SUBNET: {"vnet": "vnet100", "cidr": "fd00:100::/64", "gateway": "fd00:100::fffe"},
    APPLIER: {"onDestroy": False},
}


@pytest.fixture
def pve(simulator: SimulatorConfig, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """A configured provider; whatever a test leaves behind is deleted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(simulator.ca_file))
    plugin = provider()
    plugin.configure({"endpoint": f"{simulator.url}/", "apiToken": f"{TOKEN}={SECRET}"})
    yield plugin
    for token, identifier in LEFT_BEHIND:
        plugin.resources[token].delete(CALL, identifier, {"vnet": "vnet100"})
    plugin.cancel()


LEFT_BEHIND = (
    (SUBNET, "evpnz1-fd00:100::-64"),
    (VNET, "vnet100"),
    (ZONE, "evpnz1"),
    (CONTROLLER, "evpn"),
)


def make_all(pve: Provider) -> dict[str, tuple[str, dict[str, object]]]:
    return {token: pve.resources[token].create(CALL, dict(inputs)) for token, inputs in INPUTS.items()}


def test_the_chain_is_made_applied_read_without_a_difference_changed_and_deleted(
    pve: Provider, simulator: SimulatorConfig
) -> None:
    made, state_file = make_all(pve), Path(simulator.state_dir) / "sdn.json"
    assert made[SUBNET][0] == "evpnz1-fd00:100::-64"
    committed = json.loads(state_file.read_text())["running"]
    assert committed["zones"]["ids"]["evpnz1"]["vrf-vxlan"] == 4096
    for token, (identifier, state) in made.items():
        live = pve.resources[token].read(CALL, identifier, dict(INPUTS[token]), state)
        assert live is not None
        assert pve.resources[token].diff(dict(INPUTS[token]), live.inputs) == ()
    changed = {**INPUTS[ZONE], "mtu": 1450}
    state = pve.resources[ZONE].update(CALL, "evpnz1", made[ZONE][1], changed)
    assert (state["mtu"], state["state"], state["pending"]) == (1450, "changed", True)
    for token in (SUBNET, VNET, ZONE, CONTROLLER):
        pve.resources[token].delete(CALL, *made[token])
    after = json.loads(state_file.read_text())
    assert after["pending"] == {"controllers": {}, "zones": {}, "vnets": {}, "subnets": {}}
    assert "evpnz1" in after["running"]["zones"]["ids"], "removals wait for an apply"


def test_a_zone_that_is_gone_after_the_apply_is_read_as_gone(pve: Provider) -> None:
    made = make_all(pve)
    for token in (SUBNET, VNET, ZONE):
        pve.resources[token].delete(CALL, *made[token])
    still = pve.resources[ZONE].read(CALL, "evpnz1", dict(INPUTS[ZONE]), made[ZONE][1])
    assert still is not None, "deleted, but not applied"
    pve.resources[APPLIER].create(CALL, {"onDestroy": False})
    assert pve.resources[ZONE].read(CALL, "evpnz1", dict(INPUTS[ZONE]), made[ZONE][1]) is None


def test_proxmoxs_words_reach_the_user(pve: Provider) -> None:
    made = make_all(pve)
    with pytest.raises(OperationError, match="controller evpn is used by evpnz1"):
        pve.resources[CONTROLLER].delete(CALL, *made[CONTROLLER])
