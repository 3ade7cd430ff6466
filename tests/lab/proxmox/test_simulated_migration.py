"""Moving a VM by the simulated API, and by the client that `trellis drain` has it moved with."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.lab.proxmox.simulated_cluster import TOKEN, Api
from trellis.pve_api import migration
from trellis.pve_api.client import ApiProblem
from trellis.pve_api.migration import MigrationFailed, hindrances, may_not, migrate

VM = {"vmid": 1006, "name": "debian-test-1", "node": "pve01", "mac": "bc:24:11:01:01:06", "bridge": "vnet101"}
PATH = "/nodes/pve01/qemu/1006/migrate"


class Client:
    """The simulated API as ``trellis.pve_api.client.Api`` has it."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def get(self, path: str, **query: str) -> Any:
        return self._asked("GET", path, query)

    def post(self, path: str, **fields: str) -> Any:
        return self._asked("POST", path, fields)

    def _asked(self, method: str, path: str, fields: dict[str, str]) -> Any:
        answer = self.api.raw(method, path, **fields)
        if answer.status_code != 200:
            raise ApiProblem(answer.json()["message"].strip(), status=answer.status_code)
        return answer.json()["data"]


@pytest.fixture
def cluster(
    make_api: Callable[..., Api], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[Client, Path]]:
    """A cluster with one VM."""
    monkeypatch.setattr(migration, "LOOK_EVERY_S", 0.01)

    def make(vm: dict[str, Any] | None = None, **settings: Any) -> tuple[Client, Path]:
        guests = tmp_path / "vms.json"
        guests.write_text(json.dumps([{**VM, **(vm or {})}]))
        return Client(make_api(guests_file=str(guests), **settings)), guests

    return make


def place(guests: Path) -> str:
    return str(json.loads(guests.read_text())[0]["node"])


def test_a_vm_moves_while_it_runs_and_each_line_of_the_task_is_told(
    cluster: Callable[..., tuple[Client, Path]],
) -> None:
    api, guests = cluster()
    said: list[str] = []
    assert hindrances(api, "pve01", 1006) == ([], [])
    migrate(api, "pve01", 1006, "pve02", local_disks=False, say=said.append)
    assert place(guests) == "pve02"
    assert api.get("/nodes/pve02/qemu/1006/config")["name"] == "debian-test-1"
    assert said[0] == "VM 1006: starting migration of VM 1006 to node 'pve02'"
    assert "VM 1006: migration finished successfully" in said


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"target": "pve09", "online": "1"}, 500, "no such cluster node 'pve09'"),
        ({"target": "pve01", "online": "1"}, 400, "target is local node."),
        ({"target": "pve02"}, 500, "can't migrate running VM without --online"),
        ({"online": "1"}, 400, "Parameter verification failed."),
    ],
)
def test_what_proxmox_would_not_begin_the_simulator_refuses(
    cluster: Callable[..., tuple[Client, Path]], fields: dict[str, str], status: int, said: str
) -> None:
    api, guests = cluster()
    with pytest.raises(ApiProblem, match=said) as refused:
        api.post(PATH, **fields)
    assert refused.value.status == status
    assert place(guests) == "pve01"


def test_a_token_that_may_only_read_is_told_so_before_anything_moves(
    cluster: Callable[..., tuple[Client, Path]],
) -> None:
    api, _ = cluster(audit_only=(TOKEN,))
    with pytest.raises(ApiProblem, match=r"VM\.Migrate") as refused:
        hindrances(api, "pve01", 1006)
    assert may_not(refused.value)


def test_disks_of_the_node_are_copied_when_asked_and_a_device_of_the_node_keeps_a_vm_there(
    cluster: Callable[..., tuple[Client, Path]],
) -> None:
    api, guests = cluster({"local_disks": [{"volid": "local-lvm:vm-1006-disk-0"}]})
    assert hindrances(api, "pve01", 1006) == ([], ["local-lvm:vm-1006-disk-0"])
    with pytest.raises(MigrationFailed, match="without with-local-disks"):
        migrate(api, "pve01", 1006, "pve02", local_disks=False, say=print)
    assert place(guests) == "pve01"
    migrate(api, "pve01", 1006, "pve02", local_disks=True, say=print)
    assert place(guests) == "pve02"
    api, guests = cluster({"local_resources": ["hostpci0"]})
    assert hindrances(api, "pve01", 1006)[0] == ["hostpci0"]
    with pytest.raises(MigrationFailed, match="uses local devices: hostpci0"):
        migrate(api, "pve01", 1006, "pve02", local_disks=False, say=print)


def test_a_target_that_is_away_fails_the_task_and_the_vm_stays(cluster: Callable[..., tuple[Client, Path]]) -> None:
    api, guests = cluster()
    api.api.transport.unreachable = {"pve02"}
    with pytest.raises(MigrationFailed, match=r"VM 1006 was not moved: migration aborted: .*destination node pve02"):
        migrate(api, "pve01", 1006, "pve02", local_disks=False, say=print)
    assert place(guests) == "pve01"


def test_the_lab_moves_the_guest_by_its_own_command_and_its_failure_is_the_tasks(
    cluster: Callable[..., tuple[Client, Path]], tmp_path: Path
) -> None:
    note = tmp_path / "moved"
    script = f"import sys; open({str(note)!r}, 'w').write(' '.join(sys.argv[1:])); sys.exit(sys.argv[2] == 'pve03')"
    api, _ = cluster(migrate_with=(sys.executable, "-c", script))
    migrate(api, "pve01", 1006, "pve02", local_disks=False, say=print)
    assert note.read_text() == "1006 pve02"
    with pytest.raises(MigrationFailed, match="migration problems"):
        migrate(api, "pve01", 1006, "pve03", local_disks=False, say=print)
