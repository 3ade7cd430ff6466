"""What tells guests of their prefixes: radvd's configuration, judged by radvd itself before it takes a file's place.

radvd ends at a file that it cannot read, and every guest that it tells of a default router has none once the last
advertisement is over. It judges words and their order (`radvd --configtest`); values out of range the site refuses.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from trellis.agent.files import write_whole
from trellis.agent.manifest import Manifest
from trellis.agent.process import run
from trellis.agent.report import Fault, Refusal, Refused, some

RADVD_CONF = "/etc/radvd.conf"

ANSWER_S = 20.0
"""What radvd's judgement may take; 0.01 s is usual."""

_DRAFT = Path("/run/trellis/draft.radvd.conf")


def check(manifest: Manifest) -> None:
    """Have radvd judge the file that it is to read.

    Raises:
        Refused: It does not take it; names the line.
        Fault: This host has no radvd.
    """
    text = next((file.text for file in manifest.files if file.path == RADVD_CONF), None)
    if text is None:
        return
    if shutil.which("radvd") is None:
        raise Fault("radvd", "this host has none", "apt install radvd")
    _DRAFT.parent.mkdir(mode=0o700, exist_ok=True)
    write_whole(_DRAFT, text.encode(), 0o644)
    try:
        ended = run(["radvd", "--logmethod", "stderr_clean", "--configtest", "--config", str(_DRAFT)], ANSWER_S)
    finally:
        _DRAFT.unlink(missing_ok=True)
    if ended.status:
        raise Refused([_refusal(text.splitlines(), ended.complaints)])


def _refusal(lines: list[str], said: list[str]) -> Refusal:
    """What radvd does not take: the line that it names, or all of it."""
    complaint = next((line for line in said if str(_DRAFT) in line), "")
    found = re.search(rf"{re.escape(str(_DRAFT))}:([0-9]+) ", complaint)
    number = int(found[1]) if found else 0
    place, value = (f":{number}", lines[number - 1].strip()) if 0 < number <= len(lines) else ("", "the file")
    return Refusal(
        f"{RADVD_CONF}{place}",
        value,
        "radvd takes its configuration",
        f"it ends at one that it cannot read, and no guest hears of a router any more: {some(said)}",
        "mend what renders the file; `trellis render` shows it",
    )
