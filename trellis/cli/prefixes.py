"""``trellis prefixes``: what the edge was delegated, beside what the prefix file says.

What is asked is ``trellis.routeros.of_site``'s, what follows for the file ``trellis.routeros.merging``'s; the clock and
the file are these commands' own.  Whatever goes wrong, the file stays as it is.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv6Network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from trellis.cli.console import Mistake, out, print_json, say
from trellis.cli.prefix_file import PrefixFile
from trellis.cli.stack import FileOption, StackOption, prefix_file, stack_file
from trellis.site import Site, load_site, site_data_of_stack
from trellis.site.delegated import Prefixes, VnetPrefixes, prefixes_text, with_prefixes

if TYPE_CHECKING:  # httpx costs 0.1 s, which the other commands need not pay
    from trellis.routeros.merging import Answered

app = typer.Typer(help="Keep the prefix file as the edge's delegations are.", no_args_is_help=True)

PasswordOption = Annotated[
    Path | None,
    typer.Option(
        "--password-file",
        help="A file (mode 0600) with the password of the edge's user; else TRELLIS_ROUTEROS_PASSWORD.",
    ),
]
WaitOption = Annotated[
    float, typer.Option("--wait", min=1.0, max=120.0, help="Seconds for one attempt to ask an edge.")
]
AttemptsOption = Annotated[int, typer.Option("--attempts", min=1, max=10, help="Attempts, if the reason may pass.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@dataclass(frozen=True, slots=True)
class Asking:
    """A stack whose edges are asked.

    Attributes:
        data: The raw site.
        site: The site, without what the prefix file says: an old prefix there must not be in the way of a new one.
        file: The prefix file.
    """

    data: Mapping[str, Any]
    site: Site
    file: PrefixFile

    @classmethod
    def of(cls, stack: str, file: Path | None) -> Asking:
        """Read the stack's file and its prefix file; see `stack_file` for the arguments."""
        path = stack_file(stack, file)
        data = site_data_of_stack(path.read_bytes())
        return cls(data, load_site(with_prefixes(data, None)), PrefixFile.read(prefix_file(path)))

    def asked(self, password_file: Path | None, wait_s: float, attempts: int) -> dict[str, Answered]:
        """What the edges answer, by VNet.

        Raises:
            Mistake: An edge did not answer, or there is no password to ask with.
        """
        from trellis.routeros import Patience, RouterosProblem
        from trellis.routeros.of_site import asked
        from trellis.routeros.password import NoPassword, password_given

        try:
            return asked(self.site, lambda edge: password_given(edge, password_file), Patience(wait_s, attempts), say)
        except NoPassword as none:
            raise Mistake(str(none)) from None
        except RouterosProblem as problem:
            raise Mistake(str(problem), exit_code=1) from None

    def judged(self, wanted: Prefixes) -> Prefixes:
        """What a prefix file shall say, once the site has borne it.

        Raises:
            SiteRefused: The site would not be accepted with it.
        """
        load_site(with_prefixes(self.data, prefixes_text(wanted)))
        return wanted

    def wanted(self, answered: Mapping[str, Answered]) -> Prefixes:
        """What the prefix file shall say after these answers.

        Raises:
            SiteRefused: The site would not be accepted with it.
        """
        from trellis.routeros.merging import merged

        return self.judged(merged(self.file.prefixes(), answered, datetime.now(UTC)))


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
    wanted = asking.wanted(asking.asked(password_file, wait, attempts))
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
    wanted = asking.wanted(asking.asked(password_file, wait, attempts))
    if wanted == known:
        return
    out.print(_difference(asking.file, wanted), markup=False, end="")
    raise typer.Exit(1)


@app.command()
def check(
    stack: StackOption = "dev",
    file: FileOption = None,
    password_file: PasswordOption = None,
    wait: WaitOption = 10.0,
    attempts: AttemptsOption = 3,
    json: Json = False,
) -> None:
    """Compare the prefix file with what the edge was delegated, VNet by VNet. Exit code 1 if one differs.

    Examples:

      trellis prefixes check

      trellis prefixes check --json | jq '.vnets[] | select(.state != "as delegated")'
    """
    asking = Asking.of(stack, file)
    known = asking.file.prefixes()
    answered = asking.asked(password_file, wait, attempts)
    rows = _compared(asking.site, known, {vnet: one.prefix for vnet, one in answered.items()})
    same = all(row["state"] == "as delegated" for row in rows)
    if json:
        print_json({"same": same, "file": str(asking.file.path), "vnets": rows})
    else:
        _print_compared(rows)
        if not same:
            out.print("`trellis prefixes read --write` takes over what the edge has", markup=False)
    if not same:
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


def _difference(file: PrefixFile, wanted: Prefixes) -> str:
    before = (file.content or b"").decode().splitlines(keepends=True)
    name = file.path.name
    old = f"a/{name}" if file.content is not None else "/dev/null"
    return "".join(difflib.unified_diff(before, prefixes_text(wanted).splitlines(keepends=True), old, f"b/{name}"))


def _compared(site: Site, known: Prefixes, delegated: Mapping[str, IPv6Network | None]) -> list[dict[str, str | None]]:
    """How each VNet's current prefix compares with what its edge has."""
    from trellis.routeros.merging import drifted
    from trellis.routeros.of_site import sources

    differing = {drift.vnet: drift for drift in drifted(known, delegated)}
    rows: list[dict[str, str | None]] = []
    for source in sources(site):
        configured, found = known.vnets.get(source.vnet, VnetPrefixes()).current, delegated[source.vnet]
        state = "as delegated"
        if source.vnet in differing:
            state = "lost" if found is None else "new" if configured is None else "changed"
        rows.append(
            {
                "vnet": source.vnet,
                "edge": source.edge,
                "pool": source.pool,
                "configured": str(configured) if configured is not None else None,
                "delegated": str(found) if found is not None else None,
                "state": state,
            }
        )
    return rows


def _print_compared(rows: list[dict[str, str | None]]) -> None:
    table = Table("VNet", "edge", "pool", "prefix file", "delegated", "state", title="Delegated prefixes")
    for row in rows:
        colour = "green" if row["state"] == "as delegated" else "red"
        cells = [row[key] or "-" for key in ("vnet", "edge", "pool", "configured", "delegated")]
        table.add_row(*cells, f"[{colour}]{row['state']}[/]")
    out.print(table)
