"""An SDN apply is refused while it would do what the site does not say: incidents I1 and I12 before they happen."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.lab.proxmox.simulated_cluster import SECRET, TOKEN, Api
from trellis.lab.proxmox import SimulatorConfig
from trellis.pve import EvpnController, EvpnZone, SdnState, Subnet, Vnet
from trellis.pve_api import ApplyRefused, client, refuse_unless_ours
from trellis.pve_api.dry_run import surprises

PEERS = ("10.255.0.1", "10.255.0.2", "10.255.0.3")
SITE = SdnState(
    EvpnController("evpn", 4200001000, PEERS),
    (EvpnZone("evpnz1", 4096, "evpn", mtu=8950),),
    (
        Vnet(
            "vnet100",
            "evpnz1",
            10100,
            subnets=(Subnet("10.100.0.0/24", "10.100.0.254"), Subnet("fd00:100::/64", "fd00:100::fffe")),
        ),
    ),
)
"""What `Api.build_fabric` makes."""


@pytest.fixture
def asked(api: Api, monkeypatch: pytest.MonkeyPatch) -> Api:
    """A simulated cluster that `refuse_unless_ours` asks without a socket."""
    return _ask(api, monkeypatch)


def _ask(api: Api, monkeypatch: pytest.MonkeyPatch) -> Api:
    def get(_: client.Api, path: str, **query: str) -> Any:
        answer = api.raw("GET", path, **query)
        if answer.status_code != 200:
            raise client.ApiProblem(answer.json()["message"], status=answer.status_code)
        return answer.json()["data"]

    monkeypatch.setattr(client.Api, "get", get)
    return api


def refusal(wanted: SdnState = SITE, **more: Any) -> str:
    with pytest.raises(ApplyRefused) as caught:
        refuse_unless_ours("https://pve.example:8006", "token", wanted, **more)
    return str(caught.value)


def accepted(wanted: SdnState = SITE, **more: Any) -> None:
    refuse_unless_ours("https://pve.example:8006", "token", wanted, **more)


def test_what_the_program_made_itself_is_applied(asked: Api) -> None:
    asked.build_fabric()
    accepted()
    asked.apply()
    accepted()


def test_a_zone_and_a_vnet_that_a_colleague_has_not_applied_yet_are_named(asked: Api) -> None:
    asked.build_fabric()
    asked.call("POST", "/cluster/sdn/zones", zone="guestz9", type="evpn", controller="evpn", vrf_vxlan=4999)
    asked.call("POST", "/cluster/sdn/vnets", vnet="vnet999", zone="guestz9", tag=10999)
    text = refusal()
    assert "2 pending change(s) of the cluster are not this site's" in text
    assert "zone guestz9 (new): the site has none of that name" in text
    assert "VNet vnet999 (new): the site has none of that name" in text
    assert "whoever has SDN.Allocate can" in text
    assert "pvesh create /cluster/sdn/rollback" in text


def test_a_change_to_an_object_of_ours_is_named_with_both_values(asked: Api) -> None:
    asked.build_fabric()
    asked.apply()
    asked.call("PUT", "/cluster/sdn/zones/evpnz1", mtu=1500, exitnodes="pve01")
    asked.call("PUT", "/cluster/sdn/vnets/vnet100", zone="evpnz1", alias="theirs")
    text = refusal()
    assert "zone evpnz1: mtu is to become 1500; the site says 8950" in text
    assert "zone evpnz1: exitnodes is to become 'pve01'; the site says nothing" in text
    assert "VNet vnet100: alias is to become 'theirs'; the site says nothing" in text


def test_an_object_of_ours_that_somebody_deleted_is_named(asked: Api) -> None:
    asked.build_fabric()
    asked.apply()
    asked.call("DELETE", "/cluster/sdn/vnets/vnet100/subnets/evpnz1-10.100.0.0-24")
    assert "subnet evpnz1-10.100.0.0-24 is to be deleted, and the site has it" in refusal()


def test_what_leads_to_the_site_is_ours_whoever_did_it(asked: Api) -> None:
    asked.build_fabric()
    asked.call("POST", "/cluster/sdn/vnets", vnet="vnet101", zone="evpnz1", tag=10101)
    asked.simulator.store.commit(None, release_lock=False)
    asked.call("DELETE", "/cluster/sdn/vnets/vnet101")
    accepted()


def test_a_deleted_zone_that_the_site_does_not_have_is_named(asked: Api) -> None:
    asked.build_fabric()
    asked.call("POST", "/cluster/sdn/zones", zone="guestz9", type="evpn", controller="evpn", vrf_vxlan=4999)
    asked.simulator.store.commit(None, release_lock=False)
    asked.call("DELETE", "/cluster/sdn/zones/guestz9")
    assert "zone guestz9 is to be deleted, and the site never had it" in refusal()


@pytest.mark.parametrize("release", ["8.4", "9.0", "9.1", "9.2"])
def test_every_release_answers(make_api: Any, monkeypatch: pytest.MonkeyPatch, release: str) -> None:
    api = _ask(make_api(release), monkeypatch)
    api.build_fabric()
    # Releases without a dry run are not asked in vain: they say that they have none.
    api.transport.answers["pve01"] = (0, json.dumps({"frr-diff": None, "interfaces-diff": None}), "")
    accepted(computed={"pve01": ("", "")})


def test_what_proxmox_would_generate_otherwise_than_computed_is_named(asked: Api) -> None:
    asked.build_fabric()
    generated = "router bgp 65000\n neighbor VTEP peer-group\n coalesce-time 1000\nexit\n"
    frr_conf = generated.replace("exit\n", " neighbor 10.0.0.1 remote-as 65001\nexit\n")
    diff = (
        "--- /etc/frr/frr.conf\t2026\n+++ /tmp/dry-run\t2026\n@@ -1,4 +1,4 @@\n router bgp 65000\n"
        "+ neighbor VTEP peer-group\n+ neighbor 10.0.0.1 remote-as 65001\n+ bgp listen limit 9\n"
        "- coalesce-time 1000\n exit\n"
    )
    asked.transport.answers["pve02"] = (0, json.dumps({"frr-diff": diff, "interfaces-diff": None}), "")
    text = refusal(computed={"pve02": (generated, frr_conf)})
    assert "pve02 would generate `router bgp 65000 > bgp listen limit 9`, which was not computed" in text
    assert "pve02 would take `router bgp 65000 > coalesce-time 1000` away, which was computed to stay" in text
    assert "VTEP" not in text
    assert "remote-as" not in text


def test_a_host_that_proxmox_does_not_know_by_its_name_is_named(asked: Api) -> None:
    text = refusal(computed={"pve09": ("", "")})
    assert "pve09 is no node that Proxmox can ask: " in text
    assert "Parameter verification failed" in text


def test_a_line_that_only_moves_is_no_surprise() -> None:
    block = "router ospf\n ospf router-id 1.1.1.1\nexit\n"
    old, new = (block.replace("\n", f"\n{sign}") for sign in "-+")
    diff = f"@@ -1 +1 @@\n-{old}\n router bgp 1\n exit\n+{new}\n"
    assert surprises(diff, "router bgp 1\nexit\n", "router bgp 1\nexit\n") == []
    assert surprises(None, "router bgp 1\n", "router bgp 1\n") == []


def test_an_api_that_does_not_answer_refuses_too(asked: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def get(_: client.Api, path: str, **query: str) -> Any:
        raise client.ApiProblem(f"GET {path}: 403: Permission check failed", status=403)

    monkeypatch.setattr(client.Api, "get", get)
    assert "does not say what is pending: GET /cluster/sdn/vnets: 403" in refusal()


def test_over_tls_the_clusters_authority_counts_and_the_token(
    simulator: SimulatorConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = f"{TOKEN}={SECRET}"
    with pytest.raises(ApplyRefused, match="CERTIFICATE_VERIFY_FAILED"):
        refuse_unless_ours(simulator.url, token, SITE)
    monkeypatch.setenv("SSL_CERT_FILE", str(simulator.ca_file))
    refuse_unless_ours(simulator.url, token, SITE)
    with pytest.raises(ApplyRefused, match="401: invalid token value"):
        refuse_unless_ours(simulator.url, f"{TOKEN}=wrong", SITE)
