"""Makes the text of a comment or issue of what steps left in a folder: ``report.py comment|fork|drift STACK FOLDER``.

What a fork's job left was written by whoever opened the pull request: it is shown as plain text, in a fence that it
can't end, and nothing of it is read as Markdown, mentions anybody or is run.  Sending the text is for github.py and
gitlab.py.  Python's standard library alone, since the job that comments installs nothing.
"""

import re
import sys
import unicodedata
from pathlib import Path

LONGEST = 65_000
"""Characters of the whole text: GitHub takes 65,536, GitLab a million."""

LONGEST_DIFF = 44_000
LONGEST_PREVIEW = 16_000
LONGEST_SAID = 20_000
"""Characters of one command's words where only its failure is told, or the drift that it found."""

READ = 4_000_000
"""Bytes that are read of a file at most: a fork's artifact may be as large as it likes."""

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

ENDED = {
    "plan": {0: "accepted", 2: "**refused**"},
    "diff": {0: "nothing changes", 1: "changes, below", 2: "**refused**"},
    "preview": {0: "done, below"},
    "check": {0: "as planned", 1: "**differs**, or a host is not reached", 2: "**could not be asked**"},
    "prefixes": {0: "as delegated", 1: "**differs**, or an edge did not answer", 2: "**could not be asked**"},
}
"""How a command ended, in words, by its exit code."""

COMMANDS = {
    "plan": "trellis plan",
    "diff": "trellis diff",
    "preview": "pulumi preview",
    "check": "trellis check",
    "prefixes": "trellis prefixes check",
}


def clean(text: str) -> str:
    """Return a text without colours, control characters, and what changes the direction of writing."""
    plain = ANSI.sub("", text).replace("\r\n", "\n")
    return "".join(one for one in plain if one in "\n\t" or unicodedata.category(one) not in {"Cc", "Cf", "Cs"})


def fenced(text: str, longest: int) -> str:
    """Return a text as a block of code that it can't end; what is too long loses its end, and the block says so."""
    text = clean(text).rstrip("\n")
    left_out = len(text) - longest
    if left_out > 0:
        text = f"{text[:longest]}\n... {left_out} more characters; the job's log has all of it"
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}\n{text}\n{fence}\n"


def folded(title: str, text: str, longest: int) -> str:
    """Return a block of code under a heading that is to be opened."""
    return f"<details><summary>{title}</summary>\n\n{fenced(text, longest)}\n</details>\n"


def read(folder: Path, name: str) -> str:
    """Return what a step left in a file; nothing if there is none. A link is none."""
    path = folder / name
    if path.is_symlink() or not path.is_file():
        return ""
    with path.open("rb") as file:
        return file.read(READ).decode(errors="replace")


def status(folder: Path, name: str) -> int | None:
    """Return a command's exit code; None if it did not run, or if its file says anything else."""
    text = read(folder, f"{name}.status").strip()
    return int(text) if re.fullmatch(r"[0-9]{1,3}", text) else None


def table(folder: Path, names: tuple[str, ...]) -> str:
    """Return how each command ended."""
    rows = []
    for name in names:
        code = status(folder, name)
        ended = "not run" if code is None else ENDED[name].get(code, f"**failed** with {code}")
        rows.append(f"| `{COMMANDS[name]}` | {ended} |\n")
    return "| | |\n|---|---|\n" + "".join(rows)


def comment(stack: str, folder: Path) -> str:
    """Return the comment on a pull request of this repository: whether it is valid, what it changes, its preview."""
    parts = [marker(stack), heading(stack), table(folder, ("plan", "diff", "preview")), "\n"]
    if status(folder, "plan") not in {0, None}:
        parts.append(fenced(read(folder, "plan.txt"), LONGEST_SAID))
    elif status(folder, "diff") not in {0, 1, None}:
        parts.append(fenced(read(folder, "diff.err") or read(folder, "diff.txt"), LONGEST_SAID))
    elif status(folder, "diff") == 1:
        markdown = read(folder, "diff.md")  # its own texts stand in fences: trellis/diff/as_markdown.py
        parts.append(markdown if len(markdown) <= LONGEST_DIFF else fenced(read(folder, "diff.txt"), LONGEST_DIFF))
    if status(folder, "preview") is not None:
        parts += ["\n", folded("pulumi preview", read(folder, "preview.txt"), LONGEST_PREVIEW)]
    return "".join(parts)


def fork(stack: str, folder: Path) -> str:
    """Return the comment on a fork's pull request: the diff alone, as text that nobody vouches for."""
    said = read(folder, "diff.txt") if status(folder, "plan") == 0 else read(folder, "plan.txt")
    return "".join(
        (
            marker(stack),
            heading(stack),
            table(folder, ("plan", "diff")),
            "\nThis pull request comes from a fork. The text below was made by the fork's own code, without secrets and"
            " without a preview: read the change itself, too.\n\n",
            fenced(said, LONGEST_DIFF),
        )
    )


def drift(stack: str, folder: Path) -> str:
    """Return the issue on drift; nothing if all is as it should be."""
    names = ("check", "prefixes")
    if status(folder, "check") == 0 and status(folder, "prefixes") in {0, None}:  # not run: nothing is delegated
        return ""
    parts = [marker(stack), f"Stack `{stack}` is not what its hosts and edges have.\n\n", table(folder, names)]
    for name in names:
        if status(folder, name) not in {0, None}:
            parts += ["\n", f"`{COMMANDS[name]}`\n\n", fenced(read(folder, f"{name}.txt"), LONGEST_SAID)]
    parts.append("\nWhat to do: docs/hosts.md (drift of hosts), docs/prefixes.md (delegated prefixes).\n")
    return "".join(parts)


def marker(stack: str) -> str:
    """Return the first line, by which a later run finds what an earlier one wrote."""
    return f"<!-- trellis {stack} -->\n"


def heading(stack: str) -> str:
    """Return the heading of a comment."""
    return f"## Stack `{stack}`\n\n"


def main() -> None:
    """Print the text that is asked for."""
    kind, stack, folder = sys.argv[1:]
    text = {"comment": comment, "fork": fork, "drift": drift}[kind](stack, Path(folder))
    if len(text) > LONGEST:
        raise SystemExit(f"report: {len(text)} characters, of at most {LONGEST}: a limit in report.py is wrong")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
