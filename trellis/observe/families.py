"""Metrics of ``trellis.render.metric_names`` as the Prometheus client has them."""

from __future__ import annotations

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from trellis.render.metric_names import Metric

Family = GaugeMetricFamily | CounterMetricFamily


def family(metric: Metric) -> Family:
    """Return a metric without values.

    Args:
        metric: Its name, labels and meaning.
    """
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    return kind(metric.name, metric.meaning, labels=metric.labels)
