"""Which files of which hosts are golden, and where they lie: ``tests/golden/<example>/<host>/<name>``."""

from __future__ import annotations

from pathlib import Path

from tests.sites import EXAMPLES, bundles_of, plan_of
from trellis.render import Bundle

FOLDER = Path(__file__).parent

ONLY = {"scale-32x16": ("pve01", "pve16")}
"""Hosts of an example that stand for all of it: an ordinary one and a route reflector."""

GOLDEN_HOSTS = [
    (example, host.name)
    for example in EXAMPLES
    for host in plan_of(example).hosts
    if host.name in ONLY.get(example, (host.name,))
]


def bundle_of(example: str, host: str) -> Bundle:
    """Return what is rendered for a host of an example."""
    return next(bundle for bundle in bundles_of(example) if bundle.host == host)


def rendered_files(example: str, host: str) -> dict[Path, str]:
    """Return the golden paths of a host and what is rendered for them now."""
    return {FOLDER / example / host / Path(file.path).name: file.text for file in bundle_of(example, host).files}
