"""Alert rules as Prometheus itself judges them: series that were really scraped, one scrape after the other."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

from trellis.render.alerts import Group, alerts_text

STEP_S = 15
"""Seconds between scrapes, as in the configuration that Debian's package brings."""

EXPORTER = Path(__file__).parent / "exporter" / "pve01.txt"
"""What prometheus-frr-exporter printed of the homelab's pve01 (`tests/observe/test_exporter.py` records it)."""

Labels = dict[str, str]
Scrapes = Mapping[str, str]
"""What each instance printed."""


def series_of(scrapes: Scrapes) -> dict[str, float]:
    """Return each series by its name and labels, as Prometheus stores them."""
    found = {}
    for instance, text in scrapes.items():
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels = {**sample.labels, "instance": instance}
                inside = ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
                found[f"{sample.name}{{{inside}}}"] = sample.value
    return found


def assert_firing(
    folder: Path, groups: tuple[Group, ...], phases: Sequence[tuple[Scrapes, float]], wanted: Sequence[Labels]
) -> None:
    """Have `promtool test rules` hold which alerts fire at the end of the last phase.

    Args:
        folder: Where its files are written.
        groups: The rules.
        phases: What was scraped, and for how many minutes it was.
        wanted: The labels of each alert that fires.
    """
    steps = [int(minutes * 60 / STEP_S) for _, minutes in phases]
    scraped = [series_of(scrapes) for scrapes, _ in phases]
    every = sorted({name for found in scraped for name in found})
    values = {name: _values([found.get(name) for found in scraped], steps) for name in every}
    expected = [{"labels": "ALERTS" + _braces({**labels, "alertstate": "firing"}), "value": 1} for labels in wanted]
    test: dict[str, Any] = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": f"{STEP_S}s",
        "group_eval_order": [group.name for group in groups],
        "tests": [
            {
                "interval": f"{STEP_S}s",
                "input_series": [{"series": name, "values": value} for name, value in values.items()],
                "promql_expr_test": [
                    {
                        "expr": 'ALERTS{alertstate="firing"}',
                        "eval_time": f"{(sum(steps) - 1) * STEP_S}s",
                        "exp_samples": expected,
                    }
                ],
            }
        ],
    }
    (folder / "rules.yml").write_text(alerts_text(groups))
    (folder / "test.yml").write_text(yaml.safe_dump(test))
    ended = subprocess.run(
        ["promtool", "test", "rules", "test.yml"], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def _values(values: Sequence[float | None], steps: Sequence[int]) -> str:
    """Return a series as promtool writes it, where `ax3` is a and three more, and `_x3` three scrapes without it.

    A series that a scrape has no longer ends there, as Prometheus itself marks it; else it would last five minutes.
    """
    written = []
    for place, (value, count) in enumerate(zip(values, steps, strict=True)):
        if value is not None:
            written.append(f"{value:g}x{count - 1}")
        elif place and values[place - 1] is not None:
            written.append("stale" if count == 1 else f"stale _x{count - 1}")
        else:
            written.append(f"_x{count}")
    return " ".join(written)


def _braces(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in sorted(labels.items())) + "}"
