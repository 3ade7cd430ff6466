"""The filter of an edge: the product's own text, loaded into the edge's namespace.

On a real edge an operator loads what ``trellis render EDGE`` prints, so the lab asks the same command for it: the
text is what is judged, and the lab has none of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trellis.lab import site_files
from trellis.lab.errors import LabError
from trellis.lab.processes import run

TABLE = ("inet", "trellis")
"""Family and name of the table that the text makes."""


def rendered(site_data: Mapping[str, Any], edge: str, scratch: Path, written_for: str = "nftables") -> str:
    """What ``trellis render EDGE --format FORMAT`` prints for a site.

    Args:
        site_data: The object under `trellis:site`, with what is delegated in it.
        edge: The edge.
        scratch: A folder for the stack file that the command reads.
        written_for: The format.

    Raises:
        LabError: The command failed; its own words are in the message.
    """
    stack_file = site_files.write(scratch, "site", site_data)
    words = ("render", edge, "--format", written_for, "--file", str(stack_file))
    done = run([sys.executable, "-P", "-c", "from trellis.cli import main; main()", *words], check=False)
    if not done.ok:
        why = done.stderr.strip() or f"exit status {done.returncode}"
        raise LabError(f"the filter of edge {edge}", why=why, remedy=f"trellis render {edge} --format {written_for}")
    return done.stdout


def load(text: str, namespace: str, kept: Path) -> bool:
    """Load a filter into an edge's namespace, unless that very text is loaded there.

    Args:
        text: For ``nft -f``; it replaces what is there.
        namespace: The edge's, as `ip netns` knows it.
        kept: The file that remembers what was loaded.

    Returns:
        Whether it was loaded now.

    Raises:
        LabError: nft refuses it.
    """
    inside = ["ip", "netns", "exec", namespace, "nft"]
    there = run([*inside, "list", "table", *TABLE], check=False).ok
    if there and kept.is_file() and kept.read_text() == text:
        return False
    run([*inside, "-f", "-"], stdin=text)
    kept.write_text(text)
    return True
