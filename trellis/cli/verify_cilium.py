"""``trellis verify cilium``: whether Cilium would take the manifests of a site's clusters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from trellis.cli.console import Mistake, out, print_json
from trellis.cli.stack import FileOption, StackOption, read_site
from trellis.plan import plan as make_plan
from trellis.render.cilium import cilium_manifests

if TYPE_CHECKING:
    from trellis.verify.cilium import Verdict


def add_to(app: typer.Typer) -> None:
    """Add this module's command to ``app``."""
    app.command()(cilium)


def cilium(
    cluster: Annotated[str | None, typer.Argument(help="Only this cluster.")] = None,
    stack: StackOption = "dev",
    file: FileOption = None,
    schemas: Annotated[
        Path | None, typer.Option("--schemas", help="A folder that keeps the schemas, instead of the user's cache.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Judge every cluster's Cilium manifests by Cilium's published schemas. Exit code 1 if a document is refused.

    The schemas are fetched once and kept; the rules that Kubernetes adds to them are judged too.

    Examples:

      trellis verify cilium

      trellis verify cilium sol --json | jq '.verdicts[] | select(.problems != [])'
    """
    from trellis.verify.cilium import SchemaMissingError, published, verdicts

    plan = make_plan(read_site(stack, file))
    names = [found.name for found in plan.clusters if found.cilium is not None]
    if cluster is not None and cluster not in names:
        raise Mistake(f"{cluster} is no cluster with Cilium; such are: {', '.join(names) or 'none'}")
    chosen = [cluster] if cluster is not None else names
    try:
        found = [
            (name, verdict) for name in chosen for verdict in verdicts(cilium_manifests(plan, name), published(schemas))
        ]
    except SchemaMissingError as missing:
        raise Mistake(str(missing), exit_code=1) from None
    refused = [verdict for _, verdict in found if verdict.problems]
    if json:
        shown = [{"cluster": name, **_plain(verdict)} for name, verdict in found]
        print_json({"accepted": not refused, "verdicts": shown})
    else:
        _print(found)
    if refused:
        raise typer.Exit(1)


def _plain(verdict: Verdict) -> dict[str, object]:
    return {"document": verdict.document, "problems": verdict.problems, "unchecked": verdict.unchecked}


def _print(found: list[tuple[str, Verdict]]) -> None:
    table = Table("cluster", "document", "verdict", title="Cilium's BGP resources, by the schemas of the CRDs catalog")
    for name, verdict in found:
        table.add_row(name, verdict.document, "[red]refused[/]" if verdict.problems else "[green]accepted[/]")
    if table.row_count:
        out.print(table)
    for _, verdict in found:
        for problem in verdict.problems:
            out.print(f"{verdict.document}: {problem}", markup=False)
        for rule in verdict.unchecked:
            out.print(f"{verdict.document}: not judged, for this release does not know the rule: {rule}", markup=False)
    accepted = sum(1 for _, verdict in found if not verdict.problems)
    out.print(f"{accepted} of {len(found)} documents are accepted")
