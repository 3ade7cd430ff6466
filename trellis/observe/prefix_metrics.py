"""What `trellis prefixes check` found, as a file for the node exporter's textfile collector.

The check asks edges with a password, which a server that Prometheus scrapes is not given; and it is the command's age
that tells a check that has stopped.  So the file is written only when every edge has answered, and says when that was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector

from trellis.observe.families import Family, family
from trellis.render import metric_names as names

DRIFTS = ("changed", "lost", "new")
"""How a VNet's prefix may differ: each has a series, so that one that ends is seen to be 0."""


def prefix_metrics_text(states: Mapping[str, str], competing: Mapping[str, int], at: float) -> bytes:
    """Return the text of the file.

    Args:
        states: By VNet, one of `DRIFTS`, or anything else where it is as delegated.
        competing: By edge that was asked, how many of its routes compete.
        at: When, in seconds since 1970.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Check(states, competing, at))
    return generate_latest(registry)


class _Check(Collector):
    def __init__(self, states: Mapping[str, str], competing: Mapping[str, int], at: float) -> None:
        self._states, self._competing, self._at = states, competing, at

    def describe(self) -> Iterator[Family]:
        """Return nothing."""
        return iter(())

    def collect(self) -> Iterator[Family]:
        """Yield each metric with its values."""
        drift, routes, checked = map(family, names.OF_CHECK)
        for vnet, state in sorted(self._states.items()):
            for kind in DRIFTS:
                drift.add_metric([vnet, kind], int(state == kind))
        for edge, count in sorted(self._competing.items()):
            routes.add_metric([edge], count)
        checked.add_metric([], self._at)
        yield from (drift, routes, checked)
