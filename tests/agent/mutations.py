"""One line of a configuration deleted, doubled or altered: which of these a comparison fails to notice.

For any text that a real FRR runs as it stands (golden files too): `unnoticed(text, frr.running_config())` is empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from trellis.agent.normalise import EMPTY_MEANS_NOTHING, IGNORED, difference

_IGNORED = re.compile("|".join(IGNORED))


def unnoticed(intent: str, running: str) -> list[str]:
    """Name each change of one line of `intent` that leaves no difference to `running`.

    Lines that the comparison ignores, for reasons that it lists, are not changed.
    """
    return [what for what, mutant in mutants(intent) if not any(difference(mutant, running))]


def mutants(text: str) -> Iterator[tuple[str, str]]:
    """Each text that differs from this one by a change of a single line, with what was changed."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        word = " ".join(line.split())
        if not word or _IGNORED.fullmatch(word):
            continue
        before, after = lines[:number], lines[number + 1 :]
        where = f"line {number + 1} {word!r}"
        yield f"{where} deleted", "\n".join([*before, *after])
        yield f"{where} altered at its end", "\n".join([*before, f"{line}9", *after])
        yield f"{where} altered at its beginning", "\n".join([*before, re.sub(r"(\S)", r"x\1", line, count=1), *after])
        yield (
            f"{where} followed by a strange line",
            "\n".join([*before, line, re.sub(r"\S.*", "strange", line), *after]),
        )
        if not word.startswith(EMPTY_MEANS_NOTHING):
            # A stanza opened twice is the same stanza to FRR, and an empty one of these is none.
            yield f"{where} doubled", "\n".join([*before, line, line, *after])
