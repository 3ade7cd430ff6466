"""What figures were taken on; without it they say nothing."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path


def machine() -> dict[str, str]:
    """Return date, processors, load, Python and system."""
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        named = [line for line in cpuinfo.read_text(encoding="utf-8").splitlines() if line.startswith("model name")]
        model = named[0].partition(": ")[2] if named else model
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processors": f"{os.cpu_count()} x {model}",
        "load": f"{os.getloadavg()[0]:.1f} in the last minute (everything on the machine, the bench included)",
        "python": platform.python_version(),
        "system": platform.platform(),
    }
