"""The policy file of the stacks of a folder, to which the site that is deployed is held before anything is sent.

What it says is judged in the core, with the plan; the ends of its exceptions are compared with no clock here.
"""

from __future__ import annotations

from pathlib import Path

import pulumi

from trellis.policy import FILE_NAME, PolicyFile, read_policy


def policy_file() -> PolicyFile | None:
    """Return what ``policy.yaml`` beside the stack's own file says; None where there is none.

    Raises:
        SiteRefused: If it cannot be read, or says what cannot be.
    """
    path = Path(pulumi.get_root_directory()) / FILE_NAME
    return read_policy(path.read_bytes()) if path.is_file() else None
