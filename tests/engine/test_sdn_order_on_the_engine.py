"""Additions are applied before anything builds on them, removals after they are made: on the real engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ends.fake_proxmox import TOKEN, FakeProxmox
from trellis.engine import Engine
from trellis.lab.deployment import DeploymentError, Request, Result
from trellis.lab.deployment import run_in_child as run
from trellis.lab.plugins.launchers import Plugins

pytestmark = pytest.mark.engine

PROGRAMS = Path(__file__).parent / "programs"


def vnets(*tenants: int, **changes: object) -> dict[str, object]:
    return {
        f"vnet{tenant}": {
            "tag": 10000 + tenant,
            "subnets": [[f"10.{tenant}.0.0/24", f"10.{tenant}.0.254"], [f"fd00:{tenant}::/64", f"fd00:{tenant}::fffe"]],
            **changes,
        }
        for tenant in tenants
    }


@pytest.fixture
def go(engine: Engine, provider_plugins: Plugins, proxmox: FakeProxmox, tmp_path: Path) -> Callable[..., Result]:
    """Runs an operation with some VNets; the calls of earlier runs are forgotten first."""

    def operate(operation: str, content: dict[str, object], program: str = "sdn") -> Result:
        proxmox.calls.clear()
        request = Request(
            operation=operation,  # type: ignore[arg-type]
            project_dir=PROGRAMS / program,
            stack="dev",
            work_dir=tmp_path / "work",
            passphrase="correct horse",
            engine=engine.path,
            plugin_dir=provider_plugins.folder,
            plugin_home=provider_plugins.home,
            config={
                f"{program}:endpoint": proxmox.endpoint,
                f"{program}:{'vnets' if program == 'sdn' else 'zones'}": content,
            },
            secrets={f"{program}:token": TOKEN},
            environment={"SSL_CERT_FILE": str(tmp_path / "proxmox" / "ca.pem")},
        )
        return run(request, print)

    return operate


def in_force(proxmox: FakeProxmox) -> set[str]:
    return {name.split("/")[1] for name in proxmox.applied[-1] if name.startswith("vnets/")}


def test_vnets_come_and_go_between_the_two_appliers(go: Callable[..., Result], proxmox: FakeProxmox) -> None:
    """One life of a configuration. The engine orders deletions by direct dependencies, so each object names the
    finalizer itself: a VNet that names its zone only would be deleted beside the finalizer's apply.
    """
    go("up", vnets(100, 101))
    assert proxmox.writes()[-1] == "PUT cluster/sdn"
    assert len(proxmox.applied) == 1, "everything is made and then applied once"
    assert in_force(proxmox) == {"vnet100", "vnet101"}
    assert go("up", vnets(100, 101)).unchanged
    assert proxmox.writes() == []

    added = go("up", vnets(100, 101, 102))
    writes = proxmox.writes()
    assert all(write.startswith("POST") for write in writes[:3])
    assert writes[3:] == ["PUT cluster/sdn", "PUT cluster/sdn"], "the applier's, then the old finalizer's"
    steps = [(step.op, step.name) for step in added.steps]
    assert steps.index(("create-replacement", "applier")) < steps.index(("delete-replaced", "finalizer"))

    proxmox.deletion_s = 1.0
    go("up", vnets(101, 102))
    writes = proxmox.writes()
    assert writes[0] == "PUT cluster/sdn"
    assert sorted(writes[1:3]) == [
        "DELETE cluster/sdn/vnets/vnet100/subnets/evpnz1-10.100.0.0-24",
        "DELETE cluster/sdn/vnets/vnet100/subnets/evpnz1-fd00:100::-64",
    ]
    assert writes[3:] == ["DELETE cluster/sdn/vnets/vnet100", "PUT cluster/sdn"]
    assert in_force(proxmox) == {"vnet101", "vnet102"}, "what was removed is no longer in force when the run ends"
    proxmox.deletion_s = 0.0

    go("up", {**vnets(101), **vnets(102, id="green")})
    writes = proxmox.writes()
    deleted = writes.index("DELETE cluster/sdn/vnets/vnet102")
    assert deleted < writes.index("POST cluster/sdn/vnets tag=10102&vnet=green&zone=evpnz1"), "its tag is unique"
    assert in_force(proxmox) == {"vnet101", "green"}

    changed = go("up", vnets(101, tag=20101))
    assert [(step.name, step.paths) for step in changed.steps if step.op == "update"] == [("vnet101", ("tag",))]
    assert proxmox.in_force["vnets/vnet101"]["tag"] == 20101

    go("destroy", vnets(101))
    assert proxmox.writes()[-3:] == [
        "DELETE cluster/sdn/zones/evpnz1",
        "DELETE cluster/sdn/controllers/evpn",
        "PUT cluster/sdn",
    ]
    assert proxmox.in_force == {}


def test_an_apply_that_fails_stops_the_run_and_is_tried_again_by_the_next(
    go: Callable[..., Result], proxmox: FakeProxmox
) -> None:
    go("up", vnets(100))
    proxmox.fail_applies = 1
    with pytest.raises(DeploymentError, match="pve02: reload failed") as raised:
        go("up", vnets(101))
    assert [one.name for one in raised.value.problems] == ["applier"]
    assert not [write for write in proxmox.writes() if write.startswith("DELETE")], "removals are left undone"
    go("up", vnets(101))
    assert in_force(proxmox) == {"vnet101"}


def test_drift_behind_our_back_is_seen_and_mended(go: Callable[..., Result], proxmox: FakeProxmox) -> None:
    go("up", vnets(100))
    assert go("drift", vnets(100)).unchanged, "an apply of our own is no drift"
    proxmox.objects["vnets/vnet100"]["tag"] = 666
    drift = go("drift", vnets(100))
    assert [(step.op, step.name, step.paths) for step in drift.steps] == [("update", "vnet100", ("tag",))]
    assert proxmox.writes() == []
    go("refresh", vnets(100))
    result = go("up", vnets(100))
    assert [(step.op, step.name) for step in result.steps] == [("update", "vnet100")]
    assert proxmox.objects["vnets/vnet100"]["tag"] == 10100


def test_the_projects_own_component_applies_additions_first_and_removals_last(
    go: Callable[..., Result], proxmox: FakeProxmox
) -> None:
    both = ["ipv4", "ipv6"]
    go("up", {"evpnz1": {"100": both}}, "components")
    assert proxmox.writes()[-1] == "PUT cluster/sdn"
    go("up", {"evpnz1": {"100": both, "101": both}, "evpnz2": {"200": both}}, "components")
    writes = proxmox.writes()
    assert writes[-2:] == ["PUT cluster/sdn", "PUT cluster/sdn"]
    assert all(write.startswith("POST") for write in writes[:-2])
    assert in_force(proxmox) == {"vnet100", "vnet101", "vnet200"}

    proxmox.deletion_s = 1.0
    go("up", {"evpnz1": {"101": both}}, "components")
    deletions = [write for write in proxmox.writes() if write.startswith("DELETE")]
    assert proxmox.writes() == ["PUT cluster/sdn", *deletions, "PUT cluster/sdn"]
    assert len(deletions) == 7, "two VNets with two subnets each, and a zone"
    assert in_force(proxmox) == {"vnet101"}, "nothing that was removed is still in force"

    go("up", {"evpnz1": {"101": ["ipv4"]}}, "components")
    assert proxmox.writes() == [
        "PUT cluster/sdn",
        "DELETE cluster/sdn/vnets/vnet101/subnets/evpnz1-fd00:101::-64",
        "PUT cluster/sdn",
    ]
    assert "vnets/vnet101/subnets/evpnz1-fd00:101::-64" not in proxmox.in_force, "a single subnet's removal too"
    assert go("up", {"evpnz1": {"101": ["ipv4"]}}, "components").unchanged


def test_nothing_is_applied_while_something_is_pending_that_is_not_the_sites(
    go: Callable[..., Result], proxmox: FakeProxmox
) -> None:
    go("up", {"evpnz1": {"100": ["ipv6"]}}, "components")
    applies = len(proxmox.applied)
    proxmox.objects["zones/theirs"] = {"zone": "theirs", "type": "simple"}
    assert go("up", {"evpnz1": {"100": ["ipv6"]}}, "components").unchanged, "what others prepare is not our matter"
    with pytest.raises(DeploymentError) as raised:
        go("up", {"evpnz1": {"100": ["ipv6"], "101": ["ipv6"]}}, "components")
    (problem,) = raised.value.problems
    assert problem.name == "sdn-additions"
    assert "the SDN apply is refused: 1 pending change(s) of the cluster are not this site's" in problem.message
    assert "  - zone theirs (new): the site has none of that name" in problem.message
    assert "Traceback" not in problem.message
    assert len(proxmox.applied) == applies
    assert TOKEN not in str(raised.value)

    del proxmox.objects["zones/theirs"]
    go("up", {"evpnz1": {"100": ["ipv6"], "101": ["ipv6"]}}, "components")
    assert in_force(proxmox) == {"vnet100", "vnet101"}
    go("destroy", {"evpnz1": {"100": ["ipv6"], "101": ["ipv6"]}}, "components")
    assert proxmox.in_force == {}, "a plain destroy needs no hook"
