"""The stand-in for pulumi-proxmoxve against a small HTTPS server: which calls, in which order and form."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ends.fake_proxmox import TOKEN, FakeProxmox
from trellis.lab.plugins.proxmoxve import provider
from trellis.lab.plugins.resource import Call, OperationError, Provider
from trellis.lab.plugins.wire import UNKNOWN

CALL = Call("one", lambda *_: None)
CONTROLLER, ZONE = "proxmoxve:sdn/controller/evpn:Evpn", "proxmoxve:sdn/zone/evpn:Evpn"
VNET, SUBNET, APPLIER = "proxmoxve:sdn/vnet:Vnet", "proxmoxve:sdn/subnet:Subnet", "proxmoxve:sdn/applier:Applier"

CONTROLLER_INPUTS = {"sdnControllerEvpnId": "evpn", "asn": 4200001000, "peers": ["10.255.0.1", "10.255.0.2"]}
ZONE_INPUTS = {"resourceId": "tz", "controller": "evpn", "vrfVxlan": 4096, "mtu": 1450}
VNET_INPUTS = {"resourceId": "vnet100", "zone": "tz", "tag": 10100}
SUBNET_INPUTS = {"vnet": "vnet100", "cidr": "fd00:100::/64", "gateway": "fd00:100::fffe"}


@pytest.fixture
def pve(proxmox: FakeProxmox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "proxmox" / "ca.pem"))
    plugin = provider()
    plugin.configure({"endpoint": f"{proxmox.endpoint}/", "apiToken": TOKEN})
    yield plugin
    plugin.cancel()


def make_all(pve: Provider) -> list[tuple[str, str, dict[str, object]]]:
    """The whole chain; returns what is needed to delete it, last made first."""
    made = []
    for token, inputs in (
        (CONTROLLER, CONTROLLER_INPUTS),
        (ZONE, ZONE_INPUTS),
        (VNET, VNET_INPUTS),
        (SUBNET, SUBNET_INPUTS),
        (APPLIER, {"onDestroy": False}),
    ):
        identifier, state = pve.resources[token].create(CALL, dict(inputs))
        made.append((token, identifier, state))
    return made[::-1]


def test_the_chain_makes_the_calls_of_the_real_plugin_in_its_order(pve: Provider, proxmox: FakeProxmox) -> None:
    made = make_all(pve)
    assert proxmox.calls == [
        "POST cluster/sdn/controllers asn=4200001000&controller=evpn&peers=10.255.0.1&peers=10.255.0.2&type=evpn",
        "GET cluster/sdn/controllers/evpn?pending=1",
        "POST cluster/sdn/zones advertise-subnets=0&controller=evpn&disable-arp-nd-suppression=0"
        "&exitnodes-local-routing=0&mtu=1450&type=evpn&vrf-vxlan=4096&zone=tz",
        "GET cluster/sdn/zones/tz?pending=1",
        "POST cluster/sdn/vnets tag=10100&vnet=vnet100&zone=tz",
        "GET cluster/sdn/vnets/vnet100",
        "POST cluster/sdn/vnets/vnet100/subnets"
        " gateway=fd00%3A100%3A%3Afffe&subnet=fd00%3A100%3A%3A%2F64&type=subnet&vnet=vnet100",
        "GET cluster/sdn/vnets/vnet100/subnets",
        "GET cluster/sdn/vnets/vnet100/subnets/tz-fd00:100::-64",
        "PUT cluster/sdn",
        "GET nodes/pve01/tasks/UPID:pve01:0000:00000000:0:reloadnetworkall::root@pam%21trellis:/status",
    ]
    proxmox.calls.clear()
    for token, identifier, state in made:
        pve.resources[token].delete(CALL, identifier, state)
    assert proxmox.calls == [
        "DELETE cluster/sdn/vnets/vnet100/subnets/tz-fd00:100::-64",
        "DELETE cluster/sdn/vnets/vnet100",
        "DELETE cluster/sdn/zones/tz",
        "DELETE cluster/sdn/controllers/evpn",
    ]


def test_what_is_read_back_is_the_state(pve: Provider) -> None:
    states = {token: state for token, _, state in make_all(pve)}
    assert states[CONTROLLER] == {**CONTROLLER_INPUTS, "digest": "d0"}
    assert states[ZONE] == {
        **ZONE_INPUTS,
        "advertiseSubnets": False,
        "disableArpNdSuppression": False,
        "exitNodesLocalRouting": False,
        "state": "new",
        "pending": True,
    }
    assert states[SUBNET] == SUBNET_INPUTS


def test_a_read_after_the_apply_finds_the_inputs_unchanged(pve: Provider) -> None:
    for token, identifier, state in make_all(pve):
        inputs = {
            CONTROLLER: CONTROLLER_INPUTS, ZONE: ZONE_INPUTS, VNET: VNET_INPUTS, SUBNET: SUBNET_INPUTS,
            APPLIER: {"onDestroy": False},
        }[token]  # fmt: skip
        live = pve.resources[token].read(CALL, identifier, dict(inputs), state)
        assert live is not None
        assert live.inputs == inputs
        assert pve.resources[token].diff(dict(inputs), live.inputs) == ()


def test_a_change_behind_our_back_is_read(pve: Provider, proxmox: FakeProxmox) -> None:
    make_all(pve)
    proxmox.objects["vnets/vnet100"]["tag"] = 666
    live = pve.resources[VNET].read(CALL, "vnet100", dict(VNET_INPUTS), {})
    assert live is not None
    assert live.inputs["tag"] == 666


def test_an_object_that_is_gone_is_read_as_gone_and_deleted_without_complaint(pve: Provider) -> None:
    assert pve.resources[ZONE].read(CALL, "tz", dict(ZONE_INPUTS), {}) is None
    pve.resources[ZONE].delete(CALL, "tz", dict(ZONE_INPUTS))


def test_an_update_sends_the_type_no_more_and_unsets_what_is_gone(pve: Provider, proxmox: FakeProxmox) -> None:
    states = {token: state for token, _, state in make_all(pve)}
    zone = pve.resources[ZONE]
    with_nodes = {**ZONE_INPUTS, "nodes": ["pve02", "pve01"], "mtu": 8950}
    state = zone.update(CALL, "tz", states[ZONE], with_nodes)
    assert proxmox.calls[-2:] == [
        "PUT cluster/sdn/zones/tz advertise-subnets=0&controller=evpn&disable-arp-nd-suppression=0"
        "&exitnodes-local-routing=0&mtu=8950&nodes=pve02%2Cpve01&vrf-vxlan=4096&zone=tz",
        "GET cluster/sdn/zones/tz?pending=1",
    ]
    assert state["nodes"] == ["pve02", "pve01"]
    zone.update(CALL, "tz", state, dict(ZONE_INPUTS))
    assert "&delete=nodes&" in proxmox.calls[-2]
    assert "delete=mtu" not in proxmox.calls[-2], "the API can't unset an MTU"


def test_the_order_of_peers_does_not_count(pve: Provider) -> None:
    turned = {**CONTROLLER_INPUTS, "peers": ["10.255.0.2", "10.255.0.1"]}
    assert pve.resources[CONTROLLER].diff(CONTROLLER_INPUTS, turned) == ()


@pytest.mark.parametrize(
    ("token", "old", "change", "replaces"),
    [
        (CONTROLLER, CONTROLLER_INPUTS, {"sdnControllerEvpnId": "other"}, True),
        (CONTROLLER, CONTROLLER_INPUTS, {"asn": 1}, False),
        (ZONE, ZONE_INPUTS, {"resourceId": "other"}, True),
        (ZONE, ZONE_INPUTS, {"vrfVxlan": 5}, False),
        (VNET, VNET_INPUTS, {"resourceId": "other"}, True),
        (VNET, VNET_INPUTS, {"zone": "other"}, False),
        (SUBNET, SUBNET_INPUTS, {"cidr": "fd00:101::/64"}, True),
        (SUBNET, SUBNET_INPUTS, {"gateway": "fd00:100::1"}, False),
        (APPLIER, {}, {"onCreate": False}, True),
    ],
)
def test_what_replaces_and_what_does_not(
    pve: Provider, token: str, old: dict[str, object], change: dict[str, object], replaces: bool
) -> None:
    assert [one.replaces for one in pve.resources[token].diff(old, {**old, **change})] == [replaces]


def test_an_applier_applies_only_when_it_is_told_to(pve: Provider, proxmox: FakeProxmox) -> None:
    applier = pve.resources[APPLIER]
    identifier, state = applier.create(CALL, {"onCreate": False})
    assert proxmox.calls == []
    assert int(identifier) > 1_600_000_000_000
    applier.delete(CALL, identifier, state)
    assert [call for call in proxmox.calls if call.startswith("PUT")] == ["PUT cluster/sdn"]
    _, state = applier.create(CALL, {"onDestroy": False})
    applier.delete(CALL, identifier, state)
    assert len(proxmox.applied) == 2


def test_a_failed_task_is_an_error_with_its_log(pve: Provider, proxmox: FakeProxmox) -> None:
    proxmox.fail_applies = 1
    with pytest.raises(OperationError) as raised:
        pve.resources[APPLIER].create(CALL, {})
    assert "failed to complete with exit code: command failed\ntask log:\n  pve02: reload failed" in str(raised.value)


def test_proxmoxs_own_words_stand_in_the_error(pve: Provider) -> None:
    make_all(pve)
    with pytest.raises(OperationError) as raised:
        pve.resources[VNET].create(CALL, dict(VNET_INPUTS))
    assert str(raised.value) == (
        "Unable to Create SDN VNet: received an HTTP 500 response - Reason: vnet 'vnet100' already exists"
    )
    with pytest.raises(OperationError, match=r"Unable to Delete SDN Zone: .*zone tz is used by a vnet"):
        pve.resources[ZONE].delete(CALL, "tz", dict(ZONE_INPUTS))


def test_a_wrong_token_is_refused_and_not_printed(pve: Provider, proxmox: FakeProxmox) -> None:
    pve.configure({"endpoint": proxmox.endpoint, "apiToken": "root@pam!x=the-canary"})
    with pytest.raises(OperationError) as raised:
        pve.resources[APPLIER].create(CALL, {})
    assert "HTTP 401 response - Reason: authentication failure" in str(raised.value)
    assert "the-canary" not in str(raised.value)


def test_a_certificate_of_an_unknown_ca_is_refused(
    pve: Provider, proxmox: FakeProxmox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    pve.configure({"endpoint": proxmox.endpoint, "apiToken": TOKEN})
    with pytest.raises(OperationError, match="CERTIFICATE_VERIFY_FAILED"):
        pve.resources[APPLIER].create(CALL, {})
    assert proxmox.calls == []
    pve.configure({"endpoint": proxmox.endpoint, "apiToken": TOKEN, "insecure": "true"})
    pve.resources[APPLIER].create(CALL, {})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"endpoint": "http://10.0.0.1:8006", "apiToken": "t"}, "must specify a secure endpoint"),
        ({"endpoint": "", "apiToken": "t"}, "must specify a valid endpoint"),
        ({"endpoint": "https://10.0.0.1:8006"}, "must provide either user credentials, an API token"),
        ({"endpoint": "https://10.0.0.1:8006", "apiToken": "t", "minTls": "0.9"}, "unsupported minimal TLS"),
    ],
)
def test_a_configuration_that_can_not_work_is_refused(settings: dict[str, str], words: str) -> None:
    with pytest.raises(OperationError, match=words):
        provider().configure(settings)


def test_a_configuration_that_is_not_known_yet_is_no_error_in_a_preview() -> None:
    plugin = provider()
    plugin.configure({"endpoint": UNKNOWN, "apiToken": "t"})
    assert plugin.resources[ZONE].planned(dict(ZONE_INPUTS))["state"] == UNKNOWN
    with pytest.raises(OperationError, match="not known yet"):
        plugin.resources[APPLIER].create(CALL, {})


@pytest.mark.parametrize(
    ("token", "inputs", "property_name"),
    [
        (CONTROLLER, {"sdnControllerEvpnId": "evpn", "asn": 1}, "peers"),
        (CONTROLLER, {**CONTROLLER_INPUTS, "sdnControllerEvpnId": "ninechars"}, "sdnControllerEvpnId"),
        (ZONE, {**ZONE_INPUTS, "resourceId": "a-b"}, "resourceId"),
        (ZONE, {**ZONE_INPUTS, "rtImport": "65000"}, "rtImport"),
        (ZONE, {name: value for name, value in ZONE_INPUTS.items() if name != "vrfVxlan"}, "vrfVxlan"),
        (VNET, {**VNET_INPUTS, "colour": "blue"}, "colour"),
        (SUBNET, {**SUBNET_INPUTS, "gateway": "fd00:101::1"}, "gateway"),
        (SUBNET, {**SUBNET_INPUTS, "cidr": "fd00::/200"}, "cidr"),
        (APPLIER, {"on_create": True}, "on_create"),
    ],
)
def test_check_refuses_what_the_real_plugin_refuses(token: str, inputs: dict[str, object], property_name: str) -> None:
    _, failures = provider().resources[token].check(inputs)
    assert [one.property for one in failures] == [property_name]
