"""The lab's interpreter of what a machine is given: Talos's network documents, and the user-data of a plain VM."""

from __future__ import annotations

import pytest

from trellis.lab import boot as boots
from trellis.lab.boot import Boot, Link, Route, of_talos
from trellis.lab.errors import LabError
from trellis.lab.user_data import of_virtual_machine

SPEAKER = """
---
apiVersion: v1alpha1
kind: ExtensionServiceConfig
name: bird2
configFiles:
  - mountPath: /usr/local/etc/bird.conf
    content: |
      router id 10.101.254.11;
"""

DOCUMENTS = (
    """
machine:
  kubelet: {nodeIP: {validSubnets: [10.101.0.0/24]}}
---
apiVersion: v1alpha1
kind: LinkConfig
name: ens18
mtu: 8950
addresses: [{address: 10.101.0.11/24}, {address: "fd00:101::11/64"}]
routes:
  - {gateway: 10.101.0.254, metric: 4096}
  - {destination: "::/0", gateway: "fd00:101::fffe", metric: 4096}
---
apiVersion: v1alpha1
kind: DummyLinkConfig
name: loop0
addresses: [{address: 10.101.254.11/32}]
---
apiVersion: v1alpha1
kind: HostnameConfig
hostname: solcp01
---
apiVersion: v1alpha1
kind: Layer2VIPConfig
name: fd00:101::10
link: ens18
"""
    + SPEAKER
)

BEFORE_1_12 = (
    """
machine:
  network:
    hostname: solcp01
    interfaces:
      - interface: ens18
        mtu: 8950
        addresses: [10.101.0.11/24, "fd00:101::11/64"]
        vip: {ip: "fd00:101::10"}
        routes:
          - {network: 0.0.0.0/0, gateway: 10.101.0.254, metric: 4096}
          - {network: "::/0", gateway: "fd00:101::fffe", metric: 4096}
      - interface: loop0
        dummy: true
        addresses: [10.101.254.11/32]
"""
    + SPEAKER
)


def of_node(text: str) -> Boot:
    return of_talos("solcp01", text)


@pytest.mark.parametrize("text", [DOCUMENTS, BEFORE_1_12], ids=["documents", "v1alpha1"])
def test_a_node_has_what_its_documents_say(text: str) -> None:
    boot = of_node(text)
    assert boot.card == Link(
        "ens18",
        mtu=8950,
        addresses=("10.101.0.11/24", "fd00:101::11/64"),
        routes=(Route("10.101.0.254", 4096), Route("fd00:101::fffe", 4096)),
    )
    assert boot.links[1] == Link("loop0", dummy=True, addresses=("10.101.254.11/32",))
    assert (boot.hostname, dict(boot.shared)) == ("solcp01", {"fd00:101::10": "ens18"})
    assert (boot.speaker, boot.config) == ("bird", "router id 10.101.254.11;\n")


def test_links_and_addresses_come_before_the_speaker_and_routes_with_the_link() -> None:
    boot = of_node(DOCUMENTS)
    assert list(boots.commands(boot)) == [
        "link set dev lo up",
        "link set dev ens18 mtu 8950",
        "address add 10.101.0.11/24 dev ens18",
        "address add fd00:101::11/64 dev ens18 nodad",
        "link add dev loop0 type dummy",
        "link set dev loop0 up",
        "address add 10.101.254.11/32 dev loop0",
    ]
    assert list(boots.routes(boot)) == [
        "route replace 0.0.0.0/0 via 10.101.0.254 dev ens18 metric 4096",
        "route replace ::/0 via fd00:101::fffe dev ens18 metric 4096",
    ]


