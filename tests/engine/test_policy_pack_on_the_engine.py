"""The policy pack, run by the real engine with the real SDK for policies, beside the project's own components.

The engine that is built from ``tools/engine`` has no language plugins, and starts a pack's Python by the launcher in
``policy_pack/bin``; the protocol, the pack and what the engine makes of its answers are the real ones.
"""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ends.fake_proxmox import TOKEN, FakeProxmox
from tests.engine.fleet import Fleet
from tests.sites import REPOSITORY
from trellis.engine import Engine
from trellis.lab.deployment import DeploymentError, Request, Result
from trellis.lab.deployment import run_in_child as run
from trellis.lab.plugins.launchers import Plugins

pytestmark = pytest.mark.engine

PACK = REPOSITORY / "policy_pack"
PROGRAMS = Path(__file__).parent / "programs"
CANARY = "canary-of-the-policy-pack"
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB7AN+6NeTnhqtDCcBocTwmEmrsZHsAW9p5vjeQUInbD"

Judged = Callable[..., dict[str, Any]]


@pytest.fixture
def judged(provider_plugins: Plugins, tmp_path: Path) -> Judged:
    """The fields of a request that is judged by the pack, given some configuration of its policies."""
    if not (PACK / ".venv" / "bin" / "python").exists():
        pytest.skip(f"the policy pack has no environment: `uv sync --frozen --project {PACK}` makes it")

    def fields(pack: dict[str, Any] | None = None) -> dict[str, Any]:
        given = tmp_path / "pack.json"
        given.write_text(json.dumps(pack or {}))
        path = [str(PACK / "bin"), *filter(None, [str(provider_plugins.folder or "")]), os.environ["PATH"]]
        return {"policy_pack": PACK, "policy_pack_config": given, "environment": {"PATH": os.pathsep.join(path)}}

    return fields


def refusals(raised: pytest.ExceptionInfo[DeploymentError]) -> dict[str, str]:
    """Which policy refused which resource."""
    policies = ("host-keys-pinned", "secrets-stay-secret", "networks-protected", "hosts-stay")
    said = ((one.name, one.message.partition(":")[0]) for one in raised.value.problems)
    return {name: policy for name, policy in said if policy in policies}


@pytest.fixture
def sdn(
    engine: Engine, provider_plugins: Plugins, proxmox: FakeProxmox, tmp_path: Path, judged: Judged
) -> Callable[..., Result]:
    """Runs an operation on VNets of one zone, judged by the pack."""

    def operate(operation: str, vnets: dict[str, str], protected: dict[str, list[str]] | None) -> Result:
        proxmox.calls.clear()
        content = {name: {"id": known_as, "tag": 10000 + len(name), "subnets": []} for name, known_as in vnets.items()}
        fields = judged()
        fields["environment"]["SSL_CERT_FILE"] = str(tmp_path / "proxmox" / "ca.pem")
        request = Request(
            operation=operation,  # type: ignore[arg-type]
            project_dir=PROGRAMS / "sdn",
            stack="dev",
            work_dir=tmp_path / "work",
            passphrase="correct horse",
            engine=engine.path,
            plugin_dir=provider_plugins.folder,
            plugin_home=provider_plugins.home,
            config={
                "sdn:endpoint": proxmox.endpoint,
                "sdn:vnets": content,
                **({"trellis:protected": protected} if protected is not None else {}),
            },
            secrets={"sdn:token": TOKEN},
            **fields,
        )
        return run(request, print)

    return operate


