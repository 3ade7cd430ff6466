"""The simulator's configuration: a JSON file that the lab writes and the server reads."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from trellis.lab.errors import LabError
from trellis.lab.proxmox.node.versions import Behaviour, behaviour_of, manager_of

PORT = 8006
"""Where Proxmox's API listens."""


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """A node of the simulated cluster.

    Args:
        name: Its hostname, as Proxmox names it.
        address: Its management address, for `/cluster/status` and for reaching it.
        release: The Proxmox VE release that it plays, for example 9.1.
        pve_network: The version of pve-network, where it is not the release's newest.
        ssh_address: Where SSH reaches it, if not at its management address.
    """

    name: str
    address: str
    release: str
    pve_network: str | None = None
    ssh_address: str | None = None

    @property
    def behaviour(self) -> Behaviour:
        """What its release does."""
        return behaviour_of(self.release, self.pve_network)

    @property
    def manager(self) -> str:
        """The version of pve-manager that it names."""
        return manager_of(self.release)


@dataclass(frozen=True, slots=True)
class SshConfig:
    """How the cluster reaches its nodes.

    Args:
        key_file: The private key.
        known_hosts: The nodes' host keys, in OpenSSH's format.
        user: Who logs in.
        prefix: What `ssh` is put behind, for example to run it in another namespace.
    """

    key_file: str
    known_hosts: str
    user: str = "root"
    prefix: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SimulatorConfig:
    """A simulated cluster.

    Args:
        listen: The address that the API listens on; it is in the certificate.
        state_dir: Where the configuration, the certificates and the process's files are kept.
        cluster: The cluster's name.
        nodes: Its nodes; the first one answers for the cluster.
        tokens: Secrets by token id (`user@realm!name`).
        ssh: How the nodes are reached; None for tests that bring a transport of their own.
        port: TCP port, 1-65535.
        names: Other names and addresses for the certificate.
        guests_file: A JSON list of guests (`vmid`, `name`, `node`, `status`, `mac` and `bridge`; where they have
            them `tags`, `template`, `local_disks`, `local_resources`, and `cards` by name, each with `mac` and
            `bridge`), read at each request, so that the lab can move one; None for no guests.
        migrate_with: The command that moves a guest for real; its number and the target are put behind it. Without
            one a guest moves in the file alone.
        audit_only: Ids of tokens that may read VMs and not migrate them.
        boot_regenerates: Whether a node regenerates at every boot, or only where changes are pending.
    """

    listen: str
    state_dir: str
    cluster: str
    nodes: tuple[NodeConfig, ...]
    tokens: dict[str, str]
    ssh: SshConfig | None = None
    port: int = PORT
    names: tuple[str, ...] = ()
    guests_file: str | None = None
    migrate_with: tuple[str, ...] = ()
    audit_only: tuple[str, ...] = ()
    boot_regenerates: Literal["always", "pending"] = "always"

    @property
    def url(self) -> str:
        """The API's base, as a client is given it."""
        return f"https://{self.listen}:{self.port}"

    @property
    def ca_file(self) -> Path:
        """The certificate authority that clients must trust."""
        return Path(self.state_dir) / "ca.pem"

    def node(self, name: str) -> NodeConfig | None:
        """The node of that name, if there is one."""
        return next((node for node in self.nodes if node.name == name), None)

    def write(self, path: Path) -> None:
        """Write the file that `read` reads; it holds secrets, so its owner alone may read it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")


def read(path: Path) -> SimulatorConfig:
    """Read a configuration file.

    Raises:
        LabError: It is missing, is not such a configuration, or names a release that is not played.
    """
    try:
        raw: dict[str, Any] = json.loads(path.read_text())
        ssh = raw.pop("ssh", None)
        config = SimulatorConfig(
            **{
                **raw,
                "nodes": tuple(NodeConfig(**node) for node in raw["nodes"]),
                **{name: tuple(raw.get(name, ())) for name in ("names", "migrate_with", "audit_only")},
                "ssh": SshConfig(**{**ssh, "prefix": tuple(ssh.get("prefix", ()))}) if ssh else None,
            }
        )
        for node in config.nodes:
            _ = node.behaviour
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise LabError(
            f"the Proxmox simulator's configuration {path}",
            why=str(error),
            remedy="let the lab write it: trellis lab down, then trellis lab up",
        ) from error
    if not config.nodes:
        raise LabError(
            f"the Proxmox simulator's configuration {path}",
            why="it names no node",
            remedy="a cluster needs at least one",
        )
    return config
