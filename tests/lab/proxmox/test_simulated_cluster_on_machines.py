"""The simulated cluster on machines of its own: kernels, systemd and FRR do what Proxmox would have them do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.lab.proxmox.simulated_cluster import SECRET, TOKEN
from trellis.lab import controller, network
from trellis.lab.machine import BOOT_LIMIT_S
from trellis.lab.proxmox import NodeConfig, SimulatorConfig, SshConfig, installation, start, stop
from trellis.lab.topology import (
    FileSpec,
    InterfaceSpec,
    MachineSpec,
    NamespaceSpec,
    NetworkKind,
    NetworkSpec,
    Topology,
)

pytestmark = [
    pytest.mark.lab,
    pytest.mark.timeout(900),
    # The machines outlive the object that started them: that is what they are for.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

LAB = "sdntest"
HOSTS = ("pve01", "pve02")
CONVERGE_S = 120

DAEMONS = "bgpd=yes\nospfd=yes\nbfdd=yes\nvtysh_enable=yes\n"
"""`ospfd=yes` where Proxmox rewrites it: the first regeneration must switch it off and restart FRR."""

LOCAL = """\
interface dummy_underlay
 ip ospf area 0
exit
interface vmbr1v20
 ip ospf area 0
 ip ospf network point-to-point
exit
router ospf
 ospf router-id 10.255.0.{number}
exit
router bgp 4200001000
 neighbor VTEP update-source 10.255.0.{number}
exit
"""


@dataclass
class Cluster:
    """Two hosts, and the API in its own namespace."""

    lab: controller.Lab
    config: SimulatorConfig

    def on(self, host: str, command: str) -> str:
        return self.lab.access.run(host, command, check=False).stdout

    def call(self, method: str, path: str, **fields: Any) -> Any:
        """A call from the controller's namespace, as the program makes it."""
        script = textwrap.dedent(
            """
            import httpx, json, ssl, sys
            url, ca, token, method, fields = json.loads(sys.stdin.read())
            where = "params" if method in ("GET", "DELETE") else "data"
            with httpx.Client(verify=ssl.create_default_context(cafile=ca), timeout=60) as client:
                answer = client.request(method, url, headers={"Authorization": token}, **{where: fields})
            print(json.dumps([answer.status_code, answer.json()]))
            """
        )
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        request = [
            f"{self.config.url}/api2/json{path}",
            str(self.config.ca_file),
            f"PVEAPIToken={TOKEN}={SECRET}",
            method,
            named,
        ]
        inside = ["ip", "netns", "exec", network.namespace_of(LAB, "controller")]
        done = subprocess.run(
            [*inside, sys.executable, "-c", script],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        status, body = json.loads(done.stdout)
        assert status == 200, body
        return body["data"]

    def apply(self) -> list[str]:
        """Apply, wait, and return the task's log; the task must be green."""
        upid = self.call("PUT", "/cluster/sdn")
        path = f"/nodes/pve01/tasks/{upid}"
        until(lambda: self.call("GET", f"{path}/status")["status"] == "stopped", "the apply ends")
        assert self.call("GET", f"{path}/status")["exitstatus"] == "OK"
        return [line["t"] for line in self.call("GET", f"{path}/log", limit=500)]

    def neighbors(self, host: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.on(host, "vtysh -c 'show bgp neighbors json'") or "{}")
        return {name: value for name, value in found.items() if isinstance(value, dict)}

    def established(self, host: str) -> dict[str, tuple[int, int]]:
        """How often, and since when, each session of a host is up."""
        return {
            name: (value["connectionsEstablished"], value.get("bgpTimerUpEstablishedEpoch", 0))
            for name, value in self.neighbors(host).items()
            if value.get("bgpState") == "Established"
        }

    def devices(self, host: str) -> dict[str, dict[str, Any]]:
        found = json.loads(self.on(host, "ip -json -details address show"))
        return {entry["ifname"]: entry for entry in found}

    def started(self, host: str, unit: str) -> int:
        """When a unit began, microseconds of the host's uptime."""
        return int(self.on(host, f"systemctl show {unit} -p ActiveEnterTimestampMonotonic --value"))


def undisturbed(before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]) -> bool:
    """Whether no session has reset. FRR computes the epoch anew each time, so it wavers by a second."""
    return before.keys() == after.keys() and all(
        count == after[name][0] and abs(since - after[name][1]) <= 1 for name, (count, since) in before.items()
    )


