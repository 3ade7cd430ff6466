"""What the simulated node shows in a dry run is what was computed, whether zones come, go or change."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tests.sites import bundles_of, plan_of
from trellis.lab.proxmox.node import apply, configuration, kernel
from trellis.lab.proxmox.node.settings import Settings
from trellis.lab.proxmox.node.versions import behaviour_of
from trellis.pve import EvpnZone, Node, SdnState, effective, generate, pve_version
from trellis.pve_api.dry_run import surprises

CONFIG, LOCAL = "/etc/frr/frr.conf", "/etc/frr/frr.conf.local"
NODE = Node("pve01", "10.255.0.1", ("10.255.0.1", "fd00:0:0:ffff::1"), pve_version("9.1"))


def document(sdn: SdnState) -> dict[str, Any]:
    """The SDN as Proxmox keeps it."""
    assert sdn.controller is not None
    controller = {"type": "evpn", "asn": sdn.controller.asn, "peers": ",".join(sdn.controller.peers)}
    zones = {
        zone.id: {"type": "evpn", "controller": sdn.controller.id, "vrf-vxlan": zone.vrf_vxlan} for zone in sdn.zones
    }
    ids = {"controllers": {sdn.controller.id: controller}, "zones": zones, "vnets": {}, "subnets": {}}
    return {"version": 2, **{section: {"ids": entries} for section, entries in ids.items()}}


@pytest.fixture
def dry_run(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Asks a node that holds a frr.conf and a frr.conf.local what an SDN would make of them."""
    monkeypatch.setattr(apply, "FRR_CONF", tmp_path / "frr.conf")
    monkeypatch.setattr(apply, "FRR_LOCAL", tmp_path / "frr.conf.local")
    monkeypatch.setattr(apply, "INTERFACES", tmp_path / "sdn")
    underlay = configuration.Underlay("dummy_underlay", NODE.router_id, 1500, NODE.router_id)
    monkeypatch.setattr(kernel, "find_underlays", lambda _: {"evpn": underlay})

    def ask(sdn: SdnState, frr_conf: str, local: str) -> str | None:
        (tmp_path / "frr.conf").write_text(frr_conf)
        (tmp_path / "frr.conf.local").write_text(local)
        answer = apply.dry_run(document(sdn), settings())
        return answer["frr-diff"]

    return ask


def settings() -> Settings:
    known = {"node": "pve01", "behaviour": behaviour_of("9.1")}
    names = {field.name for field in dataclasses.fields(Settings)}
    return Settings(**{name: known.get(name, "") for name in names})


@pytest.fixture(scope="module")
def sdn() -> SdnState:
    found = plan_of("homelab").sdn
    assert found is not None
    return dataclasses.replace(found, zones=tuple(dataclasses.replace(zone, nodes=()) for zone in found.zones))


@pytest.fixture(scope="module")
def local() -> str:
    return next(bundle for bundle in bundles_of("homelab") if bundle.host == "pve01").text(LOCAL)


def computed(sdn: SdnState, local: str) -> tuple[str, str]:
    generated = "".join(f"{line}\n" for line in generate(sdn, NODE))
    return generated, effective(sdn, NODE, tuple(local.splitlines())).text


def test_a_zone_that_comes_and_one_that_goes_are_as_computed(dry_run: Any, sdn: SdnState, local: str) -> None:
    more = dataclasses.replace(sdn, zones=(*sdn.zones, EvpnZone("evpnz7", 4777, "evpn")))
    none = dataclasses.replace(sdn, zones=())
    for before, after in ((sdn, more), (more, sdn), (sdn, sdn), (sdn, none), (none, sdn)):
        diff = dry_run(after, computed(before, local)[1], local)
        assert (diff is None) == (before == after)
        assert surprises(diff, *computed(after, local)) == []


def test_a_first_apply_is_as_computed(dry_run: Any, sdn: SdnState) -> None:
    assert surprises(dry_run(sdn, "frr defaults traditional\n", ""), *computed(sdn, "")) == []


def test_a_proxmox_that_generates_another_line_is_noticed(dry_run: Any, sdn: SdnState, local: str) -> None:
    more = dataclasses.replace(sdn, zones=(*sdn.zones, EvpnZone("evpnz7", 4777, "evpn")))
    diff = dry_run(more, computed(sdn, local)[1], local)
    generated, text = computed(dataclasses.replace(sdn, zones=(*sdn.zones, EvpnZone("evpnz7", 4778, "evpn"))), local)
    assert surprises(diff, generated, text) == ["would generate `vrf vrf_evpnz7 > vni 4777`, which was not computed"]
