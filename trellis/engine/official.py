"""Installing Pulumi's official CLI where the internet answers at once; elsewhere it gives up in seconds.

The Automation API does the download, in a Python of its own (`python -c`): this package imports no
pulumi. The answer of the download site is asked for first with a short timeout, because a firewall that
drops packets would otherwise hold a user for minutes.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

DOWNLOAD_SITE = "https://get.pulumi.com/install.sh"
_PROBE_S = 4.0
_INSTALL_S = 300.0

_PROBE = """
import sys, urllib.request
request = urllib.request.Request(sys.argv[1], method="HEAD")
urllib.request.urlopen(request, timeout=float(sys.argv[2])).close()
"""

_INSTALL = """
import sys
from semver import VersionInfo
from pulumi.automation import PulumiCommand
PulumiCommand.install(root=sys.argv[1], version=VersionInfo.parse(sys.argv[2]))
"""


def answers(url: str = DOWNLOAD_SITE, timeout_s: float = _PROBE_S) -> bool:
    """Whether a web address answers within a few seconds, name lookup included.

    Args:
        url: The address to ask.
        timeout_s: How long to wait at most, in seconds.

    Returns:
        True if it answered.
    """
    # A subprocess, because a name lookup that hangs can't be interrupted from within.
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROBE, url, str(timeout_s)],
            timeout=timeout_s + 1,
            capture_output=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def install(version: str, root: Path, say: Callable[[str], None], timeout_s: float = _INSTALL_S) -> bool:
    """Install the official CLI, whole or not at all.

    Args:
        version: The engine's version with its leading v.
        root: Where to put it; the binary becomes `root/bin/pulumi`.
        say: Where progress goes.
        timeout_s: How long the download may take, in seconds.

    Returns:
        True if `root/bin/pulumi` is there; False if it could not be installed, with the reason said.
    """
    say(f"engine: downloading the official Pulumi CLI {version}")
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{root.name}.", dir=root.parent) as scratch:
        fresh = Path(scratch) / "root"
        try:
            done = subprocess.run(
                [sys.executable, "-c", _INSTALL, str(fresh), version.removeprefix("v")],
                timeout=timeout_s,
                capture_output=True,
                text=True,
                check=False,
            )
        except subprocess.TimeoutExpired:
            say(f"engine: the download did not finish within {timeout_s:.0f} s")
            return False
        if done.returncode != 0 or not (fresh / "bin" / "pulumi").is_file():
            lines = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
            say(f"engine: the official CLI could not be installed: {lines[-1]}")
            return False
        if root.exists():
            shutil.rmtree(root)
        fresh.rename(root)
    return True
