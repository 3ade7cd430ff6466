"""Manifests for tests, before they are sealed with their digest."""

from __future__ import annotations

from typing import Any

CONFIG = "/etc/frr/frr.conf"
SYSCTLS = "/etc/sysctl.d/90-trellis.conf"


def file(path: str, lines: list[str], owner: str = "root", mode: str = "0644") -> dict[str, Any]:
    return {"path": path, "mode": mode, "owner": owner, "group": owner, "lines": lines}


def document(config: list[str], *others: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What `pve01`, a plain FRR host, is to hold: a frr.conf, and other files."""
    return {
        "schema_version": 1,
        "host": "pve01",
        "kind": "frr",
        "frr_version": "10.3",
        "daemons": ["bgpd", "ospfd", "ospf6d", "bfdd"],
        "files": [file(CONFIG, config, "frr", "0640"), *others],
        "running_config": CONFIG,
        "sysctls": None,
        "units_changed_reload": [],
        "timeout_s": 60,
        **changes,
    }