def until(condition: Callable[[], bool], what: str, limit_s: float = CONVERGE_S) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {limit_s:.0f} s in vain until {what}"
        time.sleep(1)


def the_topology(config: SimulatorConfig) -> Topology:
    """Two hosts joined by a cable and a management segment, on which the controller and the API are too."""
    machines = []
    for number, node in enumerate(config.nodes, start=1):
        made = installation(config, node)
        files = (
            *made.files,
            FileSpec("/etc/frr/daemons", DAEMONS),
            FileSpec("/etc/frr/daemons.conf", "ospfd=yes\n"),
            FileSpec("/etc/frr/frr.conf.local", LOCAL.format(number=number)),
            FileSpec("/etc/sysctl.d/90-test.conf", "net.ipv4.conf.vrf_evpnz1.rp_filter=2\n"),
        )
        interfaces = (
            InterfaceSpec("vmbr0.10", "management", (f"{node.address}/24",)),
            InterfaceSpec("vmbr1v20", "mesh", (f"10.20.20.{number - 1}/31",)),
        )
        loopbacks = (f"10.255.0.{number}/32",)
        machines.append(MachineSpec(node.name, interfaces, loopbacks, files=files, enabled_units=made.enabled_units))
    stations = (("controller", "10.10.0.250/24"), ("proxmox", f"{config.listen}/24"))
    return Topology(
        name=LAB,
        networks=(
            NetworkSpec("management", NetworkKind.SEGMENT),
            NetworkSpec("mesh", NetworkKind.POINT_TO_POINT),
        ),
        machines=tuple(machines),
        namespaces=tuple(
            NamespaceSpec(name, (InterfaceSpec("eth0", "management", (address,)),)) for name, address in stations
        ),
    )


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if os.geteuid() != 0:
        pytest.skip("machines need root")
    folder = tmp_path_factory.mktemp("proxmox")
    keys = controller.state_dir(LAB) / "keys"
    config = SimulatorConfig(
        listen="10.10.0.200",
        state_dir=str(folder),
        cluster="lab",
        nodes=tuple(NodeConfig(name, f"10.10.0.1{name[-1]}", "9.2") for name in HOSTS),
        tokens={TOKEN: SECRET},
        ssh=SshConfig(str(keys / "lab"), str(keys / "known_hosts")),
    )
    file = folder / "proxmox.json"
    config.write(file)
    try:
        lab = controller.up(the_topology(config), print)
        inside = ("ip", "netns", "exec", network.namespace_of(LAB, "proxmox"))
        start(file, prefix=inside, say=print)
        yield Cluster(lab, config)
    finally:
        stop(file)
        controller.down(LAB, print)


def build_fabric(cluster: Cluster) -> None:
    peers = ["10.255.0.1", "10.255.0.2"]
    cluster.call("POST", "/cluster/sdn/controllers", controller="evpn", type="evpn", asn=4200001000, peers=peers)
    zone = {"zone": "evpnz1", "type": "evpn", "controller": "evpn", "vrf-vxlan": 4096, "mtu": 8950}
    cluster.call("POST", "/cluster/sdn/zones", **zone)
    add_vnet(cluster, 100)


def add_vnet(cluster: Cluster, number: int) -> None:
    name = f"vnet{number}"
    cluster.call("POST", "/cluster/sdn/vnets", vnet=name, zone="evpnz1", tag=10000 + number)
    for subnet, gateway in (
        (f"10.{number}.0.0/24", f"10.{number}.0.254"),
        (f"fd00:{number}::/64", f"fd00:{number}::fffe"),
    ):
        path = f"/cluster/sdn/vnets/{name}/subnets"
        cluster.call("POST", path, subnet=subnet, gateway=gateway, type="subnet")


