"""A bundle as the agent's manifest: JSON, one line of configuration per line, so that its diff can be read.

The agent's side of this format is in ``trellis/agent``; nothing of it is imported, because the two meet on a
wire and versions may differ.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any

from trellis.render.bundle import Bundle

SCHEMA_VERSION = 1
HEADING = f"trellis-manifest {SCHEMA_VERSION}"
TIMEOUT_S = 120
"""Seconds that an apply may take on the host before the agent restores what was there."""


def manifest(bundle: Bundle) -> str:
    """Return the manifest of ``bundle`` with its digest: a heading, then pretty-printed JSON.

    The heading keeps the engine from taking the text for JSON: of JSON its preview shows a diff by index, in
    which one new line changes all that follow; of text it shows the lines that differ.

    Args:
        bundle: What a host gets.
    """
    return signed_manifest(bundle)[0]


def signed_manifest(bundle: Bundle) -> tuple[str, str]:
    """Return the manifest of ``bundle``, and its digest, by which it is confirmed.

    Args:
        bundle: What a host gets.
    """
    content = _content(bundle)
    signature = digest(content)
    return f"{HEADING}\n{json.dumps({**content, 'digest': signature}, indent=1)}\n", signature


def digest(content: dict[str, Any]) -> str:
    """Return the SHA-256 of the canonical JSON of a manifest's content without its digest."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def ground_document(bundle: Bundle) -> str:
    """Return what ``bundle``'s host needs before anything else is done, with its digest, in the manifest's form.

    It changes less often than the manifest: a host is made ready once, before the SDN is applied anywhere.

    Args:
        bundle: What a host gets.
    """
    content = {
        "schema_version": SCHEMA_VERSION,
        "host": bundle.host,
        "kind": bundle.kind,
        **_proxmox(bundle),
        **_ground(bundle),
    }
    return f"{HEADING}\n{json.dumps({**content, 'digest': digest(content)}, indent=1)}\n"


def _proxmox(bundle: Bundle) -> dict[str, Any]:
    """The Proxmox that ``bundle`` was computed for."""
    pve_network = list(bundle.pve_network) if bundle.pve_network is not None else None
    return {"pve_version": bundle.pve_version, "pve_network": pve_network}


def _ground(bundle: Bundle) -> dict[str, Any]:
    loopbacks = asdict(bundle.loopbacks) if bundle.loopbacks is not None else None
    base = bundle.base.splitlines() if bundle.base is not None else None
    return {"preconditions": asdict(bundle.preconditions), "loopbacks": loopbacks, "base": base}


def _content(bundle: Bundle) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "host": bundle.host,
        "kind": bundle.kind,
        "frr_version": bundle.frr_version,
        **_proxmox(bundle),
        "replaces": bundle.replaces,
        "daemons": list(bundle.daemons),
        "running_config": bundle.running_config,
        "sysctls": bundle.sysctls,
        "timeout_s": TIMEOUT_S,
        "confirm_within_s": bundle.confirm_within_s,
        "sessions_within_s": bundle.sessions_within_s,
        "units_changed_reload": [{"unit": unit, "paths": list(paths)} for unit, paths in bundle.read_by],
        "nftables": bundle.nftables,
        "units": list(bundle.units),
        **_ground(bundle),
        "files": [
            {
                "path": file.path,
                "mode": file.mode,
                "owner": file.owner,
                "group": file.group,
                "lines": file.text.splitlines(),
            }
            for file in bundle.files
        ],
    }
