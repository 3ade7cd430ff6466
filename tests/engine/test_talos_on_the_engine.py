"""A cluster that is bootstrapped: the real engine, the whole program, and what its nodes' addresses were told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ends.talos_nodes import Nodes, own_network
from tests.engine.fleet import Fleet
from trellis.engine import Engine
from trellis.lab.deployment import DeploymentError, Result
from trellis.lab.plugins.launchers import Plugins

pytestmark = pytest.mark.engine

NODES = {"cp1": "fd00:101::11", "cp2": "fd00:101::12", "wk1": "fd00:101::21"}
KEY = "CANARY-of-the-guests-key"


@pytest.fixture
def fleet(engine: Engine, provider_plugins: Plugins, tmp_path: Path) -> Iterator[Fleet]:
    with own_network(f"{address}/128" for address in NODES.values()):
        made = Fleet(tmp_path, engine, provider_plugins)
        made.add("a", "b")
        yield made
        made.stop()


@pytest.fixture
def nodes(fleet: Fleet) -> Iterator[Nodes]:
    made = Nodes(NODES.values())
    yield made
    made.stop()


def site_of(fleet: Fleet, **talos: Any) -> dict[str, Any]:
    site = fleet.site({})
    loopbacks = {"ipv4": "10.101.254.0/24", "ipv6": "fd00:101:fe::/64"}
    site["zones"] = {"zone1": {"id": 1}}
    site["tenants"] = {
        "tenant1": {"id": 101, "loopbacks": loopbacks, "guest_bgp": {"enabled": True, "md5": "guest-key"}}
    }
    subnets = {
        "ipv4": {"prefix": "10.101.0.0/24", "gateway": "10.101.0.254"},
        "ipv6": {"prefix": "fd00:101::/64", "gateway": "fd00:101::fffe"},
    }
    site["vnets"] = {"vnet1": {"zone": "zone1", "tenant": "tenant1", "subnets": subnets}}

    def node(role: str, suffix: int, host: str) -> dict[str, Any]:
        return {"role": role, "suffix": suffix, "host": host, "mac": f"BC:24:11:00:01:{suffix}"}

    site["clusters"] = {
        "sol": {
            "id": 101,
            "vnet": "vnet1",
            "pods": {
                "ipv4": {"pool": "10.101.240.0/21", "node_length": 24},
                "ipv6": {"pool": "fd00:101:244::/60", "node_length": 64},
            },
            "services": {"ipv4": "10.101.250.0/24", "ipv6": "fd00:101:250::/112"},
            "talos": {"release": "1.13.9", "bootstrap": True, "kubernetes_version": "1.36.1", **talos},
            "nodes": {
                "cp1": node("controlplane", 11, "a"),
                "cp2": node("controlplane", 12, "b"),
                "wk1": node("worker", 21, "b"),
            },
        }
    }
    return site


def run(fleet: Fleet, operation: str, site: dict[str, Any]) -> Result:
    secrets = fleet.request(operation, site).secrets
    return fleet.run(operation, site, secrets={**secrets, "trellis:secrets": json.dumps({"guest-key": KEY})})


def steps(result: Result, op: str, of: str = "talos:") -> list[str]:
    return sorted(step.name for step in result.steps if step.op == op and step.type.startswith(of))


def test_a_cluster_goes_from_nothing_to_bootstrapped_changed_and_destroyed(fleet: Fleet, nodes: Nodes) -> None:
    site = site_of(fleet)
    preview = run(fleet, "preview", site)
    assert nodes.told == []
    assert "cp1-configuration" in steps(preview, "create")
    made = run(fleet, "up", site)
    _is_configured(nodes)
    _keeps_its_keys(fleet, made, preview)
    heard = len(nodes.told)
    assert run(fleet, "up", site).unchanged
    assert len(nodes.told) == heard, "a run without a change says nothing to a node"
    _changes_one_node(fleet, nodes, site)
    run(fleet, "destroy", site)
    assert len(nodes.told) == heard + 1, "nodes stay as they are"


def _is_configured(nodes: Nodes) -> None:
    asked = [(told.at, told.what) for told in nodes.told]
    assert sorted(asked) == [
        ("fd00:101::11", "/bootstrap"),
        *((address, "/configuration") for address in NODES.values()),
    ]
    assert all(told.node == told.at for told in nodes.told)
    of_first = asked.index(("fd00:101::11", "/configuration"))
    assert of_first < asked.index(("fd00:101::11", "/bootstrap"))
    assert {at for at, what in asked[: asked.index(("fd00:101::21", "/configuration"))] if "conf" in what} == {
        "fd00:101::11",
        "fd00:101::12",
    }, "control planes come first"
    tokens = set()
    for name, address in NODES.items():
        machine, *others = yaml.safe_load_all(nodes.configurations()[address])
        assert machine["machine"]["type"] == ("worker" if name == "wk1" else "controlplane")
        assert machine["cluster"]["controlPlane"]["endpoint"] == "https://[fd00:101::11]:6443"
        assert machine["cluster"]["network"]["cni"]["name"] == "none"
        assert machine["machine"]["install"]["disk"] == "/dev/sda"
        assert machine["machine"]["install"]["image"].startswith("factory.talos.dev/nocloud-installer/")
        assert machine["machine"]["kubelet"]["image"] == "ghcr.io/siderolabs/kubelet:v1.36.1"
        assert machine["cluster"].get("aggregatorCA", {}).get("key", "") != "" or name == "wk1"
        service = next(one for one in others if one["kind"] == "ExtensionServiceConfig")
        assert KEY in service["configFiles"][0]["content"]
        tokens.add(machine["machine"]["token"])
    assert len(tokens) == 1


def _keeps_its_keys(fleet: Fleet, made: Result, preview: Result) -> None:
    ways = {name: made.outputs[name] for name in ("talosconfig_sol", "kubeconfig_sol")}
    assert all(way.secret for way in ways.values())
    talosconfig = yaml.safe_load(ways["talosconfig_sol"].value)
    assert talosconfig["contexts"]["sol"]["endpoints"] == ["fd00:101::11", "fd00:101::12"]
    assert yaml.safe_load(ways["kubeconfig_sol"].value)["kind"] == "Config"
    written = b"".join(path.read_bytes() for path in (fleet.folder / "work").rglob("*") if path.is_file())
    assert b"cp1-configuration" in written, "the state"
    for secret in (KEY, talosconfig["contexts"]["sol"]["key"]):
        assert secret.encode() not in written
        assert secret not in preview.diff + "\n".join(fleet.said)


def _changes_one_node(fleet: Fleet, nodes: Nodes, site: dict[str, Any]) -> None:
    site["clusters"]["sol"]["nodes"]["wk1"]["asn"] = 65210
    preview = run(fleet, "preview", site)
    assert steps(preview, "update") == ["wk1-configuration"]
    assert steps(preview, "update", "trellis:talos:") == ["wk1-talos"]
    assert "4210101021" in preview.diff
    assert "65210" in preview.diff
    node = preview.diff[preview.diff.index("wk1-talos") :].split("    ~ talos:")[0]
    assert [line for line in node.splitlines() if "65210" in line and line.lstrip().startswith("+")], node
    heard = len(nodes.told)
    assert steps(run(fleet, "up", site), "update") == ["wk1-configuration"]
    assert [told.at for told in nodes.told[heard:]] == ["fd00:101::21"]
    assert "65210" in nodes.configurations()["fd00:101::21"]


def test_nodes_wait_for_every_host_that_they_may_be_on(fleet: Fleet, nodes: Nodes) -> None:
    fleet.hosts["b"].tell("fail", "not now")
    with pytest.raises(DeploymentError, match="not now"):
        run(fleet, "up", site_of(fleet))
    assert nodes.told == []


def test_a_lower_release_keeps_the_keys_of_a_cluster_that_runs(fleet: Fleet, nodes: Nodes) -> None:
    run(fleet, "up", site_of(fleet, install_disk="/dev/vda"))
    before = yaml.safe_load(nodes.configurations()["fd00:101::11"].split("---")[1])
    lower = run(fleet, "up", site_of(fleet, release="1.13.8"))
    assert [step.name for step in lower.steps if step.name == "sol-secrets"] == []
    after = yaml.safe_load(nodes.configurations()["fd00:101::11"].split("---")[1])
    assert after["machine"]["ca"] == before["machine"]["ca"]
    assert after["machine"]["install"]["image"].endswith(":v1.13.8")
