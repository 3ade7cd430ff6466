"""The lab that stands while this package's tests run: its name, and what tests ask of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from trellis.lab import main_job
from trellis.lab.proof import Row, wait_until_converged
from trellis.lab.twin import Twin

REPOSITORY = Path(__file__).parents[3]
STACK = "test"


def say(text: str) -> None:
    print(text, flush=True)


def failing(rows: tuple[Row, ...]) -> list[str]:
    return [f"{row.group}: {row.name}: expected {row.expected}, saw {row.seen}" for row in rows if row.fails]


def agent_differences(dev: Twin, host: str) -> dict[str, Any]:
    """What the agent's own comparison with the last commit lists on a host."""
    answer = dev.lab.access.run(host, "python3 /usr/local/lib/trellis/agent.py check", check=False)
    differences: dict[str, Any] = json.loads(answer.stdout)["differences"]
    return {what: found for what, found in differences.items() if found}


def await_sessions_back(dev: Twin) -> None:
    dev.start_guests(say)
    wait_until_converged(dev, say, main_job.CONVERGED_WITHIN_S)
