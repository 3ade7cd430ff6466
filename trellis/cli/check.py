"""``trellis check`` and ``trellis adopt``: how hosts differ from the plan, asked of them read-only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from trellis.cli.check_live import as_json, live_checks, print_live
from trellis.cli.console import out, print_json
from trellis.cli.hosts import HostArgument, HostsArgument, IdentityOption, Json, asked, chosen, content_of, logins
from trellis.cli.stack import FileOption, StackOption, read_site
from trellis.plan import plan as make_plan
from trellis.render import manifest
from trellis.render import render as make_bundles

if TYPE_CHECKING:
    from trellis.remote import Login, Unreached
    from trellis.site import Site

SCHEMA_VERSION = 1
KINDS = {
    "running": "running configuration",
    "files": "files",
    "daemons": "daemons",
    "sysctls": "kernel parameters",
    "devices": "devices",
    "firewall": "firewall",
    "units": "units",
    "host": "host",
}
"""What of a host is compared, and how its column is headed."""


@dataclass(frozen=True, slots=True)
class HostCheck:
    """How one host compares with the plan.

    Attributes:
        state: ``as planned``, ``differs``, ``not reached`` or ``not compared``.
        differences: By kind, each difference as an operator names it.
        committed: Digest of what was deployed last; None for nothing.
        planned: Digest of what the site gives it now.
        frozen: Why its deploys are refused, if they are.
        drained: Why others send around it, if they do.
        maintenance: Why the site leaves it alone, if it does.
    """

    host: str
    state: str
    differences: dict[str, list[str]] = field(default_factory=dict)
    committed: str | None = None
    planned: str = ""
    frozen: str | None = None
    maintenance: str | None = None
    drained: str | None = None

    @property
    def same(self) -> bool:
        """Whether it is as planned."""
        return self.state == "as planned"

    @property
    def answered(self) -> bool:
        """Whether it was compared at all."""
        return self.state in ("as planned", "differs")


def add_to(app: typer.Typer) -> None:
    """Add this module's commands to ``app``."""
    app.command()(check)
    app.command()(adopt)


def check(
    hosts: HostsArgument = None,
    live: Annotated[bool, typer.Option("--live", help="Assert what the hosts do now, too.")] = False,
    stack: StackOption = "dev",
    file: FileOption = None,
    identity: IdentityOption = None,
    json: Json = False,
) -> None:
    """Compare hosts with the plan, read-only over SSH and all at once. Exit code 1 if one differs or is not reached.

    Compared are what FRR runs, files, daemons, kernel parameters, devices, the firewall's table and units.  With --live
    the plan is also held against what the fabric does now: OSPF adjacencies, next hops between loopbacks, sessions,
    defaults, VNIs, each guest's session and loopbacks, and packets of full size over each link and between VTEPs.
    A guest that is off fails then, and a few pings are sent; so it is asked for and not done each time.

    Examples:

      trellis check

      trellis check pve01 pve02 --identity ~/.ssh/deploy

      trellis check --live

      trellis check --live --json | jq '.live.findings[] | select(.kind == "MTU")'

      trellis check --json | jq '.hosts[] | select(.state != "as planned")'
    """
    site = read_site(stack, file)
    where = logins(site, chosen(site, hosts), identity)
    found = checks(site, where)
    same = all(host.same for host in found)
    judged = live_checks(site, where, [host.host for host in found if not host.answered]) if live else None
    if json:
        more = {} if judged is None else {"live": as_json(judged)}
        print_json({"schema_version": SCHEMA_VERSION, "same": same, "hosts": found, **more})
    else:
        _print(found)
        if judged is not None:
            print_live(judged)
    if not same or (judged is not None and not judged.holds):
        raise typer.Exit(1)


def adopt(
    host: HostArgument,
    stack: StackOption = "dev",
    file: FileOption = None,
    identity: IdentityOption = None,
    json: Json = False,
) -> None:
    """Show what a first deploy would replace on a host that was configured before. Exit code 1 if some is not declared.

    A deploy refuses to replace it until the site has it, or declares by its digest that it may go:
    hosts.HOST.replaces.

    Examples:

      trellis adopt pve01

      trellis adopt pve01 --json | jq -r .digest
    """
    site = read_site(stack, file)
    where = logins(site, chosen(site, [host]), identity)[0]
    found = asked(where, "adopt", _manifests(site)[host])
    if json:
        print_json(found)
    else:
        _print_foreign(host, found)
    if found["foreign"] and not found["declared"]:
        raise typer.Exit(1)


