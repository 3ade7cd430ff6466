"""The host's nftables table: judged before it is loaded, loaded whole, and compared with what the kernel holds.

What a text means is asked of nft itself: it is loaded in a network namespace of its own and printed from there, and
the host's table must print the same. Counters are left out of that, and a table that is as wanted is not loaded
again: it keeps its counts. No device needs to exist for a rule that names it.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import shutil
from collections.abc import Iterator
from pathlib import Path

from trellis.agent.files import write_whole
from trellis.agent.process import run
from trellis.agent.report import Fault, some

TABLE = ("inet", "trellis")

ANSWER_S = 30.0
"""What one run of nft may take; 0.03 s is usual, and a thousand rules take no second."""

REPLACING = f"table {' '.join(TABLE)}\ndelete table {' '.join(TABLE)}\n"
"""How a text begins that replaces the table, whether there is one or not."""

_SCRATCH = Path("/run/trellis")
_BYSTANDER = "table inet bystander {"
_OURS = f"table {' '.join(TABLE)} {{"

# The first table stands for all those on the host that are none of ours: the text must leave it alone.
_IN_A_NAMESPACE = 'nft add table inet bystander && nft -f "$1" && nft -s list ruleset'


def check(text: str) -> None:
    """Have nft judge a text without loading it on the host.

    Raises:
        Fault: nft is not there, refuses the text, or would change more than our table.
    """
    if shutil.which("nft") is None:
        raise Fault("nft", "this host has none", "apt install nftables")
    with _draft(text) as draft:
        _must(["nft", "-c", "-f", draft])
    meant(text)


@functools.lru_cache(maxsize=1)
def meant(text: str) -> tuple[str, ...]:
    """The table that a text makes, as nft prints it, without counts.

    Args:
        text: What `nft -f` is to load.

    Raises:
        Fault: nft refuses the text, or it would change more than our table.
    """
    with _draft(text) as draft:
        lines = _must(["unshare", "--net", "sh", "-c", _IN_A_NAMESPACE, "sh", draft]).splitlines()
    tables = [line for line in lines if line.startswith("table ")]
    if tables != [_BYSTANDER, _OURS]:
        why = f"after it the tables are {', '.join(tables) or 'none'}"
        raise Fault("the table", f"the text changes more than table {' '.join(TABLE)}: {why}", "mend what renders it")
    return _lines(lines[lines.index(_OURS) :])


def loaded() -> str | None:
    """The host's table as nft prints it, without counts; None where there is none, no nft, or no nf_tables."""
    if shutil.which("nft") is None:
        return None
    ended = run(["nft", "-s", "list", "table", *TABLE], ANSWER_S)
    if ended.status == 0:
        return ended.out
    if "No such file or directory" in ended.err or "not supported" in ended.err:
        return None
    raise Fault("nft list table", some(ended.complaints), "see whether the kernel has nf_tables")


def differences(text: str | None) -> list[str]:
    """In what the host's table is not as a text says; a table of ours that nobody wants is one too."""
    actual = loaded()
    if text is None:
        return [f"table {' '.join(TABLE)} is loaded, and should not be"] if actual is not None else []
    if actual is None:
        return [f"table {' '.join(TABLE)} is not loaded"]
    return _changed(_lines(actual.splitlines()), meant(text))


def load(text: str) -> None:
    """Replace the host's table by what a text says, in one step.

    Raises:
        Fault: nft refuses it; the table is as it was.
    """
    with _draft(text) as draft:
        _must(["nft", "-f", draft])


def put_back(earlier: str | None) -> None:
    """Load the table that was there, or delete the one that was not; nothing where it is the same.

    Raises:
        Fault: nft refuses.
    """
    now = loaded()
    if now == earlier:
        return
    if earlier is not None:
        load(REPLACING + earlier)
        return
    _must(["nft", "delete", "table", *TABLE])


@contextlib.contextmanager
def _draft(text: str) -> Iterator[str]:
    """A file with a text, for as long as nft reads it."""
    _SCRATCH.mkdir(mode=0o700, exist_ok=True)
    draft = _SCRATCH / "draft.nft"
    write_whole(draft, text.encode())
    try:
        yield str(draft)
    finally:
        draft.unlink(missing_ok=True)


def _must(argv: list[str]) -> str:
    ended = run(argv, ANSWER_S)
    if ended.status:
        raise Fault("nft", some(ended.complaints), "mend what renders the table; `trellis render` shows it")
    return ended.out


def _lines(lines: list[str]) -> tuple[str, ...]:
    return tuple(line for line in lines if line.strip())


def _changed(actual: tuple[str, ...], wanted: tuple[str, ...]) -> list[str]:
    """The lines that two tables do not have in common; their order counts, as it does among rules."""
    found = []
    for what, i, j, k, m in difflib.SequenceMatcher(None, actual, wanted, autojunk=False).get_opcodes():
        if what != "equal":
            found += [f"unexpected: {' '.join(line.split())}" for line in actual[i:j]]
            found += [f"missing: {' '.join(line.split())}" for line in wanted[k:m]]
    return found
