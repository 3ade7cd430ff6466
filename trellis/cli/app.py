"""Puts the commands together and turns a user's mistake into one clear message and an exit code.

Exit codes: 0 done, 1 failed or found a difference, 2 refused: the site or the command line is wrong and nothing
was touched.
"""

from __future__ import annotations

import sys

import typer

from trellis.cli import (
    allocations,
    backup,
    bench,
    check,
    core,
    diff,
    drain,
    engine,
    guests,
    import_,
    install,
    lab,
    monitoring,
    observe,
    onboard,
    policy,
    prefixes,
    reach,
    restore,
    serve,
    verify,
    ways_back,
    why,
)
from trellis.cli import map as fabric_map
from trellis.cli.console import Mistake, complain
from trellis.site import SiteRefused

app = typer.Typer(
    name="trellis",
    help="Tenant networks on Proxmox VE: EVPN, a BGP session per guest, routed IPv4 and IPv6 to the edge.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
core.add_to(app)
diff.add_to(app)
allocations.add_to(app)
engine.add_to(app)
install.add_to(app)
check.add_to(app)
ways_back.add_to(app)
drain.add_to(app)
onboard.add_to(app)
import_.add_to(app)
backup.add_to(app)
restore.add_to(app)
fabric_map.add_to(app)
reach.add_to(app)
why.add_to(app)
monitoring.add_to(app)
serve.add_to(observe.app)
app.add_typer(observe.app, name="observe")
app.add_typer(guests.app, name="guests")
app.add_typer(prefixes.app, name="prefixes")
app.add_typer(policy.app, name="policy")
app.add_typer(verify.app, name="verify")
app.add_typer(lab.app, name="lab")
app.add_typer(bench.app, name="bench")
lab.add_demo_to(app)


def main() -> None:
    """Run the command line."""
    try:
        app()
    except SiteRefused as refused:
        complain(str(refused))
        sys.exit(2)
    except Mistake as mistake:
        complain(str(mistake))
        sys.exit(mistake.exit_code)
    except KeyboardInterrupt:
        complain("interrupted")
        sys.exit(130)
