"""What a node knows of itself: its name, its Proxmox release, and where its cluster is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from .versions import Behaviour, behaviour_of

SETTINGS = Path("/etc/pve-lab/node.json")


@dataclass(frozen=True)
class Settings:
    """A node of the simulated cluster.

    Args:
        node: Its name.
        behaviour: What its release does.
        cluster_url: The API's base, from which the committed configuration is had at boot: it stands
            for the cluster's file system.
        ca_file: The certificate authority that signed the API's certificate.
        boot_regenerates: `always`, as the field's worst case was, or `pending`, as Proxmox VE 9's
            service does by its text: only where SDN changes were pending at the boot.
    """

    node: str
    behaviour: Behaviour
    cluster_url: str
    ca_file: str
    boot_regenerates: str


def read_settings(path: Path = SETTINGS) -> Settings:
    """Read the file that the installer wrote."""
    raw = json.loads(path.read_text())
    return Settings(
        node=raw["node"],
        behaviour=behaviour_of(raw["release"], raw.get("pve_network")),
        cluster_url=raw["cluster_url"],
        ca_file=raw["ca_file"],
        boot_regenerates=raw["boot_regenerates"],
    )
