"""``trellis map``: draws the fabric as one SVG file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from trellis.cli.console import Mistake, print_json, say
from trellis.cli.stack import FileOption, StackOption, read_site
from trellis.picture import draw, fabric_of
from trellis.plan import plan as make_plan
from trellis.site import Site

Output = Annotated[Path | None, typer.Option("--output", "-o", help="The file to write, instead of printing it.")]


def add_to(app: typer.Typer) -> None:
    """Add this module's command to ``app``."""
    app.command("map")(map_)


def map_(
    output: Output = None,
    stack: StackOption = "dev",
    file: FileOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print what the picture shows as JSON.")] = False,
) -> None:
    """Draw the fabric as one SVG file: hosts, links, edges, sessions, VRFs, VNets and guests.

    It needs nothing beside itself; opened in a browser, a host or a zone that is chosen is shown alone.

    Examples:

      trellis map --output fabric.svg

      trellis map --stack prod | ssh wall 'cat > fabric.svg'
    """
    site = read_site(stack, file)
    if output is not None:
        write_picture(site, output)
        say(f"{output} is written")
    if json:
        shown = fabric_of(site, make_plan(site))
        print_json({name: getattr(shown, name) for name in ("name", "asn", "lanes", "sessions", "zones", "leaks")})
    elif output is None:
        sys.stdout.write(draw(site, make_plan(site)))


def write_picture(site: Site, path: Path) -> None:
    """Write the picture of a site to a file.

    Args:
        site: The site.
        path: The file; its folder must be there.

    Raises:
        Mistake: If the file can't be written.
    """
    try:
        path.write_text(draw(site, make_plan(site)), encoding="utf-8")
    except OSError as error:
        raise Mistake(f"{path} can't be written: {error.strerror}", exit_code=1) from None
