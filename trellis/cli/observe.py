"""``trellis observe``: what reads hosts into the store."""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trellis.cli.console import Mistake, out, say
from trellis.cli.hosts import IdentityOption, logins
from trellis.cli.proxmox import TOKEN_VARIABLE
from trellis.cli.serve import Hook, ListenOption, RequestsOption, TokenOption, WebhookOption, ready, serving
from trellis.cli.stack import FileOption, StackOption, read_site, stack_file
from trellis.cli.store import StoreOption, opened

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from trellis.observe.collector import Collector
    from trellis.observe.virtual_machines import VirtualMachines
    from trellis.site import Site

app = typer.Typer(
    help="Reads guests' sessions and routes from the hosts, and keeps them for `trellis guests` and others.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def run(
    stack: StackOption = "dev",
    file: FileOption = None,
    identity: IdentityOption = None,
    user: Annotated[
        str | None, typer.Option("--user", help="Who logs in at hosts; the site's deploy user if none is named.")
    ] = None,
    store: StoreOption = None,
    once: Annotated[bool, typer.Option("--once", help="Read each host once, and end.")] = False,
    retention_days: Annotated[
        float, typer.Option("--retention-days", min=0.01, help="For how many days history is kept.")
    ] = 30.0,
    listen: ListenOption = None,
    token_file: TokenOption = None,
    webhook_token_file: WebhookOption = None,
    request_file: RequestsOption = None,
) -> None:
    """Read all hosts, each over one SSH connection that stays, until SIGTERM or SIGINT. No host is changed.

    Which VM a guest is comes from Proxmox's API, with the token in PROXMOX_VE_API_TOKEN (it needs VM.Audit); without
    a token VMs are unknown. With --once the exit code is 1 if a host is not reached. With --listen it also serves what
    `trellis observe serve` does.

    Examples:

      trellis observe run --listen 127.0.0.1:8179

      trellis observe run --once --store sqlite:////tmp/guests.db

      TRELLIS_STORE=postgresql+psycopg://trellis@db/guests trellis observe run --user trellis-observe
    """
    hook = Hook.given(webhook_token_file, request_file, stack_file(stack, file))
    if hook is not None and listen is None:
        raise Mistake("--webhook-token-file is for a server; say where it listens with --listen")
    site = read_site(stack, file)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s", force=True)
    for chatty in ("alembic", "paramiko"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    engine = opened(store)
    collector = collector_of(site, engine, identity, user, retention_days)
    # Refused, if it is, before a host is asked.
    server = ready(site, engine, listen, token_file, hook) if listen else None
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: collector.stop())
    say(f"reading {', '.join(login.host for login in collector.logins)}")
    try:
        with serving(server):
            collector.run(once=once)
    finally:
        engine.dispose()
    if once and _not_reached(engine):
        raise typer.Exit(1)


@app.command()
def migrate(store: StoreOption = None) -> None:
    """Make the store, or bring its tables up to date; `trellis observe run` does it, too.

    Example:

      trellis observe migrate --store postgresql+psycopg://trellis@db/guests
    """
    from trellis.observe.store import revision, shown

    engine = opened(store)
    out.print(f"{shown(str(engine.url))} is at step {revision(engine)}", markup=False)
    engine.dispose()


def collector_of(
    site: Site, engine: Engine, identity: Path | None, user: str | None, retention_days: float
) -> Collector:
    """The collector of a site's hosts.

    Args:
        site: The site.
        engine: The store.
        identity: The private key's file; None for TRELLIS_SSH_KEY or ssh-agent.
        user: Who logs in; None for the site's deploy user.
        retention_days: For how many days history is kept.

    Raises:
        Mistake: The key's file can't be read.
    """
    from trellis.agent.bundle import invocation
    from trellis.observe.collector import SILENT_S, Collector
    from trellis.observe.recorder import Recorder
    from trellis.plan import plan
    from trellis.reach.known import known
    from trellis.remote import lines

    hosts = logins(site, list(site.hosts), identity)
    hosts = [login.as_user(user) for login in hosts] if user else hosts
    return Collector(
        Recorder(engine, known(plan(site))),
        hosts,
        lambda login, ended: lines(login, invocation("observe"), SILENT_S, ended),
        _virtual_machines(site),
        retention_days,
    )


def _virtual_machines(site: Site) -> VirtualMachines | None:
    from trellis.observe.virtual_machines import VirtualMachines
    from trellis.pve_api.client import Api

    token = os.environ.get(TOKEN_VARIABLE)
    if site.proxmox is None:
        return None
    if not token:
        say(f"{TOKEN_VARIABLE} holds no token: which VM a guest is, and whether it runs, stays unknown")
        return None
    return VirtualMachines(Api(site.proxmox.endpoint, token))


def _not_reached(engine: Engine) -> bool:
    from sqlalchemy.orm import Session

    from trellis.observe.queries import hosts

    with Session(engine) as db:
        return not all(host.reached for host in hosts(db))
