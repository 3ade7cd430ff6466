"""What a manifest may not have root do: who has the deploy user's key must not become root by a file's text.

Some files are read by root's programs as orders: units, the daemons file (a shell reads it), kernel parameters, nft's
includes. Of these the agent takes only what Trellis has a use for, word by word. What FRR reads is FRR's own grammar,
which knows no orders.
"""

from __future__ import annotations

import re

_COMMENT = r"\s*(#.*)?"
_OPTION = r"(-A [0-9a-fA-F.:]+|-s [0-9]+)"
_UNIT_LINES = (
    _COMMENT,
    r"\[(Unit|Service|Install)\]",
    r"(Description|DefaultDependencies|After|Before|Wants|Requires|Conflicts|PartOf|ReloadPropagatedFrom)=[^\\]*",
    r"(Type|RemainAfterExit|WantedBy)=[A-Za-z0-9.-]+",
    r"Exec(Start|Reload)=/usr/sbin/nft -f /etc/trellis/firewall\.nft",
)
_ORDERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"/etc/systemd/system/.*", _UNIT_LINES),
    (
        r"/etc/frr/daemons(\.conf)?",
        (_COMMENT, r"[a-z0-9_]+=(yes|no)", rf'[a-z0-9]+_options="\s*({_OPTION}(\s+{_OPTION})*)?\s*"'),
    ),
    (r"/etc/sysctl\.d/.*", (_COMMENT, r"-?net[./][A-Za-z0-9_./-]+\s*=\s*-?[0-9]+(\s+[0-9]+)*")),
    # An include would have nft read any file, and print what it does not understand of it.
    (r"/etc/trellis/firewall\.nft", (r"(?!(?:.*[;{}])?\s*include\b).*",)),
)


def orders(path: str, lines: tuple[str, ...]) -> list[str]:
    """The lines of a file that would have root do what no deploy needs.

    Args:
        path: Where the file is to lie.
        lines: What it is to hold.

    Returns:
        Each such line, with its place.
    """
    for pattern, harmless in _ORDERS:
        if re.fullmatch(pattern, path):
            known = re.compile("|".join(f"(?:{form})" for form in harmless))
            return [
                f"{path} line {number}: {line.strip()!r}: an order that no deploy needs"
                for number, line in enumerate(lines, 1)
                if known.fullmatch(line) is None
            ]
    return []
