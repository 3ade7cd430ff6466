"""``trellis prefixes``: what the edge was delegated, beside what the prefix file says.

Whatever goes wrong, the file stays as it is.  How edges are asked: ``trellis.cli.prefix_asking``; the two commands with
more to them: ``prefix_check`` and ``prefix_sync``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from trellis.cli import prefix_check, prefix_sync
from trellis.cli.console import out, print_json, say
from trellis.cli.prefix_asking import Asking, AttemptsOption, Json, Means, PasswordOption, WaitOption
from trellis.cli.stack import FileOption, StackOption
from trellis.site.delegated import Prefixes, prefixes_text

app = typer.Typer(help="Keep the prefix file as the edge's delegations are.", no_args_is_help=True)
prefix_check.add_to(app)
prefix_sync.add_to(app)


@app.callback()
def prefixes() -> None:
    """Keep the prefix file as the edge's delegations are."""


@app.command()
def read(
    write: Annotated[bool, typer.Option("--write", help="Write the prefix file.")] = False,
    stack: StackOption = "dev",
    file: FileOption = None,
    password_file: PasswordOption = None,
    wait: WaitOption = 10.0,
    attempts: AttemptsOption = 3,
    json: Json = False,
) -> None:
    """Ask the edge what is delegated, and print the prefix file that follows; --write also writes it.

    A new prefix becomes current. The old one is deprecated, and kept for as long as guests remember it. On any error
    the file stays as it is, and the exit code is 1.

    Examples:

      trellis prefixes read --password-file /etc/trellis/edge1-password

      trellis prefixes read --write && git diff Prefixes.dev.yaml
    """
    asking = Asking.of(stack, file)
    known = asking.file.prefixes()
    wanted = asking.wanted(asking.asked(Means(password_file, wait, attempts)))
    written = write and wanted != known
    if written:
        asking.file.replace(wanted)
    _tell(asking.file.path, known, wanted, written=written, json=json)


@app.command()
def diff(
    stack: StackOption = "dev",
    file: FileOption = None,
    password_file: PasswordOption = None,
    wait: WaitOption = 10.0,
    attempts: AttemptsOption = 3,
) -> None:
    """Ask the edge, and print how the prefix file would change, line by line. Exit code 1 if it would.

    Example:

      trellis prefixes diff > prefixes.patch
    """
    asking = Asking.of(stack, file)
    known = asking.file.prefixes()
    wanted = asking.wanted(asking.asked(Means(password_file, wait, attempts)))
    if wanted == known:
        return
    out.print(asking.difference(wanted), markup=False, end="")
    raise typer.Exit(1)


@app.command()
def expire(
    stack: StackOption = "dev",
    file: FileOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing.")] = False,
    json: Json = False,
) -> None:
    """Take deprecated prefixes out of the prefix file that are past their `remove_after`. No edge is asked.

    Example:

      trellis prefixes expire
    """
    from trellis.routeros.merging import expired

    asking = Asking.of(stack, file)
    known = asking.file.prefixes()
    wanted = expired(known, datetime.now(UTC))
    written = not dry_run and wanted != known
    if written:
        asking.file.replace(asking.judged(wanted))
    _tell(asking.file.path, known, wanted, written=written, json=json)


def _tell(path: Path, known: Prefixes, wanted: Prefixes, *, written: bool, json: bool) -> None:
    """Print the file that follows, and say whether it is the one that is there."""
    changed = wanted != known
    if json:
        content = wanted.model_dump(mode="json")
        print_json({"file": str(path), "changed": changed, "written": written, "prefixes": content})
        return
    out.print(prefixes_text(wanted), markup=False, end="")
    say(f"{path} {'was written' if written else 'would change' if changed else 'says so already'}")
