"""Every Talos node of a site, judged: which validator suits which release, and what all of them found.

A release of the minor that a validator is of is judged by it; an older one by it and by its own published schema; a
newer one by its schema alone, because what is new in it no older validator knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from trellis.plan.model import Plan
from trellis.render.talos import cluster_patch, node_patch
from trellis.verify.library import library, library_pin
from trellis.verify.schemas import schema_of
from trellis.verify.talosctl import Talosctl, talosctl_on_path
from trellis.verify.verdict import NodePatches, Validator, Verdict


@dataclass(frozen=True, slots=True)
class Report:
    """What was found of a site.

    Attributes:
        validators: Who judged which release: the release, and what the judges are.
        verdicts: In the order of clusters and nodes.
    """

    validators: tuple[tuple[str, tuple[str, ...]], ...]
    verdicts: tuple[Verdict, ...]

    @property
    def problems(self) -> tuple[Verdict, ...]:
        """What is refused."""
        return tuple(verdict for verdict in self.verdicts if not verdict.ok)


def talos_nodes(plan: Plan, cluster: str | None = None) -> tuple[NodePatches, ...]:
    """Return the patches of every node that runs Talos.

    Args:
        plan: The plan.
        cluster: Only of this cluster.
    """
    return tuple(
        NodePatches(
            cluster=found.name,
            node=node,
            role=role,
            release=found.talos.release,
            patches=(
                (f"cluster {found.name}", cluster_patch(plan, found.name)),
                (f"node {node}", node_patch(plan, node)),
            ),
        )
        for found in plan.clusters
        if found.talos is not None and cluster in (None, found.name)
        for role, names in (("controlplane", found.controlplanes), ("worker", found.workers))
        for node in names
    )


def verify_talos(
    nodes: Iterable[NodePatches], say: Callable[[str], None], *, schema_folders: Iterable[Path] = ()
) -> Report:
    """Have every node's patches judged.

    Args:
        nodes: The nodes.
        say: Where progress goes, one line at a time.
        schema_folders: Folders that may hold published schemas already.

    Raises:
        VerifierMissing: Nobody can judge a release.
    """
    by_release: dict[str, list[NodePatches]] = {}
    for node in nodes:
        by_release.setdefault(node.release, []).append(node)
    folders, talosctl = tuple(schema_folders), talosctl_on_path()
    validators, verdicts = [], []
    for release, of_release in sorted(by_release.items()):
        suiting = tuple(_suiting(release, talosctl, folders, say))
        validators.append((release, tuple(validator.title for validator in suiting)))
        for validator in suiting:
            verdicts += validator.judge(of_release)
    order = {(node.cluster, node.node): at for of_one in by_release.values() for at, node in enumerate(of_one)}
    verdicts.sort(key=lambda verdict: (verdict.cluster, order[verdict.cluster, verdict.node]))
    return Report(tuple(validators), tuple(verdicts))


def _suiting(
    release: str, talosctl: Talosctl | None, folders: tuple[Path, ...], say: Callable[[str], None]
) -> Iterator[Validator]:
    if talosctl is not None and _minor(talosctl.version) == _minor(release):
        yield talosctl
        return
    pinned = library_pin()
    if _minor(release) <= _minor(pinned.version):
        yield library(say, pin=pinned)
    if _minor(release) != _minor(pinned.version):
        yield schema_of(release, folders)


def _minor(version: str) -> tuple[int, int]:
    major, minor = version.removeprefix("v").split(".")[:2]
    return int(major), int(minor)
