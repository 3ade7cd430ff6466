"""What a manifest asks for outside FRR: loopbacks, the firewall, units. Each compared, put in force, put back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trellis.agent import firewall, loopbacks, manifest, preconditions, state, units
from trellis.agent.devices import devices
from trellis.agent.ground import Loopbacks, Preconditions
from trellis.agent.manifest import ALLOWED_UNITS, ManagedFile, Manifest
from trellis.agent.report import Refusal, Refused


def lacking(needed: Preconditions, wanted: Loopbacks | None, kind: str) -> list[Refusal]:
    """Everything that this host lacks before anything may be changed on it."""
    found = preconditions.missing(needed, devices()) if needed != Preconditions() else []
    return found + (loopbacks.refusals(wanted, kind, given_before()) if wanted else [])


def refuse_unless_ready(
    needed: Preconditions, wanted: Loopbacks | None, kind: str, others: Sequence[Refusal] = ()
) -> None:
    """Raise every reason at once why this host is not ready; `others` are such that were found elsewhere.

    Raises:
        Refused: There is one.
    """
    if found := [*lacking(needed, wanted, kind), *others]:
        raise Refused(found)


def given_before() -> frozenset[str]:
    """The loopbacks that the last commit gave this host."""
    last = _last()
    return frozenset(last.loopbacks.addresses) if last and last.loopbacks else frozenset()


def _table_before() -> str | None:
    """The text of the host's table in the last commit."""
    last = _last()
    return table(last) if last else None


def _last() -> Manifest | None:
    """The manifest of the last commit; None where there was none that this agent can read."""
    last = state.committed()
    try:
        return manifest.parse(last.manifest) if last else None
    except manifest.BadManifest:  # of an agent that read other fields
        return None


def table(wanted: Manifest) -> str | None:
    """The text of the host's table, if it is to have one."""
    return wanted.file(wanted.nftables).text if wanted.nftables else None


def file_to_write(wanted: Manifest) -> list[ManagedFile]:
    """Files beside the manifest's own that must change: /etc/network/interfaces, or none."""
    found = loopbacks.file_to_write(wanted.loopbacks, wanted.kind) if wanted.loopbacks else None
    return [found] if found else []


def before(wanted: Manifest) -> dict[str, Any]:
    """All of it as it is, for `put_back`; JSON's values only."""
    return {
        "loopbacks": loopbacks.before(wanted.loopbacks) if wanted.loopbacks else None,
        "firewall": firewall.loaded(),
        "firewall_text": _table_before(),
        "units": units.lacking(wanted.up),
        "reads": {reader.unit: list(reader.paths) for reader in wanted.units_changed_reload},
    }


def loopbacks_now(earlier: dict[str, Any]) -> dict[str, Any]:
    """The device as it is that `before` saw earlier."""
    return loopbacks.before(Loopbacks(earlier["interface"], (), ()))


def give_loopbacks(wanted: Manifest, ours: frozenset[str]) -> str:
    """Make the device of the loopbacks as wanted, and say what that took."""
    if wanted.loopbacks is None:
        return "none of ours"
    return "; ".join(loopbacks.bring_up(wanted.loopbacks, ours)) or "as they were"


def load_table(wanted: Manifest) -> str:
    """Load the host's table where it is not as wanted, and say what that changed."""
    text = table(wanted)
    found = firewall.differences(text)
    if found and text is not None:
        firewall.load(text)
    elif found:
        firewall.put_back(None)
    return f"{len(found)} line(s) differed" if found else "as it was"


def put_back_loopbacks(earlier: dict[str, Any]) -> None:
    """Put back the device of the loopbacks as `before` saw it."""
    if earlier.get("loopbacks"):
        loopbacks.put_back(earlier["loopbacks"])


def bring_units_back(earlier: dict[str, Any]) -> None:
    """Enable and start again the units that were up before and read no file of ours."""
    units.bring_back({unit: what for unit, what in earlier.get("units", {}).items() if unit not in ALLOWED_UNITS})


def bring_readers_back(earlier: dict[str, Any], back: list[str]) -> None:
    """Have the units that read files of ours run on those of before.

    Args:
        earlier: What `before` saw.
        back: The files that had to be put back.
    """
    were = {unit: what for unit, what in earlier.get("units", {}).items() if unit in ALLOWED_UNITS}
    started = units.bring_back(were)
    for unit, paths in earlier.get("reads", {}).items():
        if units.NOT_ACTIVE not in were[unit] and unit not in started and set(paths) & set(back):
            units.reload(unit)


def put_back_table(earlier: dict[str, Any]) -> None:
    """Put back the host's table as `before` saw it."""
    if "firewall" in earlier:
        firewall.put_back(earlier["firewall"], earlier.get("firewall_text"))
