"""``trellis diff``: what a change of a site changes, and for whom, before anybody runs it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from trellis.cli.console import Mistake, out, print_json

if TYPE_CHECKING:
    from trellis.cli.revisions import Side, StackText
    from trellis.diff import Diff
    from trellis.diff.words import Line
    from trellis.plan import Plan


class DiffFormat(Enum):
    """Who reads it."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


_STYLES = {"+": "green", "-": "red", "~": "yellow", "!": "bold red", " ": ""}


def add_to(app: typer.Typer) -> None:
    """Add this module's command to ``app``."""
    app.command()(diff)


def diff(
    base: Annotated[str, typer.Argument(help="A git revision, a folder, a stack file or a stack.")],
    head: Annotated[str | None, typer.Argument(help="The same; the work tree if it is left out.")] = None,
    stack: Annotated[
        str | None, typer.Option("--stack", "-s", help="One stack; all that have a site if none is named.")
    ] = None,
    form: Annotated[DiffFormat, typer.Option("--format", help="Markdown fits a comment on a pull request.")] = (
        DiffFormat.TEXT
    ),
    json: Annotated[bool, typer.Option("--json", help="Print JSON; the same as --format json.")] = False,
    what_if: Annotated[
        bool, typer.Option("--what-if", help="Consider failures before and after also where that takes minutes.")
    ] = False,
) -> None:
    """Show what changes for whom: sessions, prefixes, filters, numbers, hosts and their order, files. Asks nobody.

    Exit code 0 if nothing changes, 1 if something does, 2 if a side can't be read or its site is refused.

    Examples:

      trellis diff main

      trellis diff origin/main HEAD --format markdown

      trellis diff v1.4 v1.5 --stack prod --json | jq '.stacks.prod.filters[] | select(.verdict == "widened")'

      trellis diff Pulumi.dev.yaml ../other/Pulumi.dev.yaml
    """
    from trellis.cli.revisions import project_folder, side_of
    from trellis.diff.as_json import diff_json
    from trellis.diff.as_markdown import markdown

    project = project_folder()
    sides = side_of(base, project), side_of(head, project)
    found = _compared(sides, stack, at_any_size=what_if)
    if json or form is DiffFormat.JSON:
        print_json(diff_json(found, sides[0].name, sides[1].name))
    elif form is DiffFormat.MARKDOWN:
        sys.stdout.write(markdown(found, sides[0].name, sides[1].name, _command(base, head, stack)))
    else:
        _print_text(found, sides)
    if any(not one.is_empty for one in found.values()):
        raise typer.Exit(1)


def _compared(sides: tuple[Side, Side], stack: str | None, *, at_any_size: bool) -> dict[str, Diff]:
    from trellis.diff import diff as compare
    from trellis.diff import nothing
    from trellis.site import SiteRefused

    pairs = dict(_pairs(sides, stack))
    plans = _plans(sides, pairs)
    found = {}
    for name, (before, after) in plans.items():
        known = before or after
        assert known is not None
        both = before or nothing(known), after or nothing(known)
        try:
            found[name] = compare(*both, at_any_size=at_any_size)
        except SiteRefused:
            raise Mistake("\n".join(_refused_texts(sides, name, both))) from None
    return found


def _refused_texts(sides: tuple[Side, Side], stack: str, plans: tuple[Plan, Plan]) -> Iterator[str]:
    """Yield of which side the texts are refused that hosts would get, and why."""
    from trellis.render import render
    from trellis.site import SiteRefused

    for word, side, plan in zip(("BASE", "HEAD"), sides, plans, strict=True):
        try:
            render(plan)
        except SiteRefused as error:
            yield f"{word} ({side.name}), stack {stack}: {error}"


_Pair = tuple["StackText | None", "StackText | None"]


def _pairs(sides: tuple[Side, Side], stack: str | None) -> Iterator[tuple[str, _Pair]]:
    """Yield the files that are compared by the stack's name; None where a side has no such stack."""
    base, head = sides
    if base.lone or head.lone:
        (one, before_it), (other, after_it) = (_only(side, stack) for side in sides)
        yield one if one == other else f"{one} to {other}", (before_it, after_it)
        return
    names = sorted({*base.stacks, *head.stacks}) if stack is None else [stack]
    for name in names:
        before, after = base.stacks.get(name), head.stacks.get(name)
        if before is None and after is None:
            raise Mistake(f"neither {base.name} nor {head.name} has a stack {name} with a site; {_known(sides)}")
        yield name, (before, after)
    if not names:
        raise Mistake(f"neither {base.name} nor {head.name} has a Pulumi.<stack>.yaml with a trellis:site")


def _only(side: Side, stack: str | None) -> tuple[str, StackText]:
    """Return the one stack of a side that is compared with a file: its own file, or the one that is asked for."""
    if side.lone or (stack is None and len(side.stacks) == 1):
        ((name, found),) = side.stacks.items()
        return name, found
    name = stack or "dev"
    if name not in side.stacks:
        raise Mistake(f"{side.name} has no stack {name} with a site to compare a file with; name one with --stack")
    return name, side.stacks[name]


def _known(sides: tuple[Side, Side]) -> str:
    return (
        "there are " + ", ".join(sorted({*sides[0].stacks, *sides[1].stacks})) if any(s.stacks for s in sides) else ""
    )


def _plans(sides: tuple[Side, Side], pairs: dict[str, _Pair]) -> dict[str, tuple[Plan | None, Plan | None]]:
    """Return the plans of all stacks; what is refused on either side is told at once, and which side it is."""
    from trellis.site import SiteRefused

    refused: list[str] = []

    def planned(word: str, side: Side, text: StackText | None) -> Plan | None:
        try:
            return text.plan() if text is not None else None
        except SiteRefused as error:
            refused.append(f"{word} ({side.name}), {text.file if text else ''}: {error}")
            return None

    plans = {
        name: (planned("BASE", sides[0], before), planned("HEAD", sides[1], after))
        for name, (before, after) in pairs.items()
    }
    if refused:
        raise Mistake("\n".join(refused))
    return plans


def _print_text(found: dict[str, Diff], sides: tuple[Side, Side]) -> None:
    from trellis.diff.as_text import text_lines

    for number, (name, one) in enumerate(found.items()):
        if number:
            sys.stdout.write("\n")
        _print(text_lines(one, f"stack {name}: {sides[0].name} to {sides[1].name}"))


def _print(lines: Iterator[Line]) -> None:
    from rich.text import Text

    for line in lines:
        if out.is_terminal:
            out.print(Text(line.text, style=_STYLES[line.mark]))
        else:
            sys.stdout.write(f"{line.text}\n")


def _command(base: str, head: str | None, stack: str | None) -> str:
    words = ["trellis", "diff", base, *([head] if head else []), *(["--stack", stack] if stack else [])]
    return shlex.join(words)
