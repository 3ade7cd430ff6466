"""``trellis policy``: whether a site keeps to the policy file beside its stack file, and which rules there are.

The program and `trellis plan` refuse what violates the policy; only here are the ends of exceptions compared with the
clock, so that a preview is the same on any day and a pipeline tells in time.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from trellis.cli.console import Mistake, out, print_json
from trellis.cli.stack import FileOption, StackOption, read_site, stack_file
from trellis.plan import Plan
from trellis.plan import plan as make_plan
from trellis.policy import FILE_NAME, Judgement, PolicyFile, hold_to, judge, read_policy
from trellis.policy.listing import in_words, listed
from trellis.routeros.merging import moment
from trellis.site.delegated import is_moment

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
PolicyOption = Annotated[
    Path | None, typer.Option("--policy", help=f"A policy file, instead of {FILE_NAME} beside the stack file.")
]

app = typer.Typer(name="policy", help="Rules that a site keeps to beside the project's own.", no_args_is_help=True)


def held_plan(stack: str, file: Path | None) -> Plan:
    """Return the plan of a stack, which the policy file beside it lets pass; exceptions count whatever the date.

    Args:
        stack: Name of the stack.
        file: A stack file named outright.

    Raises:
        SiteRefused: If the site or the policy file is refused, or the one violates the other.
    """
    planned = make_plan(read_site(stack, file))
    beside = stack_file(stack, file).with_name(FILE_NAME)
    hold_to(planned, read_policy(beside.read_bytes()) if beside.is_file() else None)
    return planned


@app.command()
def check(
    stack: StackOption = "dev",
    file: FileOption = None,
    policy: PolicyOption = None,
    at: Annotated[
        str | None, typer.Option("--at", help="Look at exceptions as of then (2026-12-31T00:00:00Z), not now.")
    ] = None,
    json: Json = False,
) -> None:
    """Compare a site with its policy file. Exit code 1 if it violates it, also if the exception to that has ended.

    It reads two files and asks nobody. An exception that lets nothing pass any more is named, and is no failure.

    Examples:

      trellis policy check

      trellis policy check --stack prod --json | jq '.violations[].place'

      trellis policy check --at 2027-01-31T00:00:00Z
    """
    path = _path(stack, file, policy)
    if not path.is_file():
        raise Mistake(f"there is no {path}: write one, examples are policy.yaml and docs/policies.md of Trellis")
    if at is not None and not is_moment(at):
        raise Mistake(f"--at {at}: a moment is in UTC, to the second, as in 2026-12-31T00:00:00Z")
    planned = make_plan(read_site(stack, file))
    now = at or moment(datetime.now(UTC))
    found = judge(planned, read_policy(path.read_bytes()), now)
    if json:
        print_json(_as_json(planned.site_name, path, now, found))
    else:
        _print(planned.site_name, path, found)
    if found.violations:
        raise typer.Exit(1)


@app.command(name="list")
def list_(stack: StackOption = "dev", file: FileOption = None, policy: PolicyOption = None, json: Json = False) -> None:
    """List every rule that a policy file may put in force: what must hold, and what this policy says.

    Examples:

      trellis policy list

      trellis policy list --policy ../compliance/policy.yaml --json
    """
    path = _path(stack, file, policy)
    found = read_policy(path.read_bytes()) if path.is_file() else PolicyFile(schema_version=1)
    rules = listed(found)
    if json:
        print_json({"schema_version": 1, "policy": str(path) if path.is_file() else None, "rules": rules})
        return
    table = Table("rule", "what must hold", "in force with", "exceptions", title="What a policy file may ask for")
    for rule in rules:
        table.add_row(rule.name, rule.what, escape(in_words(rule)), str(rule.exceptions or "-"))
    out.print(table)


def _path(stack: str, file: Path | None, policy: Path | None) -> Path:
    if policy is not None and not policy.is_file():
        raise Mistake(f"there is no file {policy}")
    return policy or stack_file(stack, file).with_name(FILE_NAME)


def _as_json(site: str, path: Path, now: str, found: Judgement) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "site": site,
        "policy": str(path),
        "at": now,
        "kept": not found.violations,
        "violations": found.violations,
        "excepted": [{"violation": violation, "exception": _said(one)} for violation, one in found.excepted],
        "ended": [{"violation": violation, "exception": _said(one)} for violation, one in found.ended],
        "unused": [_said(one) for one in found.unused],
    }


def _said(one: Any) -> dict[str, Any]:
    return dict(one.model_dump(mode="json"))


def _print(site: str, path: Path, found: Judgement) -> None:
    count = len(found.violations)
    kept = "keeps to" if not count else f"violates, in {count} place{'s' if count != 1 else ''},"
    out.print(f"{site} {kept} {path.name}", markup=False)
    ended = dict(found.ended)
    for violation in found.violations:
        out.print(str(violation.refusal), markup=False)
        if (one := ended.get(violation)) is not None:
            out.print(f"  ended:  the exception of {one.owner} ended at {one.until}: {one.reason}", markup=False)
    table = Table("rule", "place", "owner", "reason", "until", title="Exceptions")
    for violation, one in found.excepted:
        table.add_row(one.rule, violation.place, one.owner, one.reason, one.until)
    for one in found.unused:
        table.add_row(one.rule, f"{one.place}: lets nothing pass, remove it", one.owner, one.reason, one.until)
    if table.row_count:
        out.print(table)
