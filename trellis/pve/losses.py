"""Which lines of frr.conf.local do not arrive as they were written: the file and the result, read as FRR reads them.

A line has arrived if FRR puts it, letter for letter, into the block that it was written in.  That comparison
finds every loss, whatever habit of Proxmox's parser is behind it; the parser's own notes only explain it.
"""

from collections.abc import Mapping

from trellis.pve.nodes import Position, is_comment, read_positions
from trellis.pve.reasons import Loss, LossKind, Reason

_CLOSERS = ("exit", "exit-vrf", "exit-address-family", "exit-vni", "end", "quit")
_JUMPS = ("on-match goto ", "continue ")


def losses_of(
    local: tuple[str, ...],
    merged: list[tuple[str, int]],
    dropped: Mapping[int, Reason],
    faults: Mapping[int, Reason],
    generated_maps: frozenset[str],
) -> tuple[Loss, ...]:
    """Compare a frr.conf.local with what the merge made of it.

    Args:
        local: Its lines.
        merged: The result: each line with the number of its line in frr.conf.local, or 0.
        dropped: The parser's reasons for lines that are nowhere.
        faults: Lines that harm although they may have arrived.
        generated_maps: Names of the route-maps that Proxmox generates.

    Returns:
        The losses in file order.
    """
    result = _Result(local, merged)
    found: dict[int, Loss] = {}
    for number, reason in faults.items():
        kind = LossKind.MOVED if reason in _MOVING_FAULTS else LossKind.DROPPED
        found[number] = Loss(number, local[number - 1], kind, reason)
    if result.stray_origin:
        number = result.stray_origin
        found[number] = Loss(number, local[number - 1], LossKind.MOVED, Reason.STRAY_EXIT)
    for number in result.statements():
        loss = result.loss_at(number, dropped, generated_maps)
        if loss is not None:
            found.setdefault(number, loss)
    for loss in result.jumps({loss.line_number for loss in found.values() if loss.kind is LossKind.RENUMBERED}):
        found.setdefault(loss.line_number, loss)
    return tuple(found[number] for number in sorted(found))


_MOVING_FAULTS = frozenset({Reason.EXIT_VRF, Reason.FAMILY_WITHOUT_ROUTER, Reason.ROUTE_MAP_TAIL})


def _words(line: str) -> str:
    return " ".join(line.split())


class _Result:
    """Both texts, read."""

    def __init__(self, local: tuple[str, ...], merged: list[tuple[str, int]]) -> None:
        self._local = local
        self._expected = read_positions(local).positions
        reading = read_positions(line for line, _ in merged)
        self.stray_origin = merged[reading.stray_exit][1] if reading.stray_exit is not None else 0
        self._text = {number: _words(line) for line, number in merged if number}
        self._place: dict[int, tuple[str, ...]] = {}
        self._all: set[tuple[tuple[str, ...], str]] = set()
        for (line, number), position in zip(merged, reading.positions, strict=True):
            if position is None:
                continue
            place = tuple(_words(merged[index][0]) for index in position)
            self._all.add((place, _words(line)))
            if number:
                self._place[number] = place

    def statements(self) -> list[int]:
        """Numbers of the lines that mean something."""
        return [
            number
            for number, line in enumerate(self._local, 1)
            if not is_comment(line.strip()) and line.strip() not in _CLOSERS
        ]

    def _expected_place(self, position: Position) -> tuple[str, ...]:
        """The enclosing blocks by their opening lines, with the numbers that route-map entries have now."""
        return tuple(self._text.get(index + 1) or _words(self._local[index]) for index in position or ())

    def loss_at(self, number: int, dropped: Mapping[int, Reason], generated_maps: frozenset[str]) -> Loss | None:
        """What became of a line, or ``None`` if it arrived."""
        raw = self._local[number - 1]
        line = _words(raw)
        place = self._expected_place(self._expected[number - 1])
        now = self._text.get(number)
        if now is None or number not in self._place:
            merged_away = (place, line) in self._all and number not in dropped
            reason = dropped.get(number, Reason.ELSEWHERE)
            return None if merged_away else Loss(number, raw, LossKind.DROPPED, reason)
        if line.startswith("route-map ") and (now != line or line.split()[1] in generated_maps):
            return _renumbered(number, raw, now, generated_maps)
        if now != line:
            return Loss(number, raw, LossKind.DROPPED, dropped.get(number, Reason.ELSEWHERE), f"becomes `{now}`")
        return None if self._place[number] == place else self._moved(number, raw, place)

    def _moved(self, number: int, raw: str, place: tuple[str, ...]) -> Loss:
        now = self._place[number]
        left_router = len(place) == 1 and place[0].startswith("router bgp ")
        reason = Reason.AFTER_FAMILY if left_router and not now else Reason.ELSEWHERE
        where = f"lands in `{' / '.join(now)}`" if now else "lands at top level"
        meant = f"`{' / '.join(place)}`" if place else "the top level"
        return Loss(number, raw, LossKind.MOVED, reason, f"{where} instead of {meant}")

    def jumps(self, renumbered: set[int]) -> list[Loss]:
        """Jumps to an entry's number in a route-map of which an entry is renumbered."""
        maps = {self._local[number - 1].split()[1] for number in renumbered}
        losses = []
        for number, position in enumerate(self._expected, 1):
            raw = self._local[number - 1]
            if position and raw.strip().startswith(_JUMPS):
                opener = self._local[position[0]].split()
                if opener[0] == "route-map" and opener[1] in maps:
                    losses.append(Loss(number, raw, LossKind.RENUMBERED, Reason.GOTO))
        return losses


def _renumbered(number: int, raw: str, now: str, generated_maps: frozenset[str]) -> Loss:
    behind = raw.split()[1] in generated_maps
    reason = Reason.BEHIND_PROXMOX if behind else Reason.RENUMBERED
    if now == _words(raw):
        return Loss(number, raw, LossKind.MOVED, reason)
    return Loss(number, raw, LossKind.RENUMBERED, reason, f"becomes `{now}`")
