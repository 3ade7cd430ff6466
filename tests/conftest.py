"""What all tests share: how much hypothesis tries, how goldens are rewritten, and a root with a real FRR."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.counted import FEWEST, NOTE, Cases, summary
from trellis.lab.images import ensure_root

pytest_plugins = ("tests.ends.fixtures",)

# Examples are derived, not drawn from a clock: a red test stays red on the next run.
# Seeds of drawn sites do not shrink to anything simpler, so that no time is spent on trying.
settings.register_profile(
    "quick",
    max_examples=20,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "long",
    max_examples=300,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write the files of tests/golden anew from what is rendered now"
    )
    parser.addoption(
        "--cases", type=int, default=FEWEST, help="how many cases each counted property runs in all (`make properties`)"
    )


OF_A_HOST = {"filters", "namespace", "nft", "served", "sshd"}
"""Fixtures that are a piece of a real host: a kernel's namespaces with rules in them, an sshd."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses a piece of a real host, before markers choose: `make slow` runs it, `make check` does not."""
    for item in items:
        if not OF_A_HOST.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker("host")


def pytest_collection_finish() -> None:
    """Have the garbage collector leave out what lasts as long as the run: modules, tests, and all that they hold."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def cases(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Cases:
    """Return what counts the cases of a property; the sums are printed at the end of the run."""
    ended: dict[str, int] = {}
    record_property(NOTE, ended)  # noted before the test, filled by it, read after it
    return Cases(request.config.getoption("--cases"), ended)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many cases the counted properties ran."""
    noted = [
        (report.location[2].split("[")[0], ended)
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        for key, ended in report.user_properties
        if key == NOTE
    ]
    for line in summary(noted):
        terminalreporter.write_line(line)


FRR_SUITES = {"10.3": "trixie", "10.7": "sid"}
"""Where each FRR that a site can name comes from: the Debian suite of the lab's image."""


@pytest.fixture(scope="session")
def frr_root(request: pytest.FixtureRequest) -> Callable[[str], Path]:
    """Return a function: FRR's major.minor in, a Debian root that holds it out, built once if it is missing."""
    lacking = [program for program in ("unshare", "nsenter", "mmdebstrap") if shutil.which(program) is None]
    if os.geteuid() != 0 or lacking:
        why = f"{', '.join(lacking)} missing" if lacking else "not root"
        pytest.skip(f"a scratch FRR needs root, unshare, nsenter and mmdebstrap: {why}")
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")

    def say(text: str) -> None:
        if reporter is not None:
            reporter.write_line(text)

    def root_of(version: str) -> Path:
        root = ensure_root(FRR_SUITES[version], say)
        installed = _installed_frr(root)
        if not installed.startswith(f"{version}."):
            pytest.skip(f"FRR {version} is wanted, Debian {FRR_SUITES[version]} has {installed}: measure the new one")
        return root

    return root_of


def _installed_frr(root: Path) -> str:
    """Return the version of the package in a Debian root, as in ``10.3.0``; ``none.`` if there is none."""
    packages = (root / "var/lib/dpkg/status").read_text(encoding="utf-8").split("\n\n")
    found = next((package for package in packages if package.startswith("Package: frr\n")), "\nVersion: none")
    version = next(line for line in found.splitlines() if line.startswith("Version: ")).removeprefix("Version: ")
    return version.split("-")[0] + "."
