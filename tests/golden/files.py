"""Which files of which hosts, edges and guests are golden, and where.

``tests/golden/<example>/<host or edge>/<file>``, and ``tests/golden/<example>/guests/<guest>.<file>``.
"""

from __future__ import annotations

from pathlib import Path

from tests.sites import EXAMPLES, bundles_of, plan_of
from trellis.plan.model import GuestPlan
from trellis.render import Bundle
from trellis.render.cloud_init import user_data
from trellis.render.edge import EdgeFormat, edge_filter
from trellis.render.routeros import edge_script
from trellis.render.speakers import speaker_text

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


GOLDEN_EDGES = [
    (example, edge.name) for example in ("homelab", "leaks", "delegated") for edge in plan_of(example).edges
]
"""Edges that are golden: where zones are kept apart, where leaks and services pass, where prefixes are delegated."""

_FORMATS: tuple[tuple[EdgeFormat, str], ...] = (("nftables", "filter.nft"), ("routeros", "filter.rsc"))


GUESTS = "guests"
"""The folder of an example's guests."""

GOLDEN_GUESTS = [(example, GUESTS) for example in EXAMPLES if plan_of(example).guests]


def golden_guests(example: str) -> list[GuestPlan]:
    """Return the guests of an example that stand for all: one of each speaker, resilience and kind."""
    plan = plan_of(example)
    talos = {cluster.name for cluster in plan.clusters if cluster.talos is not None}
    found: dict[tuple[object, ...], GuestPlan] = {}
    for planned in plan.guests:
        guest = planned.guest
        found.setdefault((guest.speaker, guest.resilience, guest.role, guest.cluster in talos), planned)
    return list(found.values())


def speaker_file(planned: GuestPlan) -> str:
    """Return the name of the golden of a guest's speaker."""
    return f"{planned.guest.name}.{'bird' if planned.speaker.kind == 'bird2' else 'frr'}.conf"


def _guest_files(example: str) -> dict[Path, str]:
    plan, folder = plan_of(example), FOLDER / example / GUESTS
    talos = {cluster.name for cluster in plan.clusters if cluster.talos is not None}
    files: dict[Path, str] = {}
    for planned in golden_guests(example):
        if planned.speaker.kind != "talos-native":
            files[folder / speaker_file(planned)] = speaker_text(planned.speaker)
        if planned.guest.cluster not in talos:
            files[folder / f"{planned.guest.name}.user-data"] = user_data(plan, planned.guest.name)
    return files


def rendered_files(example: str, name: str) -> dict[Path, str]:
    """Return the golden paths of a host, an edge or all guests and what is rendered for them now."""
    if name == GUESTS:
        return _guest_files(example)
    folder = FOLDER / example / name
    for edge in plan_of(example).edges:
        if edge.name == name:
            script = {} if edge.routeros is None else {folder / "edge.rsc": edge_script(plan_of(example), edge)}
            return script | {folder / file: edge_filter(plan_of(example), edge, form) for form, file in _FORMATS}
    return {folder / Path(file.path).name: file.text for file in bundle_of(example, name).files}
