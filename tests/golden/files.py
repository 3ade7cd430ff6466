"""Which files of which hosts and edges are golden, and where: ``tests/golden/<example>/<host or edge>/<name>``."""

from __future__ import annotations

from pathlib import Path

from tests.sites import EXAMPLES, bundles_of, plan_of
from trellis.render import Bundle
from trellis.render.edge import EdgeFormat, edge_filter

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


GOLDEN_EDGES = [(example, edge.name) for example in ("homelab", "leaks") for edge in plan_of(example).edges]
"""Edges whose filter is golden: where zones are kept apart, and where leaks and services pass."""

_FORMATS: tuple[tuple[EdgeFormat, str], ...] = (("nftables", "filter.nft"), ("routeros", "filter.rsc"))


def rendered_files(example: str, name: str) -> dict[Path, str]:
    """Return the golden paths of a host or an edge and what is rendered for them now."""
    folder = FOLDER / example / name
    for edge in plan_of(example).edges:
        if edge.name == name:
            return {folder / file: edge_filter(plan_of(example), edge, form) for form, file in _FORMATS}
    return {folder / Path(file.path).name: file.text for file in bundle_of(example, name).files}
