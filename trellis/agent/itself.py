"""The agent's own file: where it is, and whether it is the one that its caller knows.

A host's agent is not sent with each deploy: root puts it there once (`trellis install`), and whoever calls it says by
digest which one is meant. How it gets there is `install.py`'s business.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from trellis.agent.report import Fault

AGENT_PATH = "/usr/local/lib/trellis/agent.py"
"""Where a host has the agent; root's, mode 0755."""


def own_text() -> bytes:
    """The file that is running now."""
    return Path(sys.argv[0]).read_bytes()


def own_digest() -> str:
    """SHA-256 of the file that is running now, as `sha256sum` shows it."""
    return hashlib.sha256(own_text()).hexdigest()


def refuse_another(meant: str) -> None:
    """Refuse to work for a caller that means another agent: what it sends is made for that one.

    Args:
        meant: SHA-256 of the agent's file, in hex.

    Raises:
        Fault: This is another one.
    """
    own = own_digest()
    if own != meant:
        raise Fault(
            "another version of the agent is installed",
            f"this host has {own[:12]}, its caller is made for {meant[:12]}",
            f"run `trellis install {os.uname().nodename}` from the version that deploys",
        )
