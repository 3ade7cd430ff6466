"""``trellis history``, ``rollback``, ``repair``, ``freeze``, ``thaw`` and ``release``: one host's past, and ways back.

Each change is the agent's own transaction, confirmed from here over a connection of its own.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from trellis.cli.check import KINDS, compared
from trellis.cli.console import Mistake, complain, out, print_json
from trellis.cli.hosts import (
    HostArgument,
    IdentityOption,
    Json,
    SomeHostsArgument,
    Yes,
    asked,
    changed,
    chosen,
    content_of,
    login,
    logins,
    may_change,
    refusal,
    unreachable,
)
from trellis.cli.stack import FileOption, StackOption, read_site

if TYPE_CHECKING:
    from pathlib import Path

    from trellis.remote import Transacted

Number = Annotated[int, typer.Argument(help="The number of a commit, as `trellis history` shows it.", metavar="N")]


def add_to(app: typer.Typer) -> None:
    """Add this module's commands to ``app``."""
    for command in (history, rollback, repair, freeze, thaw, release):
        app.command()(command)


def history(
    host: HostArgument,
    number: Annotated[int | None, typer.Argument(help="One commit: what going back changes.", metavar="N")] = None,
    stack: StackOption = "dev",
    file: FileOption = None,
    identity: IdentityOption = None,
    json: Json = False,
) -> None:
    """Show what was deployed on a host and when; or what going back to one commit would change there now.

    Examples:

      trellis history pve01

      trellis history pve01 3
    """
    found = asked(login(stack, file, host, identity), "history" if number is None else f"history {number}")
    if json:
        print_json(found)
    elif number is None:
        _print_history(host, found)
    else:
        _print_entry(host, found)


def rollback(
    host: HostArgument,
    number: Number,
    stack: StackOption = "dev",
    file: FileOption = None,
    identity: IdentityOption = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Put what an earlier commit deployed on a host into force again. The next deploy that changes it goes forward.

    Examples:

      trellis history pve01

      trellis rollback pve01 3
    """
    where = login(stack, file, host, identity)
    if not yes:
        _print_entry(host, asked(where, f"history {number}"))
    may_change(f"Put commit {number} into force on {host}?", yes)
    _tell(host, changed(where, f"rollback {number}"), json, f"commit {number} is in force again")


def repair(
    host: HostArgument,
    stack: StackOption = "dev",
    file: FileOption = None,
    identity: IdentityOption = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Put what was deployed last on a host into force again, over what somebody edited there.

    Examples:

      trellis check pve01

      trellis repair pve01
    """
    where = login(stack, file, host, identity)
    may_change(f"Overwrite on {host} whatever differs from what was deployed last?", yes)
    _tell(host, changed(where, "repair"), json, "what was deployed last is in force")


def release(
    host: HostArgument,
    stack: StackOption = "dev",
    file: FileOption = None,
    identity: IdentityOption = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Give a host back the configuration from before the first deploy, and remove what is ours but the agent.

    Its sessions of the fabric end: move its guests away first. `trellis rollback` to its last commit takes it in
    again; `trellis uninstall` removes the agent.

    Example:

      trellis release pve03
    """
    where = login(stack, file, host, identity)
    may_change(f"Give {host} back what it had before the first deploy? Its guests lose their routes.", yes)
    _tell(host, changed(where, "release"), json, "it has again what it had before the first deploy")


def freeze(
    hosts: SomeHostsArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why; whoever is refused reads it.")],
    owner: Annotated[str, typer.Option("--owner", help="Whom to ask.")],
    stack: StackOption = "dev",
    file: FileOption = None,
    identity: IdentityOption = None,
    json: Json = False,
) -> None:
    """Refuse every change of hosts by Trellis until they are thawed: deploys, rollbacks, repairs, a release.

    Example:

      trellis freeze pve01 pve02 --reason 'INC-1234: guests lose packets' --owner ada
    """
    command = f"freeze --reason {shlex.quote(reason)} --owner {shlex.quote(owner)}"
    _each(stack, file, hosts, identity, command, json, "frozen")


def thaw(
    hosts: SomeHostsArgument,
    stack: StackOption = "dev",
    file: FileOption = None,
    identity: IdentityOption = None,
    json: Json = False,
) -> None:
    """End the freeze of hosts.

    Example:

      trellis thaw pve01 pve02
    """
    _each(stack, file, hosts, identity, "thaw", json, "thawed")


def _each(
    stack: str, file: Path | None, hosts: list[str], identity: Path | None, command: str, json: bool, done: str
) -> None:
    """Run a command on several hosts; one that fails keeps nobody else from it."""
    from trellis.remote import Unreached, across, ask_agent

    site = read_site(stack, file)
    answers = across(logins(site, chosen(site, hosts), identity), lambda where: ask_agent(where, command))
    told: dict[str, Any] = {}
    failures: list[Mistake] = []
    for host, answer in answers.items():
        if isinstance(answer, Unreached):
            failures.append(unreachable(answer))
        elif (content := content_of(answer)) is None:
            failures.append(refusal(host, command, answer))
        else:
            told[host] = content
            if not json:
                out.print(f"{host}: {done}", markup=False)
    if json:
        print_json({"hosts": told, "failed": [str(failure) for failure in failures]})
    for failure in failures:
        complain(str(failure))
    if failures:
        raise typer.Exit(max(failure.exit_code for failure in failures))


def _tell(host: str, done: Transacted, json: bool, what: str) -> None:
    if json:
        print_json(done.report)
        return
    same = done.report.get("outcome") == "unchanged"
    out.print(f"{host}: {'it was so already' if same else what}", markup=False)


def _print_history(host: str, found: dict[str, Any]) -> None:
    if not found["entries"]:
        out.print(f"nothing was ever deployed on {host}")
    else:
        table = Table("commit", "when (UTC)", "by", "digest", "", title=f"What was deployed on {host}")
        for entry in found["entries"]:
            note = "[green]in force[/]" if entry["number"] == found["in_force"] else ""
            table.add_row(str(entry["number"]), entry["when"], entry["why"], entry["digest"][:12] or "-", note)
        out.print(table)
        if found["committed"] is None:
            out.print("nothing of ours is in force now")
    if frozen := found["frozen"]:
        out.print(f"frozen: {frozen['reason']} ({frozen['owner']}, since {frozen['since']})", markup=False)


def _print_entry(host: str, found: dict[str, Any]) -> None:
    entry = found["entry"]
    out.print(f"{host}: commit {entry['number']}, {entry['when']}, by {entry['why']}", markup=False)
    content = {"differences": found["would_change"], "lacking": [], "digest": entry["digest"]}
    lines = compared(host, content, None).differences if found["would_change"] else {}
    for kind, differences in lines.items():
        for line in differences:
            out.print(f"  {KINDS[kind]}: {line}", markup=False)
    if not lines:
        out.print("  the host is as this commit left it")
