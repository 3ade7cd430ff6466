"""Router advertisements of a VNet have one sender: one of ours, or Proxmox where the site says so."""

from __future__ import annotations

import pytest

from tests.core.generated import Data
from tests.sites import site_data
from trellis.plan import plan
from trellis.plan.rules import violations
from trellis.pve.versions import VERSIONS
from trellis.render import render
from trellis.site import SiteRefused, load_site
from trellis.site.checks import delegated


def left_to_proxmox(*vnets: str) -> Data:
    data = site_data("delegated")
    for name in vnets:
        data["vnets"][name]["router_advertisements"]["sender"] = "proxmox"
    return data


def test_what_proxmox_sends_is_rendered_nowhere_and_kept_from_other_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delegated, "SENDING", ("9.1",))
    planned = plan(load_site(left_to_proxmox("vnet101")))
    assert {v.name: v.advertisement.sender for v in planned.vnets if v.advertisement} == {
        "vnet100": "radvd",
        "vnet101": "proxmox",
        "vnet102": "radvd",
        "vnet103": "radvd",
    }
    assert list(violations(planned)) == []
    for bundle in render(planned):
        assert "interface vnet101" not in bundle.text("/etc/radvd.conf")
        assert "nd suppress-ra" not in bundle.text("/etc/frr/frr.conf")
        assert '"vxlan_vnet101"' in bundle.text("/etc/trellis/firewall.nft")
    for bundle in render(plan(load_site(left_to_proxmox(*site_data("delegated")["vnets"])))):
        assert "/etc/radvd.conf" not in {file.path for file in bundle.files}
        assert bundle.read_by == ()
        assert "radvd" not in bundle.preconditions.packages


def test_no_release_that_is_known_sends_so_every_one_is_refused() -> None:
    for release in VERSIONS:
        data = left_to_proxmox("vnet101")
        for host in data["hosts"].values():
            host["pve_version"] = release
        with pytest.raises(SiteRefused, match="runs a Proxmox VE that sends advertisements"):
            load_site(data)