def test_an_address_that_is_shared_is_nobodys_when_the_node_boots() -> None:
    assert "fd00:101::10" not in "\n".join(boots.commands(of_node(DOCUMENTS)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("kind: HostnameConfig", "kind: WireguardConfig"), "does not know this document"),
        (("kind: HostnameConfig", "kind: BGPInstanceConfig"), "runs in Talos alone"),
        (("mtu: 8950\n", "mtuu: 8950\n"), "LinkConfig ens18: mtuu"),
        (("kind: DummyLinkConfig", "kind: LinkConfig"), "2 links that are no dummies"),
        (("/usr/local/etc/bird.conf", "/etc/elsewhere"), "brings the speaker its configuration"),
    ],
)
def test_what_the_interpreter_does_not_know_is_no_boot(change: tuple[str, str], said: str) -> None:
    assert change[0] in DOCUMENTS
    with pytest.raises(LabError, match=said):
        _ = of_node(DOCUMENTS.replace(*change)).card


def test_a_node_drops_what_its_documents_drop_and_routes_into_a_dummy_what_they_route_there() -> None:
    """Talos's own routes that drop came in 1.14; before, one into a dummy link does."""
    since = "---\napiVersion: v1alpha1\nkind: BlackholeRouteConfig\nname: 10.244.3.0/24\nmetric: 4000\n"
    assert "route replace blackhole 10.244.3.0/24 metric 4000" in list(boots.routes(of_node(DOCUMENTS + since)))
    routed = "addresses: [{address: 10.101.254.11/32}]\nroutes: [{destination: 10.244.3.0/24, metric: 4000}]\n"
    before = DOCUMENTS.replace("addresses: [{address: 10.101.254.11/32}]\n", routed)
    assert "route replace 10.244.3.0/24 dev loop0 metric 4000" in list(boots.routes(of_node(before)))


NETWORK = """#cloud-config
write_files:
- path: /etc/systemd/network/05-trellis-vnet.network
  content: |
    [Match]
    PermanentMACAddress=bc:24:11:01:01:06

    [Link]
    MTUBytes=1450

    [Network]
    IPv6AcceptRA=no
    DHCP=no
    Address=10.0.0.6/24
    Address=fd00::6/64

    # First
    [Route]
    Destination=0.0.0.0/0
    Gateway=10.0.0.254
    Metric=4261416960

    [Route]
    Destination=::/0
    Gateway=fd00::fffe
    Metric=4261416960
- path: /etc/systemd/network/05-trellis-loopbacks.network
  content: |
    [Match]
    Name=loopbacks

    [Network]
    LinkLocalAddressing=no
    Address=10.1.0.6/32

    [Route]
    Destination=10.244.3.0/24
    Type=blackhole
    Metric=4000
"""
FRR = "- {path: /etc/frr/frr.conf, content: 'router bgp 65201'}\n"


def test_a_virtual_machine_has_the_network_and_the_speaker_of_its_user_data() -> None:
    boot = of_virtual_machine("alice", NETWORK + FRR)
    first = (Route("10.0.0.254", 4261416960), Route("fd00::fffe", 4261416960))
    assert boot.card == Link("eth0", mtu=1450, addresses=("10.0.0.6/24", "fd00::6/64"), routes=first)
    assert [link for link in boot.links if link.dummy] == [Link("loopbacks", dummy=True, addresses=("10.1.0.6/32",))]
    assert boot.dropped == (Route(None, 4000, "10.244.3.0/24", drops=True),)
    assert (boot.speaker, boot.config) == ("frr", "router bgp 65201")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (NETWORK, "user-data brings"),
        (NETWORK.replace("DHCP=no", "DHCPv6=no") + FRR, r"05-trellis-vnet.network: \[Network\] DHCPv6"),
        (NETWORK.replace("Type=", "Typ=") + FRR, r"05-trellis-loopbacks.network: \[Route\] Typ"),
    ],
    ids=["no speaker", "a key of a section", "a key of a route"],
)
def test_user_data_that_the_interpreter_does_not_know_is_no_boot(text: str, said: str) -> None:
    with pytest.raises(LabError, match=said):
        of_virtual_machine("alice", text)
