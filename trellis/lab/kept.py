"""Secrets that a lab makes for itself and keeps with its keys, so that a second run finds what the first one made."""

from __future__ import annotations

import secrets
from pathlib import Path

from trellis.site import Site


def kept_secret(file: Path) -> str:
    """The secret in `file`, made at the first call; its owner alone may read it."""
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(16))
    return file.read_text()


def secrets_of(site: Site, folder: Path) -> dict[str, str]:
    """The value of each secret that a site names, by its name.

    Args:
        site: The site.
        folder: Where the lab keeps them.
    """
    named = {site.fabric.md5, *(edge.md5 for edge in site.edges.values())} - {None}
    return {name: kept_secret(folder / f"secret-{name}") for name in sorted(map(str, named))}
