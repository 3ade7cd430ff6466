"""The host's nftables tables of ours: judged before they are loaded, loaded whole, and compared with the kernel's.

What a text means is asked of nft itself: it is loaded in a network namespace of its own and printed from there, and
the host's tables must print the same. Counters are left out of that, and what is as wanted is not loaded again: it
keeps its counts. No device needs to exist for a rule that names it.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from trellis.agent.process import run
from trellis.agent.report import Fault, some

_REMEMBERING = (("bridge", "trellis_gateways"), ("inet", "trellis_peers"))
"""The tables whose sets the kernel fills: their text never replaces these, and they are none of what is compared."""

TABLES = (("inet", "trellis"), ("bridge", "trellis"), *_REMEMBERING)
"""Ours: what zones and guests may reach, what each port may send, and what is remembered of gateways and guests."""

ANSWER_S = 30.0
"""What one run of nft may take; 0.03 s is usual, and a thousand rules take no second."""

_COUNT = re.compile(r"[ \t]*# count [0-9]+$", re.MULTILINE)
"""How many elements a set of a given size has, which nft 1.1.7 prints behind its size, `-s` and `-t` or not."""

_SCRATCH = Path("/run/trellis")
_BYSTANDER = "table inet bystander"


def _listing(table: tuple[str, str]) -> list[str]:
    """The command that prints a table, without counts and without what the kernel put into it."""
    return ["nft", "-s", *(["-t"] if table in _REMEMBERING else []), "list", "table", *table]


# The first table stands for all those on the host that are none of ours: the text must leave it alone.
_IN_A_NAMESPACE = "; ".join(
    (
        f'nft add {_BYSTANDER} && nft -f "$1" && nft list tables && echo || exit 1',
        *(f"{' '.join(_listing(table))} 2>/dev/null" for table in TABLES),
        "exit 0",
    )
)


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
        tables, _, listed = _must(["unshare", "--net", "sh", "-c", _IN_A_NAMESPACE, "sh", draft]).partition("\n\n")
    found = tables.splitlines()
    ours = {f"table {' '.join(table)}" for table in TABLES}
    if _BYSTANDER not in found or not ours & {*found} or {*found} - ours - {_BYSTANDER}:
        why = f"after it the tables are {', '.join(found) or 'none'}"
        raise Fault("the table", f"the text changes more than {', '.join(sorted(ours))}: {why}", "mend what renders it")
    return _lines(_COUNT.sub("", listed).splitlines())


def loaded() -> str | None:
    """The host's tables of ours as nft prints them, without counts; None where there are none, or no nft."""
    if shutil.which("nft") is None:
        return None
    found = [text for table in TABLES if (text := _printed(table)) is not None]
    return "".join(found) if found else None


def _printed(table: tuple[str, str]) -> str | None:
    ended = run(_listing(table), ANSWER_S)
    if ended.status == 0:
        return _COUNT.sub("", ended.out)
    if "No such file or directory" in ended.err or "not supported" in ended.err:
        return None
    raise Fault("nft list table", some(ended.complaints), "see whether the kernel has nf_tables")


def differences(text: str | None) -> list[str]:
    """In what the host's tables are not as a text says; a table of ours that nobody wants is one too."""
    now = loaded()
    if now is None:  # what a text means is none of nft's business yet: it may be wrong, or nft not there
        return [f"{heading} is not loaded" for heading in dict.fromkeys(_headings((text or "").splitlines()))]
    actual, wanted = now.splitlines(), meant(text) if text is not None else ()
    there, meant_to_be = _headings(actual), _headings(wanted)
    found = [f"{heading} is loaded, and should not be" for heading in there if heading not in meant_to_be]
    found += [f"{heading} is not loaded" for heading in meant_to_be if heading not in there]
    return found or _changed(_lines(actual), wanted)


def _headings(lines: Sequence[str]) -> list[str]:
    return [line.removesuffix(" {") for line in lines if line.startswith("table ")]


def load(text: str) -> None:
    """Replace the host's table by what a text says, in one step.

    Raises:
        Fault: nft refuses it; the table is as it was.
    """
    with _draft(text) as draft:
        _must(["nft", "-f", draft])


def put_back(earlier: str | None, text: str | None = None) -> None:
    """Load the tables that were there, and delete those that were not; nothing where all are the same.

    What nft prints of a table it may not read again (1.1.3: raw bytes in a set), so the text that made it comes first.

    Args:
        earlier: What `loaded` said then.
        text: What was meant to be loaded then, if anything was.

    Raises:
        Fault: nft refuses.
    """
    now = loaded()
    if now == earlier:
        return
    then, there = _by_heading(earlier), _by_heading(now)
    gone = "".join(_deletion(heading) for heading in there if heading not in then)
    if text is not None and _makes(text, earlier):
        load(gone + text)
        if loaded() == earlier:  # not where a table has kept something that the text does not speak of
            return
    changed = {heading: table for heading, table in then.items() if there.get(heading) != table}
    load(gone + "".join(_deletion(heading) + table for heading, table in changed.items()))


def _makes(text: str, earlier: str | None) -> bool:
    with contextlib.suppress(Fault):
        return meant(text) == _lines((earlier or "").splitlines())
    return False


def _by_heading(listed: str | None) -> dict[str, str]:
    """Each table that nft printed, by its heading."""
    tables = re.split(r"^(?=table )", listed or "", flags=re.MULTILINE)
    return {heading: table for table in tables for heading in _headings(table.splitlines()[:1])}


def _deletion(heading: str) -> str:
    """Delete a table that may not be there: it is made first, which every release of nft knows how to do."""
    return f"{heading}\ndelete {heading}\n"


@contextlib.contextmanager
def _draft(text: str) -> Iterator[str]:
    """A file with a text, for as long as nft reads it; one of its own, since the guard may compare meanwhile."""
    _SCRATCH.mkdir(mode=0o700, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=_SCRATCH, prefix="draft-", suffix=".nft") as draft:
        draft.write(text)
        draft.flush()
        yield draft.name


def _must(argv: list[str]) -> str:
    ended = run(argv, ANSWER_S)
    if ended.status:
        raise Fault("nft", some(ended.complaints), "mend what renders the table; `trellis render` shows it")
    return ended.out


def _lines(lines: list[str]) -> tuple[str, ...]:
    return tuple(line for line in lines if line.strip())


def _changed(actual: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """The lines that two tables do not have in common; their order counts, as it does among rules."""
    found = []
    for what, i, j, k, m in difflib.SequenceMatcher(None, actual, wanted, autojunk=False).get_opcodes():
        if what != "equal":
            found += [f"unexpected: {' '.join(line.split())}" for line in actual[i:j]]
            found += [f"missing: {' '.join(line.split())}" for line in wanted[k:m]]
    return found
