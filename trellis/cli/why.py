"""``trellis why``: a guest's route through every filter up to the edge, on the plan."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from trellis.cli.console import Mistake, print_json
from trellis.cli.stack import FileOption, StackOption, read_site
from trellis.plan import plan as make_plan
from trellis.reach.places import UnknownPlaceError

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
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
    stack: StackOption = "dev",
    file: FileOption = None,
    json: Json = False,
) -> None:
    """Follow a route that a guest announces to the edge, and say which entry stops it. Exit code 1 if one does.

    It works on the plan alone: each filter is judged as FRR judges it, and named as FRR prints it.

    Examples:

      trellis why solcp01 own

      trellis why solcp01 fd00:101:244::/60

      trellis why debian-test-1 own --path 4200000000 --community 65000:200

      trellis why fd00:200::99 fd00:200:fe::99 --asn 65201 --json
    """
    from trellis.reach.fabric import Fabric
    from trellis.reach.why import Said, questions
    from trellis.reach.why import why as follow
    from trellis.reach.why.as_json import why_json
    from trellis.reach.why.text import why_text

    said = Said(_asns(path or []), tuple(community or ()), asn, host, announced)
    planned = make_plan(read_site(stack, file))
    try:
        found = [follow(planned, asked) for asked in questions(Fabric(planned), guest, prefix, said)]
    except UnknownPlaceError as unknown:
        raise Mistake(str(unknown)) from None
    if json:
        print_json(why_json(found))
    else:
        sys.stdout.write("\n".join(map(why_text, found)))
    if not all(route.arrives for route in found):
        raise typer.Exit(1)


def _asns(texts: list[str]) -> tuple[int, ...]:
    """Return the ASNs of a path that may be given as one text or as several."""
    words = " ".join(texts).replace(",", " ").split()
    if wrong := next((word for word in words if not word.isdecimal()), None):
        raise Mistake(f"--path {wrong}: a path is of ASNs, as in --path '65201 65202'")
    return tuple(map(int, words))
