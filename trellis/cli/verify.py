"""``trellis verify``: asks Talos's own validator whether what a site renders for its nodes is Talos's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from trellis.cli import verify_cilium
from trellis.cli.console import Mistake, out, print_json, say
from trellis.cli.stack import FileOption, StackOption, read_site
from trellis.plan import plan as make_plan

if TYPE_CHECKING:
    from trellis.verify.talos import Report

app = typer.Typer(help="Ask those who will read it whether what is rendered is theirs.", no_args_is_help=True)
verify_cilium.add_to(app)


@app.callback()
def verify() -> None:
    """Ask those who will read it whether what is rendered is theirs."""


@app.command()
def talos(
    cluster: Annotated[str | None, typer.Argument(help="Only this cluster.")] = None,
    stack: StackOption = "dev",
    file: FileOption = None,
    schemas: Annotated[
        list[Path] | None,
        typer.Option("--schemas", help="A folder with config-v<release>.schema.json; may be repeated."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Have every Talos node's patches judged by Talos's own validator. Exit code 1 if a document is refused.

    Patches are merged onto a configuration that Talos's own generator makes, and judged as what they become: by
    talosctl where one of the nodes' minor release is on PATH, else by Talos's library, which is built once; for other
    releases also by the JSON Schema that Talos publishes, which is fetched once.

    Examples:

      trellis verify talos

      trellis verify talos sol --json | jq '.problems'
    """
    from trellis.verify.talos import talos_nodes, verify_talos
    from trellis.verify.verdict import VerifierMissing

    plan = make_plan(read_site(stack, file))
    names = [found.name for found in plan.clusters if found.talos is not None]
    if cluster is not None and cluster not in names:
        raise Mistake(f"{cluster} is no cluster that runs Talos; such are: {', '.join(names) or 'none'}")
    try:
        report = verify_talos(talos_nodes(plan, cluster), say, schema_folders=schemas or ())
    except VerifierMissing as missing:
        raise Mistake(str(missing), exit_code=1) from None
    if json:
        print_json(
            {
                "accepted": not report.problems,
                "validators": [{"release": release, "validators": used} for release, used in report.validators],
                "verdicts": report.verdicts,
                "problems": report.problems,
            }
        )
    else:
        _print(report)
    if report.problems:
        raise typer.Exit(1)


def _print(report: Report) -> None:
    table = Table("cluster", "node", "Talos", "document", "name", "from", "judged by", "verdict", title="Documents")
    for verdict in report.verdicts:
        colour = "green" if verdict.ok else "red"
        where = f"{verdict.source}, line {verdict.line}" if verdict.line else verdict.source
        state = "accepted" if verdict.ok else "refused"
        table.add_row(
            verdict.cluster,
            verdict.node,
            verdict.release,
            verdict.kind,
            verdict.name,
            where,
            verdict.validator,
            f"[{colour}]{state}[/]",
        )
    if table.row_count:
        out.print(table)
    for verdict in report.problems:
        where = f"{verdict.source}, line {verdict.line}" if verdict.line else verdict.source
        out.print(f"{verdict.node}: {verdict.kind} {verdict.name} ({where}): {verdict.problem}", markup=False)
    for release, used in report.validators:
        out.print(f"Talos {release}: judged by {' and '.join(used)}", markup=False)
    nodes = {(verdict.cluster, verdict.node) for verdict in report.verdicts}
    judged = len(report.verdicts)
    out.print(f"{judged - len(report.problems)} of {judged} verdicts on {len(nodes)} nodes are: accepted")
