"""What a host's disk holds to be a node of the simulated cluster, before its first boot.

Two units: one makes the devices from /etc/network/interfaces and interfaces.d/sdn before FRR starts, as ifupdown2
does at boot; the other comes after FRR, as Proxmox's own `pve-sdn-commit`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

from trellis.lab.proxmox import tls
from trellis.lab.proxmox.config import NodeConfig, SimulatorConfig
from trellis.lab.proxmox.nodes import NODE_COMMAND
from trellis.lab.topology import FileSpec

LIBRARY: Final = "/usr/local/lib/pve-lab"
CA_FILE: Final = "/etc/pve/pve-root-ca.pem"

_COMMAND = f"""#!/bin/sh
# A node of the lab's simulated Proxmox cluster.
PYTHONPATH={LIBRARY} exec python3 -m pve_node "$@"
"""

# As Proxmox's installer leaves it, but for the interfaces that the lab sets up itself; no loopback of the fabric's.
_INTERFACES = """auto lo
iface lo inet loopback

source /etc/network/interfaces.d/*
"""

_NETWORKING = f"""[Unit]
Description=Make the devices of Proxmox SDN
After=systemd-sysctl.service systemd-modules-load.service
Before=frr.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={NODE_COMMAND} ifup

[Install]
WantedBy=multi-user.target
"""

_COMMIT = f"""[Unit]
Description=Commit Proxmox VE SDN changes
Wants=network.target
After=frr.service network.target pve-networking.service

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=300
ExecStart={NODE_COMMAND} commit

[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True, slots=True)
class Installation:
    """What makes a host a node.

    Args:
        files: What lies on its disk.
        enabled_units: The units among them that multi-user.target wants.
    """

    files: tuple[FileSpec, ...]
    enabled_units: tuple[str, ...]


def installation(config: SimulatorConfig, node: NodeConfig) -> Installation:
    """What to put on a node's disk before it boots. Makes the cluster's certificates if there are none.

    Args:
        config: The cluster.
        node: The node.
    """
    authority = tls.identity(*certificate_of(config)).ca.read_text()
    settings = {
        "node": node.name,
        "release": node.release,
        "pve_network": node.pve_network,
        "cluster_url": config.url,
        "ca_file": CA_FILE,
        "boot_regenerates": config.boot_regenerates,
    }
    version = f"pve-manager/{node.manager}/lab (running kernel: $(uname -r))"
    files = (
        *(FileSpec(f"{LIBRARY}/pve_node/{name}", text) for name, text in _modules()),
        FileSpec(NODE_COMMAND, _COMMAND, mode=0o755),
        FileSpec("/usr/bin/pveversion", f'#!/bin/sh\necho "{version}"\n', mode=0o755),
        FileSpec("/etc/pve-lab/node.json", json.dumps(settings, indent=1) + "\n"),
        FileSpec(CA_FILE, authority),
        FileSpec("/etc/network/interfaces", _INTERFACES),
        FileSpec("/etc/systemd/system/pve-networking.service", _NETWORKING),
        FileSpec("/etc/systemd/system/pve-sdn-commit.service", _COMMIT),
    )
    return Installation(files, ("pve-networking.service", "pve-sdn-commit.service"))


def certificate_of(config: SimulatorConfig) -> tuple[Path, tuple[str, ...]]:
    """Where the cluster's certificates are kept, and the names that the API's is for."""
    return config.ca_file.parent, (config.listen, *config.names)


def _modules() -> list[tuple[str, str]]:
    """The node's package, as text: it runs on the host as it stands."""
    folder = resources.files("trellis.lab.proxmox") / "node"
    return sorted((entry.name, entry.read_text()) for entry in folder.iterdir() if entry.name.endswith(".py"))