def test_a_zone_or_a_vnet_goes_or_is_replaced_by_its_name_in_the_configuration_alone(
    sdn: Callable[..., Result], proxmox: FakeProxmox
) -> None:
    both = {"one": "vnet100", "theother": "vnet101"}
    with pytest.raises(DeploymentError) as raised:
        sdn("preview", both, None)
    assert refusals(raised) == dict.fromkeys(("evpnz1", "one", "theother"), "networks-protected")
    assert "name it there: {except: [vnet100]}" in str(raised.value)
    assert proxmox.writes() == []

    sdn("up", both, {"except": []})
    assert {"vnets/vnet100", "vnets/vnet101", "zones/evpnz1"} <= set(proxmox.in_force)

    for without_a_word in ({"one": "vnet100"}, {"one": "renamed", "theother": "vnet101"}):
        with pytest.raises(DeploymentError, match="protect"):
            sdn("up", without_a_word, {"except": []})
        assert not [write for write in proxmox.writes() if write.startswith("DELETE")]
        assert {"vnets/vnet100", "vnets/vnet101"} <= set(proxmox.in_force)

    sdn("up", {"one": "renamed", "theother": "vnet101"}, {"except": ["renamed"]})
    assert "DELETE cluster/sdn/vnets/vnet100" in proxmox.writes(), "a replacement, in one run"

    sdn("up", {"one": "renamed", "theother": "vnet101"}, {"except": ["vnet101", "renamed"]})
    sdn("up", {"one": "renamed"}, {"except": ["vnet101", "renamed"]})
    assert "DELETE cluster/sdn/vnets/vnet101" in proxmox.writes(), "a deletion, the run after it was named"


def test_commands_need_a_pinned_key_and_show_no_secret(
    engine: Engine, provider_plugins: Plugins, tmp_path: Path, judged: Judged
) -> None:
    def preview(host_key: str, before: str, text: str) -> Result:
        request = Request(
            operation="preview",
            project_dir=PROGRAMS / "commands",
            stack="dev",
            work_dir=tmp_path / "work",
            passphrase="correct horse",
            engine=engine.path,
            plugin_dir=provider_plugins.folder,
            plugin_home=provider_plugins.home,
            config={
                "tiny:port": 22,
                "tiny:user": getpass.getuser(),
                "tiny:hostKey": host_key,
                "tiny:folder": "/nowhere",
                "tiny:before": before,
                "tiny:files": {"a": text},
            },
            secrets={"tiny:privateKey": "a key", "tiny:canary": "c", "trellis:secrets": json.dumps({"k": CANARY})},
            **judged(),
        )
        return run(request, print)

    assert len(preview(HOST_KEY, "true", "harmless").steps) == 1
    for given, policy, said in (
        (("", "true", "harmless"), "host-keys-pinned", "connection.hostKey is not set: whoever answers at 127.0.0.1"),
        ((HOST_KEY, f"echo {CANARY}", "harmless"), "secrets-stay-secret", "create holds a secret: the host shows it"),
        ((HOST_KEY, "true", f"key {CANARY}"), "secrets-stay-secret", "stdin holds a secret, and stdin, stdout, stderr"),
    ):
        with pytest.raises(DeploymentError) as raised:
            preview(*given)
        assert refusals(raised) == {"a": policy}
        assert said in str(raised.value)
        assert CANARY not in str(raised.value)


@pytest.fixture
def fleet(engine: Engine, provider_plugins: Plugins, tmp_path: Path) -> Iterator[Fleet]:
    made = Fleet(tmp_path, engine, provider_plugins)
    made.add("a", "b")
    yield made
    made.stop()


def test_the_whole_program_keeps_every_policy_and_no_host_leaves_it_unsaid(fleet: Fleet, judged: Judged) -> None:
    site = fleet.site({})
    site["fabric"]["md5"] = "fabric-key"
    secrets = {
        **fleet.request("preview", site).secrets,
        "trellis:secrets": json.dumps({"fabric-key": CANARY}),
    }

    def preview(there: tuple[str, ...], pack: dict[str, Any], **maintenance: str) -> Result:
        hosts = {name: {**site["hosts"][name], "maintenance": maintenance.get(name)} for name in there}
        return fleet.run("preview", {**site, "hosts": hosts}, secrets=secrets, **judged({"hosts-stay": pack}))

    both = {"hosts": ["a", "b"]}
    assert preview(("a", "b"), both).steps
    assert preview(("a", "b"), both, b="new disks").steps, "one in maintenance is left out, and comes back"
    with pytest.raises(DeploymentError, match=r"hosts-stay: [^\n]*\nhost b has no router in this stack any more"):
        preview(("a",), both)
    assert preview(("a",), {**both, "decommissioned": ["b"]}).steps
    assert fleet.logins() == {"a": 0, "b": 0}
