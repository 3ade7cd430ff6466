"""``trellis import`` at the command line: what it writes, what it refuses, and how it ends."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.adoption.rendered import cluster_of, sdn_files
from tests.adoption.test_foreign_clusters import FOREIGN, GOLDEN
from tests.cli.command_line import trellis
from tests.ends.sshd import Sshd
from tests.remote.conftest import login_at
from tests.sites import plan_of
from trellis.cli import import_reading
from trellis.cli.import_reading import keys_of, proxmox_objects, read_hosts
from trellis.site import SiteRefused


@pytest.fixture
def homelab(tmp_path: Path) -> Path:
    """A folder with what would be read of the homelab."""
    cluster, folder = cluster_of("homelab"), tmp_path / "homelab"
    for host in cluster.hosts:
        (folder / host.name).mkdir(parents=True)
        for name, text in host.files.items():
            (folder / host.name / name).write_text(text)
    keys = "".join(f"{host.address},{host.name} {host.host_key}\n" for host in cluster.hosts)
    (tmp_path / "keys").write_text(f"# as ssh-keyscan prints them\n{keys}")
    sdn = plan_of("homelab").sdn
    assert sdn is not None
    (folder / "etc-pve" / "sdn").mkdir(parents=True)
    for kind, text in sdn_files(sdn).items():
        (folder / "etc-pve" / "sdn" / f"{kind}.cfg").write_text(text)
    for vm in cluster.vms:
        path = folder / "etc-pve" / "nodes" / vm.node / "qemu-server" / f"{vm.vmid}.conf"
        path.parent.mkdir(parents=True, exist_ok=True)
        cards = "".join(f"net{nic}: virtio={mac.upper()},bridge={bridge}\n" for nic, mac, bridge in vm.cards)
        path.write_text(f"name: {vm.name}\n{cards}")
    return folder


def test_a_cluster_of_trellis_s_own_is_expressed_whole_and_the_site_plans(homelab: Path, tmp_path: Path) -> None:
    output = tmp_path / "Pulumi.again.yaml"
    keys = str(tmp_path / "keys")
    done = trellis("import", str(homelab), "--known-hosts", keys, "--name", "homelab", "--output", str(output))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert (tmp_path / "Prefixes.again.yaml").exists()
    assert trellis("plan", "--file", str(output)).returncode == 0
    before = output.read_text()
    again = trellis("import", str(homelab), "--known-hosts", keys, "--output", str(output))
    assert again.returncode == 2
    assert "add --force" in again.stderr
    assert output.read_text() == before
    forced = trellis("import", str(homelab), "--known-hosts", keys, "--output", str(output), "--force")
    assert forced.returncode == 0


def test_what_is_not_expressed_ends_with_1_and_the_site_is_printed_all_the_same() -> None:
    done = trellis("import", str(FOREIGN / "fabric"), "--name", "fabric")
    assert (done.returncode, done.stdout) == (1, (GOLDEN / "Pulumi.fabric.yaml").read_text())
    assert "pulumi config set --secret --path 'trellis:secrets.edge-upstream'" in done.stderr
    assert "s3cret" not in done.stdout + done.stderr


def test_json_holds_the_site_the_list_and_how_many_lines_became_what() -> None:
    done = trellis("import", str(FOREIGN / "plain-evpn"), "--name", "plain-evpn", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["schema_version"], told["site"]["name"]) == (1, 1, "plain-evpn")
    assert {"host", "place", "number", "line", "why", "remedy"} == set(told["unexpressed"][0])
    assert told["lines"]["unexpressed"] == len(told["unexpressed"])


def test_all_that_cannot_be_read_is_refused_at_once_and_nothing_is_written(tmp_path: Path) -> None:
    folder, output = tmp_path / "broken", tmp_path / "Pulumi.x.yaml"
    shutil.copytree(FOREIGN / "plain-evpn", folder)
    (folder / "pve1" / "frr.conf").write_bytes(b"hostname \xff\n")
    (folder / "etc-pve" / "sdn" / "zones.cfg").write_text("what is this\n")
    done = trellis("import", str(folder), "--output", str(output))
    assert done.returncode == 2
    assert "byte 9 is no UTF-8" in done.stderr
    assert "stands in no object" in done.stderr
    assert not output.exists()


def test_a_host_without_a_key_and_one_without_a_configuration_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "fabric"
    shutil.copytree(FOREIGN / "fabric", folder)
    (folder / "rt1" / "ssh_host_ed25519_key.pub").unlink()
    assert "hosts.rt1.ssh.host_key" in trellis("import", str(folder)).stderr
    (folder / "rt2" / "frr.conf").unlink()
    assert "neither frr.conf nor frr.conf.local" in trellis("import", str(folder)).stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name either a folder, or hosts"),
        (("nowhere",), "there is no folder nowhere"),
        (("--host", "pve01"), "write it as NAME=ADDRESS"),
        (("--host", "pve01=10.0.0.1"), "--known-hosts has no key of it"),
    ],
)
def test_a_mistake_at_the_command_line_is_told_without_a_traceback(arguments: tuple[str, ...], said: str) -> None:
    done = trellis("import", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_host_keys_are_found_by_name_and_by_address_ed25519_first(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("pve01,10.0.0.1 ssh-rsa AAAAr\n[pve01]:22 ssh-ed25519 AAAAe\n|1|hashed ssh-ed25519 AAAAh\n")
    assert keys_of(keys) == {"pve01": "ssh-ed25519 AAAAe", "10.0.0.1": "ssh-rsa AAAAr"}


def test_hosts_are_read_over_ssh_and_what_may_not_be_read_is_refused(
    sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "frr.conf").write_text("hostname pve01\n")
    files = {"frr.conf": str(tmp_path / "frr.conf"), "frr.conf.local": str(tmp_path / "nothing")}
    monkeypatch.setattr(import_reading, "HOST_FILES", files)
    (host,) = read_hosts([login_at(sshd)], None).hosts
    assert (host.name, host.text("frr.conf"), host.text("frr.conf.local")) == ("pve01", "hostname pve01\n", "")
    assert host.host_key == login_at(sshd).host_key
    monkeypatch.setattr(import_reading, "HOST_FILES", {"frr.conf": str(tmp_path)})
    with pytest.raises(SiteRefused, match="Is a directory"):
        read_hosts([login_at(sshd)], None)


def test_proxmox_s_api_gives_the_objects_that_its_files_have() -> None:
    class Answers:
        def get(self, path: str, **query: str) -> Any:
            return {
                "/cluster/sdn/controllers": [{"controller": "evpn", "type": "evpn", "asn": 65000, "digest": "x"}],
                "/cluster/sdn/zones": [{"zone": "z1", "type": "evpn", "controller": "evpn", "vrf-vxlan": 4096}],
                "/cluster/sdn/vnets": [{"vnet": "v1", "type": "vnet", "zone": "z1", "tag": 10100}],
                "/cluster/sdn/vnets/v1/subnets": [
                    {
                        "subnet": "z1-10.0.0.0-24",
                        "type": "subnet",
                        "vnet": "v1",
                        "cidr": "10.0.0.0/24",
                        "gateway": "10.0.0.1",
                    }
                ],
            }[path]

    found = proxmox_objects(Answers())
    assert {kind: [(one.type, one.id) for one in own] for kind, own in found.items()} == {
        "controllers": [("evpn", "evpn")],
        "zones": [("evpn", "z1")],
        "vnets": [("vnet", "v1")],
        "subnets": [("subnet", "z1-10.0.0.0-24")],
    }
    assert found["zones"][0].values == {"controller": "evpn", "vrf-vxlan": "4096"}
    assert found["subnets"][0].place == "GET /cluster/sdn/vnets/v1/subnets"
