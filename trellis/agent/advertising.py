"""What tells guests of their prefixes: radvd's configuration, judged by radvd itself before it takes a file's place.

radvd ends at a file that it cannot read, and every guest that it tells of a default router has none once the last
advertisement is over. It judges words and their order (`radvd --configtest`); values out of range the site refuses.
Here is, too, whether somebody else tells guests already: Proxmox's part of frr.conf, or an operator's own radvd.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from trellis.agent import files, state
from trellis.agent.files import write_whole
from trellis.agent.manifest import RUNNING_CONFIG, BadManifest, Manifest, parse
from trellis.agent.normalise import normalise
from trellis.agent.process import run
from trellis.agent.report import Fault, Refusal, Refused, some

RADVD_CONF = "/etc/radvd.conf"
_LOCAL = "/etc/frr/frr.conf.local"
_SENDS = "no ipv6 nd suppress-ra"
"""By this line FRR advertises on an interface."""

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


def second_senders(manifest: Manifest) -> list[Refusal]:
    """Where guests would hear somebody else beside us, of whom no manifest of ours knows."""
    by_radvd = _told(next((file.text for file in manifest.files if file.path == RADVD_CONF), ""))
    found = []
    if manifest.kind == "pve":
        # What frr.conf.local had Proxmox put there is ours, of this deploy or of an earlier one.
        generated = _sent(_found(RUNNING_CONFIG)) - _sent(_found(_LOCAL)) - _sent(manifest.intent)
        found += [(vnet, RUNNING_CONFIG, "Proxmox's part of it advertises there") for vnet in by_radvd & generated]
    if not _is_ours(RADVD_CONF):
        others = _told(_found(RADVD_CONF)) & _sent(manifest.intent)
        found += [(vnet, RADVD_CONF, "no deploy of ours has written it") for vnet in others]
        if by_radvd and state.committed() is not None and _found(RADVD_CONF):
            found.append((", ".join(sorted(by_radvd)), RADVD_CONF, "no deploy of ours has written it; this one would"))
    return [_second(*one) for one in sorted(found)]


def _second(vnet: str, path: str, whose: str) -> Refusal:
    return Refusal(
        path,
        f"{vnet}: {whose}",
        "guests of a VNet hear one sender of router advertisements",
        "two contradict each other: addresses, resolvers and default routes come and go with each of them",
        "take the interface out of it (or move the file away), or have the site leave it to Proxmox: "
        "vnets.X.router_advertisements.sender",
    )


def _sent(text: str) -> set[str]:
    """The interfaces on which a frr.conf has FRR advertise."""
    return {line[0].removeprefix("interface ") for line in normalise(text) if line[1:] == (_SENDS,)}


def _told(text: str) -> set[str]:
    """The interfaces of a radvd.conf."""
    return set(re.findall(r"^\s*interface\s+([A-Za-z0-9._-]+)", text, re.MULTILINE))


def _found(path: str) -> str:
    actual = files.found(path)
    return actual.content.decode(errors="replace") if actual else ""


def _is_ours(path: str) -> bool:
    """Whether the last commit wrote a file."""
    last = state.committed()
    try:
        return last is not None and any(file.path == path for file in parse(last.manifest).files)
    except BadManifest:  # of an agent that read other fields; what it wrote is drift's to judge
        return True


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
