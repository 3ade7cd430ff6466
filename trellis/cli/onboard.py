"""``trellis onboard``: asks whoever can say how far a guest has come, and shows what is missing.

What each answer means is ``trellis.operations.onboarding``'s.  Nobody is asked to change anything.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from trellis.cli.check import checks
from trellis.cli.console import Mistake, out, print_json
from trellis.cli.discover import discovered
from trellis.cli.hosts import IdentityOption, Json, chosen, logins
from trellis.cli.prefix_asking import PasswordOption
from trellis.cli.stack import FileOption, StackOption, read_site
from trellis.plan import plan as make_plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trellis.observe.observation import Observation
    from trellis.operations.discovery import Found
    from trellis.operations.onboarding import Deployed, Step
    from trellis.plan import Plan
    from trellis.plan.model import GuestPlan
    from trellis.remote import Login
    from trellis.routeros.routes import Route
    from trellis.site import Site

_COLOURS = {"ok": "green", "missing": "red", "unknown": "yellow"}


def add_to(app: typer.Typer) -> None:
    """Add this module's command to ``app``."""
    app.command()(onboard)


def onboard(
    guest: Annotated[str, typer.Argument(help="A guest or a cluster's node.", metavar="GUEST")],
    stack: StackOption = "dev",
    file: FileOption = None,
    identity: IdentityOption = None,
    password_file: PasswordOption = None,
    json: Json = False,
) -> None:
    """Check each step of a guest's way in, from its entry in the site to its routes at the edge; say what is missing.

    Asked are Proxmox (token in PROXMOX_VE_API_TOKEN), the hosts that the guest may run on, and edges that have a REST
    API (with their password); whoever can't be asked leaves a step unknown. Nothing is changed. Exit code 1 if a step
    is missing.

    Examples:

      trellis onboard debian-test-1

      trellis onboard solwk01 --json | jq '.steps[] | select(.state != "ok")'
    """
    site = read_site(stack, file)
    plan = make_plan(site)
    planned = next((one for one in plan.guests if one.guest.name == guest), None)
    if planned is None:
        steps = _undeclared(guest, plan, stack, file)
    else:
        steps = _steps(site, plan, planned, stack, file, identity, password_file)
    count = {state: sum(step.state == state for step in steps) for state in _COLOURS}
    if json:
        print_json({"guest": guest, "done": count["missing"] == count["unknown"] == 0, "steps": steps})
    else:
        _print(guest, steps, count)
    if count["missing"]:
        raise typer.Exit(1)


def _undeclared(name: str, plan: Plan, stack: str, file: Path | None) -> tuple[Step, ...]:
    """The steps of a guest that the site lacks, with the entry of a VM of its name, if Proxmox tells of one."""
    from trellis.operations.onboarding import not_declared
    from trellis.operations.proposals import as_yaml

    try:
        _, _, proposals = discovered(stack, file)
    except Mistake:
        proposals = ()
    its = [one for one in proposals if name in (one.name, one.of.name)]
    return not_declared(name, tuple(one.guest.name for one in plan.guests), as_yaml(its))


def _steps(
    site: Site,
    plan: Plan,
    planned: GuestPlan,
    stack: str,
    file: Path | None,
    identity: Path | None,
    password_file: Path | None,
) -> tuple[Step, ...]:
    from trellis.operations.onboarding import Evidence, up_to_the_hosts
    from trellis.operations.onboarding_routes import from_the_session
    from trellis.site.resolved import peering_policy

    where = logins(site, chosen(site, planned.hosts), identity)
    edges = _edges(site, password_file)
    evidence = Evidence(_machine(planned, stack, file), _deployed(site, where), _observed(where), edges)
    # What an edge may bring beside the default is told to guests, too.
    alone = not peering_policy(site, planned.guest.vnet).export_peer_loopbacks
    alone = alone and not any(edge.accepts for edge in plan.edges)
    return (
        *up_to_the_hosts(planned, evidence),
        *from_the_session(plan, planned, evidence, default_alone=alone),
    )


def _machine(planned: GuestPlan, stack: str, file: Path | None) -> Found | str:
    try:
        found = discovered(stack, file)[1].guest(planned.guest.name)
    except Mistake as mistake:
        return str(mistake).splitlines()[0]
    assert found is not None
    return found


def _deployed(site: Site, where: list[Login]) -> Mapping[str, Deployed | str]:
    from trellis.operations.onboarding import Deployed

    found: dict[str, Deployed | str] = {}
    for host in checks(site, where):
        differences = [line for lines in host.differences.values() for line in lines]
        found[host.host] = Deployed(host.committed, host.planned, len(differences)) if host.answered else differences[0]
    return found


def _observed(where: list[Login]) -> Mapping[str, Observation | str]:
    from trellis.observe.observation import BadLine, parse
    from trellis.remote import Unreached, across, ask_agent

    found: dict[str, Observation | str] = {}
    for host, answer in across(where, lambda login: ask_agent(login, "observe --once")).items():
        if isinstance(answer, Unreached):
            found[host] = f"{answer.step}: {answer.why}"
            continue
        try:
            found[host] = parse(answer.out)
        except BadLine as bad:
            said = answer.err.strip().splitlines()
            found[host] = said[-1].removeprefix(f"{host}: ") if said else str(bad)
    return found


def _edges(site: Site, password_file: Path | None) -> Mapping[str, tuple[Route, ...] | str]:
    """The routes of each edge, asked one by one: one that can't be asked hides no other."""
    from trellis.routeros import Patience, RouterosProblem
    from trellis.routeros.of_site import routes_of_edges
    from trellis.routeros.password import NoPassword, password_given

    found: dict[str, tuple[Route, ...] | str] = {}
    for name, edge in site.edges.items():
        if edge.rest_api is None:
            found[name] = f"the site does not say where {name} is asked (edges.{name}.rest_api)"
            continue
        alone = site.model_copy(update={"edges": {name: edge}})
        try:
            asked = routes_of_edges(alone, lambda of: password_given(of, password_file), Patience(), lambda _: None)
            found[name] = asked[name]
        except NoPassword as none:
            found[name] = str(none)
        except RouterosProblem as problem:
            found[name] = f"{problem.refusals[0].path}: {problem.refusals[0].value}"
    return found


def _print(guest: str, steps: tuple[Step, ...], count: Mapping[str, int]) -> None:
    table = Table("step", "where", "state", "what was seen", title=f"The way in of {guest}")
    for step in steps:
        said = escape(step.said)
        table.add_row(step.name, step.where or "-", f"[{_COLOURS[step.state]}]{step.state}[/]", said)
    out.print(table)
    for step in steps:
        if step.remedy and step.state != "ok":
            out.print(f"{' '.join(filter(None, [step.name, step.where]))}: {step.remedy}", markup=False)
    out.print(f"{count['ok']} of {len(steps)} steps are done, {count['missing']} missing, {count['unknown']} unknown")
