"""Whether Proxmox would generate what was computed: its own dry run, which pve-network has from 1.3.0 on.

It answers with the difference (`diff -b -N -u`) between a node's frr.conf and the one that it would write. So it shows
what changes, not the whole text: a line that comes must have been computed, and one that Proxmox was computed to
generate must not go. That the host then holds nothing else is seen by its own agent, at its commit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from trellis.agent.normalise import ConfigLine, in_order, normalise, shown


def surprises(diff: str | None, generated: str, frr_conf: str) -> list[str]:
    """In what a dry run is not what was computed.

    Args:
        diff: What the node answers as `frr-diff`; None where nothing would change.
        generated: What Proxmox was computed to generate on that node.
        frr_conf: The node's whole frr.conf as computed, our own part included.

    Returns:
        A line for each, for people.
    """
    coming, going = _changed(diff or "")
    computed, own = normalise(frr_conf), normalise(generated)
    # A difference shows three lines around a change: the stanza that a line stands in may be out of sight.
    anywhere = {line[-1] for line in computed}
    unknown = [line for line in coming if line not in computed and (len(line) > 1 or line[0] not in anywhere)]
    moved = {line[-1] for line in coming}
    lost = [line for line in going if line in own and line[-1] not in moved]
    return [
        *(f"would generate `{line}`, which was not computed" for line in shown(unknown)),
        *(f"would take `{line}` away, which was computed to stay" for line in shown(lost)),
    ]


def _changed(diff: str) -> tuple[list[ConfigLine], list[ConfigLine]]:
    """The statements that come and that go, with their stanzas as far as they are shown; one that moves is neither."""
    coming: Counter[ConfigLine] = Counter()
    going: Counter[ConfigLine] = Counter()
    for before, after in _hunks(diff):
        old, new = Counter(in_order(before)), Counter(in_order(after))
        coming += new - old
        going += old - new
    return list((coming - going).elements()), list((going - coming).elements())


def _hunks(diff: str) -> Iterator[tuple[str, str]]:
    """Each part of a unified diff as it was and as it would be."""
    before: list[str] = []
    after: list[str] = []
    for line in [*diff.splitlines(), "@@"]:
        if line.startswith("@@"):
            yield "\n".join(before), "\n".join(after)
            before, after = [], []
        elif not line.startswith(("+++ ", "--- ")):
            before += [line[1:]] if line[:1] in ("-", " ") else []
            after += [line[1:]] if line[:1] in ("+", " ") else []