@pytest.mark.scenario
def test_a_zone_lives_through_applies_a_power_cut_and_a_removal(cluster: Cluster) -> None:
    # One story, because a boot of two machines costs more than all of its steps.
    build_fabric(cluster)
    cluster.apply()
    until(lambda: all(len(cluster.established(host)) == 1 for host in HOSTS), "both EVPN sessions are up")

    # The anycast gateway: the same MAC, addresses and link-local everywhere, and nobody objects to them.
    gateways = [cluster.devices(host)["vnet100"] for host in HOSTS]
    assert len({device["address"] for device in gateways}) == 1
    assert len({tuple(sorted(addr["local"] for addr in device["addr_info"])) for device in gateways}) == 1
    time.sleep(3)
    for host in HOSTS:
        devices = cluster.devices(host)
        flags = [addr for device in devices.values() for addr in device["addr_info"] if addr.get("dadfailed")]
        assert flags == []
        assert not any(addr.get("tentative") for addr in devices["vnet100"]["addr_info"])
        assert devices["vnet100"]["mtu"] == 8950
        assert devices["vnet100"]["master"] == "vrf_evpnz1"
        assert devices["vxlan_vnet100"]["linkinfo"]["info_slave_data"]["neigh_suppress"] is True
        assert cluster.on(host, "sysctl -n net.ipv4.conf.vrf_evpnz1.rp_filter").strip() == "2"
        vni = json.loads(cluster.on(host, "vtysh -c 'show evpn vni 4096 json'"))
        assert (vni["state"], vni["type"]) == ("Up", "L3")
        assert "vrf_evpnz1" in vni.values()

    # Proxmox forced ospfd off; the other daemons file kept it running.
    for host in HOSTS:
        assert "ospfd=no" in cluster.on(host, "cat /etc/frr/daemons").splitlines()
        assert cluster.on(host, "pidof ospfd").strip()

    # An apply that changes nothing disturbs no device, no session and no daemon.
    sessions = {host: cluster.established(host) for host in HOSTS}
    started = {host: cluster.started(host, "frr") for host in HOSTS}
    indexes = {host: {name: entry["ifindex"] for name, entry in cluster.devices(host).items()} for host in HOSTS}
    log = cluster.apply()
    assert [line for line in log if line.strip().startswith(("ip ", "WARN", "command"))] == []
    assert all(undisturbed(sessions[host], cluster.established(host)) for host in HOSTS)
    assert {host: cluster.started(host, "frr") for host in HOSTS} == started
    now = {host: {name: entry["ifindex"] for name, entry in cluster.devices(host).items()} for host in HOSTS}
    assert now == indexes

    # A host that is off makes a line in a green task, and catches up at its boot: devices before FRR.
    cluster.on("pve02", "sync")
    machine = cluster.lab.machine("pve02")
    machine.power_cut()
    add_vnet(cluster, 101)
    assert any("/nodes/pve02/network' failed: exit code 255" in line for line in cluster.apply())
    assert "vnet101" in cluster.devices("pve01")
    machine.power_on()
    machine.wait_until_booted(time.monotonic() + BOOT_LIMIT_S)
    assert "vnet101" in cluster.devices("pve02")
    assert cluster.started("pve02", "pve-networking") < cluster.started("pve02", "frr")
    until(lambda: len(cluster.established("pve02")) == 1, "the session of the booted host is up")
    assert cluster.on("pve01", "cat /etc/network/interfaces.d/sdn") == cluster.on(
        "pve02", "sed s/10.255.0.2/10.255.0.1/ /etc/network/interfaces.d/sdn"
    )

    # What is removed is gone after the apply, and only that.
    sessions = {"pve01": cluster.established("pve01")}
    for subnet in ("evpnz1-10.101.0.0-24", "evpnz1-fd00:101::-64"):
        cluster.call("DELETE", f"/cluster/sdn/vnets/vnet101/subnets/{subnet}")
    cluster.call("DELETE", "/cluster/sdn/vnets/vnet101")
    cluster.apply()
    for host in HOSTS:
        assert not [name for name in cluster.devices(host) if "vnet101" in name]
        assert "vnet100" in cluster.devices(host)
    assert undisturbed(sessions["pve01"], cluster.established("pve01"))
