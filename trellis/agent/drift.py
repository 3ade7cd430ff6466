"""Whether somebody edited a host since the last commit: it is not overwritten, it is said.

What the host holds and runs is compared with the manifest that was last committed. A difference counts unless the new
manifest asks for the very same: an edit that has been put into the site since is no drift any more. It does not count
either where FRR runs what an SDN apply makes of the old files, as it was computed before (`state.expect`).

Only what a person writes counts: files, FRR's lines, lines added to the host's table. What a kernel or a boot
forgets (kernel parameters, the loopbacks' device, a table that another service flushed, a unit that is down) is set
again by the commit, and named by its step.
"""

from __future__ import annotations

from trellis.agent import files, firewall, frr, outside, state, vault
from trellis.agent.drain import meant
from trellis.agent.host import file_differences
from trellis.agent.manifest import RUNNING_CONFIG, BadManifest, ManagedFile, Manifest
from trellis.agent.normalise import difference, normalise, shown
from trellis.agent.report import Fault, masked, some


def refuse_if_edited(target: Manifest) -> None:
    """Raise a Fault that names every difference which somebody has made on this host since the last commit."""
    if found := edits(target):
        raise Fault(
            f"somebody has changed this host since the last commit, in {len(found)} place(s)",
            some(found, limit=20),
            f"put it into the site, or undo it on the host by `trellis repair {target.host}`",
        )


def edits(target: Manifest | None = None) -> list[str]:
    """How this host differs from the manifest that was last committed, by somebody's hand.

    Args:
        target: What it is to hold next, which may ask for the very same; None where nothing new is meant.

    Returns:
        A line for each difference; none where nothing was ever committed.
    """
    last = _last()
    if last is None:
        return []
    found = [line for file in last.files for line in _of_file(last, file, target)]
    return [*found, *_of_running(last, target), *_of_table(last)]


def _last() -> Manifest | None:
    last = state.committed()
    try:
        return meant(last.manifest) if last else None
    except BadManifest:  # of an agent that read other fields
        return None


def _of_file(last: Manifest, file: ManagedFile, target: Manifest | None) -> list[str]:
    changed = file_differences(last, file)
    if not changed:
        return []
    actual = files.found(file.path)
    wanted = next((other for other in target.files if other.path == file.path), None) if target else None
    if actual is None and target is not None and wanted is None:
        return []
    if wanted is not None and target is not None and not file_differences(target, wanted):
        return []
    if file.path == RUNNING_CONFIG and actual is not None and "content" in changed:
        text = vault.hide(actual.content.decode(errors="replace"))
        lines = _lines(file.text, text, target)
        # Laid out in another way, or as an SDN apply leaves it: it says nothing that nobody meant.
        return [f"{file.path}: {line}" for line in lines]
    return [f"{file.path}: {', '.join(changed)}"]


def _of_running(last: Manifest, target: Manifest | None) -> list[str]:
    return [f"FRR runs otherwise: {line}" for line in _lines(last.intent, frr.running_config(), target)]


def _lines(meant: str, actual: str, target: Manifest | None) -> list[str]:
    """The lines in which a configuration is not as it was meant, nor as the next one asks for."""
    missing, unexpected = difference(meant, actual)
    if (missing or unexpected) and (expected := state.expected()) and not any(difference(expected, actual)):
        return []
    asked = normalise(target.intent) if target else None
    gone = [line for line in missing if asked is None or line in asked]
    added = [line for line in unexpected if asked is None or line not in asked]
    return [f"missing: {masked(line)}" for line in shown(gone)] + [f"added: {masked(line)}" for line in shown(added)]


def _of_table(last: Manifest) -> list[str]:
    """Lines that were added to the host's table; a table that is gone was flushed, not edited."""
    wanted = outside.table(last)
    if wanted is None or firewall.loaded() is None:
        return []
    return [f"the firewall: {line}" for line in firewall.differences(wanted) if line.startswith("unexpected: ")]
