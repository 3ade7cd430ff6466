"""`trellis plan` on the stack file of a case, in this process: what a person gets, without a second per case."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from unittest.mock import patch

import typer.main

from tests.errors.cases import Case
from trellis.cli import main

_command_of = cache(typer.main.get_command)
"""Typer reads all commands anew at each call, which takes longer than what they do here."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a command printed, and how it ended."""

    exit_code: int
    stdout: str
    stderr: str


def plan_of_case(case: Case, folder: Path) -> Done:
    """Write the stack file of a case and run `trellis plan --file` on it.

    Args:
        case: The case.
        folder: Where the file is left, as ``Pulumi.<case>.yaml``.
    """
    file = folder / f"Pulumi.{case.path.stem}.yaml"
    file.write_text(case.stack_file(), encoding="utf-8", newline="")
    prefixes = case.prefix_file()
    if prefixes is not None:
        (folder / f"Prefixes.{case.path.stem}.yaml").write_text(prefixes, encoding="utf-8", newline="")
    return plan_of_file(file, case)


def plan_of_file(file: Path, case: Case | None = None) -> Done:
    """Run `trellis plan --file` on a stack file, with the templates of a case."""
    out, err = io.StringIO(), io.StringIO()
    spoiled = case.templates() if case is not None else contextlib.nullcontext()
    code: object = 0
    with (
        spoiled,
        patch.object(typer.main, "get_command", _command_of),
        patch("sys.argv", ["trellis", "plan", "--file", str(file)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as ended:
            code = ended.code
    return Done(code if isinstance(code, int) else int(code is not None), out.getvalue(), err.getvalue())
