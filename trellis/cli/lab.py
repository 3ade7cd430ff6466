"""``trellis lab`` and ``trellis demo``: the digital twin of a stack at the command line.

Each command imports the lab itself: the others are quick, and work where the lab's packages are not installed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from trellis.cli import guests, lab_scenario
from trellis.cli.console import Mistake, out, print_json, say
from trellis.cli.lab_twin import mistakes, project_of, site_data_of
from trellis.cli.map import write_picture
from trellis.cli.stack import FileOption, StackOption, read_site

if TYPE_CHECKING:
    from trellis.lab.main_job import Outcome

app = typer.Typer(help="The digital twin: every host of a stack's site as a machine of its own.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="Print JSON, with the raw evidence of each row.")]
JsonOfFaults = Annotated[bool, typer.Option("--json", help="Print JSON, with the whole text of each error and proof.")]
JsonOfMutants = Annotated[bool, typer.Option("--json", help="Print JSON, with the evidence of each red row.")]
app.command("scenario")(lab_scenario.scenario)
Frr = Annotated[Literal["trixie", "sid"], typer.Option("--frr", help="Debian suite that the hosts' FRR comes from.")]


def add_demo_to(parent: typer.Typer) -> None:
    """Add ``trellis demo`` to the top level."""
    parent.command()(demo)


@app.command()
def up(stack: StackOption = "dev", file: FileOption = None, frr: Frr = "trixie") -> None:
    """Bring the machines up: hosts, edges, the Proxmox API. What runs already is left alone.

    Examples:

      trellis lab up

      trellis lab up --frr sid
    """
    with mistakes():
        from trellis.lab import twin

        brought = twin.up(stack, project_of(stack, file), site_data_of(stack, file), say, frr_suite=frr)
    hosts = ", ".join(machine.name for machine in brought.lab.machines)
    out.print(f"{hosts} are up; `trellis demo` deploys the site to them, `trellis lab shell {hosts[:5]}` looks inside")


@app.command()
def status(stack: StackOption = "dev", file: FileOption = None, json: Json = False) -> None:
    """Show which machines, edges and guests run. Exit code 1 if one does not.

    Example:

      trellis lab status --json
    """
    with mistakes():
        from trellis.lab import twin

        found = twin.find(stack, project_of(stack, file), site_data_of(stack, file), say)
        rows = found.status()
    if json:
        print_json(rows)
    else:
        table = Table("what", "name", "where", "state")
        for row in rows:
            table.add_row(row.kind, row.name, row.place, "up" if row.up else "[red]down[/]")
        out.print(table)
    if not all(row.up for row in rows):
        raise typer.Exit(1)


@app.command()
def shell(
    host: Annotated[str, typer.Argument(help="A host, an edge, or a guest.")],
    command: Annotated[list[str] | None, typer.Argument(help="What to run there, instead of a shell.")] = None,
    stack: StackOption = "dev",
    file: FileOption = None,
) -> None:
    """Open a shell on a host, in an edge's namespace or in a guest.

    Examples:

      trellis lab shell pve01

      trellis lab shell solcp01 -- ip route

      trellis lab shell edge1 -- vtysh -c 'show bgp summary'
    """
    with mistakes():
        from trellis.lab import twin

        found = twin.find(stack, project_of(stack, file), site_data_of(stack, file), say)
        argv = found.shell_command(host, tuple(command or ()))
    os.execvp(argv[0], argv)  # noqa: S606 (argv is ours)


@app.command()
def down(stack: StackOption = "dev") -> None:
    """Take the lab away: machines, disks, cables, the lab's own Pulumi state.

    Example:

      trellis lab down
    """
    with mistakes():
        from trellis.lab import twin

        was_there = twin.down(stack, say)
    out.print(f"lab {stack}: {'gone' if was_there else 'there was none'}")


@app.command()
def mutants(
    names: Annotated[list[str] | None, typer.Argument(help="Which ones; all if none is named.")] = None,
    stack: StackOption = "dev",
    file: FileOption = None,
    json: JsonOfMutants = False,
) -> None:
    """Seed one defect at a time on the running lab: exactly its own rows must turn red. Exit code 1 if not.

    Examples:

      trellis lab mutants

      trellis lab mutants both-zones host-ports --json
    """
    with mistakes():
        from trellis.lab import mutants as seeded
        from trellis.lab import twin

        known = {mutant.name: mutant for mutant in seeded.MUTANTS}
        if strangers := [name for name in names or () if name not in known]:
            raise Mistake(f"there is no mutant {', '.join(strangers)}; there are {', '.join(known)}")
        found = twin.find(stack, project_of(stack, file), site_data_of(stack, file), say)
        outcome = seeded.run(found, [known[name] for name in names or known], say)
    if json:
        print_json(seeded.as_json(outcome))
    else:
        out.print(seeded.as_table(outcome))
        noticed = sum(verdict.killed for verdict in outcome.verdicts)
        verdict = "as it was before" if outcome.restored and not outcome.after else "[bold red]not as it was before[/]"
        out.print(f"{noticed} of {len(outcome.verdicts)} noticed by their own rows alone; the lab is {verdict}")
    if not outcome.ok:
        raise typer.Exit(1)


@app.command()
def faults(
    numbers: Annotated[list[int] | None, typer.Argument(help="Which ones, 1-32; all if none is named.")] = None,
    labs: Annotated[int, typer.Option(min=1, max=8, help="How many labs share the faults, side by side.")] = 2,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the labs up for the next run.")] = False,
    mutants: Annotated[
        bool, typer.Option("--mutants", help="Put each fault's own defect into the product, in one lab, and want red.")
    ] = False,
    json: JsonOfFaults = False,
) -> None:
    """Break deploys on purpose, in labs of two hosts of their own: each must end as written. Exit code 1 if not.

    Each fault is caused for real: a full disk, a killed daemon, a cut cable, a power cut. The table shows what
    happened, what proves it, the state that was left, and how long the host took to be whole again.

    With --mutants the product has a defect, another one for each fault: its row must turn red because of that.

    Examples:

      trellis lab faults

      trellis lab faults 6 26 --keep --json

      trellis lab faults 10 16 --mutants
    """
    with mistakes():
        from trellis.lab import faults as broken

        project = project_of("dev", None)
        folder = project / "tests" / "lab" / "faults"
        known = broken.read(folder)
        there = {fault.number for entry in known.values() for fault in entry}
        if strangers := sorted(set(numbers or ()) - there):
            raise Mistake(f"there is no fault {', '.join(map(str, strangers))}; there are 1 to {max(there)}")
        if mutants:
            _fault_mutants(project, folder, numbers or sorted(there), keep=keep, json=json)
            return
        chosen = [fault for entry in known.values() for fault in entry if not numbers or fault.number in numbers]
        verdicts = broken.run(folder, project, chosen, say, labs=labs, keep=keep)
    if json:
        print_json(broken.as_json(verdicts))
    else:
        out.print(broken.as_table(verdicts))
        ended, tried = broken.counted(verdicts)
        out.print(f"{ended} of {tried} faults ended as written")
    if not all(verdict.ok for verdict in verdicts):
        raise typer.Exit(1)


@app.command()
def attacks(
    numbers: Annotated[list[int] | None, typer.Argument(help="Which ones, 1-19; all if none is named.")] = None,
    mutants: Annotated[
        bool, typer.Option("--mutants", help="Take the rule behind each away: exactly that attack must succeed.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the lab up for the next run.")] = False,
    json: JsonOfFaults = False,
) -> None:
    """Have guests attack, in a lab of two hosts of its own: each must be refused or contained. Exit code 1 if not.

    Attackers run real speakers (FRR, BIRD, ExaBGP) and send frames of their own. The table shows what proves that each
    was tried, what was seen at the edge, at other guests, on the hosts, and in the store of guests' routes.

    Examples:

      trellis lab attacks

      trellis lab attacks 7 8 --keep --json

      trellis lab attacks --mutants
    """
    with mistakes():
        from trellis.lab import attacks as tries

        project = project_of("dev", None)
        folder = project / "tests" / "lab" / "attacks"
        known = tries.read(folder)
        there = {attack.number for entry in known.values() for attack in entry}
        if strangers := sorted(set(numbers or ()) - there):
            raise Mistake(f"there is no attack {', '.join(map(str, strangers))}; there are 1 to {max(there)}")
        chosen = [attack for entry in known.values() for attack in entry if not numbers or attack.number in numbers]
        bench = tries.bench.up(folder, project, say)
        try:
            with tries.store.collecting(bench):
                verdicts = [] if mutants else tries.carried_out(bench, chosen)
                outcomes = tries.defects.run(bench, chosen) if mutants else []
        finally:
            if not keep:
                tries.bench.down(say)
    ok = all(verdict.ok for verdict in verdicts) and all(outcome.noticed for outcome in outcomes)
    if json:
        print_json(tries.mutants_as_json(outcomes) if mutants else tries.as_json(verdicts))
    elif mutants:
        out.print(tries.mutants_as_table(outcomes))
        noticed = sum(outcome.noticed for outcome in outcomes)
        out.print(f"{noticed} of {len(outcomes)} rules taken away let exactly their own attack succeed")
    else:
        out.print(tries.as_table(verdicts))
        refused, tried = tries.counted(verdicts)
        out.print(f"{refused} of {tried} attacks were refused or contained")
    if not ok:
        raise typer.Exit(1)


def _fault_mutants(project: Path, folder: Path, numbers: Sequence[int], *, keep: bool, json: bool) -> None:
    from trellis.lab import faults as broken

    known = broken.read_mutants(folder)
    verdicts = broken.try_mutants(folder, project, [known[number] for number in numbers], say, keep_lab=keep)
    if json:
        print_json(broken.json_of_mutants(verdicts))
    else:
        out.print(broken.table_of_mutants(verdicts))
        out.print(f"{sum(verdict.noticed for verdict in verdicts)} of {len(verdicts)} defects turned their row red")
    if not all(verdict.noticed for verdict in verdicts):
        raise typer.Exit(1)


def demo(stack: StackOption = "dev", file: FileOption = None, frr: Frr = "trixie", json: Json = False) -> None:
    """Run the main job: lab up, preview, apply, guests, and the proof. Exit code 1 if a row fails.

    Examples:

      trellis demo

      trellis demo --json > proof.json
    """
    with mistakes():
        from trellis.lab import main_job

        project = project_of(stack, file)
        done = main_job.run(stack, project, site_data_of(stack, file), say, frr_suite=frr)
    picture = done.diff_file.with_name("fabric.svg")
    write_picture(read_site(stack, file), picture)
    if json:
        print_json({**_as_json(done), "picture": str(picture)})
    else:
        _print_outcome(done)
        out.print(f"the fabric's picture, for a browser: {picture}", highlight=False, soft_wrap=True)
    if not done.ok:
        raise typer.Exit(1)


def _as_json(done: Outcome) -> dict[str, Any]:
    from trellis.lab.proof import as_json

    return {
        "ok": done.ok,
        "preview": dict(done.preview.changes),
        "applied": dict(done.applied.changes),
        "logins_of_the_program": done.logins,
        "sessions_reset": list(done.resets),
        "proof": as_json(done.rows, done.seconds),
        "guests": list(done.guests),
    }


def _print_outcome(done: Outcome) -> None:
    from trellis.lab.main_job import described
    from trellis.lab.proof import as_table

    out.print(f"\n[bold]Preview[/]: {described(done.preview.changes)}")
    if done.preview.diff and not done.first_apply:
        out.print(done.preview.diff, markup=False)
    out.print(f"[bold]Apply[/]: {described(done.applied.changes)}")
    out.print(f"  the program logged in to the hosts {done.logins} times (from their sshd's journal)")
    if done.sessions is not None:
        resets = ", ".join(done.resets) or "none"
        out.print(f"  sessions that stayed Established: {len(done.sessions.kept)}; that have reset: {resets}")
    out.print(as_table(done.rows, done.seconds))
    out.print("\n[bold]Guests[/], from the store:")
    guests.sessions(store=done.store)
    if done.not_seen:
        out.print(f"  not up by what the store knows: {', '.join(done.not_seen)}", markup=False)
    failed = sum(1 for row in done.rows if row.fails)
    verdict = "[bold green]everything holds[/]" if done.ok else f"[bold red]{failed} rows fail[/]"
    out.print(f"{verdict}; the lab stays up: `trellis lab status`, `trellis lab shell HOST`, `trellis lab down`")
    out.print(f"  preview's whole diff: {done.diff_file}; this table with its evidence: trellis demo --json")
