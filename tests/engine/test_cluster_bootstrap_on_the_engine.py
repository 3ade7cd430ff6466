"""Two stacks on the real engine: the network's exports a cluster's document, the bootstrap's reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.fleet import Fleet
from tests.sites import REPOSITORY
from trellis.contract import read_cluster
from trellis.engine import Engine
from trellis.lab.deployment import DeploymentError, Request, Result, run_in_child
from trellis.lab.plugins.launchers import Plugins

pytestmark = pytest.mark.engine

KEY = "CANARY-of-the-guests"


@pytest.fixture
def fleet(engine: Engine, provider_plugins: Plugins, tmp_path: Path) -> Iterator[Fleet]:
    made = Fleet(tmp_path, engine, provider_plugins)
    made.add("a")
    yield made
    made.stop()


def site_of(fleet: Fleet, *, signed: bool = False, **changes: Any) -> dict[str, Any]:
    """A cluster on Talos with Cilium and two nodes; `changes` go into the worker."""
    md5 = {"md5": "guests-key"} if signed else {}
    control = {"role": "controlplane", "suffix": 11, "host": "a", "mac": "BC:24:11:00:00:11", "pod_block": 0}
    worker = {"role": "worker", "suffix": 21, "host": "a", "mac": "BC:24:11:00:00:21", "pod_block": 1, **changes}
    return {
        **fleet.site({}),
        "zones": {"zone1": {"id": 1}},
        "tenants": {
            "tenant1": {
                "id": 101,
                "loopbacks": {"ipv4": "10.101.254.0/24", "ipv6": "fd00:101:fe::/64"},
                "guest_bgp": {"enabled": True, **md5},
            }
        },
        "vnets": {
            "vnet101": {
                "zone": "zone1",
                "tenant": "tenant1",
                "subnets": {
                    "ipv4": {"prefix": "10.101.0.0/24", "gateway": "10.101.0.254"},
                    "ipv6": {"prefix": "fd00:101::/64", "gateway": "fd00:101::fffe"},
                },
            }
        },
        "clusters": {
            "sol": {
                "id": 101,
                "vnet": "vnet101",
                "talos": {"release": "1.13.9"},
                "cilium": {},
                "vip": {"ipv4": "10.101.0.10", "ipv6": "fd00:101::10"},
                "pods": {"ipv6": {"pool": "fd00:101:244::/60"}},
                "services": {"ipv6": "fd00:101:250::/112"},
                "nodes": {"cp1": control, "wk1": worker},
            }
        },
    }


class Stacks:
    """The two stacks, on one backend of files."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.said: list[str] = []

    def network(self, operation: str, *, signed: bool = False, **changes: Any) -> Result:
        site = site_of(self.fleet, signed=signed, **changes)
        secrets = self.fleet.request(operation, site).secrets
        if signed:
            secrets = {**secrets, "trellis:secrets": json.dumps({"guests-key": KEY})}
        return self._kept(self.fleet.run(operation, site, secrets=secrets))

    def bootstrap(self, operation: str, cluster: str = "sol") -> Result:
        request = Request(
            operation=operation,  # type: ignore[arg-type]
            project_dir=REPOSITORY / "examples" / "cluster-bootstrap",
            stack="dev",
            work_dir=self.fleet.folder / "bootstrap",
            passphrase="correct horse",
            engine=self.fleet.engine.path,
            environment={"PULUMI_BACKEND_URL": f"file://{self.fleet.folder / 'work' / 'state'}"},
            config={
                "cluster-bootstrap:network": "organization/trellis/dev",
                "cluster-bootstrap:cluster": cluster,
            },
        )
        return self._kept(run_in_child(request, self.said.append))

    def _kept(self, result: Result) -> Result:
        self.said += [*self.fleet.said, result.diff, repr(result)]
        return result


def changed_lines(diff: str) -> str:
    """The values of a preview that change, each with what it becomes."""
    return "\n".join(line for line in diff.splitlines() if "=>" in line)


def test_the_second_stack_reads_what_the_first_exports_and_sees_a_change_of_one_node(fleet: Fleet) -> None:
    stacks = Stacks(fleet)
    exported = stacks.network("up").outputs["cluster_sol"]
    assert not exported.secret
    document = read_cluster(exported.value)

    made = stacks.bootstrap("up").outputs
    assert not made["files"].secret
    assert made["files"].value == {
        "cluster.yaml": document.patch,
        "schematic.yaml": document.schematic,
        "cilium.yaml": document.manifests,
        "patches/cp1.yaml": document.nodes["cp1"].patch,
        "patches/wk1.yaml": document.nodes["wk1"].patch,
    }
    commands = made["commands"].value
    first = {word: min(n for n, line in enumerate(commands) if word in line) for word in ("cp1", "wk1", "bootstrap")}
    assert first["cp1"] < first["wk1"] < first["bootstrap"]
    assert "talosctl --talosconfig talosconfig bootstrap --nodes fd00:101::11" in commands
    assert "talosctl gen config sol 'https://[fd00:101::10]:6443' " in "\n".join(commands)
    assert made["nodes"].value["wk1"]["asn"] == "4210101021", "whole, though numbers cross stacks as doubles"
    assert stacks.bootstrap("up").unchanged

    stacks.network("up", asn=65210)
    seen = stacks.bootstrap("preview").diff
    assert '"4210101021" => "65210"' in seen
    assert "-     localASN: 4210101021" in seen
    assert document.nodes["wk1"].digest in changed_lines(seen)
    assert document.nodes["cp1"].digest not in changed_lines(seen)

    with pytest.raises(DeploymentError, match="cluster_luna"):
        stacks.bootstrap("preview", cluster="luna")


def test_a_key_crosses_to_the_second_stack_and_is_in_no_preview_and_no_state(fleet: Fleet) -> None:
    stacks = Stacks(fleet)
    exported = stacks.network("up", signed=True).outputs["cluster_sol"]
    assert exported.secret
    assert read_cluster(exported.value).secrets == ("guests-key",)
    made = stacks.bootstrap("up").outputs
    assert (made["files"].secret, made["commands"].secret, made["nodes"].secret) == (True, False, False)
    assert KEY in made["files"].value["patches/cp1.yaml"]
    digests = {name: node["digest"] for name, node in made["nodes"].value.items()}

    changed = stacks.network("preview", signed=True, asn=65210)
    lines = [line.strip() for line in changed.diff.splitlines()]
    assert any(line.startswith("+") and line.endswith("local fd00:101::21 as 65210;") for line in lines), (
        "a text is seen by line, though the output that holds it is secret"
    )
    stacks.network("up", signed=True, asn=65210)
    seen = stacks.bootstrap("preview")
    assert digests["wk1"] in changed_lines(seen.diff)
    assert digests["cp1"] not in changed_lines(seen.diff)
    assert KEY not in "\n".join(stacks.said)
    folders = (fleet.folder / "work", fleet.folder / "bootstrap")
    written = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert [path for path in written if KEY.encode() in path.read_bytes()] == []