def _manifests(site: Site) -> dict[str, str]:
    return {bundle.host: manifest(bundle) for bundle in make_bundles(make_plan(site))}


def checks(site: Site, where: list[Login]) -> list[HostCheck]:
    """How some hosts of a site compare with its plan, asked all at once.

    Args:
        site: The site.
        where: The hosts.
    """
    from trellis.remote import Unreached, across, ask_agent

    wanted = _manifests(site)
    answers = across(where, lambda login: ask_agent(login, "check --manifest", wanted[login.host]))
    found = []
    for host, answer in answers.items():
        if isinstance(answer, Unreached):
            found.append(_unreached(host, answer))
        elif (content := content_of(answer)) is not None:
            found.append(compared(host, content, site.hosts[host].maintenance))
        else:
            said = answer.err.strip().splitlines() or [f"status {answer.status}"]
            found.append(HostCheck(host, "not compared", {"host": [said[-1].removeprefix(f"{host}: ")]}))
    return found


def _unreached(host: str, error: Unreached) -> HostCheck:
    return HostCheck(host, "not reached", {"host": [f"{error.step}: {error.why}; {error.remedy}"]})


def compared(host: str, content: dict[str, Any], maintenance: str | None) -> HostCheck:
    """How a host compares, by the answer of its agent: `differences` and `lacking`, each named for people."""
    differences = content["differences"]
    named = {
        "running": [f"lacks: {line}" for line in differences["missing"]]
        + [f"has, and should not: {line}" for line in differences["unexpected"]],
        "files": [f"{path}: {', '.join(what)}" for path, what in differences["files"].items()],
        "daemons": [f"{name} does not answer" for name in differences["daemons"]],
        "sysctls": differences["sysctls"],
        "devices": [*differences["loopbacks"], *(f"{lack['value']}: {lack['rule']}" for lack in content["lacking"])],
        "firewall": differences["firewall"],
        "units": differences["units"],
        "host": content.get("host_differs", []),
    }
    kept = {kind: lines for kind, lines in named.items() if lines}
    return HostCheck(
        host,
        "differs" if kept else "as planned",
        kept,
        content.get("committed"),
        content["digest"],
        _notice(content.get("frozen")),
        maintenance,
        _notice(content.get("drained")),
    )


def _notice(found: dict[str, Any] | None) -> str | None:
    return f"{found['reason']} ({found['owner']}, since {found['since']})" if found else None


def _print(found: list[HostCheck]) -> None:
    table = Table("host", "state", *KINDS.values(), "deployed", title="Hosts, compared with the plan")
    for host in found:
        colour = "green" if host.same else "red"
        counts = [str(len(host.differences.get(kind, ()))) if host.differences.get(kind) else "-" for kind in KINDS]
        table.add_row(host.host, f"[{colour}]{host.state}[/]", *counts, _deployed(host))
    out.print(table)
    for host in found:
        for kind, lines in host.differences.items():
            for line in lines:
                out.print(f"{host.host}: {KINDS[kind]}: {line}", markup=False)
        for name, why in (("frozen", host.frozen), ("drained", host.drained), ("in maintenance", host.maintenance)):
            if why:
                out.print(f"{host.host}: {name}: {why}", markup=False)
    differing = sum(not host.same for host in found)
    out.print(f"{len(found) - differing} of {len(found)} hosts are as planned")


def _deployed(host: HostCheck) -> str:
    if not host.answered:
        return "?"
    if host.committed is None:
        return "never"
    return "this plan" if host.committed == host.planned else "another plan"


def _print_foreign(host: str, found: dict[str, Any]) -> None:
    if found["committed"] is not None:
        out.print(f"{host} is Trellis's already: {found['committed'][:12]} is in force; see `trellis check {host}`")
        return
    if not found["foreign"]:
        out.print(f"{host} has nothing of its own that a first deploy would replace")
        return
    for place, lines in found["foreign"].items():
        out.print(f"[bold]{place}[/]")
        for line in lines:
            out.print(f"  {line}", markup=False)
    count = sum(len(lines) for lines in found["foreign"].values())
    out.print(f"\n{count} line(s) that the site does not have, and that a first deploy would replace.")
    if found["declared"]:
        out.print("The site declares that they may go; what is replaced comes back with `trellis release`.")
    else:
        out.print("Put into the site what is to stay. For what may go, declare exactly these lines:")
        out.print(f"  hosts.{host}.replaces: {found['digest']}", markup=False)
