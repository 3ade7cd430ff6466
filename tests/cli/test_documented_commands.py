"""Every `trellis ...` of the documents is a command that exists, with options that it has."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from tests.sites import REPOSITORY
from trellis.cli.app import app

DOCUMENTS = (REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md")))
_INLINE = re.compile(r"(?<!`)`((?:[A-Z_]+=\S+ )*trellis(?: [^`]*)?)`(?!`)")
_BLOCK = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_IN_A_BLOCK = re.compile(r"^(?:\$ )?(?:\.venv/bin/)?(trellis .*)$", re.MULTILINE)
USAGE_ERROR: type[Exception] = typer.BadParameter.__bases__[0]
"""What typer says of a command line that is none: it has a click of its own, and names this one nowhere."""

_PLACEHOLDERS = {"N": "1", "[N]": "1"}


def written(text: str) -> Iterator[tuple[str, bool]]:
    """The commands of a document, and whether each is one to be typed as it stands."""
    for block in _BLOCK.finditer(text):
        for line in _IN_A_BLOCK.finditer(block[1].replace("\\\n", " ")):
            yield line[1], True
    for found in _INLINE.finditer(_BLOCK.sub("", text)):
        yield found[1].replace("\n", " "), False


def meant(command: str) -> Iterator[list[str]]:
    """The words of a command, once for each alternative of a synopsis such as `prefixes check\\|sync [HOST...]`."""
    alone = re.split(r" (?:\| |&& |> |< |# )|; ", command.replace("\\|", "|"))[0]
    words = [word.strip("[]").replace("...", "") for word in shlex.split(alone)]
    words = [_PLACEHOLDERS.get(word, word) for word in words if word]
    alternatives = [word.split("|") for word in words]
    most = max(map(len, alternatives))
    for number in range(most):
        yield [either[min(number, len(either) - 1)] for either in alternatives][1:]


def parse(words: list[str], *, whole: bool) -> None:
    """Parse a command as `trellis` does, up to where it would begin to work.

    Raises:
        USAGE_ERROR: There is no such command or option, or too much or (where it is whole) too little.
    """
    command: Any = typer.main.get_command(app)
    context = typer.Context(command, info_name="trellis")
    while hasattr(command, "get_command"):
        if not words:
            return
        name, words = words[0], words[1:]
        found = command.get_command(context, name)
        if found is None:
            raise typer.BadParameter(f"no command {name}")
        command, context = found, typer.Context(found, parent=context, info_name=name)
    if whole:
        command.make_context(command.name, words)
        return
    # In the text an option may be named without its value.
    valued = {name for option in command.params if not getattr(option, "is_flag", True) for name in option.opts}
    named = [*words, "VALUE"] if words and words[-1] in valued else list(words)
    _, left, _ = command.make_parser(context).parse_args(named)
    if left:
        raise typer.BadParameter(f"too much: {left}")


def _documented() -> Iterator[tuple[str, str, bool]]:
    for path in DOCUMENTS:
        for command, whole in written(path.read_text(encoding="utf-8")):
            yield str(path.relative_to(REPOSITORY)), command, whole


def _parse_all(command: str, whole: bool) -> None:
    for words in meant(command):
        parse(words, whole=whole)


def test_every_documented_command_parses() -> None:
    wrong = []
    for path, command, whole in _documented():
        try:
            _parse_all(command, whole)
        except (USAGE_ERROR, typer.Exit, ValueError) as error:
            wrong.append(f"{path}: {command}: {getattr(error, 'message', error)}")
    assert wrong == []


def test_commands_are_found_in_blocks_and_in_the_text() -> None:
    found = list(_documented())
    assert sum(whole for _, _, whole in found) > 20
    assert sum(not whole for _, _, whole in found) > 80
    assert {path for path, _, _ in found} >= {"README.md", "docs/hosts.md", "docs/operations.md", "docs/prefixes.md"}


@pytest.mark.parametrize(
    ("command", "whole"),
    [
        ("trellis drown pve01", False),
        ("trellis check --alive", False),
        ("trellis prefixes check|sink", False),
        ("trellis freeze pve01", True),
        ("trellis rollback pve01", True),
        ("trellis history pve01 3 4", False),
    ],
)
def test_a_command_that_does_not_exist_is_found(command: str, whole: bool) -> None:
    with pytest.raises(USAGE_ERROR):
        _parse_all(command, whole)


def test_a_synopsis_stands_for_each_of_its_alternatives() -> None:
    assert list(meant(r"trellis prefixes check\|sync [HOST...] [--json]")) == [
        ["prefixes", "check", "HOST", "--json"],
        ["prefixes", "sync", "HOST", "--json"],
    ]
    assert list(meant("trellis check --json | jq '.hosts[]'")) == [["check", "--json"]]
