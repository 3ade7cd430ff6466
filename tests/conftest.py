"""What all tests share: how much hypothesis tries, how goldens are rewritten, and a root with a real FRR."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from trellis.lab.images import ensure_root

# Examples are derived, not drawn from a clock: a red test stays red on the next run.
settings.register_profile(
    "quick", max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("long", max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write the files of tests/golden anew from what is rendered now"
    )


@pytest.fixture(scope="session")
def frr_root(request: pytest.FixtureRequest) -> Path:
    """Return a folder with a Debian root that holds FRR 10.3: the lab's image, built once if it is missing."""
    lacking = [program for program in ("unshare", "nsenter", "mmdebstrap") if shutil.which(program) is None]
    if os.geteuid() != 0 or lacking:
        why = f"{', '.join(lacking)} missing" if lacking else "not root"
        pytest.skip(f"a scratch FRR needs root, unshare, nsenter and mmdebstrap: {why}")
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")

    def say(text: str) -> None:
        if reporter is not None:
            reporter.write_line(text)

    return ensure_root("trixie", say)
