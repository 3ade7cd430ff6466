"""The prefix file of the stack that is deployed: which IPv6 prefixes are delegated to the site's VNets.

What it says is judged with the site; nobody is asked for it here, for a preview depends on no router.
"""

from __future__ import annotations

from pathlib import Path

import pulumi


def prefix_file() -> bytes | None:
    """Return what ``Prefixes.<stack>.yaml`` beside the stack's own file holds; None where there is none."""
    path = Path(pulumi.get_root_directory()) / f"Prefixes.{pulumi.get_stack()}.yaml"
    return path.read_bytes() if path.is_file() else None
