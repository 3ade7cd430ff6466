"""``trellis lab scenario``: what others do to hosts, and what fails, on the lab that stands; each with its bounds.

What others do to configuration is a catalogue in code (`trellis.lab.scenarios`); failures are files
(`tests/lab/failures`), read by `trellis.lab.failures`. Both have a name, and are asked for by it.
"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from trellis.cli.console import Mistake, out, print_json, say
from trellis.cli.lab_twin import mistakes, project_of, site_data_of
from trellis.cli.stack import FileOption, StackOption


def scenario(
    names: Annotated[list[str] | None, typer.Argument(help="Which ones; all if none is named.")] = None,
    stack: StackOption = "dev",
    file: FileOption = None,
    runs: Annotated[
        int | None, typer.Option("--runs", min=1, max=10, help="How often each failure is run, in place of its file's.")
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="Say which there are, and do nothing.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, with what proves that each happened.")] = False,
) -> None:
    """Do to the running lab what others do to hosts, and let it fail; time how it gets over it. Exit code 1 if not.

    Scenarios end when every host runs what is intended, every session is back, and nothing is left of it. Failures
    have streams of pings, one every 10 ms in both families, and name what may be silent for how long; the table
    shows the seed's figure beside ours.

    Examples:

      trellis lab scenario --list

      trellis lab scenario reboot-all

      trellis lab scenario mesh-link-cut host-power-loss --runs 1 --json
    """
    with mistakes():
        from trellis.lab import failures, scenarios, twin

        project = project_of(stack, file)
        others = {entry.name: entry for entry in scenarios.SCENARIOS}
        fails = failures.read(project / "tests" / "lab" / "failures")
        if show:
            told = {name: entry.what for name, entry in others.items()}
            _print_list({**told, **{name: entry.what for name, entry in fails.items()}}, json=json)
            return
        if strangers := [name for name in names or () if name not in {*others, *fails}]:
            raise Mistake(f"there is no scenario {', '.join(strangers)}; there are {', '.join([*others, *fails])}")
        found = twin.find(stack, project, site_data_of(stack, file), say)
        chosen = names or [*others, *fails]
        done: list[scenarios.Outcome] = []
        failed: list[failures.Outcome] = []
        changed = {"runs": runs} if runs is not None else {}
        try:
            for name in chosen:
                if name in others:
                    done.append(scenarios.run(found, others[name], say))
                else:
                    failed.append(failures.run(found, fails[name].model_copy(update=changed), say))
        finally:  # what was measured is shown, though a later one could not be caused
            ok = all(outcome.ok for outcome in done) and all(outcome.ok for outcome in failed)
            if json:
                print_json({**scenarios.as_json(done), **failures.as_json(failed), "ok": ok})
            else:
                if done:
                    out.print(scenarios.as_table(done))
                if failed:
                    out.print(failures.as_table(failed))
    if not ok:
        raise typer.Exit(1)


def _print_list(known: dict[str, str], *, json: bool) -> None:
    if json:
        print_json(known)
        return
    table = Table("scenario", "what happens")
    for name, what in known.items():
        table.add_row(name, what)
    out.print(table)
