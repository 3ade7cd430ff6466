"""``trellis why``: a guest's route through every filter up to the edge, on the plan, and on the hosts beside it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trellis.cli.console import Mistake, print_json
from trellis.cli.hosts import IdentityOption, Json, content_or_why, logins
from trellis.cli.stack import FileOption, StackOption, read_site
from trellis.plan import plan as make_plan
from trellis.reach.places import UnknownPlaceError

if TYPE_CHECKING:
    from trellis.plan import Plan
    from trellis.reach.why import Question, Said
    from trellis.reach.why.live import Answers, Live
    from trellis.reach.why.seen import Seen
    from trellis.remote import Answer, Login, Unreached
    from trellis.site import Site

Paths = Annotated[
    list[str] | None, typer.Option("--path", help="ASNs behind the guest's own, the nearest first.", metavar="ASN...")
]
Communities = Annotated[
    list[str] | None,
    typer.Option("--community", help="Of the route: 65000:200, 4200001000:0:200 or rt:65000:1.", metavar="C"),
]
Asn = Annotated[int | None, typer.Option("--asn", help="The ASN that it opens its session with, if not its own.")]
Host = Annotated[str | None, typer.Option("--host", help="Where the guest is, if not where it starts.")]
Announced = Annotated[
    int, typer.Option("--announced", min=0, help="How many prefixes of the family it announces in all.")
]


def add_to(app: typer.Typer) -> None:
    """Add this module's command to ``app``."""
    app.command()(why)


def why(
    guest: Annotated[str, typer.Argument(help="A guest of the site, or an address of a VNet.", metavar="GUEST")],
    prefix: Annotated[str, typer.Argument(help="A prefix, an address, or `own`: its loopbacks.", metavar="PREFIX")],
    path: Paths = None,
    community: Communities = None,
    asn: Asn = None,
    host: Host = None,
    announced: Announced = 0,
    live: Annotated[bool, typer.Option("--live", help="Ask the hosts, too, and say where they differ.")] = False,
    stack: StackOption = "dev",
    file: FileOption = None,
    identity: IdentityOption = None,
    json: Json = False,
) -> None:
    """Follow a route that a guest announces to the edge, and say which entry stops it. Exit code 1 if one does.

    It works on the plan alone: each filter is judged as FRR judges it, and named as FRR prints it.  With --live the
    hosts of the guest's zone are asked as well, read-only over SSH: what they received, accepted, and told to whom.
    Host, ASN and path are then those that the guest has now, unless they are named.

    Examples:

      trellis why solcp01 own

      trellis why solcp01 fd00:101:244::/60

      trellis why debian-test-1 own --path 4200000000 --community 65000:200

      trellis why fd00:200::99 fd00:200:fe::99 --asn 65201 --json

      trellis why debian-test-1 own --live --identity ~/.ssh/deploy
    """
    from trellis.reach.why import Said

    said = Said(_asns(path or []), tuple(community or ()), asn, host, announced)
    site = read_site(stack, file)
    planned = make_plan(site)
    try:
        if live:
            arrives = _shown_live(_on_hosts(site, planned, guest, prefix, said, identity), json=json)
        else:
            arrives = _shown(planned, guest, prefix, said, json=json)
    except UnknownPlaceError as unknown:
        raise Mistake(str(unknown)) from None
    if not arrives:
        raise typer.Exit(1)


def _shown(plan: Plan, guest: str, prefix: str, said: Said, *, json: bool) -> bool:
    """Print what becomes of the routes on the plan; return whether all arrive."""
    from trellis.reach.fabric import Fabric
    from trellis.reach.why import questions
    from trellis.reach.why import why as follow
    from trellis.reach.why.as_json import why_json
    from trellis.reach.why.text import why_text

    fabric = Fabric(plan)
    found = [follow(fabric, asked) for asked in questions(fabric, guest, prefix, said)]
    if json:
        print_json(why_json(found))
    else:
        sys.stdout.write("\n".join(map(why_text, found)))
    return all(route.arrives for route in found)


def _shown_live(found: list[Live], *, json: bool) -> bool:
    """Print what becomes of the routes on the plan and on the hosts; return whether all arrive."""
    from trellis.reach.why.as_json import live_json
    from trellis.reach.why.text import live_text

    if json:
        print_json(live_json(found))
    else:
        sys.stdout.write("\n".join(map(live_text, found)))
    return all(route.arrives for route in found)


def _on_hosts(site: Site, plan: Plan, guest: str, prefix: str, said: Said, identity: Path | None) -> list[Live]:
    """Return what becomes of the routes, each as the guest announces it now, beside what the hosts of its zone say."""
    from trellis.reach.fabric import Fabric
    from trellis.reach.why import questions
    from trellis.reach.why import why as follow
    from trellis.reach.why.live import as_announced, beside

    fabric, found = Fabric(plan), []
    for asked in questions(fabric, guest, prefix, said):
        zone = fabric.zones[asked.vnet.zone]
        answers = _asked(asked, zone.vrf, logins(site, zone.hosts, identity))
        (announced,) = questions(fabric, guest, asked.prefix, as_announced(said, answers))
        found.append(beside(fabric, follow(fabric, announced), answers))
    return found


def _asked(asked: Question, vrf: str, where: list[Login]) -> Answers:
    """Return what each host says of a route, or why it does not."""
    from trellis.remote import across, ask_agent

    command = f"route {shlex.join((vrf, asked.address, asked.prefix))}"
    answers = across(where, lambda login: ask_agent(login, command))
    return {host: _understood(host, answer) for host, answer in answers.items()}


def _understood(host: str, answer: Answer | Unreached) -> Seen | str:
    from trellis.reach.agent_answers import BadAnswer
    from trellis.reach.why.seen import seen

    content = content_or_why(host, answer)
    if isinstance(content, str):
        return content
    try:
        return seen(host, content)
    except BadAnswer as bad:
        return str(bad)


def _asns(texts: list[str]) -> tuple[int, ...]:
    """Return the ASNs of a path that may be given as one text or as several."""
    words = " ".join(texts).replace(",", " ").split()
    if wrong := next((word for word in words if not word.isdecimal()), None):
        raise Mistake(f"--path {wrong}: a path is of ASNs, as in --path '65201 65202'")
    return tuple(map(int, words))
