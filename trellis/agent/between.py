"""States that a Proxmox host passes between two deploys: Proxmox makes them, on all nodes at once.

An SDN apply has each node merge the frr.conf.local that it has into what the new SDN generates; our own file follows
later, host by host. Where objects are taken away our file goes first, and meets what the old SDN generates. Both are
computed here, with Proxmox's own merge (`trellis.pve`, packed into the agent), and loaded by a scratch FRR before
anything is sent. A line that the merge would lose is named.

A state that the order of a deploy does not pass (additions go SDN first, removals last) is computed and told, but is no
reason to refuse: without the SDN's peer-group, for one, no file of ours can load.
"""

from __future__ import annotations

from collections import Counter

from trellis.agent import files, frr, preflight, state, vault
from trellis.agent.drain import meant
from trellis.agent.manifest import BadManifest, Manifest, Preparation
from trellis.agent.mending import FRR_CONF_LOCAL
from trellis.agent.normalise import normalise
from trellis.agent.report import Fault, some

_REMEDY = "make the change in two runs, additions first; `trellis render HOST` shows both texts"


def expect_after_sdn(wanted: Preparation) -> str:
    """See that the file that this host has loads on top of the new SDN, and remember what FRR will run then.

    Args:
        wanted: What Proxmox will generate, and by which release.

    Returns:
        What there is to say of it.

    Raises:
        Fault: Proxmox would lose lines, or FRR would not run them all.
    """
    last = _last()
    if wanted.base is None or last is None:
        return "nothing of ours is here yet"
    local = files.found(FRR_CONF_LOCAL)
    text = vault.hide(local.content.decode(errors="replace")) if local else ""
    if wanted.base == last.base and text == last.file(FRR_CONF_LOCAL).text:
        return "as committed"
    merged = _merged(text, wanted.base, wanted.pve_version, "the new SDN and this host's frr.conf.local")
    said = _loaded(
        merged, last.daemons, "the new SDN and this host's frr.conf.local", bool(_new(last.base, wanted.base))
    )
    state.expect(merged)
    return said


def see_with_old_sdn(wanted: Manifest, others: dict[str, str]) -> str:
    """See that the new file loads on top of what the SDN generates now, until removals are applied.

    Args:
        wanted: What the host is to hold.
        others: FRR's other files as they are to be, by path.

    Returns:
        What there is to say of it; nothing where the SDN stays as it is.

    Raises:
        Fault: Proxmox would lose lines, or FRR would not run them all.
    """
    last = _last()
    if last is None or last.base is None or wanted.base is None or last.base == wanted.base:
        return ""
    what = "the new frr.conf.local and the SDN as it is"
    merged = _merged(wanted.file(FRR_CONF_LOCAL).text, last.base, wanted.pve_version, what)
    return _loaded(merged, wanted.daemons, what, bool(_new(wanted.base, last.base)), others)


def merged_as_proxmox_does(local: str, base: tuple[str, ...], pve_version: str) -> tuple[str, list[str]]:
    """The frr.conf that Proxmox makes, and the lines that it loses on the way.

    Args:
        local: The frr.conf.local.
        base: What Proxmox generates, as lines.
        pve_version: Its release.

    Raises:
        Fault: The release is not known here, or the text is none that it generates.
    """
    from trellis.pve.merge import merge  # noqa: PLC0415 - compiled only where it is needed
    from trellis.pve.versions import pve_version as known  # noqa: PLC0415

    try:
        merged = merge(base, tuple(local.splitlines()), known(pve_version))
    except ValueError as error:
        raise Fault("what Proxmox will generate", str(error), "report this with the report's text") from error
    return merged.text, [
        f"line {loss.line_number}, {loss.line.strip()!r}: {loss.explanation}" for loss in merged.losses
    ]


def _last() -> Manifest | None:
    last = state.committed()
    try:
        found = meant(last.manifest) if last else None
    except BadManifest:  # of an agent that read other fields
        return None
    return found if found and found.kind == "pve" and any(f.path == FRR_CONF_LOCAL for f in found.files) else None


def _merged(local: str, base: tuple[str, ...], pve_version: str | None, what: str) -> str:
    text, lost = merged_as_proxmox_does(local, base, pve_version or "")
    if lost:
        raise Fault(f"{what}: Proxmox would lose lines", some(lost), _REMEDY)
    return text


def _loaded(text: str, daemons: tuple[str, ...], what: str, passed: bool, others: dict[str, str] | None = None) -> str:
    try:
        return f"{what}: {preflight.refuse_unless_loaded(text, frr.needed(daemons), others)}"
    except Fault as fault:
        if passed:
            raise Fault(f"{what}: {fault.what}", fault.why, _REMEDY) from fault
        return f"{what} would not load, and need not: {fault.why}"


def _new(before: tuple[str, ...] | None, after: tuple[str, ...]) -> Counter[tuple[str, ...]]:
    """The lines that Proxmox generates after a change, and not before it."""
    return normalise("\n".join(after)) - normalise("\n".join(before or ()))
