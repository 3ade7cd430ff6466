"""A cluster that is to be bootstrapped by this program says all that its nodes need to come up.

What holds for every cluster stands in ``trellis.site.checks.clusters`` and ``machines``: that it has a control plane.
"""

from __future__ import annotations

from collections.abc import Iterator

from trellis.site.kubernetes import Talos
from trellis.site.model import Cluster, Site
from trellis.site.refusal import Refusal

_KUBERNETES_OF_TALOS = {11: (29, 34), 12: (30, 35), 13: (31, 36), 14: (32, 37)}
"""Minor releases of Kubernetes, inclusive, by Talos's own (its package ``machinery/compatibility``)."""


def check(site: Site) -> Iterator[Refusal]:
    """Yield a refusal for each cluster that would be bootstrapped and would not come up.

    Args:
        site: A site whose references hold.
    """
    for name, cluster in sorted(site.clusters.items()):
        if cluster.talos is not None and cluster.talos.kubernetes_version is not None:
            yield from _of_this_talos(name, cluster.talos, cluster.talos.kubernetes_version)
        if cluster.talos is not None and cluster.talos.bootstrap:
            yield from _bootstrapped(name, cluster, cluster.talos)


def _of_this_talos(name: str, talos: Talos, kubernetes: str) -> Iterator[Refusal]:
    first, last = _KUBERNETES_OF_TALOS[int(talos.release.split(".")[1])]
    if not first <= int(kubernetes.split(".")[1]) <= last:
        yield Refusal(
            f"clusters.{name}.talos.kubernetes_version",
            kubernetes,
            f"Talos {talos.release} runs Kubernetes 1.{first} to 1.{last}",
            "nodes refuse another one as they are configured",
            f"write a release of 1.{first} to 1.{last}, or change clusters.{name}.talos.release",
        )


def _bootstrapped(name: str, cluster: Cluster, talos: Talos) -> Iterator[Refusal]:
    if talos.kubernetes_version is None:
        yield Refusal(
            f"clusters.{name}.talos.kubernetes_version",
            "nothing",
            "a cluster that is bootstrapped here says which Kubernetes it runs",
            "the provider's default moves when the provider is updated, and would move the cluster with it",
            f"set clusters.{name}.talos.kubernetes_version, as in 1.{_KUBERNETES_OF_TALOS[13][1]}.1",
        )
    if cluster.speaker == "frr" and talos.installer is None:
        yield Refusal(
            f"clusters.{name}.talos.installer",
            "nothing",
            "nodes that are bootstrapped here and speak FRR have an installer of their own",
            "Image Factory has no FRR extension: they would install themselves without a speaker, and have no route",
            f"set clusters.{name}.talos.installer to an image that has the extension, or use the speaker bird2",
        )
