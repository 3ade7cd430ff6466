"""The simulated Proxmox of a site: its API's configuration, and what makes nodes of it on the hosts' disks."""

from __future__ import annotations

import sys
from pathlib import Path

from trellis.lab import controller, from_site, places, proxmox
from trellis.lab.kept import kept_secret
from trellis.lab.topology import Topology
from trellis.site import Site

_TOKEN_ID = "trellis@pve!lab"  # noqa: S105 (an id, not a secret)


def token(stack: str) -> str:
    """The token that a lab's API takes: its id and its secret.

    Args:
        stack: The lab's.
    """
    return f"{_TOKEN_ID}={_secret(stack)}"


def _secret(stack: str) -> str:
    return kept_secret(controller.state_dir(stack) / "keys" / "proxmox-token")


def file_of(stack: str) -> Path:
    """Where the API's configuration is.

    Args:
        stack: The lab's.
    """
    return controller.state_dir(stack) / "proxmox" / "config.json"


def topology(site: Site, stack: str, frr_suite: str) -> Topology:
    """The machines of a site, with what makes Proxmox nodes of them on their disks.

    Args:
        site: The site.
        stack: The lab's.
        frr_suite: The Debian suite that FRR is taken from.

    Raises:
        LabError: The site has something that the lab can't express.
    """
    found = from_site.topology_of(site, stack, frr_suite)
    if site.proxmox is None:
        return found
    config = _config(site, stack)
    config.write(file_of(stack))
    for node in config.nodes:
        installed = proxmox.installation(config, node)
        found = from_site.with_files(found, node.name, installed.files, installed.enabled_units)
    return found


def _config(site: Site, stack: str) -> proxmox.SimulatorConfig:
    state = controller.state_dir(stack)
    keys = state / "keys"
    keys.mkdir(parents=True, mode=0o700, exist_ok=True)
    return proxmox.SimulatorConfig(
        listen=from_site.proxmox_address(site),
        state_dir=str(state / "proxmox"),
        cluster=site.name,
        nodes=tuple(
            proxmox.NodeConfig(name, from_site.ssh_address(site, name), host.pve_version or "")
            for name, host in sorted(site.hosts.items())
            if host.kind == "pve"
        ),
        tokens={_TOKEN_ID: _secret(stack)},
        ssh=proxmox.SshConfig(str(keys / "lab"), str(keys / "known_hosts")),
        guests_file=str(places.vms_file(state)),
        migrate_with=(sys.executable, "-P", "-m", "trellis.lab.migrate", stack),
    )
