"""``trellis engine``: finds, installs or builds the Pulumi engine, and says which it took."""

from __future__ import annotations

from typing import Annotated

import typer

from trellis.cli.console import Mistake, say
from trellis.engine import EngineMissingError
from trellis.engine.command import run


def add_to(app: typer.Typer) -> None:
    """Add this module's command to ``app``."""
    app.command()(engine)


def engine(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Find the Pulumi engine, or install it, or build it, into a cache outside the tree.

    Examples:

      trellis engine

      PATH="$(dirname "$(trellis engine --json | jq -r .path)"):$PATH" pulumi version
    """
    try:
        run(typer.echo, say, as_json=json)
    except EngineMissingError as missing:
        raise Mistake(str(missing), exit_code=1) from None
